"""Where models are read, and where states are kept: in files, or in the warehouse itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from dbt_selligent.activation import Activation
from dbt_selligent.errors import ProfileError, StateError
from dbt_selligent.filetold import FileMemories
from dbt_selligent.places import Files, Place
from dbt_selligent.profiles import Destination
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Reader
from dbt_selligent.told import Memories
from dbt_selligent.warehouse.duckdb import open_warehouse
from dbt_selligent.warehouse.profile import read_output


class Storage(Protocol):
    """The warehouse of one command, and the states beside it.

    ``apart`` if states can be reached where the warehouse cannot.
    """

    apart: bool

    def open_reader(self, temporary: Path) -> AbstractContextManager[Reader]:
        """The warehouse, to read models and to stage deltas; raises WarehouseError."""

    def place(self, activation: Activation, destination: Destination) -> Place:
        """Where the state of an activation at a destination is kept."""

    def named(self, destination: Destination, name: str) -> Place:
        """Where a state of any name is kept, which may be of no activation."""

    def memories(self, destination: Destination) -> Memories:
        """What was told of the activations of a destination."""

    def rehearse(self, destination: Destination) -> str:
        """Where the states of a destination are kept, to be told, having seen that they can be.

        Leaves all as it was; raises StateError, WarehouseError.
        """


class FileStorage:
    """DuckDB files: the user's, and the tool's own for states."""

    apart = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open_reader(self, temporary: Path) -> AbstractContextManager[Reader]:
        """The warehouse, read-only; raises ProfileError, WarehouseError."""
        return open_warehouse(self._settings, temporary)

    def place(self, activation: Activation, destination: Destination) -> Place:
        """Files in the destination's folder."""
        return Files.of(activation, destination)

    def named(self, destination: Destination, name: str) -> Place:
        """Files in the destination's folder."""
        return Files.named(destination, name)

    def memories(self, destination: Destination) -> Memories:
        """A file in the destination's folder."""
        return FileMemories(destination)

    def rehearse(self, destination: Destination) -> str:
        """A folder that can be written, or be made; raises StateError."""
        folder = destination.state
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            what = "cannot be written" if there.is_dir() else "is no folder"
            raise StateError(
                f"folder {folder}, for the state: {there} {what}",
                "give yourself the right to write there, or name another folder: `state` of the "
                "output in profiles.yml",
            )
        return f"folder {folder}"


@contextmanager
def open_storage(settings: Settings) -> Iterator[Storage]:
    """The storage of the dbt target, for one command; nothing is opened before it is used.

    Raises ProfileError.
    """
    kind = _kind_of(settings)
    if kind == "duckdb":
        yield FileStorage(settings)
        return
    if kind not in ("postgres", "spark"):
        raise ProfileError(
            f"{settings.profiles_dir / 'profiles.yml'}: {settings.profile}.{settings.target}: type "
            f"{kind!r} is not supported by this version",
            "use a target of type duckdb, postgres or spark",
        )
    from dbt_selligent.warehouse.storage import AdapterStorage

    storage = AdapterStorage(settings)
    try:
        yield storage
    finally:
        storage.close()


def _kind_of(settings: Settings) -> object:
    written = settings.warehouse_output().get("type")
    if "{" not in str(written):  # dbt is not needed to see that
        return written
    return read_output(settings).get("type")
