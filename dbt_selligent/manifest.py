"""Step 1: dbt's manifest.json as frozen values; reads a narrow part of it, without dbt.

Manifests of dbt 1.10, 1.11 and 1.12 (schema v12) are read. Keys that are not needed are ignored;
one that is needed and missing is a clear error.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dbt_selligent.errors import ProjectError

NEWEST_SCHEMA = 12
# Under meta; and how near another one has to be to be taken for it.
KEY = "selligent"
VERY_NEAR = 0.85
# As dbt names a relation: up to three names, quoted or words. It goes into SQL as it is.
_NAME = r'(?:"(?:[^"]|"")+"|`[^`]+`|\w+)'
RELATION = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")


@dataclass(frozen=True)
class Model:
    """A node that an exposure may depend on: a model, snapshot or seed.

    ``relation_name`` is quoted by dbt, e.g. ``"shop"."main"."customers"``; None for ephemerals.
    ``fqn`` is how dbt names it: package, folders, name and, of a versioned model, version.
    ``tests`` are those on it, unit tests too, whose failure is an error: (unique id, name).
    ``uniques`` are the columns that tests on it say are unique together.
    """

    unique_id: str
    name: str
    resource_type: str
    materialized: str
    relation_name: str | None
    database: str
    schema: str
    file: str
    tests: tuple[tuple[str, str], ...] = ()
    alias: str = ""
    tags: tuple[str, ...] = ()
    fqn: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Exposure:
    """An exposure with a ``selligent`` key in its meta; ``meta`` is that key's value."""

    unique_id: str
    name: str
    package: str
    file: str
    tags: tuple[str, ...]
    depends_on: tuple[str, ...]
    meta: object
    fqn: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The part of a manifest that activations are made of; ``project`` is the name of the project,
    ``misspelt`` are exposures whose meta has a key that is near ``selligent``, each with that key.
    """

    models: Mapping[str, Model]
    exposures: tuple[Exposure, ...]
    project: str = ""
    misspelt: tuple[tuple[Exposure, str], ...] = ()


def read_manifest(path: Path) -> Manifest:
    """The manifest in ``path``; raises ProjectError where it is missing, newer or not one."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ProjectError(f"no manifest at {path}", "run `dbt parse` in the project") from None
    except (OSError, ValueError):
        raise ProjectError(f"{path}: not a manifest of dbt", "delete it and run again") from None
    _check_schema(content, path)
    try:
        return _manifest(content)
    except (KeyError, TypeError, AttributeError) as missing:
        raise ProjectError(
            f"{path}: the manifest lacks something this version needs: {missing}",
            "see which dbt versions are supported: dbt-core >= 1.10, < 2",
        ) from None


def _check_schema(content: object, path: Path) -> None:
    metadata = content.get("metadata") if isinstance(content, dict) else None
    schema = metadata.get("dbt_schema_version") if isinstance(metadata, dict) else None
    found = re.search(r"/manifest/v(\d+)\.json$", str(schema))
    if not found or not isinstance(metadata, dict):
        raise ProjectError(f"{path}: not a manifest of dbt", "delete it and run again")
    if int(found[1]) != NEWEST_SCHEMA:
        age = "newer than" if int(found[1]) > NEWEST_SCHEMA else "older than"
        raise ProjectError(
            f"{path}: manifest schema v{found[1]}, made by dbt "
            f"{metadata.get('dbt_version', 'of an unknown version')}, is {age} "
            f"v{NEWEST_SCHEMA}, which this version reads",
            "install dbt-core >= 1.10, < 2"
            if age == "older than"
            else "upgrade dbt-selligent, or install dbt-core < 2",
        )


