"""Any dbt warehouse, by the user's own dbt adapter and profile: connections, statements, rows.

dbt's code opens and closes connections, one a thread, and begins and ends transactions; SQL, names
and types are those of the adapter's dialect. Statements do not go the way of dbt's own, which logs
what they say: they may hold values of rows.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any

import pyarrow as pa
from dbt.adapters.contracts.connection import QueryComment
from dbt.adapters.factory import FACTORY
from dbt.adapters.sql.connections import SQLConnectionManager
from dbt.mp_context import get_mp_context
from dbt_common.exceptions import DbtBaseException

from dbt_selligent.errors import ProfileError, RunError, WarehouseError
from dbt_selligent.settings import Settings
from dbt_selligent.warehouse.dialects import Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.profile import read_credentials, read_output, where

NAME = "dbt-selligent"
# Rows that are fetched at a time.
ROWS_AT_A_TIME = 20_000
# Those of a relation, or a schema, that is not there, or may not be seen.
NOT_THERE = ("42P01", "42704", "42501")
# Classes of SQLSTATE whose messages name objects and rights, never values of rows.
WITHOUT_VALUES = ("08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")

_open: weakref.WeakSet[Warehouse] = weakref.WeakSet()


@dataclass
class _Config:
    """What an adapter asks of the project that it works for."""

    credentials: Any
    profile_name: str
    target_name: str
    threads: int
    target_path: str
    project_name: str = "dbt_selligent"
    query_comment: QueryComment = field(default_factory=QueryComment)
    cli_vars: dict[str, Any] = field(default_factory=dict)
    log_cache_events: bool = False

    def to_target_dict(self) -> dict[str, Any]:
        """The target as dbt's own macros would see it, without secrets."""
        return {"name": self.target_name, "profile_name": self.profile_name}


