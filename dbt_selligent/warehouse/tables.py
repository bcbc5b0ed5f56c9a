"""The tables of a state in a schema of the warehouse, the staged delta beside them."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.columns import Column, Columns, stored_columns
from dbt_selligent.errors import StateError
from dbt_selligent.migrations import VERSION, missing, refuse_newer
from dbt_selligent.spans import Settled
from dbt_selligent.tables import DELTA, InSchema, Names, Row, Shape, in_sql, now
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.adapter import split
from dbt_selligent.warehouse.dialects import COPIED, DUCKDB, Dialect
from dbt_selligent.warehouse.exchange import all_literals, as_literals, fetch, upload_verdicts
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.schema import Schema

# Macros that make, change or drop tables, and those that note.
SHAPING = ("create_base", "create_state", "reshape_state", "adopt", "forget")
NOTING = ("note", "unnote")
COPY = f"{engine.STATE}.main"
STAGED = (
    ("_selligent_n", "BIGINT"),
    ("_selligent_kind", "VARCHAR"),
    ("_selligent_mask", "VARCHAR"),
)
GROUPED = {
    "_selligent_group": "integer",
    "_selligent_done": "text",
    "_selligent_kind": "text",
    "_selligent_mask": "text",
}


class SchemaTables(ABC):
    """The open tables of one state.

    ``local`` opens the tool's own DuckDB, with files in ``temporary``; ``check`` raises where the
    lock of the state was lost. Subclasses say how tables change.
    """

    rendering = COPIED

    def __init__(
        self,
        schema: Schema,
        names: Any,
        prefix: str,
        local: Callable[[], duckdb.DuckDBPyConnection],
        temporary: Path,
        check: Callable[[], None],
    ) -> None:
        self._open_local = local
        self.names: Names = names
        self._schema = schema
        self._prefix = prefix
        self._temporary = temporary
        self._check = check
        self._noted: dict[str, str] | None = None
        self._shapes: dict[str, dict[str, str]] = {}
        self._staged: str | None = None  # the delta
        self._fetched: Path | None = None

    @cached_property
    def local(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB of the tool's own, which is opened when it is needed."""
        return self._open_local()

    @property
    def dialect(self) -> Dialect:
        """The warehouse's."""
        return self._schema.dialect

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, durable when it ends."""

    @abstractmethod
    def appending(self) -> AbstractContextManager[None]:
        """What is appended within is durable when it ends; if it breaks, some of it may be."""

    @abstractmethod
    def passing(self, name: str) -> str:
        """The name in SQL of a table that is to be dropped."""

    @abstractmethod
    def passed(self, table: str) -> None:
        """Drops such a table, as soon as nothing is planned on it any more."""

    def migrate(self) -> None:
        """Makes the tables where there are none; raises StateError where they are newer."""
        there = self.version()
        refuse_newer(there, f"schema {self._schema.name}")
        if not there and "meta" in self.there():
            raise missing(f"schema {self._schema.name}", f"{self._prefix}__migrations")
        if not there:
            with self.transaction():
                at = in_sql(self.dialect, now(), "time")
                self.run("create_base", types=self.dialect.types, version=VERSION, at=at)

    @abstractmethod
    def there(self) -> Container[str]:
        """The names of the tables that there are, without their prefix."""

    def version(self) -> int:
        """The version of the tables, 0 where there are none."""
        if not self.columns("migrations"):
            return 0
        [(version,)] = self.rows(f"select max(version) from {self.names['migrations']}")
        return int(version or 0)

    def rows(self, sql: str) -> list[Row]:
        """All rows of a statement."""
        return self._schema.warehouse.rows(sql)

    def run(self, macro: str, /, **arguments: Any) -> None:
        """Changes the state's tables by a macro, within a transaction."""
        if macro in SHAPING:
            self._shapes.clear()
        if macro in NOTING:
            self._noted = None
        sql = render_sql(macro, self.dialect, state=self.names, **arguments)
        for statement in split(sql, self.dialect):
            self._schema.warehouse.run(statement)

    def append(
        self, macro: str, argument: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> None:
        """Adds rows by a macro, which takes some of them at a time as a query of literals."""
        for query in as_literals(self.dialect, shape, rows):
            self._schema.run(macro, state=self.names, **{argument: query}, **arguments)

    @contextmanager
    def scratch(
        self, name: str, macro: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> Iterator[str]:
        """A table for a while, made by a macro, which takes ``rows`` as a query of literals."""
        table = self.passing(name)
        query = all_literals(self.dialect, shape, rows)
        self._schema.run(macro, target=table, **{name: query}, **arguments)
        yield table
        self.passed(table)

    def columns(self, table: str) -> dict[str, str]:
        """Names and settled types of a table's columns, in order; none where there is none."""
        if table not in self._shapes:
            self._shapes[table] = {
                name: (self.dialect.family_of(sql_type) or ("", sql_type))[1]
                for name, sql_type in self._described(table)
            }
        return self._shapes[table]

    def meta(self, name: str) -> str | None:
        """A noted value."""
        if self._noted is None:
            there = self.columns("meta")
            found = self.rows(f"select name, value from {self.names['meta']}") if there else []
            self._noted = {str(noted): str(value) for noted, value in found}
        return self._noted.get(name)

    @property
    def delta(self) -> str:
        """The staged delta, where the state's tables are."""
        return self._schema[delta_table(self._prefix, self.meta("delta"))]

    @property
    def groups(self) -> str:
        """Its groups, there too."""
        return self._schema[groups_table(self._prefix, self.meta("delta"))]

    def attach_delta(self) -> None:
        """Raises StateError where the staged delta is not there."""
        self.require_delta()
        self._staged = self.meta("delta")

    def require_delta(self) -> None:
        """Raises StateError where the staged delta is not there."""
        name = delta_table(self._prefix, self.meta("delta"))
        if name not in self._schema.tables(name):
            raise StateError(
                f"{self._schema[name]}: missing, though a run that was cut off needs it",
                "put it back, or forget the state with `dbt-selligent state reset`: everything is "
                "then sent again",
            )

    def delta_columns(self) -> Collection[str]:
        """The names of the columns of the staged delta."""
        name = delta_table(self._prefix, self.meta("delta"))
        return [column for column, _ in self._schema.columns(name)]

    def group_columns(self) -> Collection[str]:
        """The names of the columns of its groups."""
        return GROUPED

    def copy_delta(self, columns: Columns, kinds: Collection[str], upto: int | None) -> None:
        """Fetches rows of these kinds, none above ``upto``, to a file of the temporary folder."""
        hashed = "_selligent_hash" in self.delta_columns()
        staged = [(column.name, column.type) for column in columns.local.staged]
        shape = [*STAGED, *staged, *([("_selligent_hash", "VARCHAR")] * hashed)]
        path = self._temporary / f"{self._prefix}.delta.duckdb"
        path.unlink(missing_ok=True)
        engine.attach(self.local, path, engine.DELTA)
        self._fetched = path
        self.local.execute("set force_compression = 'uncompressed'")
        query = render_sql(
            "sendable",
            self.dialect,
            delta=self.delta,
            kinds=[self.dialect.literal(kind) for kind in kinds],
            upto=upto,
            columns=columns.staged,
            hashed=hashed,
            **self._as_text,
        )
        fetch(self.local, self._schema.warehouse, DELTA, query, shape)
        groups = [
            [
                in_sql(DUCKDB, value, family)
                for value, family in zip(row, GROUPED.values(), strict=True)
            ]
            for row in self.rows(f"select {', '.join(GROUPED)} from {self.groups}")
        ]
        target = f"{engine.DELTA}.main.groups"
        sql = render_sql("groups", target=target, rows=groups, types=DUCKDB.types)
        self.local.execute(sql)

    def delta_size(self) -> tuple[int, int]:
        """Rows that were fetched, and bytes of their file, in which values are not compressed."""
        [(rows,)] = self.local.execute(f"select count(*) from {DELTA}").fetchall()
        return int(rows), self._fetched.stat().st_size if self._fetched else 0

    def forget_delta(self) -> None:
        """Drops it."""
        if self._fetched:
            engine.detach(self.local, engine.DELTA)
            self._fetched.unlink(missing_ok=True)
            self._fetched = None
        if self._staged:
            drop_delta(self._schema, self._prefix, self._staged)

    def copy_state(self, columns: Columns) -> Names:
        """Fetches snapshot, doubt and rejected rows, to a file of the temporary folder."""
        path = self._temporary / f"{self._prefix}.state.duckdb"
        path.unlink(missing_ok=True)
        engine.attach(self.local, path, engine.STATE)
        for table in ("snapshot", "doubt", "rejected"):
            there = stored_columns(
                list(self.columns(table).items()), len(columns.keys), self.dialect
            )
            shape = [(column.name, column.type) for column in there.local.compared]
            query = render_sql(
                "kept",
                self.dialect,
                table=self.names[table],
                columns=there.compared,
                **self._as_text,
            )
            fetch(self.local, self._schema.warehouse, f"{COPY}.{table}", query, shape)
        return InSchema(COPY)

    @contextmanager
    def upload(self, verdicts: str, keys: Sequence[Column]) -> Iterator[str]:
        """Puts the verdicts on rows that are not as they should be into a table of the schema."""
        table = self._schema[f"{self._prefix}__verdicts_{uuid.uuid4().hex[:12]}"]
        try:
            upload_verdicts(self.local, self._schema, verdicts, table, keys)
            yield table
        finally:
            self._schema.warehouse.run(f"drop table if exists {table}")

    @contextmanager
    def expecting(self, columns: Columns, *, all_of_it: bool) -> Iterator[None]:
        """The warehouse is not kept busy meanwhile."""
        yield

    def take_expected(self, spans: Sequence[Settled]) -> bool:
        """There is none."""
        return False

    @property
    def _as_text(self) -> dict[str, Any]:
        return {"as_text": self.dialect.as_text, "text": self.dialect.types["text"]}

    def _forget_known(self) -> None:
        self._noted = None
        self._shapes.clear()

    @abstractmethod
    def _described(self, table: str) -> list[tuple[str, str]]:
        """Names and types of a table's columns; none where there is no such table."""


def delta_table(prefix: str, staged: str | None) -> str:
    """The name of a staged delta in the schema."""
    return f"{prefix}__delta_{staged}"


def groups_table(prefix: str, staged: str | None) -> str:
    """The name of its groups."""
    return f"{prefix}__groups_{staged}"


def drop_delta(schema: Schema, prefix: str, staged: str) -> None:
    """Drops the tables of a delta."""
    schema.drop([delta_table(prefix, staged), groups_table(prefix, staged)])