def _manifest(content: Mapping[str, Any]) -> Manifest:
    tests, uniques = _tests(content), _uniques(content)
    models = {
        unique_id: Model(
            unique_id=unique_id,
            name=node["name"],
            resource_type=node["resource_type"],
            materialized=node["config"]["materialized"],
            relation_name=_checked(node["relation_name"]),
            database=node["database"] or "",
            schema=node["schema"],
            file=node["original_file_path"],
            tests=tuple(tests[unique_id]),
            alias=node["alias"],
            tags=tuple(node["tags"]),
            fqn=tuple(node["fqn"]),
            uniques=tuple(uniques[unique_id]),
        )
        for unique_id, node in content["nodes"].items()
        if node["resource_type"] in ("model", "snapshot", "seed")
    }
    exposures, misspelt = [], []
    for unique_id, node in sorted(content["exposures"].items()):
        config = node.get("config") or {}
        # dbt copies meta between the two places or not, by version: where both are, config wins.
        meta = {**(node.get("meta") or {}), **(config.get("meta") or {})}
        if not config.get("enabled", True):
            continue
        if KEY in meta:
            exposures.append(_exposure(unique_id, node, meta[KEY]))
        elif near := _misspelt(meta):
            misspelt.append((_exposure(unique_id, node, meta[near]), near))
    return Manifest(
        models=models,
        exposures=tuple(exposures),
        project=(content.get("metadata") or {}).get("project_name") or "",
        misspelt=tuple(misspelt),
    )


def _exposure(unique_id: str, node: Mapping[str, Any], meta: object) -> Exposure:
    config = node.get("config") or {}
    return Exposure(
        unique_id=unique_id,
        name=node["name"],
        package=node["package_name"],
        file=node["original_file_path"],
        tags=tuple(dict.fromkeys([*(node.get("tags") or ()), *(config.get("tags") or ())])),
        depends_on=tuple(node["depends_on"]["nodes"]),
        meta=meta,
        fqn=tuple(node["fqn"]),
    )


def _misspelt(meta: Mapping[str, Any]) -> str | None:
    """The key that is meant for this tool, by all appearances: those of others are their own."""
    like = {key.casefold(): key for key, value in meta.items() if isinstance(value, dict)}
    found = get_close_matches(KEY, like, n=1, cutoff=VERY_NEAR)
    return like[found[0]] if found else None


def _checked(relation: str | None) -> str | None:
    if relation is None or RELATION.fullmatch(relation):
        return relation
    raise ProjectError(
        f"{relation}: not the name of a relation",
        "name database, schema and alias of the model without quotes in them",
    )


def _tests(content: Mapping[str, Any]) -> Mapping[str, list[tuple[str, str]]]:
    """The tests by the node that they are on: a generic one is on the node it is declared at."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    nodes = [node for node in content["nodes"].values() if node["resource_type"] == "test"]
    for node in [*nodes, *(content.get("unit_tests") or {}).values()]:
        severity = (node.get("config") or {}).get("severity") or "error"
        if str(severity).lower() == "error":
            for unique_id in _tested(node):
                found[unique_id].append((node["unique_id"], node["name"]))
    return found


def _uniques(content: Mapping[str, Any]) -> Mapping[str, list[tuple[str, ...]]]:
    """Columns that are unique together by a test of all rows, by the node that it is on."""
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for node in content["nodes"].values():
        told = node.get("test_metadata") or {}
        given = told.get("kwargs") or {}
        columns = given.get("combination_of_columns")  # as dbt_utils calls it, and others after it
        if told.get("name") == "unique":
            columns = [given.get("column_name")]
        some = isinstance(columns, list) and all(isinstance(each, str) for each in columns)
        if columns and some and not (node.get("config") or {}).get("where"):
            for unique_id in _tested(node):
                found[unique_id].append(tuple(columns))
    return found


def _tested(test: Mapping[str, Any]) -> list[str]:
    """What a test is on; dbt does not say so of one that is declared at a source."""
    if attached := test.get("attached_node"):
        return [attached]
    nodes: list[str] = test["depends_on"]["nodes"]
    of_source = str(test.get("file_key_name") or "").startswith("sources.")
    return [node for node in nodes if node.startswith("source.")] if of_source else nodes
