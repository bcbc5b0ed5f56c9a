"""Looking after states: forgotten, renamed, or taken from the model as it is.

What changes a state is told first, and done only where it is asked for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import read_catalog
from dbt_selligent.errors import ConfigurationError, RunError, StateError, nearest
from dbt_selligent.folders import private_folder
from dbt_selligent.jobs import Job, make_jobs, open_reader, state_folders
from dbt_selligent.kept import Kept, describe
from dbt_selligent.places import Identity, Place
from dbt_selligent.planning import Plan
from dbt_selligent.preparing import plan_job, prepare_state, take_over
from dbt_selligent.profiles import Destination
from dbt_selligent.selection import list_activations, list_all
from dbt_selligent.settings import Settings
from dbt_selligent.state import open_state
from dbt_selligent.stateview import differences
from dbt_selligent.storage import Storage, open_storage
from dbt_selligent.told import carry_over

AGAIN = "run it again with --yes to do it"


@dataclass(frozen=True)
class Change:
    """What is done to a state, or would be."""

    said: str
    done: bool
    notes: tuple[str, ...] = ()

    def lines(self) -> Sequence[str]:
        """For a terminal."""
        said = [self.said, *(f"  {note}" for note in self.notes)]
        return said if self.done else [*said, f"  -> {AGAIN}"]


def reset(settings: Settings, name: str, *, yes: bool) -> Change:
    """Forgets a state; raises StateError where there is none, LockedError while it is in use."""
    activations = _by_name(settings)
    destination = _destination(settings, activations.get(name))
    if settings.destination:  # that of the activation may be another now
        destination = settings.destination_named()
    with open_storage(settings) as storage:
        place = _existing(storage, destination, name)
        with place.hold():
            kept = describe(destination, place, name in activations)
            if yes:
                place.forget()
    what = kept.error or kept.figures
    return Change(
        f"{name} at {destination.name}: {what}: {'forgotten' if yes else 'would be forgotten'}; "
        "the records stay in Selligent, and the next sync is a first one: every row is sent whole",
        yes,
    )


def rename(settings: Settings, old: str, new: str, *, yes: bool) -> Change:
    """Gives the state of an exposure that was renamed to the one of the new name.

    Raises ConfigurationError, StateError, LockedError.
    """
    activations = _by_name(settings)
    if new not in activations:
        like = nearest(new, list(activations))
        raise ConfigurationError(
            f"no activation {new} in the project",
            f"did you mean {like}?" if like else f"there are: {', '.join(activations)}",
        )
    if old in activations:
        raise ConfigurationError(
            f"{old} is an activation of the project, and needs its state",
            "rename the exposure first",
        )
    activation = activations[new]
    destination = _destination(settings, activation)
    notes: list[str] = []
    with open_storage(settings) as storage:
        place = _existing(storage, destination, old)
        target = storage.place(activation, destination)
        with (
            place.hold(),
            target.hold(),
            private_folder(destination.state) as temporary,
        ):
            kept = describe(destination, place, False)
            if kept.error:
                raise StateError(kept.error, kept.next_step)
            if target.exists():
                raise StateError(
                    f"{target.where}: {new} has a state already",
                    f"`dbt-selligent state reset {new}` forgets it",
                )
            if yes:
                with open_state(place, temporary) as store:
                    store.settle()
                # The state last: as long as it has the old name, it can be asked for again.
                with _noting(notes, f"its history stays under {old}"):
                    place.hand_over(target, temporary)
                with _noting(notes, f"what warnings told of it stays under {old}"):
                    memories = storage.memories(destination)
                    if old in memories.recall():
                        memories.remember(carry_over(old, new))
                place.rename(target)
    does = "is" if yes else "would be"
    said = f"{old} at {destination.name}: {kept.figures}: {does} the state of {new}"
    notes += _unlike(kept, Identity.of(activation, destination))
    return Change(said, yes, tuple(notes))


def adopt(settings: Settings, *, yes: bool) -> tuple[Change, ...]:
    """Takes the rows of the selected models as sent already, where there is no state yet.

    Raises ConfigurationError, or RunError where one of them cannot be: none is then.
    """
    activations = list_activations(settings)
    with (
        open_storage(settings) as storage,
        ExitStack() as locks,
        private_folder(*state_folders(settings, activations)) as temporary,
        open_reader(storage, temporary, ()) as reader,
    ):
        catalog = read_catalog(settings, activations, _at_once, offline=True)
        jobs = make_jobs(settings, storage, reader, activations, catalog, ())
        for job in jobs:
            name = job.activation.name
            locks.enter_context(job.place.hold())
            kept = describe(job.destination, job.place, True)
            # Also one that confirmed nothing: a sync was let through, and rows may be on their way.
            if kept.target:
                raise StateError(
                    f"{name} at {job.destination.name} has a state: {kept.figures}",
                    f"`dbt-selligent state reset {name}` forgets it",
                )
        planned = []
        for job in jobs:
            where = prepare_state(settings, storage, job, temporary, ())
            notes = catalog.notes(job.activation)
            made = plan_job(settings, reader, job, where, temporary, notes=notes, keep=yes)
            planned.append((job, made))
        changes = []
        for job, made in planned:
            noted = [*made.notes]
            if yes:
                take_over(job, made, temporary)
                with open_state(job.place, temporary) as store:
                    store.adopt(uuid.uuid4().hex, settings.target, made.columns)
                    with _noting(noted, "the history is not told"):
                        job.place.tell(store.tables, ())
            changes.append(_adopted(job, made, noted, yes))
    return tuple(changes)


@contextmanager
def _noting(notes: list[str], what: str) -> Iterator[None]:
    """Of copies, on which nothing hangs: that they could not be written is no more than noted."""
    try:
        yield
    except RunError as wrong:
        notes.append(f"{what}: {wrong.message}")


def _adopted(job: Job, made: Plan, notes: Sequence[str], yes: bool) -> Change:
    counts = made.counts
    invalid = f" ({counts.invalid:,} are invalid)" if counts.invalid else ""
    does = "are" if yes else "would be"
    return Change(
        f"{job.activation.name} at {job.destination.name}: {counts.new:,} of {counts.rows:,} rows"
        f"{invalid} {does} taken as sent to list {job.activation.list}; none of them was, and none "
        "is deleted there before it is. `dbt-selligent verify` tells where they differ",
        yes,
        tuple(notes),
    )


def _unlike(kept: Kept, identity: Identity) -> tuple[str, ...]:
    """What makes the state one that the next sync does not go on from."""
    unlike = ", ".join(differences(kept.identity, identity)) if kept.identity else ""
    return (f"it is of something else, and the next sync starts anew: {unlike}",) if unlike else ()


def _at_once(_: float) -> None:
    """What is remembered of the list will do: nothing is waited for."""


def _by_name(settings: Settings) -> dict[str, Activation]:
    return {activation.name: activation for activation in list_all(settings)}


def _destination(settings: Settings, activation: Activation | None) -> Destination:
    return settings.destination_named(activation.destination if activation else None)


def _existing(storage: Storage, destination: Destination, name: str) -> Place:
    place = storage.named(destination, name)
    if not place.exists():
        there = place.names
        like = nearest(name, there)
        raise StateError(
            f"no state of {name} at {destination.name}",
            (f"did you mean {like}?" if like else f"there are: {', '.join(there) or 'none'}.")
            + " --destination NAME looks at another",
        )
    return place
