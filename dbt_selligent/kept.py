"""What is kept of each activation, to be told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from dbt_selligent.errors import LockedError, ProfileError, RunError
from dbt_selligent.folders import private_folder
from dbt_selligent.places import Place
from dbt_selligent.profiles import Destination
from dbt_selligent.selection import list_activations, list_all
from dbt_selligent.settings import Settings
from dbt_selligent.state import open_settled
from dbt_selligent.storage import open_storage


@dataclass(frozen=True)
class Kept:
    """What is known of one state; ``activation`` is whether the project has one of this name."""

    name: str
    destination: str
    path: str
    activation: bool
    bytes: int | None = None
    version: int | None = None
    identity: dict[str, Any] | None = None
    segment: str | None = None
    target: str | None = None
    complete: bool = False
    confirmed: int = 0
    in_doubt: int = 0
    invalid_in_doubt: int = 0
    held: int = 0
    not_found: int = 0
    adopted: int = 0
    last_run: str | None = None
    error: str | None = None
    next_step: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Sequence[str]:
        """For a terminal."""
        if self.version is None and not self.error:
            return [f"{self.name} at {self.destination}: no state"]
        said = [f"{self.name} at {self.destination}: {self.error or self.figures}"]
        said.append(f"  {self.path}")
        if self.next_step:
            said.append(f"  -> {self.next_step}")
        if self.identity:
            keys = ", ".join(self.identity["keys"])
            segment = f", segment {self.segment}" if self.segment else ""
            said.append(
                f"  of list {self.identity['list']}{segment}, by {keys}, in organization "
                f"{self.identity['organization']} at {self.identity['url']}"
            )
        if not self.activation:
            said.append(
                "  no activation has this name here: `dbt-selligent state rename` gives it to "
                f"another, `state reset {self.name} --destination {self.destination}` forgets it"
            )
        return said

    @property
    def figures(self) -> str:
        """Its rows, in words."""
        parts = [f"{self.confirmed:,} rows confirmed", f"{self.in_doubt:,} in doubt"]
        parts += [
            f"{count:,} {what}"
            for count, what in (
                (self.held, "held"),
                (self.not_found, "not found"),
                (self.adopted, "of these adopted, and never sent"),
            )
            if count
        ]
        return ", ".join(parts)


def show(settings: Settings) -> tuple[Kept, ...]:
    """The states of the selected activations; where all are, also those that no activation has.

    Raises ConfigurationError.
    """
    chosen = list_activations(settings)
    destinations: dict[str, Destination] = {}
    found = []
    with open_storage(settings) as storage:
        for each in chosen:
            destination = settings.destination_named(each.destination)
            destinations[destination.name] = destination
            found.append(_look_at(destination, storage.place(each, destination), True))
        if settings.selects:
            return tuple(found)
        with suppress(ProfileError):  # all activations may name others than this one
            own = settings.destination_named()
            destinations.setdefault(own.name, own)
        # A default selector may leave out some, whose states are not those of no activation.
        told = {
            (settings.destination_named(each.destination).name, each.name)
            for each in list_all(settings)
        }
        for destination in destinations.values():
            for name in storage.named(destination, "").names:
                if (destination.name, name) not in told:
                    found.append(_look_at(destination, storage.named(destination, name), False))
    return tuple(found)


def _look_at(destination: Destination, place: Place, activation: bool) -> Kept:
    """What is known of a state, or who works on it."""
    empty = Kept(place.name, destination.name, place.where, activation)
    if not place.exists():
        return empty
    try:
        with place.hold():
            return describe(destination, place, activation)
    except LockedError as locked:
        return _failed(replace(empty, bytes=place.size()), locked)


def describe(destination: Destination, place: Place, activation: bool) -> Kept:
    """What is known of a state; the caller holds its lock.

    Raises LockedError where a program that is none of this tool's has it open.
    """
    empty = Kept(place.name, destination.name, place.where, activation)
    if not place.exists():
        return empty
    size = place.size()
    try:
        with (
            private_folder(destination.state) as temporary,
            open_settled(place, temporary) as store,
        ):
            return replace(empty, bytes=size, **store.describe())
    except LockedError:
        raise
    except RunError as error:
        return _failed(replace(empty, bytes=size), error)


def _failed(kept: Kept, error: RunError) -> Kept:
    return replace(kept, error=error.message, next_step=error.next_step)
