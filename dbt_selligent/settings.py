"""Flags, profile and environment, read once into one frozen `Settings`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dbt_selligent.errors import ConfigurationError, ProfileError, ProjectError
from dbt_selligent.profiles import (
    ADD_OUTPUT,
    ADD_WAREHOUSE,
    PROFILE,
    Destination,
    load_yaml,
    outputs_of,
    read_destination,
    render,
)

OWN_FOLDER = "selligent"  # of the tool, in dbt's target path
DEFAULT_THREADS = 4


def untold(_: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Settings:
    """What one command was asked to do, and where; paths are absolute.

    ``vars`` is the YAML text given to dbt as it is, and so is ``state_dir``: a relative one starts
    at the project. ``profiles`` is the parsed, not yet rendered profiles.yml: an output is rendered
    only when it is used, so that a variable missing for another one is no obstacle.
    ``macro_folders`` are those of the project's own macros. ``waits`` is told which other command
    has dbt parse the project, where this one waits for it. ``project_name`` is dbt's.
    """

    project_dir: Path
    profiles_dir: Path
    profile: str
    target: str
    target_path: Path
    vars: str = "{}"
    destination: str | None = None
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    state_dir: str | None = None
    threads: int = 1
    full_refresh: bool = False
    force: bool = False
    fail_fast: bool = False
    retry_rejected: bool = False
    retry_not_found: bool = False
    limit: int | None = None
    due: bool = False
    project_name: str = ""
    profiles: Mapping[str, Any] = field(default_factory=dict, repr=False)
    macro_folders: tuple[Path, ...] = ()
    waits: Callable[[str], None] = field(default=untold, repr=False, compare=False)

    @property
    def own_target_path(self) -> Path:
        """Where dbt parses the project for this tool, apart from dbt's own artifacts."""
        return self.target_path / OWN_FOLDER

    @property
    def selects(self) -> bool:
        """Whether the command says which activations it is about."""
        return bool(self.select or self.exclude or self.selector)

    def warehouse_output(self) -> dict[str, Any]:
        """The dbt profile's output for the target, not rendered: it may hold secrets."""
        return dict(self.profiles[self.profile]["outputs"][self.target])

    @property
    def default_target(self) -> str:
        """The target that dbt takes where none is named."""
        where = str(self.profiles_dir / "profiles.yml")
        named = self.profiles[self.profile].get("target", "default")
        return str(render(named, where, f"{self.profile}.target"))

    def destination_named(self, name: str | None = None) -> Destination:
        """The output ``name``, else that of ``--destination``, else the one named like the target.

        Raises ProfileError where it is missing or incomplete; the error lists those there are.
        """
        chosen = name or self.destination or self.target
        outputs = outputs_of(self.profiles, PROFILE, self.profiles_dir)
        if chosen not in outputs:
            there = ", ".join(sorted(map(str, outputs))) or "none"
            why = "named like the dbt target" if chosen == self.target else "asked for"
            raise ProfileError(
                f"{self.profiles_dir / 'profiles.yml'}: profile {PROFILE}: "
                f"no output {chosen!r} ({why}); there are: {there}",
                f"{ADD_OUTPUT}; or name another with --destination NAME or `destination:`",
            )
        return read_destination(chosen, outputs[chosen], self.project_dir, self.profiles_dir)


