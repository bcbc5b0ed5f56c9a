"""Any dbt warehouse, by the user's own dbt adapter and profile: connections, statements, rows.

dbt's code opens and closes connections, one a thread, and begins and ends transactions; SQL, names
and types are those of the adapter's dialect. Statements do not go the way of dbt's own, which logs
what they say: they may hold values of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

import pyarrow as pa
from dbt.adapters.contracts.connection import QueryComment
from dbt.adapters.exceptions.connection import FailedToConnectError
from dbt.adapters.factory import FACTORY
from dbt.adapters.sql.connections import SQLConnectionManager
from dbt.mp_context import get_mp_context
from dbt_common.exceptions import DbtBaseException

from dbt_selligent.errors import ProfileError, RunError, UnopenedError, WarehouseError
from dbt_selligent.settings import Settings
from dbt_selligent.warehouse import spark
from dbt_selligent.warehouse.cursors import all_rows, batches, own_cursor, words
from dbt_selligent.warehouse.dialects import Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.overrides import own_macros
from dbt_selligent.warehouse.profile import read_credentials, read_output, where

NAME = "dbt-selligent"
LOST = ("TTransportException",)  # of a driver that may not be installed


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
        self._where = where(settings)
        self._settings = spark.SETTINGS if kind == "spark" else {}
        if kind == "spark":
            spark.prepare(self._credentials)
        known = dialect_of(kind)
        self.dialect: Dialect = replace(known, macros=own_macros(settings.macro_folders, known))
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

    def run(self, sql: str) -> None:
        """Runs one statement; raises WarehouseError."""
        with self._telling(), self._committing(), self._executed(sql):
            pass

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement, of which there are few; raises WarehouseError."""
        with self._telling(), self._committing(), self._executed(sql) as cursor:
            return all_rows(cursor)

    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a query as they come, whatever their number; raises WarehouseError."""
        # Without a name, the driver of Postgres would fetch all of it before it gave the first row.
        named = {"name": NAME} if self.dialect.name == "postgres" else {}
        with self._telling(), self._committing(), self._executed(sql, **named) as cursor:
            yield from batches(cursor, schema)

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
                for statement in split(render_sql("freeze", self.dialect), self.dialect):
                    self.run(statement)
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
        """A table of the target's database as SQL names it."""
        return f"{self.dialect.quote(schema)}.{self.dialect.quote(name)}"

    def columns(self, relation: str, schema: str, name: str) -> list[tuple[str, str]]:
        """Name and type of a relation's columns, in order; none where it is not there.

        ``relation`` is its name in SQL. Raises WarehouseError.
        """
        literal = self.dialect.literal
        sql = render_sql(
            "relation_columns",
            self.dialect,
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
        self.run(render_sql("create_schema", self.dialect, named=self.dialect.quote(name)))

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
        settings = [f"set {name} = {value}" for name, value in self._settings.items()]
        try:
            with spark.own_interrupt():
                connection = self._connections.set_connection_name(NAME)
            if self.dialect.transactional:
                connection.handle.commit()  # the role of a profile
                connection.handle.autocommit = False  # which a profile may turn on
                # The driver has to know it, too.
                connection.handle.set_client_encoding("UTF8")
            with spark.own_interrupt():
                session = split(render_sql("session", self.dialect), self.dialect)
                for statement in [*session, *settings]:
                    with self._executed(statement):
                        pass
            if self.dialect.transactional:
                connection.handle.commit()
        except BaseException:
            self.release()  # it is not as it has to be
            raise
        return connection

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """A transaction of its own, where none is open."""
        if self._connect().transaction_open:
            yield
            return
        with self.transaction():
            yield

    @contextmanager
    def _executed(self, sql: str, **named: str) -> Iterator[Any]:
        """The cursor of a statement that was run on this thread's connection."""
        cursor = self._connections.get_thread_connection().handle.cursor(**named)
        own = own_cursor(cursor)  # that of dbt-spark has another one with its next statement
        try:
            cursor.execute(sql)
            yield cursor
        finally:
            with suppress(Exception):  # else a server might keep what it gave
                own.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What the warehouse says is told without a value of a row."""
        try:
            yield
        except RunError:
            raise
        except Exception as error:  # noqa: BLE001  (drivers have no class of errors in common)
            self._forget_lost(error)
            said = words(error)
            told = f"the warehouse ({self.dialect.name}) says: {said}"
            if isinstance(error, FailedToConnectError):
                raise UnopenedError(
                    told,
                    f"is {self._where} right, is the server up? `dbt debug` tries the same "
                    "connection",
                ) from None
            if "permission denied" in said:
                mend = "give the user of the profile that right"
            else:
                mend = "`dbt-selligent debug` checks what the user of the profile may do"
            raise WarehouseError(told, mend) from None

    def _forget_lost(self, error: Exception) -> None:
        """A connection that the server has closed, or that broke, is of no more use."""
        connection = self._connections.get_if_exists()
        cause = error.__cause__ or error  # dbt tells it in an error of its own
        broke = isinstance(cause, OSError | EOFError) or type(cause).__name__ in LOST
        if connection is not None and (broke or getattr(connection.handle, "closed", False)):
            connection.transaction_open = False
            self.release()


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
