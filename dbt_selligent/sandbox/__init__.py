"""A local Selligent with the documented endpoints, for trying, testing and CI.

It keeps its lists in memory and answers on loopback only::

    with Sandbox(load_config("lists.yml")).running() as url:
        requests.get(f"{url}/Portal/Api/status")
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .api import BASE, Api
from .bulk import Bulk
from .config import SandboxConfig, load_config
from .faults import FaultPlan
from .optionlists import open_lists
from .quota import Quota
from .server import Limits, Service

__all__ = ["BASE", "Received", "Sandbox", "SandboxConfig", "load_config"]


@dataclass(frozen=True)
class Received:
    """One request as it came in; requests are numbered from 1.

    `body` is the parsed JSON, the raw text when it is no JSON, or None when there is none (or too
    much of it). `status` is None until it is answered, and when the connection was cut instead.
    `response` is the body of the answer, parsed JSON or text, if the sandbox keeps responses; None
    too when a fault spoiled it.
    """

    number: int
    method: str
    path: str
    query: dict[str, str]
    body: object
    status: int | None = None
    response: object = field(default=None, compare=False, repr=False)


class Sandbox:
    """A Selligent in memory; its methods may be called from any thread while it runs.

    quota: requests per minute and API key. busy: seconds that a bulk operation takes, and
    busy_per_row those that each of its rows adds.
    faults: specs, see `dbt_selligent.sandbox.faults`; `ValueError` when one is not legal.
    index_base: what record_index counts from. max_body: bytes, 64 MB when None. max_rows: of one
    bulk request. unindexed_limit: rows of one on a list whose business key is not its key fields.
    clock: seconds, for the quota alone. received: a file to which each request is appended as a
    JSON line when it is over; `OSError` when it cannot be written. keep_responses: whether
    `received` holds the responses too.
    """

    def __init__(
        self,
        config: SandboxConfig,
        *,
        quota: int = 2500,
        busy: float = 0.0,
        busy_per_row: float = 0.0,
        faults: Iterable[str] = (),
        index_base: int = 0,
        max_body: int | None = None,
        max_rows: int | None = None,
        unindexed_limit: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        received: Path | None = None,
        keep_responses: bool = False,
    ) -> None:
        self.config = config
        self._lock = threading.RLock()
        self._lists = open_lists(config)
        self._received: list[Received] = []
        self._file, self._keep_responses = received, keep_responses
        if received is not None:
            # The requests hold personal data: only the owner may read them.
            os.close(os.open(received, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        self._service = Service(
            config,
            Api(config, self._lists, index_base, unindexed_limit),
            self._lock,
            FaultPlan(faults),
            Quota(quota, clock),
            arrived=self._arrived,
            answered=self._answered,
            limits=Limits(busy, busy_per_row, max_body, max_rows),
        )

    @property
    def received(self) -> list[Received]:
        """All requests so far, in the order in which they came in."""
        with self._lock:
            return list(self._received)

    def bulk(self) -> list[Received]:
        """List the requests that load or delete data, of lists and of segments."""
        ends = {"POST": "/data/load", "DELETE": "/data"}
        return [one for one in self.received if one.path.endswith(ends.get(one.method, "\0"))]

    def faults(self, specs: Iterable[str]) -> None:
        """Replace the faults; their counters start again. `ValueError` when a spec is not legal."""
        self._service.plan = FaultPlan(specs)

    def describe(self, url: str) -> str:
        """Write the line that tells a user how to reach the sandbox at this address."""
        config = self.config
        return (
            f"Selligent sandbox on {url} (organization {config.organization}, "
            f"key {config.api_key}, secret {config.api_secret}); "
            f"lists: {', '.join(config.lists) or 'none'}; stop with Ctrl-C, "
            "which forgets all of it"
        )

    def records(self, api_name: str) -> list[dict[str, object]]:
        """Copy all records of a list, in insertion order; `KeyError` when there is no such list."""
        with self._lock:
            return [dict(record) for record in self._lists[api_name].records.values()]

    def segment(self, api_name: str, segment: str) -> list[int]:
        """List the ids of a segment's members, in the order in which they joined."""
        with self._lock:
            return list(self._lists[api_name].segments[segment].members)

    def put(self, api_name: str, records: Iterable[Mapping[str, object]]) -> None:
        """Insert or, by business key, update records; `ValueError` at the first invalid one."""
        with self._lock:
            one = self._lists[api_name]
            for record in records:
                row = Bulk(one.business_key, tuple(record), [list(record.values())])
                for _, error in one.load(row).invalid:
                    raise ValueError(f"{error.field_name}: {error}")

    def remove(self, api_name: str, values: Mapping[str, object]) -> int:
        """Delete the records that hold these values, of one to three fields; return how many."""
        row = Bulk(tuple(values), tuple(values), [list(values.values())])
        removed = 0
        with self._lock:
            while self._lists[api_name].delete(row).deleted:
                removed += 1
        return removed

    @contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve from a thread and yield the address without a path; ends when the block does.

        port: 0 chooses a free one. Raises `OSError` when the port is taken.
        """
        ready: Future[tuple[int, Callable[[], object]]] = Future()

        async def main() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()

            def started(port: int) -> None:
                ready.set_result((port, lambda: loop.call_soon_threadsafe(stop.set)))

            await self._service.run(port, started, stop)

        def work() -> None:
            try:
                asyncio.run(main())
            except OSError as error:
                if ready.done():
                    raise
                ready.set_exception(error)

        thread = threading.Thread(target=work, name="selligent-sandbox", daemon=True)
        thread.start()
        bound, stop = ready.result()
        try:
            yield f"http://127.0.0.1:{bound}"
        finally:
            stop()
            thread.join()

    def serve(self, port: int, started: Callable[[str], None] = lambda url: None) -> None:
        """Serve until SIGINT or SIGTERM; `started` gets the address. For the main thread only.

        Raises `OSError` when the port is taken.
        """

        async def main() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            await self._service.run(port, lambda n: started(f"http://127.0.0.1:{n}"), stop)

        asyncio.run(main())

    def _arrived(self, method: str, path: str, query: dict[str, str], body: object) -> int:
        with self._lock:
            number = len(self._received) + 1
            self._received.append(Received(number, method, path, query, body))
            return number

    def _answered(self, number: int, status: int | None, response: object) -> None:
        response = response if self._keep_responses else None
        with self._lock:
            one = replace(self._received[number - 1], status=status, response=response)
            self._received[number - 1] = one
            if self._file is not None:
                told = {name: value for name, value in vars(one).items() if name != "response"}
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(told) + "\n")
