"""Every fault of every activation, found without sending anything: what `validate` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog, read_catalog
from dbt_selligent.errors import (
    ActivationFaults,
    ConfigurationError,
    DbtSelligentError,
    DestinationError,
    Fault,
    UnreachableError,
)
from dbt_selligent.findings import (
    Advice,
    Models,
    advise_keys,
    advise_segment,
    find_faults,
    init_command,
    is_lacking,
    read_models,
    wait_briefly,
)
from dbt_selligent.notifycheck import find_untold, find_wrong
from dbt_selligent.selection import read_selected
from dbt_selligent.settings import Settings
from dbt_selligent.wording import counted

AGAIN = "run `dbt-selligent debug`, then this again"


@dataclass(frozen=True)
class Unchecked:
    """What was not checked, and why."""

    what: str
    error: DbtSelligentError

    def __str__(self) -> str:
        """One line, and the next step on one of its own."""
        return f"not checked: {self.what}: {self.error}"


@dataclass(frozen=True)
class Validation:
    """What was found; ``mends`` are commands that make what lists lack."""

    activations: tuple[str, ...]
    faults: tuple[Fault, ...]
    mends: tuple[str, ...] = ()
    notes: tuple[Advice, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def error(self) -> DbtSelligentError | None:
        """Why this is no pass: faults, a profile that cannot be used, lists that cannot be read."""
        if self.faults:
            found = ActivationFaults(self.faults)
            if self.mends:
                makes = "make what a list lacks" if len(self.mends) == 1 else "make what lists lack"
                found.next_step = (
                    f"{found.mend}, or {makes}: {', '.join(self.mends)}; nothing was sent"
                )
            return found
        for each in self.unchecked:
            if isinstance(each.error, (ConfigurationError, DestinationError)):
                return each.error
        return None

    def lines(self) -> Iterator[str]:
        """What there is to tell beside the error."""
        if self.error is None:
            yield f"{counted(len(self.activations), 'activation')}, no fault"
        for note in self.notes:
            yield from note.lines()
        for each in self.unchecked:
            if self.error is None or each.error.message != self.error.message:
                yield str(each)

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "activations": list(self.activations),
            "faults": [asdict(fault) for fault in self.faults],
            "mends": list(self.mends),
            "notes": [asdict(note) for note in self.notes],
            "not_checked": [
                {"what": each.what, "why": each.error.message, "mend": each.error.next_step}
                for each in self.unchecked
            ],
        }


def validate(
    settings: Settings, *, live: bool, sleep: Callable[[float], None] = wait_briefly
) -> Validation:
    """Looks at the selected activations, and, ``live``, at their lists.

    Raises ConfigurationError where there is nothing to look at.
    """
    activations, wrong = read_selected(settings)
    faults = list(wrong)
    notes: list[Advice] = []
    models = read_models(settings, activations) if activations else Models()
    catalog = Catalog()
    if live:
        catalog = read_catalog(settings, activations, sleep, offline=False)
    faults += [*models.faults, *catalog.faults]
    mends: dict[str, None] = {}
    for each in activations:
        listing = catalog.listings.get(each.unique_id)
        there = models.columns.get(each.unique_id)
        found = find_faults(settings, each, there, listing, models.dialect)[1]
        faults += found
        if any(is_lacking(each, listing, fault) for fault in (*catalog.faults, *found)):
            mends[init_command(settings, each)] = None
        if listing is not None:
            notes += advise_segment(each, listing)
    notes += advise_keys(settings, activations, catalog)
    notes += find_untold(settings, activations)
    return Validation(
        activations=tuple(each.name for each in activations),
        faults=tuple(sorted(faults)),
        mends=tuple(mends),
        notes=tuple(dict.fromkeys(notes)),
        unchecked=(
            *_unchecked(models, catalog, {each.unique_id: each for each in activations}),
            *_unchecked_addresses(settings, activations),
        ),
    )


def _unchecked(
    models: Models, catalog: Catalog, by_id: Mapping[str, Activation]
) -> tuple[Unchecked, ...]:
    found = []
    if models.error:
        found.append(Unchecked("models and columns", models.error))
    for unique_id, error in models.errors.items():
        found.append(Unchecked(f"columns of model {by_id[unique_id].model.name}", error))
    for unique_id, failed in catalog.errors.items():
        if isinstance(failed, UnreachableError):
            failed.next_step = AGAIN
        found.append(Unchecked(f"list {by_id[unique_id].list}", failed))
    return tuple(dict.fromkeys(found))


def _unchecked_addresses(
    settings: Settings, activations: Sequence[Activation]
) -> Iterator[Unchecked]:
    for name in dict.fromkeys(each.destination for each in activations):
        wrong = find_wrong(settings, settings.destination_named(name))
        yield from (Unchecked(f"addresses at {name}", error) for error in wrong.values())
