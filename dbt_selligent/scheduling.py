"""Stays, and syncs what falls due: the same as `sync --due`, again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from dbt_selligent.errors import ActivationFaults, ConfigurationError, DbtSelligentError
from dbt_selligent.events import Emit, Noted
from dbt_selligent.pipeline import sync_at
from dbt_selligent.project import fingerprint
from dbt_selligent.results import RunResults
from dbt_selligent.schedules import Schedule, next_time
from dbt_selligent.selection import list_activations
from dbt_selligent.settings import Settings

# Seconds. It wakes by the clock on the wall: machines sleep, and clocks are set.
LONGEST_NAP = 60.0
LONGEST_SLEEP = 1.0
LONGEST_PAUSE = timedelta(minutes=60)
LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Retry:
    """When an activation is tried again that failed so many times in a row."""

    at: datetime
    failures: int


@dataclass(frozen=True)
class Agenda:
    """When each activation, by its name, is looked at again after a round that began at ``since``.

    Before the first round that is at once. ``schedules`` are never empty.
    """

    schedules: Mapping[str, Schedule]
    since: datetime = LONG_AGO
    retries: Mapping[str, Retry] = field(default_factory=dict)

    @property
    def next(self) -> tuple[str, datetime]:
        """Which is the first to be looked at, and when."""
        times = {
            name: self.retries[name].at if name in self.retries else next_time(schedule, self.since)
            for name, schedule in self.schedules.items()
        }
        return min(times.items(), key=lambda each: (each[1], each[0]))

    def seconds(self, now: datetime) -> float:
        """To wait for the next round; none where the clock was set back behind the last one."""
        _, at = self.next
        return 0.0 if now < self.since else max(0.0, (at - now).total_seconds())

    def postponed(self, now: datetime) -> frozenset[str]:
        """Those that are not tried yet, although they are due."""
        if now < self.since:
            return frozenset()
        return frozenset(name for name, retry in self.retries.items() if retry.at > now)

    def after(self, began: datetime, ended: datetime, failed: Collection[str]) -> Agenda:
        """The agenda after a round, in which these failed, or were under way elsewhere.

        Each is tried again after 1, 2, 4 … 60 minutes, and when its schedule says so anyway.
        """
        left = self.postponed(began)
        retries = {name: retry for name, retry in self.retries.items() if name in left}
        for name in failed:
            failures = self.retries[name].failures + 1 if name in self.retries else 1
            at = min(ended + pause(failures), next_time(self.schedules[name], began))
            retries[name] = Retry(at, failures)
        return Agenda(self.schedules, began, retries)

    def told(self) -> str:
        """What is next, in words."""
        name, at = self.next
        said = f"next: {name} at {self.schedules[name].local(at)}"
        if name not in self.retries:
            return said
        failures = self.retries[name].failures
        return f"{said}, tried again after {failures} time{'s' if failures != 1 else ''} in vain"


def pause(failures: int) -> timedelta:
    """How long what failed so many times in a row is left alone."""
    return min(LONGEST_PAUSE, timedelta(minutes=2 ** min(failures - 1, 6)))


def read_schedules(settings: Settings) -> dict[str, Schedule]:
    """The schedules of the selected activations that have one; raises ConfigurationError."""
    found = {each.name: each.schedule for each in list_activations(settings) if each.schedule}
    if not found:
        raise ConfigurationError(
            "no activation that is selected has a `schedule:`",
            'give one a time, like schedule: "0 6 * * *"',
        )
    return found


def doze(seconds: float) -> None:
    """Sleeps so long, in short stretches.

    A signal that comes just before Python begins to sleep is heeded when that sleep is over.
    """
    while seconds > 0:
        time.sleep(min(seconds, LONGEST_SLEEP))
        seconds -= LONGEST_SLEEP


def utc_now() -> datetime:
    """The time on the wall."""
    return datetime.now(timezone.utc)


class Scheduler:
    """The loop; ``resolve`` gives the settings as they are now, ``close`` is told of each sync.

    ``stopped`` says whether the process was told to end while a sync was under way.
    """

    def __init__(
        self,
        resolve: Callable[[], Settings],
        emit: Emit,
        close: Callable[[RunResults], None],
        stopped: Callable[[], bool],
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = doze,
    ) -> None:
        self._resolve = resolve
        self._emit = emit
        self._close = close
        self._stopped = stopped
        self._clock = clock
        self._sleep = sleep
        self._seen: tuple[Settings, str] | None = None
        self._agenda: Agenda | None = None
        self._wrong = ""
        self._syncing = False

    def run(self) -> int:
        """Runs until a KeyboardInterrupt; the exit code, of a sync that this ended or else 0.

        Where one ends a sync that has not begun to send, it goes on to the caller. Raises
        ConfigurationError where the project is wrong at its start.
        """
        try:
            self._take_project()
            while True:
                now = self._clock()
                if self._seen and self._agenda and not self._agenda.seconds(now):
                    settings, _ = self._seen
                    code, self._agenda = self._round(settings, self._agenda, now)
                    if self._stopped():
                        return code
                self._nap()
                self._look()
        except KeyboardInterrupt:
            if self._syncing:
                raise
            return 0

    def _nap(self) -> None:
        left = self._agenda.seconds(self._clock()) if self._agenda else LONGEST_NAP
        self._sleep(min(left, LONGEST_NAP))

    def _look(self) -> None:
        """Takes the project as it is now; what is wrong with it is told once."""
        try:
            self._take_project()
        except (ConfigurationError, OSError) as error:
            self._seen, self._agenda = None, None
            if str(error) != self._wrong:
                self._wrong = str(error)
                self._note(self._wrong, wrong=True)
                if isinstance(error, ActivationFaults):
                    self._warn_of_faults()

    def _warn_of_faults(self) -> None:
        """By a sync, which they keep from sending anything."""
        with suppress(DbtSelligentError, OSError):
            sync_at(self._resolve(), self._clock(), emit=self._emit)

    def _take_project(self) -> None:
        settings = self._resolve()
        seen = settings, fingerprint(settings)
        if seen != self._seen:
            # What failed may be mended.
            self._agenda = Agenda(read_schedules(settings))
            self._seen, self._wrong = seen, ""

    def _round(self, settings: Settings, agenda: Agenda, now: datetime) -> tuple[int, Agenda]:
        self._note("looks at what is due")
        postponed = agenda.postponed(now)
        self._syncing = True
        try:
            results, found = sync_at(settings, now, postponed=postponed, emit=self._emit)
        except (DbtSelligentError, OSError) as error:
            self._note(str(error), wrong=True)
            code, failed = 1, {name for name in agenda.schedules if name not in postponed}
        else:
            code, failed = results.exit_code, set()
            failed |= {result.name for result in results.results if not result.complete}
            failed |= {name for name, _ in found.under_way}
            self._close(results)
        self._syncing = False
        after = agenda.after(now, self._clock(), sorted(failed & set(agenda.schedules)))
        self._note(after.told())
        return code, after

    def _note(self, said: str, *, wrong: bool = False) -> None:
        self._emit(Noted(self._clock(), said, wrong))
