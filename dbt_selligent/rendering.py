"""Staged rows of a group, rendered by the engine, as they stream from it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dbt_selligent.errors import MemoryLimitError, StateError
from dbt_selligent.groups import Form, Group
from dbt_selligent.payload import Batch, Rows
from dbt_selligent.spans import Span
from dbt_selligent.state import StateStore
from dbt_selligent.tables import DELTA, GROUPS
from dbt_selligent.warehouse.macros import literal, render_sql

# What the engine renders at a time: bytes, about, and rows, within which they have to be.
BYTES_PER_CHUNK = 8_000_000
ROWS_PER_CHUNK = (2048, 20_000)


def render_batches(
    store: StateStore,
    group: Group,
    form: Form,
    *,
    span: Span | None = None,
    upto: int | None = None,
) -> Iterator[Batch]:
    """The rows of a group, or of a span of it, in the order of their numbers, none above ``upto``.

    Each batch has one part: what the engine rendered at a time.
    """
    sql = render_sql(
        "rows",
        store.tables.rendering,
        delta=DELTA,
        groups=GROUPS,
        number=group.number,
        members=[(literal(kind), literal(mask)) for kind, mask in group.members],
        columns=form.columns,
        span=span,
        upto=upto,
    )
    for rows in _chunks(store, sql):
        yield Batch(group.number, form, (rows,))


def _chunks(store: StateStore, sql: str) -> Iterator[Rows]:
    """Rendered rows as they stream from the engine, in the order in which they were staged."""
    last = -1
    least, most = ROWS_PER_CHUNK
    rows_at_a_time = max(least, min(most, BYTES_PER_CHUNK // store.bytes_per_row()))
    # A cursor of its own, so that the log can be written while rows are still to be read.
    with store.connection.cursor() as cursor:
        for batch in _read(cursor, sql, rows_at_a_time):
            rows = Rows(batch.column(0), batch.column(1))
            if not len(rows):
                continue
            numbers = rows.numbers
            rising = pc.all(pc.greater(numbers.slice(1), numbers.slice(0, len(rows) - 1)))
            if numbers[0].as_py() <= last or rising.as_py() is False:
                # What was confirmed is kept as spans of numbers: they must mean what they say.
                raise StateError("the staged delta is out of order", "report this as a bug")
            last = numbers[-1].as_py()
            yield rows


def _read(
    cursor: duckdb.DuckDBPyConnection, sql: str, rows_at_a_time: int
) -> Iterator[pa.RecordBatch]:
    try:
        yield from cursor.sql(sql).to_arrow_reader(rows_at_a_time)
    except (duckdb.OutOfMemoryException, OSError, pa.ArrowException) as error:
        # Arrow repeats what the engine says, which may be anything.
        why = "out of memory" if "Out of Memory" in str(error) else type(error).__name__
        raise StateError(
            f"the staged rows cannot be rendered: {why}", MemoryLimitError.default_step
        ) from None
