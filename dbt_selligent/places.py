"""Where the state of an activation lies, and what it is the state of."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from dbt_selligent.activation import Activation
from dbt_selligent.locks import temporary_folder
from dbt_selligent.naming import file_name
from dbt_selligent.settings import Destination


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


@dataclass(frozen=True)
class Files:
    """Where the state of one activation and destination lies.

    ``list`` tells its list from all others.
    """

    folder: Path
    name: str
    list: str = ""

    @classmethod
    def of(cls, activation: Activation, destination: Destination) -> Files:
        """One folder a destination; names of any characters become names of files."""
        where = f"{destination.url}\0{destination.organization}".encode()
        at = hashlib.sha256(where).hexdigest()[:16]
        return cls(destination.folder, activation.name, f"{activation.list.casefold()}-{at}")

    @classmethod
    def named(cls, destination: Destination, name: str) -> Files:
        """Those of a state of any name, which may be of no activation."""
        return cls(destination.folder, name)

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


def protect(folder: Path) -> None:
    """Makes the state's folder its owner's alone, and keeps it out of git."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = folder / ".gitignore"
    # A process that was killed may have made it, and written nothing.
    if not ignore.exists() or not ignore.stat().st_size:
        ignore.write_text("*\n")


@contextmanager
def private_folder(state: Path, *others: Path) -> Iterator[Path]:
    """A temporary folder beside the states; what is written meanwhile is its owner's alone."""
    before = os.umask(0o077)
    try:
        for folder in (state, *others):
            protect(folder)
        with temporary_folder(state) as temporary:
            yield temporary
    finally:
        os.umask(before)


def copy_state(files: Files, folder: Path) -> Files:
    """A copy of the state and its pending delta in another folder, to be changed there."""
    copied = Files(folder, files.name, files.list)
    for source, target in ((files.state, copied.state), (files.delta, copied.delta)):
        for suffix in ("", ".wal"):
            path = source.with_name(source.name + suffix)
            if path.is_file():
                shutil.copy2(path, target.with_name(target.name + suffix))
    return copied
