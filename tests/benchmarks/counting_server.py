"""A server that takes what bulk loads bring, and tells what it was.

GET /counters tells the requests, bytes, rows, distinct keys, distinct keys of marked rows, and a
sum of what is in the rows, since it was asked last. Only then are the bodies parsed, so that this
takes no time from whoever sends them; until then they are held in memory. Every other request is
counted and waits for --delay seconds, whatever it asks. A list takes one load at a time, as
Selligent does: what comes meanwhile is not refused here, but waits for its turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from http.server import ThreadingHTTPServer
from threading import Lock
from typing import Any

from echo_server import Handler

MARK = "moved"
# Where the rows of the benchmarks have what every sender writes the same way: ID, MAIL, FIRST,
# LAST, ORDERS, TIER. Numbers with places and times have several ways.
ALIKE = (0, 1, 2, 3, 5, 9)


class CountingHandler(Handler):
    def do_GET(self) -> None:  # noqa: N802
        if self.path == "/counters":
            self._answer(told())
            return
        keep(None)
        time.sleep(delay)
        super().do_GET()

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        keep(body)
        with turn:
            time.sleep(delay)
        kind = "updated" if "OnlyUpdate" in self.path else "inserted"
        self._answer({"result_code": "Succeeded", f"number_of_{kind}_records": rows_in(body)})


def keep(body: bytes | None) -> None:
    with lock:
        kept.append(body)


def told() -> dict[str, int]:
    """What was kept, and is kept no more."""
    with lock:
        bodies = [*kept]
        kept.clear()
    keys: set[Any] = set()
    marked: set[Any] = set()
    rows, size, content = 0, 0, 0
    requests = len(bodies)
    while bodies:
        body = bodies.pop()
        if body is None:
            continue
        these = json.loads(body)
        rows += len(these)
        size += len(body)
        keys.update(row[0] for row in these)
        marked.update(row[0] for row in these if MARK in row)
        if len(these[0]) > max(ALIKE):
            content += sum(hash(tuple(row[each] for each in ALIKE)) for row in these)
    return {
        "requests": requests,
        "bytes": size,
        "rows": rows,
        "keys": len(keys),
        "marked": len(marked),
        "content": content,
    }


def rows_in(body: bytes) -> int:
    """Arrays in an array: the rows of the benchmarks hold no brackets in their values."""
    return body.count(b"[") - 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    delay = parser.parse_args().delay
    kept: list[bytes | None] = []
    lock = Lock()
    turn = Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), CountingHandler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
