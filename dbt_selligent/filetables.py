"""The tables of a state in a DuckDB file, and the staged delta in another one beside it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.columns import Column, Columns
from dbt_selligent.errors import LockedError, StateError
from dbt_selligent.migrations import migrate
from dbt_selligent.spans import Outcome, Settled
from dbt_selligent.tables import (
    DELTA,
    GROUPS,
    InSchema,
    Names,
    Row,
    Shape,
    as_parameters,
    count,
)
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.dialects import DUCKDB
from dbt_selligent.warehouse.macros import literal, render_sql

SCHEMA = f"{engine.STATE}.main"
NAMES = InSchema(SCHEMA)

# Bytes of a row, up to which there is memory to write a snapshot while rows are rendered; and of a
# delta for which there always is.
NARROW = 1000
ALWAYS_EXPECTED = 16_000_000


class FileTables:
    """A connection to an attached state; ``delta_file`` is that of the staged delta."""

    dialect = DUCKDB
    names: Names = NAMES
    delta = DELTA
    groups = GROUPS
    rendering = DUCKDB

    def __init__(self, connection: duckdb.DuckDBPyConnection, state: Path, delta: Path) -> None:
        self.local = connection
        self._state = state
        self._delta = delta
        self._attached = False

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""
        migrate(self.local, SCHEMA, str(self._state))

    def there(self) -> Container[str]:
        """The names of the tables in the file."""
        found = self.rows(
            f"select table_name from duckdb_tables() where database_name = {literal(engine.STATE)}"
        )
        return [str(name) for (name,) in found]

    def version(self) -> int:
        """The version of the tables, 0 where a killed process left none."""
        if not self.columns("migrations"):
            return 0
        [(version,)] = self.rows(f"select coalesce(max(version), 0) from {SCHEMA}.migrations")
        return int(version)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        self.local.execute("begin")
        try:
            yield
        except BaseException:
            self.local.execute("rollback")
            raise
        self.local.execute("commit")

    appending = transaction

    def rows(self, sql: str) -> list[Row]:
        """All rows of a statement."""
        return list(self.local.execute(sql).fetchall())

    def run(self, macro: str, /, **arguments: Any) -> None:
        """Runs the statements of a macro on the state's tables."""
        for statement in duckdb.extract_statements(render_sql(macro, state=NAMES, **arguments)):
            self.local.execute(statement.query)

    def append(
        self, macro: str, argument: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> None:
        """Adds rows by a macro, which takes ``rows`` as a query of parameters."""
        query, given = as_parameters(shape, rows)
        sql = render_sql(macro, state=NAMES, **{argument: query}, **arguments)
        self.local.execute(sql, given)

    @contextmanager
    def scratch(
        self, name: str, macro: str, shape: Shape, rows: Sequence[Row], **arguments: Any
    ) -> Iterator[str]:
        """A temporary table, made by a macro, which takes ``rows`` as a query of parameters."""
        query, given = as_parameters(shape, rows)
        self.local.execute(render_sql(macro, target=name, **{name: query}, **arguments), given)
        yield f"temp.{name}"
        self.local.execute(f"drop table temp.{name}")

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns, in order; none where there is no such table."""
        rows = self.rows(
            "select column_name, data_type from duckdb_columns() "
            f"where database_name = {literal(engine.STATE)} and table_name = {literal(table)} "
            "order by column_index"
        )
        return {str(name): str(sql_type) for name, sql_type in rows}

    def meta(self, name: str) -> str | None:
        """A noted value."""
        rows = self.rows(f"select value from {SCHEMA}.meta where name = {literal(name)}")
        return rows[0][0] if rows else None

    def attach_delta(self) -> None:
        """Attaches the staged delta, to read; raises StateError where it is not there."""
        if self._attached:
            return
        self.require_delta()
        engine.attach(self.local, self._delta, engine.DELTA, read_only=True)
        self._attached = True

    def require_delta(self) -> None:
        """Raises StateError where the staged delta is not there."""
        if not self._delta.is_file():
            raise StateError(
                f"{self._delta}: missing, though a run that was cut off needs it",
                "put it back, or forget the state with `dbt-selligent state reset`: everything is "
                "then sent again",
            )

    def delta_columns(self) -> Collection[str]:
        """The names of the columns of the staged delta."""
        return [name for (name,) in self.rows(f"select column_name from (describe {DELTA})")]

    def group_columns(self) -> Collection[str]:
        """The names of the columns of its groups."""
        return [name for (name,) in self.rows(f"select column_name from (describe {GROUPS})")]

    def copy_delta(self, columns: Columns, kinds: Collection[str], upto: int | None) -> None:
        """It is where it is rendered."""

    def delta_size(self) -> tuple[int, int]:
        """Rows of the attached delta, and bytes of its file, in which values are not compressed."""
        [(rows,)] = self.rows(f"select count(*) from {DELTA}")
        return int(rows), self._delta.stat().st_size

    def forget_delta(self) -> None:
        """Detaches the staged delta, and deletes it."""
        if self._attached:
            engine.detach(self.local, engine.DELTA)
            self._attached = False
        self._delta.unlink(missing_ok=True)

    def copy_state(self, columns: Columns) -> Names:
        """It is where it is compared."""
        return NAMES

    @contextmanager
    def upload(self, verdicts: str, keys: Sequence[Column]) -> Iterator[str]:
        """They are where the state's tables are."""
        yield verdicts

    @contextmanager
    def expecting(self, columns: Columns, *, all_of_it: bool) -> Iterator[None]:
        """Writes meanwhile the snapshot that a first sync comes to if every row is confirmed.

        It is no snapshot before `take_expected` finds that they were; else it is forgotten. It is
        not written unless ``all_of_it`` is to be sent.
        """
        rows, size = self.delta_size()
        too_wide = size > max(NARROW * rows, ALWAYS_EXPECTED)
        if (
            not all_of_it
            or too_wide
            or any(count(self, table) for table in ("snapshot", "doubt", "rejected"))
        ):
            yield
            return
        sql = render_sql("incoming", state=NAMES, delta=DELTA, columns=columns.compared)
        with self.local.cursor() as cursor:

            def write() -> None:
                # Whatever hinders it, `settle` has another way.
                with suppress(duckdb.Error):
                    cursor.execute(sql)

            writing = threading.Thread(target=write, name="incoming")
            writing.start()
            try:
                yield
            except BaseException:
                while writing.is_alive():  # also where it has not begun
                    cursor.interrupt()
                    writing.join(0.05)
                raise
            writing.join()

    def take_expected(self, spans: Sequence[Settled]) -> bool:
        """Takes that snapshot where all rows of a first sync were confirmed, from the first to the
        last, and none is refused; else forgets it.
        """
        if not self.columns("incoming"):
            return False
        if spans:
            [(first, last)] = self.rows(render_sql("incoming_span", delta=DELTA))
            records = [span for span in spans if not span.group]
            answered = [Settled(0, first, last, Outcome.ANSWERED.value)]
            if records == answered and not count(self, "rejected"):
                self.run("take_incoming")
                return True
        self.local.execute(f"drop table {SCHEMA}.incoming")
        return False


@contextmanager
def open_tables(
    name: str, state: Path, delta: Path, temporary: Path, *, read_only: bool
) -> Iterator[FileTables]:
    """The tables of the activation ``name``; the file is made if it is not there.

    Raises StateError where the file is damaged, or held by another program.
    """
    with engine.open_engine(temporary) as connection:
        state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            engine.attach(connection, state, engine.STATE, read_only=read_only)
        except duckdb.Error as error:
            raise _unusable(name, state, error) from None
        try:
            yield FileTables(connection, state, delta)
        except duckdb.Error as error:
            if engine.is_damaged(error):
                raise _unusable(name, state, error) from None
            raise engine.unwritable(state, error) from None


def _unusable(name: str, path: Path, error: duckdb.Error) -> StateError:
    words = engine.words(error)
    if "could not set lock" in words.lower():
        return LockedError(f"{path}: held by another program", "close it and run again")
    if "cannot open file" in words.lower():
        return StateError(f"{path}: {words}", "give its owner access, then run again")
    return StateError(
        f"{path}: not a usable state file: {words}",
        "put back a copy, without the `.wal` that lies beside this one, or forget it with "
        f"`dbt-selligent state reset {name} --yes`: then everything is sent again",
    )
