"""Folders of the tool, whose files are their owner's alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbt_selligent.locks import temporary_folder


def protect(folder: Path) -> None:
    """Makes the state's folder its owner's alone, and keeps it out of git."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = folder / ".gitignore"
    # A process that was killed may have made it, and written nothing.
    if not ignore.exists() or not ignore.stat().st_size:
        ignore.write_text("*\n")


class _Umask:
    """077 for as long as one needs it; it is the process's, and several threads may need it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before = 0

    @contextmanager
    def private(self) -> Iterator[None]:
        """The last to leave puts back what the first has found."""
        with self._lock:
            if not self._holders:
                self._before = os.umask(0o077)
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    os.umask(self._before)


_umask = _Umask()


@contextmanager
def private_folder(state: Path, *others: Path) -> Iterator[Path]:
    """A temporary folder beside the states; what is written meanwhile is its owner's alone."""
    with _umask.private():
        for folder in (state, *others):
            protect(folder)
        with temporary_folder(state) as temporary:
            yield temporary
