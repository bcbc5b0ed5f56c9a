"""The rows of a statement, and what went wrong with it, whatever the driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any

import pyarrow as pa
from dbt_common.exceptions import DbtBaseException, DbtDatabaseError

# Rows that are fetched at a time.
ROWS_AT_A_TIME = 20_000
# Classes of SQLSTATE whose messages name objects and rights, never values of rows.
WITHOUT_VALUES = ("08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
# Kinds of errors of Spark whose messages name objects alone; others repeat what a statement says.
NOT_THERE = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "INSUFFICIENT_PERMISSIONS")

_SPARK = re.compile(r"\[(?P<kind>[A-Z_]{4,}(?:\.[A-Z_]+)*)\]")


def all_rows(cursor: Any) -> list[tuple[Any, ...]]:
    """All rows of the statement that was run; times without a zone are in UTC."""
    frame = _frame_of(cursor)
    if frame is None:
        return [tuple(row) for row in cursor.fetchall() or ()]
    return [tuple(map(_in_utc, row)) for row in frame.collect()]


def batches(cursor: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the statement that was run, some at a time."""
    frame = _frame_of(cursor)
    if frame is None:
        own = own_cursor(cursor)
        pages = iter(lambda: own.fetchmany(ROWS_AT_A_TIME), [])
    else:
        rows = frame.toLocalIterator()  # partition by partition
        pages = iter(lambda: list(islice(rows, ROWS_AT_A_TIME)), [])
    for page in pages:
        yield _as_batch(page, schema)


def own_cursor(cursor: Any) -> Any:
    """The driver's own, which dbt-spark has in one of its own."""
    return getattr(cursor, "_cursor", cursor)


def words(error: BaseException) -> str:
    """What a driver says, in one line; only what kind of error it is where it may quote a value."""
    source = error
    while isinstance(source, DbtBaseException) and source.__cause__ is not None:
        source = source.__cause__
    said = str(getattr(source, "msg", source))
    kind, state = type(source).__name__, getattr(source, "pgcode", None)
    if spark := _SPARK.search(said):
        kind, said = spark["kind"], said[spark.start() :]
        told = kind in NOT_THERE
    else:
        # dbt's own errors are about connections, but for one kind that has a server's words:
        # itself, not the kinds made of it, one of which is of connections too.
        own = isinstance(source, DbtBaseException) and type(source) is not DbtDatabaseError
        told = str(state)[:2] in WITHOUT_VALUES or own
    if told:
        lines = [line for line in said.splitlines() if line.strip()]
        return lines[0].strip()[:300] if lines else kind
    return f"an error of kind {kind}" + (f", SQLSTATE {state}" if state else "")


def _frame_of(cursor: Any) -> Any:
    """That of a Spark of this process, which has no cursor; None where there is one."""
    return getattr(own_cursor(cursor), "_df", None)


def _in_utc(value: Any) -> Any:
    """A time of a Spark of this process is given by the process's own clock."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.astimezone(timezone.utc).replace(tzinfo=None)
    return value


def _as_batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, each.type) for column, each in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