class Warehouse:
    """The warehouse of a dbt target. Nothing is opened before it is used.

    ``database`` and ``schema`` are those of the target. What is run outside a transaction is
    durable at once.
    """

    def __init__(self, settings: Settings) -> None:
        output = read_output(settings)
        kind = str(output.get("type"))
        try:
            credentials = FACTORY.load_plugin(kind)
        except (DbtBaseException, ImportError):
            raise ProfileError(
                f"{where(settings)}: there is no dbt adapter for type {kind!r}",
                f"pip install dbt-{kind}",
            ) from None
        self._credentials = read_credentials(settings, output, credentials)
        self.dialect: Dialect = dialect_of(kind)
        self.database: str | None = self._credentials.database
        self.schema = str(self._credentials.schema)
        adapter: Any = FACTORY.get_adapter_class_by_name(kind)
        if not issubclass(adapter.ConnectionManager, SQLConnectionManager):
            raise ProfileError(
                f"{where(settings)}: type {kind!r} is not supported by this version",
                "its dbt adapter has no connections that take statements of SQL",
            )
        config = _Config(
            self._credentials,
            settings.profile,
            settings.target,
            settings.threads,
            str(settings.own_target_path),
        )
        self._adapter: Any = adapter(config, get_mp_context())
        self._connections = self._adapter.connections
        _open.add(self)

    def run(self, sql: str) -> None:
        """Runs one statement; raises WarehouseError."""
        with self._telling(), self._committing():
            self._execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement, of which there are few; raises WarehouseError."""
        with self._telling(), self._committing():
            return [tuple(row) for row in self._execute(sql).fetchall() or ()]

    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a query as they come, whatever their number; raises WarehouseError."""
        with self._telling(), self._committing():
            yield from self._fetch(sql, schema)

    @contextmanager
    def transaction(self, *, frozen: bool = False) -> Iterator[None]:
        """All or nothing, durable when it ends, where the engine can do that.

        ``frozen`` if all of it is to see the tables as they were when it began.
        """
        if not self.dialect.transactional:
            yield
            return
        with self._telling():
            connection = self._connect()
        # The driver begins one with the next statement. That of dbt's own is ended by a statement,
        # of which the driver knows nothing: it would not begin another.
        connection.transaction_open = True
        try:
            if frozen:
                self.run(render_sql("freeze", self.dialect.name))
            yield
            with self._telling():
                connection.handle.commit()
        except BaseException:
            with suppress(Exception):
                connection.handle.rollback()
            raise
        finally:
            connection.transaction_open = False

    def relation(self, schema: str, name: str) -> str:
        """A table of the target's database as SQL names it, by the adapter's own rules."""
        relation = self._adapter.Relation.create(
            database=self.database, schema=schema, identifier=name
        )
        return str(relation.render())

    def columns(self, relation: str, schema: str, name: str) -> list[tuple[str, str]]:
        """Name and type of a relation's columns, in order; none where it is not there.

        ``relation`` is its name in SQL. Raises WarehouseError.
        """
        literal = self.dialect.literal
        sql = render_sql(
            "relation_columns",
            self.dialect.name,
            relation=relation,
            named=literal(relation),
            database=literal(self.database or ""),
            schema=literal(schema),
            identifier=literal(name),
        )
        try:
            found = self.rows(sql)
        except WarehouseError as error:
            if "[TABLE_OR_VIEW_NOT_FOUND]" in error.message:  # as Spark says it
                return []
            raise
        # What follows on a column without a type is about the table.
        told = takewhile(lambda row: row[1], found)
        return [(str(column), str(sql_type)) for column, sql_type, *_ in told]

    def create_schema(self, name: str) -> None:
        """Makes a schema where it is not there; raises WarehouseError."""
        self.run(render_sql("create_schema", self.dialect.name, named=self.schema_named(name)))

    def schema_named(self, name: str) -> str:
        """A schema as SQL names it."""
        relation = self._adapter.Relation.create(database=self.database, schema=name)
        return str(relation.without_identifier().include(database=False).render())

    def release(self) -> None:
        """Lets go of this thread's connection, and of what lives as long as it does."""
        with suppress(Exception):
            self._connections.release()

    def close(self) -> None:
        """Closes all connections."""
        with suppress(Exception):
            self._connections.cleanup_all()

    def _connect(self) -> Any:
        """The connection of this thread, open and with the settings of a session."""
        before = self._connections.get_if_exists()
        if before is not None and before.state == "open":
            return before
        connection = self._connections.set_connection_name(NAME)
        if self.dialect.transactional:
            connection.handle.autocommit = False  # which a profile may turn on
        for statement in split(render_sql("session", self.dialect.name), self.dialect):
            self._execute(statement)
        if self.dialect.transactional:
            connection.handle.commit()
        return connection

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """A transaction of its own, where none is open."""
        if self._connect().transaction_open:
            yield
            return
        with self.transaction():
            yield

    def _execute(self, sql: str) -> Any:
        """Runs one statement on this thread's connection; its cursor."""
        cursor = self._connections.get_thread_connection().handle.cursor()
        cursor.execute(sql)
        return cursor

    def _fetch(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        handle = self._connections.get_thread_connection().handle
        # Without a name, the driver of Postgres would fetch all of it before it gave the first row.
        cursor = handle.cursor(name=NAME) if self.dialect.name == "postgres" else handle.cursor()
        cursor.execute(sql)
        frame = getattr(getattr(cursor, "_cursor", None), "_df", None)
        if frame is None:
            pages = iter(lambda: cursor.fetchmany(ROWS_AT_A_TIME), [])
        else:  # a Spark of this process, which has no cursor: its rows come partition by partition
            rows = frame.toLocalIterator()
            pages = iter(lambda: list(islice(rows, ROWS_AT_A_TIME)), [])
        for page in pages:
            yield _as_batch(page, schema)
        cursor.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What the warehouse says is told without a value of a row."""
        try:
            yield
        except RunError:
            raise
        except Exception as error:  # noqa: BLE001  (drivers have no class of errors in common)
            self._forget_lost()
            raise WarehouseError(
                f"the warehouse ({self.dialect.name}) says: {words(error)}", "see `dbt debug`"
            ) from None

    def _forget_lost(self) -> None:
        """A connection that the server has closed is of no more use."""
        connection = self._connections.get_if_exists()
        if connection is not None and getattr(connection.handle, "closed", False):
            connection.transaction_open = False
            self.release()


def forget_connections() -> None:
    """Closes whatever is open, as the end of a process would."""
    for warehouse in list(_open):
        warehouse.close()


def words(error: BaseException) -> str:
    """What a driver says, in one line; only what kind of error it is where it may quote a value."""
    source = error
    while isinstance(source, DbtBaseException) and source.__cause__ is not None:
        source = source.__cause__
    kind, state = type(source).__name__, getattr(source, "pgcode", None)
    named: tuple[str, ...] = WITHOUT_VALUES
    if hasattr(source, "getSqlState"):  # of Spark, whose messages repeat what a statement says
        state, named = source.getSqlState(), NOT_THERE
    if str(state).startswith(named) or (state is None and isinstance(error, DbtBaseException)):
        lines = [line for line in str(source).strip().splitlines() if line.strip()]
        return lines[0].strip()[:300] if lines else kind
    return f"an error of kind {kind}" + (f", SQLSTATE {state}" if state else "")


def split(sql: str, dialect: Dialect) -> list[str]:
    """The statements of a macro: each but the last ends with a semicolon and the line."""
    statements, at = [], 0
    for token in (_ESCAPED if dialect.escaped else _PLAIN).finditer(sql):
        if token[0] == ";\n":
            statements.append(sql[at : token.start()])
            at = token.end()
    statements.append(sql[at:])
    return [part for each in statements if (part := each.strip(" \n;"))]


# Texts and names, in which anything may stand; the end of a statement; and all else.
_NAMES = r"""|"(?:[^"]|"")*"|`(?:[^`\\]|\\.|``)*`|;\n|[^'"`;]+|."""
_PLAIN = re.compile(r"'(?:[^']|'')*'" + _NAMES, re.DOTALL)
_ESCAPED = re.compile(r"'(?:[^'\\]|\\.|'')*'" + _NAMES, re.DOTALL)


def _as_batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, each.type) for column, each in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
