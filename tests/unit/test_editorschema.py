"""The JSON Schema by which editors check a whole file of dbt's YAML."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # a part of dbt
import pytest
import yaml
from click.testing import CliRunner

from dbt_selligent.cli import cli
from dbt_selligent.editorschema import editor_schema

from .test_meta import META, RIGHT, WRONG

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(editor_schema())


def under_config(meta: object) -> dict[str, Any]:
    return {"exposures": [{"name": "crm", "config": {"tags": ["x"], "meta": {"selligent": meta}}}]}


def under_meta(meta: object) -> dict[str, Any]:
    return {"exposures": [{"name": "other"}, {"name": "crm", "meta": {"selligent": meta, "a": 1}}]}


PLACES = pytest.mark.parametrize("place", [under_config, under_meta])
Place = Callable[[object], dict[str, Any]]


def faults(content: object) -> list[tuple[str, ...]]:
    """Where a file is wrong."""
    return [tuple(map(str, error.absolute_path)) for error in SCHEMA.iter_errors(content)]


@PLACES
@pytest.mark.parametrize("changes", RIGHT)
def test_what_the_tool_takes_is_right_in_either_place(
    place: Place, changes: dict[str, Any]
) -> None:
    assert faults(place(META | changes)) == []


@PLACES
@pytest.mark.parametrize("changes", [*WRONG, {"matchingkey": {}}])
def test_what_the_tool_refuses_is_wrong_where_it_stands(
    place: Place, changes: dict[str, Any]
) -> None:
    found = faults(place(META | changes))
    assert found
    assert [each[0] for each in found] == ["exposures"] * len(found)
    assert all("selligent" in each for each in found)


@PLACES
@pytest.mark.parametrize("missing", ["list", "matching_key"])
def test_a_key_that_is_missing_is_wrong(place: Place, missing: str) -> None:
    assert faults(place({key: META[key] for key in META if key != missing}))


@pytest.mark.parametrize("meta", ["CUSTOMERS", ["CUSTOMERS"], None, 1])
def test_an_activation_is_a_dictionary(meta: object) -> None:
    assert faults(under_config(meta))


@pytest.mark.parametrize(
    "content",
    [
        {},
        None,
        {"version": 2, "models": [{"name": "customers", "columns": [{"name": "id"}]}]},
        {"exposures": None},
        {"exposures": [{"name": "a", "meta": None, "config": None}]},
        {"exposures": [{"name": "a", "meta": {"selligents": 1}, "config": {"meta": {"list": 1}}}]},
        {"models": [{"name": "a", "meta": {"selligent": 1}}]},
    ],
)
def test_what_is_not_this_tools_is_left_alone(content: object) -> None:
    assert faults(content) == []


def test_the_files_of_the_sample_project_are_right() -> None:
    files = sorted((ROOT / "sample_project" / "models").rglob("*.yml"))
    assert [faults(yaml.safe_load(path.read_text())) for path in files] == [[]] * len(files)
    assert any("selligent" in path.read_text() for path in files)


def test_every_key_that_an_editor_offers_is_described() -> None:
    def untold(part: dict[str, Any], where: str) -> list[str]:
        keys = part.get("properties", {})
        found = [f"{where}.{key}" for key, each in keys.items() if not _told(each)]
        for key, each in keys.items():
            found += untold(each, f"{where}.{key}")
        return found + (untold(part["items"], f"{where}[]") if "items" in part else [])

    schema = editor_schema()
    assert untold(schema, "") == []
    assert [untold(part, name) for name, part in schema["$defs"].items()] == [
        [] for _ in schema["$defs"]
    ]
    assert all(part.get("description") for part in schema["$defs"].values())


def _told(part: dict[str, Any]) -> bool:
    return bool(part.get("description") or "$ref" in part)


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(cli, ["schema"])
    assert done.exit_code == 0
    printed = json.loads(done.output)
    assert printed == editor_schema()
    jsonschema.Draft202012Validator.check_schema(printed)
