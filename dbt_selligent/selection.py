"""The activations that a command is about: read from the project, selected as dbt selects."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.errors import ActivationFaults, ConfigurationError, Fault
from dbt_selligent.manifest import read_manifest
from dbt_selligent.project import parse_project
from dbt_selligent.settings import Settings


def read_selected(settings: Settings) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    """The selected activations, and the faults of all, selected or not.

    Raises ConfigurationError where nothing is selected, or the selection is not understood.
    """
    unknown = unknown_methods([*settings.select, *settings.exclude])
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]}: this version selects by name, tag:, exposure: and wildcards of these",
            "write for example --select tag:crm",
        )
    with parse_project(settings) as path:
        manifest = read_manifest(path)
    activations, faults = read_activations(manifest, settings)
    chosen = select(activations, settings.select, settings.exclude)
    if not chosen and not faults:
        there = ", ".join(activation.name for activation in activations)
        raise ConfigurationError(
            "no activation is selected" if there else "the project has no activation",
            f"there are: {there}"
            if there
            else "declare one: an exposure with config.meta.selligent, see the README",
        )
    return chosen, faults


def list_activations(settings: Settings) -> tuple[Activation, ...]:
    """The selected activations; raises ActivationFaults for what shows without a warehouse."""
    chosen, faults = read_selected(settings)
    if faults:
        raise ActivationFaults(faults)
    return chosen


def select(
    activations: Sequence[Activation], wanted: Sequence[str], excluded: Sequence[str]
) -> tuple[Activation, ...]:
    """Those named by a name, ``tag:``, ``exposure:`` or a wildcard of these, less the excluded.

    A criterion may hold several, separated by blanks, as dbt's do.
    """
    take = [each for criterion in wanted for each in criterion.split()]
    leave = [each for criterion in excluded for each in criterion.split()]
    return tuple(
        activation
        for activation in activations
        if (not take or any(_matches(activation, each) for each in take))
        and not any(_matches(activation, each) for each in leave)
    )


def _matches(activation: Activation, criterion: str) -> bool:
    method, colon, pattern = criterion.partition(":")
    if not colon:
        return fnmatchcase(activation.name, criterion)
    if method == "tag":
        return any(fnmatchcase(tag, pattern) for tag in activation.tags)
    return method == "exposure" and fnmatchcase(activation.name, pattern)


def unknown_methods(criteria: Sequence[str]) -> tuple[str, ...]:
    """The criteria that `select` does not know, such as graph operators: never silently nothing."""
    each = [part for criterion in criteria for part in criterion.split()]
    return tuple(
        part
        for part in each
        if any(sign in part for sign in "+@,")
        or (":" in part and part.partition(":")[0] not in ("tag", "exposure"))
    )
