"""Step 4: delta rows as request bodies. Rows are rendered by the engine, and cut, never parsed.

A row travels as a JSON array with a comma behind it, in Arrow's buffers; a body is a slice of them
in brackets, so that no Python object is made per row or value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

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
class Form:
    """How the rows of a batch are sent: their fields in order, keys included, and the option."""

    fields: tuple[str, ...]
    only_update: bool


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
    def span(self) -> Span:
        """Its rows in the delta."""
        first, last = self.parts[0], self.parts[-1]
        return Span(self.group, first.numbers[0].as_py(), last.numbers[-1].as_py())

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
        first: list[Rows] = []
        second: list[Rows] = []
        left = (len(self) + 1) // 2
        for part in self.parts:
            head = min(left, len(part))
            if head:
                first.append(part.slice(0, head))
            if head < len(part):
                second.append(part.slice(head, len(part) - head))
            left -= head
        return (
            replace(self, parts=tuple(first), resent=True),
            replace(self, parts=tuple(second), resent=True),
        )


def batches(
    group: int,
    form: Form,
    chunks: Iterable[Rows],
    *,
    most_rows: int,
    most_bytes: int,
    resent: bool = False,
) -> Iterator[Batch]:
    """Rows in the order they come, as few batches as the limits allow.

    A row larger than ``most_bytes`` makes a batch of its own. Joined, the batches are the chunks.
    """
    parts: list[Rows] = []
    rows, size = 0, 2  # the brackets
    for chunk in chunks:
        start = 0
        offsets = chunk.offsets()
        while start < len(chunk):
            room = offsets[start] + most_bytes - size
            # Rows that end within the room; the comma of the last one is not sent.
            fit = bisect_right(offsets, room + 1, start, len(chunk) + 1) - 1 - start
            take = min(fit, most_rows - rows, len(chunk) - start)
            if take <= 0 and not parts:
                take = 1
            if take > 0:
                parts.append(chunk.slice(start, take))
                rows += take
                size += offsets[start + take] - offsets[start]
                start += take
            if start < len(chunk):
                yield Batch(group, form, tuple(parts), resent)
                parts, rows, size = [], 0, 2
    if parts:
        yield Batch(group, form, tuple(parts), resent)
