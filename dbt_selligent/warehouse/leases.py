"""Locks in a warehouse: claims that hold for a while, renewed as long as they are needed."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar, cast

from dbt_selligent.errors import LockedError, RunError, StateError, WarehouseError
from dbt_selligent.warehouse.schema import Schema

# How long a claim holds that is not renewed, and how often it is; seconds.
SECONDS_TO_HOLD = 120
SECONDS_TO_RENEW = 30
SECONDS_TO_POLL = 2.0
# How the names of the tables of claims begin; a number of a day follows.
LOCKS = "locks_"
ATTEMPTS = 5
Known = TypeVar("Known")


class Lease:
    """A claim to what ``key`` names."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.claim = uuid.uuid4().hex
        self.holder = json.dumps(_holder())
        self.until = 0.0  # by `_clock`
        self.known: object = None  # see `Leases.once`

    @property
    def held(self) -> bool:
        """Whether it was renewed in time, so that no other can have it."""
        return _clock() <= self.until


class _Days:
    """The tables of claims: one for each day, by this machine's clock, and none that is over.

    Where two that insert into one table at once may undo each other, each command has its own.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._made = ""
        self._own = "" if schema.dialect.transactional else f"_{uuid.uuid4().hex[:12]}"

    def today(self) -> str:
        """That of today, made if it is not there; raises WarehouseError."""
        name = f"{LOCKS}{_day()}{self._own}"
        if self._made != name:
            self.schema.ensure()
            self.schema.create(name, "create_locks")
            self.schema.drop([table for table, day in self._there() if day < _day() - 1])
            self._made = name
        return name

    def renew(self, leases: Sequence[Lease]) -> None:
        """Says, in one statement, that they hold for a while from now; raises WarehouseError."""
        began = _clock()  # what is said takes time to be written
        self._say(leases, SECONDS_TO_HOLD)
        for lease in leases:
            lease.until = began + SECONDS_TO_HOLD

    def release(self, lease: Lease) -> None:
        """Says that it holds no more; raises WarehouseError."""
        self._say([lease], 0, released=True)

    def _say(self, leases: Sequence[Lease], seconds: int, *, released: bool = False) -> None:
        literal = self.schema.dialect.literal
        self.schema.append(
            "claim",
            target=self.schema[self.today()],
            claims=[
                {
                    "claim": literal(each.claim),
                    "what": literal(each.key),
                    "holder": literal(each.holder),
                }
                for each in leases
            ],
            seconds=seconds,
            released=str(released).lower(),
        )

    def open(self) -> list[str]:
        """Those in which a claim may hold, also of who has another clock."""
        return [table for table, day in self._there() if abs(day - _day()) <= 1]

    def _there(self) -> list[tuple[str, int]]:
        tables = self.schema.tables(LOCKS)
        return [(table, int(table.removeprefix(LOCKS).partition("_")[0])) for table in tables]

    def close(self) -> None:
        """Drops what is this command's own; raises WarehouseError."""
        if self._own and self._made:
            mine = [table for table, _ in self._there() if table.endswith(self._own)]
            self.schema.drop(mine)


class Leases:
    """The locks that a command holds in a schema; one thread renews them all."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._days = _Days(schema)
        self._held: dict[str, Lease] = {}
        self._changes = threading.Lock()
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    @contextmanager
    def hold(self, key: str, what: str) -> Iterator[None]:
        """Holds what ``key`` names, told as ``what``; raises LockedError that says who has it."""
        lease = Lease(key)
        try:
            self._days.renew([lease])
            claims = self._claims(key)
            if lease.held and lease.claim not in [claim for claim, _, _ in claims]:
                raise StateError(f"the lock of {what} was not written", "run again")
            for other, holder, left in claims:
                if other != lease.claim and not _is_gone(holder):
                    raise LockedError(f"{what} is in use{_told(holder, left)}")
            self._add(lease)
            yield
        finally:
            self._remove(lease)
            with suppress(RunError):  # it ends by itself
                self._days.release(lease)

    @contextmanager
    def take_turn(
        self, key: str, what: str, stop: threading.Event, waits: Callable[[str], None]
    ) -> Iterator[None]:
        """Holds it as soon as it is free; ``waits`` is told, once, who has it.

        Raises LockedError where it is told to ``stop`` before.
        """
        told = False
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(self.hold(key, what))
                    break
                except LockedError as locked:
                    if not told:
                        waits(locked.message)
                    told = True
                    # Two that claim it at once both take it back: by chance, one is earlier then.
                    if stop.wait(SECONDS_TO_POLL * (0.5 + random.random())):  # noqa: S311
                        raise
            yield

    def check(self, key: str) -> None:
        """Raises StateError where it was held, and could not be renewed in time."""
        lease = self._held.get(key)
        if lease and not lease.held:
            raise StateError(
                "the lock of the activation could not be renewed in time",
                "run again: it goes on where this run stopped",
            )

    def once(self, key: str, read: Callable[[], Known]) -> Known:
        """What ``read`` gives, which is called once as long as ``key`` is held."""
        lease = self._held.get(key)
        if lease is None:
            return read()
        if lease.known is None:
            lease.known = read()
        return cast("Known", lease.known)

    def look(self, key: str) -> None:
        """Has what is known of ``key`` read again."""
        if key in self._held:
            self._held[key].known = None

    def close(self) -> None:
        """Ends the renewing; whatever is still held ends by itself."""
        self._ended.set()
        if self._renewing:
            self._renewing.join()
        with suppress(RunError):
            self._days.close()

    def _add(self, lease: Lease) -> None:
        with self._changes:
            self._held[lease.key] = lease
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._renewing.start()

    def _remove(self, lease: Lease) -> None:
        with self._changes:
            if self._held.get(lease.key) is lease:
                del self._held[lease.key]

    def _renew(self) -> None:
        while not self._ended.wait(SECONDS_TO_RENEW):
            with self._changes:
                held = list(self._held.values())
            if held:
                with suppress(RunError):
                    self._days.renew(held)
        self._schema.warehouse.release()

    def _claims(self, key: str) -> list[tuple[str, str, int]]:
        what = self._schema.dialect.literal(key)
        for more in reversed(range(ATTEMPTS)):
            there = self._days.open()
            tables = [self._schema[table] for table in there]
            try:
                self._schema.refresh(there)
                rows = self._schema.rows("claims", tables=tables, what=what)
                break
            except WarehouseError:  # another command ended meanwhile, and dropped its own
                if not more:
                    raise
        return [(str(claim), str(holder), int(left)) for claim, holder, left in rows]


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where it has such a clock."""
    asleep_too = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(asleep_too)


def _day() -> int:
    return int(time.time() // 86400)


def _holder() -> dict[str, object]:
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": _machine(),
        "born": _born(pid),
    }


def _is_gone(text: str) -> bool:
    """Whether the holder was a process of this machine that is no more: it left without a word."""
    with suppress(ValueError, KeyError, TypeError):
        holder = json.loads(text)
        here = holder["machine"] is not None and holder["machine"] == _machine()
        return here and _born(int(holder["pid"])) != holder["born"]
    return False


def _machine() -> str | None:
    """What only processes share that see each other; None where that is not to be known."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    return None


def _born(pid: int) -> str | None:
    """When a process began, by the machine's own count; None where there is no such process."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def _told(text: str, left: int) -> str:
    with suppress(ValueError, KeyError, TypeError):
        holder = json.loads(text)
        return (
            f" by process {holder['pid']} on {holder['host']} since {holder['since']}"
            f" (if it is gone, until {left} s from now)"
        )
    return ""
