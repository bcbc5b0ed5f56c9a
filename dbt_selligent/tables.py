"""The tables of one activation's state, and the staged delta beside them, as one connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.errors import StateError
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import literal, quote, render_sql

SCHEMA = f"{engine.STATE}.main"
DELTA = f"{engine.DELTA}.main.delta"
GROUPS = f"{engine.DELTA}.main.groups"


class Tables:
    """A connection to an attached state; ``delta`` is the file of the staged delta."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, delta: Path) -> None:
        self.connection = connection
        self._delta = delta
        self._attached = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        self.connection.execute("begin")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        return list(self.connection.execute(sql, list(parameters)).fetchall())

    def run(self, macro: str, **arguments: Any) -> None:
        """Runs the statements of a macro on the state's tables."""
        for statement in duckdb.extract_statements(render_sql(macro, state=SCHEMA, **arguments)):
            self.connection.execute(statement.query)

    def count(self, table: str, where: str = "true") -> int:
        """How many rows a table of the state has."""
        [(found,)] = self.rows(f"select count(*) from {SCHEMA}.{table} where {where}")
        return int(found)

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns, in order; none where there is no such table."""
        rows = self.rows(
            "select column_name, data_type from duckdb_columns() "
            f"where database_name = {literal(engine.STATE)} and table_name = ? "
            "order by column_index",
            [table],
        )
        return {str(name): str(sql_type) for name, sql_type in rows}

    def quoted_columns(self, table: str) -> dict[str, str]:
        """The same, with the names as they stand in SQL."""
        return {quote(name): sql_type for name, sql_type in self.columns(table).items()}

    def meta(self, name: str) -> str | None:
        """A noted value."""
        rows = self.rows(f"select value from {SCHEMA}.meta where name = ?", [name])
        return rows[0][0] if rows else None

    def note_meta(self, name: str, value: str) -> None:
        """Notes a value."""
        self.connection.execute(
            f"insert or replace into {SCHEMA}.meta values (?, ?)", [name, value]
        )

    def attach_delta(self) -> None:
        """Attaches the staged delta, to read; raises StateError where it is not there."""
        if self._attached:
            return
        self.require_delta()
        engine.attach(self.connection, self._delta, engine.DELTA, read_only=True)
        self._attached = True

    def require_delta(self) -> None:
        """Raises StateError where the staged delta is not there."""
        if not self._delta.is_file():
            raise StateError(
                f"{self._delta}: missing, though a run that was cut off needs it",
                "put it back, or forget the state with `dbt-selligent state reset`: everything is "
                "then sent again",
            )

    def delta_size(self) -> tuple[int, int]:
        """Rows of the attached delta, and bytes of its file, in which values are not compressed."""
        [(rows,)] = self.rows(f"select count(*) from {DELTA}")
        return int(rows), self._delta.stat().st_size

    def forget_delta(self) -> None:
        """Detaches the staged delta, and deletes it."""
        if self._attached:
            engine.detach(self.connection, engine.DELTA)
            self._attached = False
        self._delta.unlink(missing_ok=True)
