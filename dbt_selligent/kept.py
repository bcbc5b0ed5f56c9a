"""What is kept of each activation, to be told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dbt_selligent.errors import LockedError, ProfileError, RunError
from dbt_selligent.locks import hold
from dbt_selligent.places import Files, private_folder
from dbt_selligent.selection import list_activations
from dbt_selligent.settings import Destination, Settings
from dbt_selligent.state import open_settled


@dataclass(frozen=True)
class Kept:
    """What is known of one state; ``activation`` is whether the project has one of this name."""

    name: str
    destination: str
    path: str
    activation: bool
    bytes: int = 0
    version: int | None = None
    identity: dict[str, Any] | None = None
    segment: str | None = None
    target: str | None = None
    complete: bool = False
    confirmed: int = 0
    in_doubt: int = 0
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
        if not self.bytes and not self.error:
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
    for each in chosen:
        destination = settings.destination_named(each.destination)
        destinations[destination.name] = destination
        found.append(_look_at(destination, each.name, True))
    if settings.select or settings.exclude:
        return tuple(found)
    with suppress(ProfileError):  # all activations may name others than this one
        own = settings.destination_named()
        destinations.setdefault(own.name, own)
    told = {(one.destination, one.name) for one in found}
    for destination in destinations.values():
        for name in Files.named(destination, "").names:
            if (destination.name, name) not in told:
                found.append(_look_at(destination, name, False))
    return tuple(found)


def _look_at(destination: Destination, name: str, activation: bool) -> Kept:
    """What is known of a state, or who works on it."""
    files = Files.named(destination, name)
    if not files.state.exists():
        return Kept(name, destination.name, str(files.state), activation)
    try:
        with hold(files.lock, f"activation {name}"):
            return describe(destination, name, activation)
    except LockedError as locked:
        size = files.state.stat().st_size
        empty = Kept(name, destination.name, str(files.state), activation, size)
        return _failed(empty, locked)


def describe(destination: Destination, name: str, activation: bool) -> Kept:
    """What is known of a state; the caller holds its lock.

    Raises LockedError where a program that is none of this tool's has it open.
    """
    files = Files.named(destination, name)
    empty = Kept(name, destination.name, str(files.state), activation)
    if not files.state.exists():
        return empty
    size = sum(path.stat().st_size for path in (files.state, wal(files.state)) if path.exists())
    try:
        with (
            private_folder(destination.state) as temporary,
            open_settled(files, temporary) as store,
        ):
            return replace(empty, bytes=size, **store.describe())
    except LockedError:
        raise
    except RunError as error:
        return _failed(replace(empty, bytes=size), error)


def _failed(kept: Kept, error: RunError) -> Kept:
    return replace(kept, error=error.message, next_step=error.next_step)


def wal(path: Path) -> Path:
    """The log that DuckDB keeps beside a file."""
    return path.with_name(f"{path.name}.wal")
