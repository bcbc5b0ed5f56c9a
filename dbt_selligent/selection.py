"""The activations that a command is about: read from the project, selected as dbt selects.

An activation is selected where dbt selects its exposure or the model that feeds it: what
`dbt build -s +customers` built, `sync -s +customers` sends. Where either is excluded, it is left
out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.criteria import find_nodes, is_simple, split_criteria, take_apart
from dbt_selligent.doubled import find_doubled
from dbt_selligent.errors import ActivationFaults, ConfigurationError, Fault, nearest
from dbt_selligent.listing import list_nodes, may_have_default_selector
from dbt_selligent.manifest import Manifest
from dbt_selligent.project import read_project
from dbt_selligent.settings import Settings


def read_selected(settings: Settings) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    """The selected activations, and the faults of all, selected or not.

    Raises ConfigurationError where nothing is selected, or the selection is not understood.
    """
    if settings.selector and (settings.select or settings.exclude):
        raise ConfigurationError(
            "--selector stands alone: dbt heeds no --select and no --exclude beside it",
            "give one or the other",
        )
    manifest, activations, faults = _read(settings)
    if not activations:
        if faults:
            return (), faults
        raise ConfigurationError(
            "the project has no activation",
            "`dbt-selligent init` writes one: an exposure with config.meta.selligent",
        )
    wanted = _wanted(settings, manifest, activations)
    excluded = _excluded(settings, manifest)
    chosen = tuple(each for each in wanted if not _is_in(each, excluded))
    if not chosen and not faults:
        raise _nothing(settings, manifest, activations, wanted)
    return chosen, faults


def list_activations(settings: Settings) -> tuple[Activation, ...]:
    """The selected activations; raises ActivationFaults for what shows without a warehouse."""
    chosen, faults = read_selected(settings)
    if faults:
        raise ActivationFaults(faults)
    return chosen


def list_all(settings: Settings) -> tuple[Activation, ...]:
    """All activations, whatever is selected; raises ActivationFaults like `list_activations`."""
    _, activations, faults = _read(settings)
    if faults:
        raise ActivationFaults(faults)
    return activations


def _read(settings: Settings) -> tuple[Manifest, tuple[Activation, ...], tuple[Fault, ...]]:
    manifest = read_project(settings)
    activations, faults = read_activations(manifest, settings)
    return manifest, activations, (*faults, *find_doubled(settings, manifest))


def _wanted(
    settings: Settings, manifest: Manifest, activations: tuple[Activation, ...]
) -> tuple[Activation, ...]:
    """Those that are selected, the excluded among them."""
    if settings.select:
        nodes = _nodes(settings, manifest, settings.select)
    elif settings.selector:
        nodes = list_nodes(settings, "--selector", settings.selector)
    elif not settings.selects and may_have_default_selector(settings):
        nodes = list_nodes(settings)
    else:
        return activations
    return tuple(each for each in activations if _is_in(each, nodes))


def _excluded(settings: Settings, manifest: Manifest) -> frozenset[str]:
    # dbt excludes nodes, one by one: by its own --exclude, an activation whose exposure alone is
    # excluded would still be selected by its model.
    return _nodes(settings, manifest, settings.exclude)


def _nodes(settings: Settings, manifest: Manifest, given: Sequence[str]) -> frozenset[str]:
    """What the criteria select, whoever is asked: dbt is where one of them is not simple."""
    criteria = split_criteria(given)
    if all(is_simple(each) for each in criteria):
        return find_nodes(manifest, criteria)
    return list_nodes(settings, *(f"--select={each}" for each in criteria))


def _is_in(activation: Activation, nodes: Collection[str]) -> bool:
    return activation.unique_id in nodes or activation.model.unique_id in nodes


def _nothing(
    settings: Settings,
    manifest: Manifest,
    activations: Sequence[Activation],
    wanted: Sequence[Activation],
) -> ConfigurationError:
    names = [each.name for each in activations]
    there = f"there are: {', '.join(names)}"
    if wanted:
        left_out = ", ".join(each.name for each in wanted)
        return ConfigurationError(f"--exclude leaves out all that is selected: {left_out}", there)
    if settings.select:
        criteria = split_criteria(settings.select)
        legal = [*names, *(each.model.name for each in activations)]
        hints = [hint for each in criteria if (hint := _hint(each, legal, manifest))]
        by = f"--select {' '.join(criteria) or repr('')}"
        by = f"any criterion of {by}" if len(criteria) > 1 else by
        there = f"{hints[0]} {there}" if hints else there
    elif settings.selector:
        by = f"--selector {settings.selector}"
    else:
        by = "the default selector of selectors.yml"
    return ConfigurationError(f"no activation is selected by {by}", there)


def _hint(criterion: str, legal: Sequence[str], manifest: Manifest) -> str | None:
    """What may have been meant by a criterion that selects none."""
    before, bare, after = take_apart(criterion)
    if any(bare == model.name for model in manifest.models.values()):
        # With + before it, what it is made of: that feeds none either.
        return None if after else f"model {bare} feeds none, {bare}+ is what is built on it;"
    like = nearest(bare, legal)
    return f"did you mean {before}{like}{after}?" if like else None
