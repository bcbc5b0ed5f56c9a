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

from dbt_selligent.errors import LockedError, RunError, StateError
from dbt_selligent.warehouse.claims import Claim, claims_of
from dbt_selligent.warehouse.schema import Schema

# How long a claim holds that is not renewed, and how often it is; seconds.
SECONDS_TO_HOLD = 120
SECONDS_TO_RENEW = 30
# For how much less it counts here: a request, or a commit, takes its time, and others count in
# whole seconds.
SECONDS_TO_SPARE = 15
SECONDS_TO_POLL = 2.0
Known = TypeVar("Known")


class Lease:
    """A lock, told as ``what``, that is held for as long as its claim is renewed in time."""

    def __init__(self, key: str, what: str) -> None:
        self.what = what
        self.claim = Claim(uuid.uuid4().hex, key, json.dumps(_holder()))
        self.known: object = None  # see `Leases.once`
        self._until = 0.0  # by `_clock`

    @property
    def left(self) -> float:
        """Seconds for which no other can have it; none is left where it was not renewed in time."""
        return max(0.0, self._until - _clock())

    def written(self, began: float) -> None:
        """Its claim was written by a statement that began then."""
        self._until = began + SECONDS_TO_HOLD - SECONDS_TO_SPARE

    def renewed(self, began: float) -> None:
        """So it was again; what was not in time is lost for good: another may have had it."""
        if self.left:
            self.written(began)


class Leases:
    """The locks that a command holds in a schema; one thread renews them all."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._claims = claims_of(schema)
        self._held: dict[str, Lease] = {}
        self._changes = threading.Lock()
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    @contextmanager
    def hold(self, key: str, what: str) -> Iterator[None]:
        """Holds what ``key`` names, told as ``what``; raises LockedError that says who has it."""
        lease = Lease(key, what)
        try:
            claims = self._take(lease)
            for claim, left in claims:
                if claim != lease.claim and not _is_gone(claim.holder):
                    raise LockedError(f"{what} is in use{_told(claim.holder, left)}")
            if lease.left < 2 * SECONDS_TO_RENEW:  # it might be lost before it is renewed
                raise LockedError(f"the lock of {what} could not be written in time")
            if lease.claim not in [claim for claim, _ in claims]:
                raise StateError(f"the lock of {what} was not written", "run again")
            self._add(lease)
            yield
        finally:
            self._remove(lease)
            with suppress(RunError):  # it ends by itself
                self._claims.take_back(lease.claim)

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
        if lease and not lease.left:
            raise StateError(
                f"the lock of {lease.what} could not be renewed in time",
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
            self._claims.close()

    def _add(self, lease: Lease) -> None:
        with self._changes:
            self._held[lease.claim.what] = lease
            if self._renewing is None:
                self._renewing = threading.Thread(
                    target=self._keep_renewing, name="leases", daemon=True
                )
                self._renewing.start()

    def _remove(self, lease: Lease) -> None:
        with self._changes:
            if self._held.get(lease.claim.what) is lease:
                del self._held[lease.claim.what]

    def _keep_renewing(self) -> None:
        while not self._ended.wait(SECONDS_TO_RENEW):
            with self._changes, suppress(RunError):  # none is let go meanwhile
                self._renew([lease for lease in self._held.values() if lease.left])
        self._schema.warehouse.release()

    def _take(self, lease: Lease) -> list[tuple[Claim, int]]:
        for _ in range(2):  # a connection may take its time to be opened, and is then
            began = _clock()
            claims = self._claims.take(lease.claim, SECONDS_TO_HOLD)
            lease.written(began)
            if _clock() - began < SECONDS_TO_SPARE:
                break
        return claims

    def _renew(self, leases: Sequence[Lease]) -> None:
        began = _clock()  # what is said takes time to be written
        if leases:
            self._claims.say([lease.claim for lease in leases], SECONDS_TO_HOLD)
        for lease in leases:
            lease.renewed(began)


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where it has such a clock."""
    asleep_too = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(asleep_too)


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
    with suppress(ValueError, KeyError, TypeError, OverflowError, PermissionError):
        holder = json.loads(text)
        if holder["machine"] is None or holder["machine"] != _machine():
            return False
        pid = int(holder["pid"])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # Those of others may be hidden.
        born = _born(pid)
        return born is not None and bool(born != holder["born"])
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
