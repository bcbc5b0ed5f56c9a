"""When an activation falls due: a cron line in a time zone; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from dbt_selligent.errors import nearest

# Five fields, as cron has them.
FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day of the month": "1 to 31, or L for the last",
    "month": "1 to 12, or JAN to DEC",
    "day of the week": "0 to 7, or SUN to SAT",
}
EXAMPLE = 'write it like "0 6 * * *": minute, hour, day of the month, month, day of the week'
ZONE_EXAMPLE = "write it like Europe/Brussels"
# Short forms that some crons know.
SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SOME_TIME = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Schedule:
    """A cron line, and the time zone of its times; both are checked by `find_fault`."""

    cron: str
    timezone: str = "UTC"

    def __str__(self) -> str:
        """As it is told."""
        return f"{self.cron} {self.timezone}"

    def as_dict(self, at: datetime) -> dict[str, str]:
        """For JSON, with the next of its times."""
        zone = ZoneInfo(self.timezone)
        return {
            "cron": self.cron,
            "timezone": self.timezone,
            "next_time": at.astimezone(zone).isoformat(timespec="minutes"),
        }

    def local(self, at: datetime) -> str:
        """A time, in its zone, to be told."""
        return f"{at.astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M} {self.timezone}"


def next_time(schedule: Schedule, after: datetime) -> datetime:
    """The first time of a schedule after another, in UTC.

    Clocks that are set forward or back are dealt with as Debian's cron does: a fixed time that is
    left out comes when the clock is set, one that comes twice counts the first time.
    """
    coming = CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.timezone)))
    times = (at.astimezone(timezone.utc) for at in coming)
    # In an hour that comes twice it begins with those of the first.
    return next(at for at in times if at > after)


def is_due(schedule: Schedule, last: datetime | None, now: datetime) -> bool:
    """Whether a time of the schedule has come since the last success began.

    Without one it is due at once, and so it is after one of a time to come, as where the clock was
    set back: else it would wait for that time. Times that were missed make it due once.
    """
    return last is None or last > now or next_time(schedule, last) <= now


def find_fault(cron: str) -> tuple[str, str] | None:
    """What is wrong with a cron line, and its mend; None if nothing is."""
    parts = cron.split()
    if cron.strip().startswith("@"):
        like = nearest(cron.strip(), list(SHORT))
        return f"{cron.strip()}: no such form", f'write "{SHORT[like]}"' if like else EXAMPLE
    if len(parts) == len(FIELDS) + 1:
        mend = f'times are to the minute: write "{" ".join(parts[1:])}"'
        return "six fields, and a cron line has five", mend
    if len(parts) != len(FIELDS):
        fields = f"{len(parts)} field{'s' if len(parts) != 1 else ''}"
        return f"{fields}, and a cron line has five", EXAMPLE
    for place, (name, legal) in enumerate(FIELDS.items()):
        alone = ["*"] * len(FIELDS)
        alone[place] = parts[place]
        if not _comes(" ".join(alone)):
            return f"{parts[place]} is no {name}", f"{legal}, like {_like(name)}"
    if not _comes(cron):
        return "this day never comes", "is there such a day in that month?"
    return None


def find_zone_fault(zone: str) -> tuple[str, str] | None:
    """What is wrong with the name of a time zone, and its mend; None if nothing is."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        like = nearest(zone, sorted(available_timezones()))
        return f"no time zone {zone!r}", f"did you mean {like}?" if like else ZONE_EXAMPLE
    return None


def _comes(cron: str) -> bool:
    """Whether a line can be read, and has a time in the fifty years to come."""
    try:
        return next(CronSim(cron, SOME_TIME), None) is not None
    except (CronSimError, ValueError):  # a number may be too long to be one
        return False


def _like(name: str) -> str:
    return "1-5 or MON,THU" if name == "day of the week" else "*, 6, */2 or 1,15"
