"""Times, spans and round figures in words, for people."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from dbt_selligent.wording import counted

# As written in English, whatever the locale of the machine is.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MINUTE, HOUR, DAY = 60, 3600, 86400
# Up to so many seconds, said in units of so many.
UNITS = (
    (90 * MINUTE, MINUTE, "minute"),
    (36 * HOUR, HOUR, "hour"),
    (60 * DAY, DAY, "day"),
    (730 * DAY, 30.44 * DAY, "month"),
    (float("inf"), 365.25 * DAY, "year"),
)


def day(at: datetime, zone: ZoneInfo) -> str:
    """Like 3 Nov 2026."""
    local = at.astimezone(zone)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Like 3 Nov 2026, 06:00 CET."""
    return f"{day(at, zone)}, {at.astimezone(zone):%H:%M %Z}"


def ago(then: datetime, now: datetime) -> str:
    """How long before ``now`` it was, like 2 hours ago."""
    seconds = (now - then).total_seconds()
    if seconds < -MINUTE:
        return "in time to come"  # by a clock that is not ours
    if seconds < MINUTE:
        return "less than a minute ago"
    unit, name = next((unit, name) for upto, unit, name in UNITS if seconds < upto)
    count = int(seconds / unit)
    return f"{counted(count, name)} ago"


def span(seconds: float) -> str:
    """A length of time, like 0.4 s, 12 s, 3 min 10 s or 2 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    minutes, rest = divmod(whole, MINUTE)
    if whole < HOUR:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def short(number: float) -> str:
    """A round figure that is short enough for an axis, like 800, 25k or 1.5M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 10_000 and number >= size:
            return f"{number / size:g}{sign}"
    return f"{number:,g}"
