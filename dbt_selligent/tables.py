"""What state and ledger need of the tables of one activation, whatever engine they are in."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from typing import Any, Protocol

import duckdb

from dbt_selligent.columns import Column, Columns
from dbt_selligent.spans import Settled
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect

# Where rows that are to be sent lie when they are rendered, whatever engine staged them.
DELTA = f"{engine.DELTA}.main.delta"
GROUPS = f"{engine.DELTA}.main.groups"

Row = tuple[Any, ...]
Shape = Sequence[tuple[str, str]]  # names of columns, and the families of their values

RUN = {
    "run_id": "text",
    "started_at": "time",
    "finished_at": "time",
    "status": "text",
    "dbt_target": "text",
    "counts": "text",
    "error": "text",
    "forced": "text",
}


class Names(Protocol):
    """Names of the state's tables in SQL, by their plain names."""

    def __getitem__(self, table: str) -> str:
        """The table as SQL names it."""


class InSchema:
    """Tables that lie in one schema, under their plain names, and change in place."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def __getitem__(self, table: str) -> str:
        """The table as SQL names it."""
        return f"{self._schema}.{table}"

    fresh = __getitem__


class Tables(Protocol):
    """The open tables of one state, and the delta that is staged beside them."""

    @property
    def dialect(self) -> Dialect:
        """What SQL on them has to be like."""

    @property
    def names(self) -> Names:
        """The state's tables in SQL."""

    @property
    def delta(self) -> str:
        """The staged delta, where the state's tables are."""

    @property
    def groups(self) -> str:
        """Its groups, there too."""

    @property
    def local(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB of the tool's own: it renders `DELTA`, and takes what is read from a list."""

    @property
    def rendering(self) -> Dialect:
        """What SQL on `DELTA` has to be like."""

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""

    def there(self) -> Container[str]:
        """The names of the tables that there are."""

    def version(self) -> int:
        """The version of the tables, 0 where there are none."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, durable when it ends."""

    def appending(self) -> AbstractContextManager[None]:
        """What is appended within is durable when it ends; if it breaks, some of it may be."""

    def rows(self, sql: str) -> list[Row]:
        """All rows of a statement."""

    def run(self, macro: str, /, **arguments: Any) -> None:
        """Changes the state's tables by a macro, within a transaction."""

    def append(
        self, macro: str, argument: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> None:
        """Adds rows by a macro, within `appending`; it takes ``rows`` as a query."""

    def scratch(
        self, name: str, macro: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> AbstractContextManager[str]:
        """A table for a while, made by a macro that takes ``rows`` as a query; its name."""

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns, in order; none where there is no such table."""

    def meta(self, name: str) -> str | None:
        """A noted value."""

    def attach_delta(self) -> None:
        """Makes the staged delta readable; raises StateError where it is not there."""

    def require_delta(self) -> None:
        """Raises StateError where the staged delta is not there."""

    def delta_columns(self) -> Collection[str]:
        """The names of the columns of the staged delta."""

    def group_columns(self) -> Collection[str]:
        """The names of the columns of its groups."""

    def copy_delta(self, columns: Columns, kinds: Collection[str], upto: int | None) -> None:
        """Makes the rows of these kinds, none of a number above ``upto``, readable as `DELTA`."""

    def delta_size(self) -> tuple[int, int]:
        """Rows of `DELTA`, and bytes of its file, in which values are not compressed."""

    def forget_delta(self) -> None:
        """Lets go of the staged delta, which is not noted any more, and deletes it."""

    def copy_state(self, columns: Columns) -> Names:
        """Makes snapshot, doubt and rejected rows readable for `local`; their names there."""

    def upload(self, verdicts: str, keys: Sequence[Column]) -> AbstractContextManager[str]:
        """A table of verdicts of `local`, where the state's tables are; its name there."""

    def expecting(self, columns: Columns, *, all_of_it: bool) -> AbstractContextManager[None]:
        """Meanwhile the snapshot may be written that a first sync comes to if all is confirmed."""

    def take_expected(self, spans: Sequence[Settled]) -> bool:
        """Takes that snapshot where the spans say that all was, else forgets it; whether it did."""


def count(tables: Tables, table: str, where: str = "true") -> int:
    """How many rows a table of the state has."""
    [(found,)] = tables.rows(f"select count(*) from {tables.names[table]} where {where}")
    return int(found)


def filled(tables: Tables, *names: str) -> list[str]:
    """Those of the state's tables that have rows."""
    there = [name for name in names if tables.columns(name)]
    asked = " union all ".join(
        f"select '{name}' as name from (select 1 from {tables.names[name]} limit 1) as first_row"
        for name in there
    )
    found = {str(name) for (name,) in tables.rows(asked)} if there else set()
    return [name for name in there if name in found]


def quoted_columns(tables: Tables, table: str) -> dict[str, str]:
    """Types of a table's columns by their names as they stand in SQL."""
    quote = tables.dialect.quote
    return {quote(name): sql_type for name, sql_type in tables.columns(table).items()}


def note(tables: Tables, **values: str) -> None:
    """Notes values by their names, within a transaction."""
    literal = tables.dialect.literal
    tables.run("note", notes=[(literal(name), literal(value)) for name, value in values.items()])


def add_run(tables: Tables, run: Mapping[str, object]) -> None:
    """Adds a run, within a transaction; what is not told of it is null."""
    values = [in_sql(tables.dialect, run.get(name), family) for name, family in RUN.items()]
    tables.run("add_run", columns=list(RUN), values=values)


def change_run(tables: Tables, condition: str, run: Mapping[str, object]) -> None:
    """Tells more of the runs that meet a condition, within a transaction."""
    values = {name: in_sql(tables.dialect, value, RUN[name]) for name, value in run.items()}
    tables.run("change_runs", columns=list(RUN), values=values, condition=condition)


def last_runs(dialect: Dialect, relation: str, most: int, where: str = "true") -> str:
    """A query of runs in the columns of `RUN`, newest first, their times as texts."""
    text = dialect.types["text"]
    shown = ", ".join(
        f"cast({name} as {text})" if family == "time" else name for name, family in RUN.items()
    )
    return f"select {shown} from {relation} where {where} order by started_at desc limit {most}"


def in_sql(dialect: Dialect, value: object, family: str) -> str:
    """A value of the tool's own in SQL, typed."""
    if value is None:
        return f"cast(null as {dialect.types[family]})"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    return f"cast({dialect.literal(text)} as {dialect.types[family]})"


def as_parameters(shape: Shape, rows: Sequence[Row]) -> tuple[str, dict[str, list[Any]]]:
    """A query of rows for DuckDB, whose columns are lists of parameters."""
    columns = list(zip(*rows, strict=True)) or [()] * len(shape)
    query = ", ".join(
        f"unnest(${name}::{DUCKDB.types[family].lower()}[]) as {name}" for name, family in shape
    )
    given = {name: list(column) for (name, _), column in zip(shape, columns, strict=True)}
    return f"select {query}", given


def now() -> datetime:
    """In UTC, without a zone, as state tables hold times."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
