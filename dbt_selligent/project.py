"""Has dbt parse the project for the target and vars of this command, only when something changed.

The manifest lies in ``target/selligent``. A stamp beside it says from what it was made: the files
of the project (path, size, time), target, vars, dbt's version, what the warehouse profile says
about names, and a digest of the environment variables the files mention.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from dbt_selligent.errors import ProfileError, ProjectError
from dbt_selligent.invocation import run_dbt, take_project
from dbt_selligent.manifest import Manifest, read_manifest
from dbt_selligent.profiles import load_yaml, render
from dbt_selligent.settings import Settings

PATH_KEYS = {
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "test-paths": ["tests"],
    "analysis-paths": ["analyses"],
}
TOP_FILES = ("dbt_project.yml", "packages.yml", "dependencies.yml", "package-lock.yml", ".env")
# What names a relation; the rest of an output may be secret and changes no manifest.
NAMING_KEYS = ("type", "path", "database", "dbname", "catalog", "project", "schema", "dataset")
# Variables that dbt itself keeps out of its artifacts.
SECRET_PREFIX = "DBT_ENV_SECRET"  # noqa: S105
SOURCE_SUFFIXES = (".sql", ".yml", ".yaml", ".py", ".md", ".csv")


@contextmanager
def parse_project(settings: Settings) -> Iterator[Path]:
    """The path of a manifest that is true for ``settings``; runs `dbt parse` if there is none.

    As long as the context lasts, no other command has the project parsed, which may be for another
    target. Raises ProjectError with dbt's own words where dbt cannot parse the project.
    """
    folder = settings.own_target_path
    manifest, stamp = folder / "manifest.json", folder / "parsed.json"
    with take_project(settings):
        before = fingerprint(settings)
        if not (manifest.is_file() and _same(stamp, before)):
            stamp.unlink(missing_ok=True)
            said = run_dbt(settings, "parse")
            if said.failed:
                raise ProjectError(
                    f"dbt cannot parse the project:\n{said.words()}",
                    "mend what dbt says, `dbt parse` shows the same",
                )
            names = sorted(_mentioned_variables(settings))
            noted = {"of": before, "variables": names, "environment": _environment(names)}
            stamp.write_text(json.dumps(noted))
        yield manifest


def read_project(settings: Settings) -> Manifest:
    """What dbt makes of the project; raises ProjectError."""
    with parse_project(settings) as path:
        return read_manifest(path)


def _same(stamp: Path, state: str) -> bool:
    try:
        noted = json.loads(stamp.read_bytes())
        return bool(
            noted["of"] == state and noted["environment"] == _environment(noted["variables"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def fingerprint(settings: Settings) -> str:
    """A digest of what a manifest is made of, vars and names of the profile included: there may be
    secrets in them. Raises OSError, yaml.YAMLError.
    """
    digest = hashlib.sha256()
    for path in _files(settings):
        try:
            found = path.stat()
        except OSError:
            continue
        digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    where = f"{settings.profiles_dir / 'profiles.yml'}: {settings.profile}.{settings.target}"
    naming: dict[str, str] = {}
    for key in NAMING_KEYS:
        value = settings.warehouse_output().get(key)
        try:
            naming[key] = str(render(value, where, key))
        except ProfileError:  # Jinja that only dbt knows: its text has to do
            naming[key] = str(value)
    chosen = (settings.profile, settings.target, settings.vars, naming, version("dbt-core"))
    digest.update(json.dumps(chosen).encode())
    return digest.hexdigest()


def _files(settings: Settings) -> Iterator[Path]:
    root = settings.project_dir
    description = load_yaml((root / "dbt_project.yml").read_text("utf-8"))
    packages = [description.get("packages-install-path") or "dbt_packages"]
    folders = [description.get(key) or default for key, default in PATH_KEYS.items()] + [packages]
    yield from (root / name for name in TOP_FILES)
    seen: set[str] = set()
    for folder in dict.fromkeys(str(name) for names in folders for name in names):
        for parent, children, names in os.walk(root / folder, followlinks=True):
            # A package may be a link to a folder that holds this very project.
            real = os.path.realpath(parent)
            if real in seen:
                children.clear()
                continue
            seen.add(real)
            children.sort()
            yield from (Path(parent, name) for name in sorted(names) if _is_source(name))


def _is_source(name: str) -> bool:
    return name.endswith(SOURCE_SUFFIXES)


def _mentioned_variables(settings: Settings) -> set[str]:
    """The variables that the files mention in env_var(); read only when dbt has to parse anyway."""
    found: set[str] = set()
    for path in _files(settings):
        if path.suffix == ".csv" or not path.is_file():
            continue
        text = path.read_text("utf-8", errors="replace")
        found.update(re.findall(r"env_var\(\s*['\"]([^'\"]+)['\"]", text))
    return {name for name in found if not name.startswith(SECRET_PREFIX)}


def _environment(names: list[str]) -> str:
    values = [os.environ.get(name) for name in names]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
