"""What was told of a destination's activations, in a file beside their states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict

from dbt_selligent.errors import RunError, StateError
from dbt_selligent.locks import later, take_turn
from dbt_selligent.profiles import Destination
from dbt_selligent.told import (
    SECONDS_TO_WAIT,
    UNREADABLE,
    Memories,
    Memory,
    Renew,
    read_memory,
    with_left,
)

FILE = "warnings.json"


class FileMemories:
    """Those in the file of one destination."""

    where = FILE

    def __init__(self, destination: Destination) -> None:
        self._path = destination.folder / FILE

    def recall(self) -> dict[str, Memory]:
        """What is remembered, by activation."""
        found: dict[str, Memory] = {}
        with suppress(OSError, *UNREADABLE):
            for name, written in json.loads(self._path.read_bytes()).items():
                with suppress(*UNREADABLE):
                    found[name] = read_memory(written)
        return found

    def remember(self, renew: Renew) -> None:
        """Keeps what ``renew`` makes of the newest memories, and all others; raises StateError."""
        with self.turn():
            before = self.recall()
            kept = {**before, **renew(before)}
            content = {name: asdict(memory) for name, memory in kept.items() if memory}
            written = self._path.with_name(f"{FILE}.new")
            written.touch(mode=0o600)
            written.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
            written.replace(self._path)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Meanwhile nobody else writes the file; raises StateError for what hinders it."""
        lock = self._path.with_name(f"{FILE}.lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (
                later(SECONDS_TO_WAIT) as enough,
                take_turn(lock, "the warnings", enough, lambda _: None),
            ):
                yield
        except OSError as error:
            raise StateError(str(error.strerror)) from None

    def exists(self) -> bool:
        """Whether there is a file."""
        return self._path.is_file()

    def forget(self) -> None:
        """Removes it."""
        self._path.unlink(missing_ok=True)


class BackedMemories:
    """Those of another place; what could not be kept there is in the file for a while."""

    def __init__(self, place: Memories, file: FileMemories) -> None:
        self._place = place
        self._file = file
        self._recalled: dict[str, Memory] = {}
        self._lost: RunError | None = None

    @property
    def where(self) -> str:
        """The other place."""
        return self._place.where

    def recall(self) -> dict[str, Memory]:
        """What is remembered, by activation: of a place that cannot be read, what the file has."""
        try:
            self._recalled = self._place.recall()
        except RunError as error:
            self._lost = error
        self._recalled = with_left(self._recalled, self._file.recall())
        return dict(self._recalled)

    def remember(self, renew: Renew) -> None:
        """Keeps what ``renew`` makes of the newest memories, and all others.

        Raises RunError where the place cannot keep it; the file does then.
        """
        if self._lost is None:
            try:
                self._bring(renew)
            except RunError as error:
                self._lost = error
            else:
                return
        self._file.remember(lambda kept: renew(with_left(self._recalled, kept)))
        raise StateError(f"{self._lost.message}; {FILE}, on this machine, has it meanwhile")

    def _bring(self, renew: Renew) -> None:
        if not self._file.exists():
            self._place.remember(renew)
            return
        with self._file.turn():
            left = self._file.recall()

            def renewed(kept: Mapping[str, Memory]) -> Mapping[str, Memory | None]:
                both = with_left(kept, left)
                return {**both, **renew(both)}

            self._place.remember(renewed)
            self._file.forget()
