"""Step 4: delta rows as request bodies. Rows are rendered by the engine, and cut, never parsed.

A row travels as a JSON array with a comma behind it, in Arrow's buffers; a body is a slice of them
in brackets, so that no Python object is made per row or value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from dbt_selligent.groups import Form
from dbt_selligent.spans import Span


@dataclass(frozen=True)
class Rows:
    """Consecutive rendered rows: numbers (int64) and JSON (string), equal in length, no nulls."""

    numbers: pa.Array
    json: pa.Array

    def __len__(self) -> int:
        """How many rows."""
        return len(self.numbers)

    def slice(self, start: int, length: int) -> Rows:
        """Some of the rows, copying none."""
        return Rows(self.numbers.slice(start, length), self.json.slice(start, length))

    def offsets(self) -> memoryview:
        """Where each row begins in `data`, and, last, where the last one ends."""
        return memoryview(self.json.buffers()[1]).cast("i")[
            self.json.offset : self.json.offset + len(self) + 1
        ]

    def data(self) -> memoryview:
        """The rendered text of all rows of the buffer, in UTF-8."""
        return memoryview(self.json.buffers()[2])


@dataclass(frozen=True)
class Batch:
    """Rows of one group that are sent in one request.

    ``resent`` rows were in a request before, whose answer did not account for them.
    """

    group: int
    form: Form
    parts: tuple[Rows, ...]
    resent: bool = False

    def __len__(self) -> int:
        """How many rows."""
        return sum(map(len, self.parts))

    @property
    def size(self) -> int:
        """Bytes of its rows, about those of its body."""
        return sum(part.offsets()[-1] - part.offsets()[0] for part in self.parts)

    @property
    def spans(self) -> list[Span]:
        """Its rows in the delta: a span for each part, since rows may be left out between."""
        return [
            Span(self.group, part.numbers[0].as_py(), part.numbers[-1].as_py())
            for part in self.parts
        ]

    def numbers(self, positions: Sequence[int]) -> list[int]:
        """The numbers of the rows at these positions, which count from 0 and rise."""
        found, start = [], 0
        left = list(positions)
        for part in self.parts:
            while left and left[0] - start < len(part):
                found.append(part.numbers[left.pop(0) - start].as_py())
            start += len(part)
        return found

    def body(self) -> bytes:
        """The request body: a JSON array of arrays, in UTF-8."""
        pieces: list[bytes | memoryview] = [b"["]
        for part in self.parts:
            offsets = part.offsets()
            pieces.append(part.data()[offsets[0] : offsets[-1]])
        pieces[-1] = pieces[-1][:-1]  # the comma behind the last row
        pieces.append(b"]")
        return b"".join(pieces)

    def halves(self) -> tuple[Batch, Batch]:
        """The batch in two, each of at least one row; the batch has two or more."""
        middle = (len(self) + 1) // 2
        return self.slice(0, middle), self.slice(middle, len(self) - middle)

    def slice(self, start: int, length: int) -> Batch:
        """Some of its rows, to be sent once more."""
        parts = []
        for part in self.parts:
            first = min(max(start, 0), len(part))
            taken = min(max(start + length, 0), len(part)) - first
            if taken > 0:
                parts.append(part.slice(first, taken))
            start -= len(part)
        return replace(self, parts=tuple(parts), resent=True)

    def without(self, positions: Sequence[int]) -> Batch:
        """The rows but for those at these positions, which rise, to be sent once more."""
        ends = [*positions, len(self)]
        starts = [0, *(position + 1 for position in positions)]
        parts = [
            part
            for start, end in zip(starts, ends, strict=True)
            if start < end
            for part in self.slice(start, end - start).parts
        ]
        return replace(self, parts=tuple(parts), resent=True)

    def only(self, positions: Sequence[int]) -> Batch:
        """The rows at these positions, which rise, to be sent once more."""
        parts = [part for position in positions for part in self.slice(position, 1).parts]
        return replace(self, parts=tuple(parts), resent=True)

    def positions_of(self, numbers: Collection[int]) -> list[int]:
        """The positions of its rows that have one of these numbers."""
        wanted = pa.array(sorted(numbers), pa.int64())
        found, start = [], 0
        for part in self.parts:
            inside = pc.is_in(part.numbers, value_set=wanted)
            found += [start + place for place in pc.indices_nonzero(inside).to_pylist()]
            start += len(part)
        return found


def cut(waiting: deque[Batch], most_rows: int, most_bytes: int) -> Batch:
    """Takes from ``waiting``, which is not empty, the rows that go in one request.

    They are consecutive rows of one group and form, as many as the limits allow, and one at least.
    What is left stays there, in order.
    """
    head = waiting[0]
    parts: list[Rows] = []
    rows, size = 0, 2  # the brackets
    while waiting and (waiting[0].group, waiting[0].form) == (head.group, head.form):
        [part] = waiting[0].parts
        offsets = part.offsets()
        # Rows that end within the room; the comma of the last one is not sent.
        room = offsets[0] + most_bytes - size
        fit = min(bisect_right(offsets, room + 1) - 1, most_rows - rows, len(part))
        if fit <= 0 and not parts:
            fit = 1
        if fit <= 0:
            break
        parts.append(part.slice(0, fit))
        rows += fit
        size += offsets[fit] - offsets[0]
        if fit < len(part):
            waiting[0] = replace(waiting[0], parts=(part.slice(fit, len(part) - fit),))
            break
        waiting.popleft()
    return replace(head, parts=tuple(parts))


class Parts:
    """Batches that are sent before anything else; a source of them is read as they are sent."""

    def __init__(self) -> None:
        self._sources: deque[Iterator[Batch]] = deque()

    def __bool__(self) -> bool:
        """Whether there may be one."""
        return bool(self._sources)

    def put_first(self, batches: Iterable[Batch]) -> None:
        """These come before those that are there, in their order."""
        self._sources.appendleft(iter(batches))

    def take(self, most_rows: Callable[[int], int], most_bytes: int) -> Batch | None:
        """The next one, None if there is none; what is beyond the limits comes after it.

        ``most_rows`` gives how many rows a request takes where so many are left.
        """
        while self._sources:
            if batch := next(self._sources[0], None):
                waiting = deque(replace(batch, parts=(rows,)) for rows in batch.parts)
                taken = cut(waiting, most_rows(len(batch)), most_bytes)
                self.put_first(waiting)
                return taken
            self._sources.popleft()
        return None