def resolve_settings(
    *,
    project_dir: str | os.PathLike[str] | None = None,
    profiles_dir: str | os.PathLike[str] | None = None,
    target: str | None = None,
    target_path: str | os.PathLike[str] | None = None,
    vars: str | Mapping[str, Any] | None = None,  # noqa: A002  (dbt's name of the flag)
    destination: str | None = None,
    select: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int = DEFAULT_THREADS,
    full_refresh: bool = False,
    force: bool = False,
    fail_fast: bool = False,
    retry_rejected: bool = False,
    retry_not_found: bool = False,
    limit: int | None = None,
    due: bool = False,
    selector: str | None = None,
    state_dir: str | os.PathLike[str] | None = None,
) -> Settings:
    """Settings from what dbt's own flags and variables say, with dbt's own defaults.

    Each keyword is the flag of that name. ``vars`` is a dictionary, or its YAML; ``select`` and
    ``exclude`` are one criterion or several, and one may hold several, separated by blanks.
    Nothing but project and profile is read, and nothing is asked. Raises ConfigurationError.
    """
    for name, number in (("threads", threads), ("limit", limit)):
        if number is not None and number < 1:
            raise ConfigurationError(f"{name}: {number} is less than 1", "give a whole number")
    project = _find_project(project_dir)
    description = _read_yaml(project / "dbt_project.yml", ProjectError)
    folder = _find_profiles_dir(profiles_dir, project)
    profiles = _read_yaml(folder / "profiles.yml", ProfileError)
    where = str(folder / "profiles.yml")
    profile = os.environ.get("DBT_PROFILE") or description.get("profile")
    if not profile:
        raise ProjectError(
            f"{project / 'dbt_project.yml'}: no `profile:`", "name the profile dbt is to use"
        )
    profile = str(render(profile, str(project / "dbt_project.yml"), "profile"))
    outputs = outputs_of(profiles, profile, folder)
    wanted = target or os.environ.get("DBT_TARGET") or profiles[profile].get("target", "default")
    chosen_target = str(render(wanted, where, f"{profile}.target"))
    if chosen_target not in outputs:
        raise ProfileError(
            f"{where}: profile {profile}: no output {chosen_target!r}; "
            f"there are: {', '.join(sorted(map(str, outputs)))}",
            "name one of them with --target",
        )
    written = vars if isinstance(vars, str) else _as_yaml(vars or {})
    try:
        given = load_yaml(written or "{}")
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        raise ConfigurationError(
            "--vars is not a YAML dictionary", "write it like --vars '{as_of: 2026-01-31}'"
        )
    return Settings(
        project_dir=project,
        profiles_dir=folder,
        profile=profile,
        target=chosen_target,
        target_path=_target_path(project, description, target_path),
        vars=written or "{}",
        destination=destination,
        select=_criteria(select),
        exclude=_criteria(exclude),
        threads=threads,
        full_refresh=full_refresh,
        force=force,
        fail_fast=fail_fast,
        retry_rejected=retry_rejected,
        retry_not_found=retry_not_found,
        limit=limit,
        due=due,
        selector=selector,
        state_dir=os.fspath(state_dir) if state_dir else None,
        project_name=str(description.get("name") or project.name),
        profiles=profiles,
        macro_folders=tuple(
            project / str(each) for each in description.get("macro-paths") or ["macros"]
        ),
    )


def find_target_path(project_dir: str | None, target_path: str | None) -> Path:
    """Where dbt's artifacts are, whatever the profiles; raises ConfigurationError."""
    project = _find_project(project_dir)
    return _target_path(project, _read_yaml(project / "dbt_project.yml", ProjectError), target_path)


def _as_yaml(given: Mapping[str, Any]) -> str:
    return json.dumps(dict(given), default=str, ensure_ascii=False)  # JSON is YAML too


def _criteria(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _find_project(given: str | os.PathLike[str] | None) -> Path:
    named = given or os.environ.get("DBT_PROJECT_DIR")
    if named:
        candidates = [Path(named).resolve()]
    else:
        here = Path.cwd()
        candidates = [here, *here.parents]
    for folder in candidates:
        if (folder / "dbt_project.yml").is_file():
            return folder
    raise ProjectError(
        f"no dbt_project.yml in {candidates[0]}" + ("" if named else " or any folder above it"),
        "run this in your dbt project, or name it with --project-dir",
    )


def _target_path(
    project: Path, description: Mapping[str, Any], given: str | os.PathLike[str] | None
) -> Path:
    relative = (
        (given and os.fspath(given))
        or os.environ.get("DBT_TARGET_PATH")
        or description.get("target-path")
    )
    rendered = render(relative or "target", str(project / "dbt_project.yml"), "target-path")
    return (project / str(rendered)).resolve()


def _find_profiles_dir(given: str | os.PathLike[str] | None, project: Path) -> Path:
    named = given or os.environ.get("DBT_PROFILES_DIR")
    candidates = [Path(named)] if named else [Path.cwd(), project, Path.home() / ".dbt"]
    for folder in candidates:
        if (folder / "profiles.yml").is_file():
            return folder.resolve()
    raise ProfileError(
        f"no profiles.yml in {', '.join(dict.fromkeys(map(str, candidates)))}",
        f"name its folder with --profiles-dir; {ADD_WAREHOUSE}",
    )


def _read_yaml(path: Path, error: type[ConfigurationError]) -> dict[str, Any]:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise error(f"{path}{line}: not YAML") from None
    except (OSError, UnicodeDecodeError) as broken:
        raise error(f"{path}: cannot be read: {broken.__class__.__name__}") from None
    if not isinstance(content, dict):
        mend = ADD_WAREHOUSE if error is ProfileError else None
        raise error(f"{path}: empty, or not a YAML dictionary", mend)
    return content
