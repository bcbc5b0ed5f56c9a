"""Where the state of an activation lies, and what it is the state of."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from dbt_selligent.activation import Activation
from dbt_selligent.errors import StateError
from dbt_selligent.filehistory import FileHistory
from dbt_selligent.filetables import open_tables
from dbt_selligent.locks import hold, take_turn
from dbt_selligent.naming import file_name, list_key
from dbt_selligent.profiles import Destination
from dbt_selligent.tables import Row, Tables

# A staged delta: its file, or what its tables are told by.
Delta = Path | str


@dataclass(frozen=True)
class Identity:
    """What a snapshot is a snapshot of: with another of these, it says nothing."""

    url: str
    organization: str
    list: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, activation: Activation, destination: Destination) -> Identity:
        """The identity of an activation at a destination."""
        keys = tuple(field for field, _ in activation.keys)
        return cls(destination.url, destination.organization, activation.list, keys)


class Place(Protocol):
    """Where the state of one activation and destination is kept, of whatever kind that is."""

    @property
    def name(self) -> str:
        """The activation."""

    @property
    def where(self) -> str:
        """The place, to be told."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all states that are kept beside this one, and of this one."""

    @property
    def list_key(self) -> Hashable:
        """Equal for activations of one list."""

    def exists(self) -> bool:
        """Whether there is a state."""

    def size(self) -> int | None:
        """Bytes, None where only the warehouse knows."""

    def hold(self) -> AbstractContextManager[None]:
        """The lock of the activation; raises LockedError that says who has it."""

    def hold_list(
        self, name: str, stop: threading.Event, waits: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """The lock of the list ``name``, as soon as it is free.

        ``waits`` is told who has it; raises LockedError where it is told to ``stop`` before.
        """

    def release(self) -> None:
        """Lets go of what a thread, that is not the main one, has of the warehouse."""

    def check(self) -> None:
        """Raises StateError where a lock that was taken is not held any more."""

    def open(self, temporary: Path, *, read_only: bool = False) -> AbstractContextManager[Tables]:
        """Its tables; raises StateError."""

    def copy(self, temporary: Path) -> Place:
        """A copy of it, if there is one, that is gone with the command; to be changed there."""

    def new_delta(self, temporary: Path, *, keep: bool) -> Delta:
        """Where a delta can be staged; ``keep`` if a run may take it."""

    def take_delta(self, delta: Delta) -> None:
        """Takes a staged delta for that of the next run; raises StateError."""

    def drop_delta(self, delta: Delta) -> None:
        """Lets go of a staged delta that nobody took."""

    def tell(self, tables: Tables, batches: Sequence[Row]) -> None:
        """Tells users' SQL of the state's runs and refused rows, and more batches of `BATCH`.

        Raises RunError.
        """

    def told_runs(self, most: int, temporary: Path) -> Sequence[Row]:
        """The last runs that users' SQL was told of, as `last_runs` has them; needs no lock.

        Raises RunError.
        """

    def forget(self) -> None:
        """Leaves nothing of the state."""

    def rename(self, to: Place) -> None:
        """Gives the state, which is settled, to another place of this kind, at once."""

    def hand_over(self, to: Place, temporary: Path) -> None:
        """Gives what was told of the state to the place that it goes to; raises RunError."""


@dataclass(frozen=True)
class Files:
    """Where the state of one activation and destination lies, in files of the tool's own.

    ``list`` tells its list from all others.
    """

    folder: Path
    name: str
    list: str = ""
    destination: str = ""

    @classmethod
    def of(cls, activation: Activation, destination: Destination) -> Files:
        """One folder a destination; names of any characters become names of files."""
        key = list_key(destination.url, destination.organization, activation.list)
        return cls(destination.folder, activation.name, key, destination.name)

    @classmethod
    def named(cls, destination: Destination, name: str) -> Files:
        """Those of a state of any name, which may be of no activation."""
        return cls(destination.folder, name, destination=destination.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all states that lie beside this one, and of this one."""
        found = sorted(path.name.removesuffix(".duckdb") for path in self.folder.glob("*.duckdb"))
        return tuple(unquote(name) for name in found if not name.endswith(".delta"))

    @property
    def state(self) -> Path:
        """Snapshot and history."""
        return self.folder / f"{file_name(self.name)}.duckdb"

    @property
    def delta(self) -> Path:
        """The rows of the run under way, or of one that was cut off."""
        return self.folder / f"{file_name(self.name)}.delta.duckdb"

    @property
    def lock(self) -> Path:
        """Held by whoever works on this activation."""
        return self.folder / f"{file_name(self.name)}.lock"

    @property
    def list_lock(self) -> Path:
        """Held by whoever works on this list; outputs of one organization have it in common."""
        return self.folder.parent / "lists" / f"{file_name(self.list)}.lock"

    @property
    def where(self) -> str:
        """The state's file."""
        return str(self.state)

    @property
    def list_key(self) -> Hashable:
        """Equal for activations of one list."""
        return self.list_lock

    def exists(self) -> bool:
        """Whether there is a state."""
        return self.state.exists()

    def size(self) -> int:
        """Bytes of the state's file, and of DuckDB's log beside it."""
        there = [path for path in (self.state, wal(self.state)) if path.exists()]
        return sum(path.stat().st_size for path in there)

    def hold(self) -> AbstractContextManager[None]:
        """The lock of the activation; raises LockedError that says who has it."""
        return hold(self.lock, f"activation {self.name}")

    def hold_list(
        self, name: str, stop: threading.Event, waits: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """The lock of the list ``name``, as soon as it is free.

        ``waits`` is told who has it; raises LockedError where it is told to ``stop`` before.
        """
        return take_turn(self.list_lock, f"list {name}", stop, waits)

    def release(self) -> None:
        """It has nothing."""

    def check(self) -> None:
        """They are held as long as the process lives."""

    def open(self, temporary: Path, *, read_only: bool = False) -> AbstractContextManager[Tables]:
        """The tables, in a file that is made if it is not there; raises StateError."""
        return open_tables(self.name, self.state, self.delta, temporary, read_only=read_only)

    def copy(self, temporary: Path) -> Files:
        """A copy of the state and its pending delta in another folder, to be changed there."""
        copied = Files(temporary, self.name, self.list)
        for source, target in ((self.state, copied.state), (self.delta, copied.delta)):
            for path, at in ((source, target), (wal(source), wal(target))):
                if path.is_file():
                    shutil.copy2(path, at)
        return copied

    def new_delta(self, temporary: Path, *, keep: bool) -> Delta:
        """A file of that folder."""
        (temporary / self.delta.name).unlink(missing_ok=True)  # of a copy, which is settled
        return temporary / self.delta.name

    def take_delta(self, delta: Delta) -> None:
        """Moves the file beside the state; raises StateError."""
        try:
            shutil.move(delta, self.delta)  # the state may be on another file system
        except OSError as error:
            raise StateError(
                f"{self.delta}: cannot be written: {error.strerror}",
                "make room, or give its owner access, and run again: nothing was sent",
            ) from None
        # Where it was planned on a copy of the state, there is none to be kept while rows are sent.
        Path(delta).with_name(self.state.name).unlink(missing_ok=True)

    def drop_delta(self, delta: Delta) -> None:
        """It goes with its folder."""

    def tell(self, tables: Tables, batches: Sequence[Row]) -> None:
        """Writes it to files; raises StateError."""
        self._history.tell(tables, batches)

    def told_runs(self, most: int, temporary: Path) -> Sequence[Row]:
        """Those of a file; raises StateError."""
        return self._history.last_runs(most, temporary)

    def forget(self) -> None:
        """Leaves nothing of the state."""
        self._history.forget()
        for path in (self.state, wal(self.state), self.delta):
            path.unlink(missing_ok=True)

    def rename(self, to: Place) -> None:
        """One file, renamed at once: a kill leaves it under one name or the other."""
        assert isinstance(to, Files)  # noqa: S101  (states of one command are of one kind)
        if wal(self.state).exists():
            raise StateError(
                f"{wal(self.state)}: what is in it cannot be written to the state",
                "make room, then run again: the state was not changed",
            )
        # What is left of a state that is gone would be taken for this one's.
        for left in (self.delta, wal(to.state), to.delta):
            left.unlink(missing_ok=True)
        self.state.rename(to.state)

    def hand_over(self, to: Place, temporary: Path) -> None:
        """Its files are the other's; raises StateError."""
        assert isinstance(to, Files)  # noqa: S101
        self._history.hand_over(to._history, temporary)

    @property
    def _history(self) -> FileHistory:
        return FileHistory(self.folder, self.destination, self.name)


def wal(path: Path) -> Path:
    """The log that DuckDB keeps beside a file."""
    return path.with_name(f"{path.name}.wal")
