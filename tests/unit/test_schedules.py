"""When something falls due: the times of a cron line, also where clocks are set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dbt_selligent.schedules import FIELDS, Schedule, find_fault, find_zone_fault, is_due, next_time

MINUTE = timedelta(minutes=1)
# Where clocks are set: at two, at midnight, by half an hour, by two or three; and where not.
ZONES = (
    "UTC",
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Brussels",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def times(schedule: Schedule, after: str, count: int) -> list[str]:
    found, at = [], utc(after)
    for _ in range(count):
        at = next_time(schedule, at)
        found.append(schedule.local(at).removesuffix(f" {schedule.timezone}") + f"{at: %H:%M}")
    return found


def test_a_time_is_that_of_the_zone() -> None:
    brussels = Schedule("0 6 * * *", "Europe/Brussels")

    assert next_time(brussels, utc("2026-11-26 12:00")) == utc("2026-11-27 05:00")
    assert next_time(brussels, utc("2026-07-01 12:00")) == utc("2026-07-02 04:00")
    assert brussels.local(utc("2026-11-27 05:00")) == "2026-11-27 06:00 Europe/Brussels"
    assert next_time(Schedule("0 6 * * *"), utc("2026-11-26 12:00")) == utc("2026-11-27 06:00")


@pytest.mark.parametrize(
    ("cron", "zone", "after", "local_and_utc"),
    [
        # There is no half past two: it comes when the clock is set forward.
        (
            "30 2 * * *",
            "Europe/Brussels",
            "2026-03-28 12:00",
            ["2026-03-29 03:00 01:00", "2026-03-30 02:30 00:30"],
        ),
        # There are two: the first counts.
        (
            "30 2 * * *",
            "Europe/Brussels",
            "2026-10-24 12:00",
            ["2026-10-25 02:30 00:30", "2026-10-26 02:30 01:30"],
        ),
        # Every half hour is every half hour.
        (
            "*/30 * * * *",
            "Europe/Brussels",
            "2026-10-24 23:30",
            [
                "2026-10-25 02:00 00:00",
                "2026-10-25 02:30 00:30",
                "2026-10-25 02:00 01:00",
                "2026-10-25 02:30 01:30",
                "2026-10-25 03:00 02:00",
            ],
        ),
        (
            "*/30 * * * *",
            "Europe/Brussels",
            "2026-03-29 00:00",
            ["2026-03-29 01:30 00:30", "2026-03-29 03:00 01:00"],
        ),
        # Midnight is left out in Havana.
        (
            "0 0 * * *",
            "America/Havana",
            "2026-03-07 12:00",
            ["2026-03-08 01:00 05:00", "2026-03-09 00:00 04:00"],
        ),
        # And comes twice.
        (
            "15 0 * * *",
            "America/Havana",
            "2026-10-31 12:00",
            ["2026-11-01 00:15 04:15", "2026-11-02 00:15 05:15"],
        ),
        # By half an hour.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03 00:00",
            ["2026-10-04 02:30 15:30", "2026-10-05 02:15 15:15"],
        ),
    ],
)
def test_times_where_clocks_are_set(
    cron: str, zone: str, after: str, local_and_utc: list[str]
) -> None:
    assert times(Schedule(cron, zone), after, len(local_and_utc)) == local_and_utc


def test_a_time_that_comes_twice_does_so_no_second_time_after_the_first() -> None:
    schedule = Schedule("45 2 * * *", "Europe/Brussels")
    first = utc("2026-10-25 00:45")
    second_quarter_past_two = utc("2026-10-25 01:15")

    assert next_time(schedule, first - MINUTE) == first
    assert next_time(schedule, second_quarter_past_two) == utc("2026-10-26 01:45")
    assert not is_due(schedule, first, second_quarter_past_two)
    assert is_due(schedule, first - MINUTE, second_quarter_past_two)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-11-26 05:00", True),
        ("2026-11-26 05:59", "2026-11-26 05:59:59.999999", False),
        ("2026-11-26 05:59", "2026-11-26 06:00", True),
        ("2026-11-26 05:59:59.999999", "2026-11-26 06:00", True),
        ("2026-11-26 06:00", "2026-11-26 06:00", False),
        ("2026-11-26 06:00", "2026-11-27 05:59", False),
        ("2026-11-20 06:00", "2026-11-27 05:59", True),
        ("2026-11-27 06:00", "2026-11-26 06:00", True),
        ("2036-11-26 06:00", "2026-11-26 05:00", True),
    ],
)
def test_it_is_due_when_a_time_has_come_since_the_last_success_began(
    last: str | None, now: str, due: bool
) -> None:
    assert is_due(Schedule("0 6 * * *"), utc(last) if last else None, utc(now)) is due


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    each = st.one_of(
        st.just("*"),
        number.map(str),
        span,
        st.integers(1, 30).map(lambda step: f"*/{step}"),
        st.tuples(span, st.integers(1, 9)).map(lambda both: f"{both[0]}/{both[1]}"),
    )
    return st.lists(each, min_size=1, max_size=3).map(",".join)


CRON_LINES = st.tuples(
    field(0, 59), field(0, 23), field(1, 31) | st.just("L"), field(1, 12), field(0, 7)
).map(" ".join)
OFTEN = st.tuples(field(0, 59), field(0, 23), st.just("*"), st.just("*"), st.just("*")).map(
    " ".join
)
# Of two years, and half of them about where some clock is set.
SETTING = ("2026-03-08", "2026-03-29", "2026-04-04", "2026-04-24", "2026-10-04", "2026-10-25")
MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda n: utc("2025-06-01") + n * MINUTE)
ABOUT = st.builds(
    lambda day, minutes: utc(day) + minutes * MINUTE,
    st.sampled_from((*SETTING, "2026-10-29", "2026-11-01")),
    st.integers(-24 * 60, 36 * 60),
)


@given(CRON_LINES, st.sampled_from(ZONES), MOMENTS | ABOUT, st.data())
def test_the_next_time_is_the_same_from_everywhere_before_it(
    cron: str, zone: str, after: datetime, data: st.DataObject
) -> None:
    assume(find_fault(cron) is None)
    schedule = Schedule(cron, zone)
    at = next_time(schedule, after)
    assert at > after
    assert (at.second, at.microsecond, at.tzinfo) == (0, 0, timezone.utc)
    between = after + (at - after) * data.draw(st.floats(0, 1, exclude_max=True))
    assume(between < at)
    assert next_time(schedule, between) == at


def ticks(start: datetime, steps: list[int]) -> Iterator[datetime]:
    now = start
    for step in steps:
        now += step * MINUTE
        yield now


STEPS = st.lists(st.integers(0, 300), min_size=1, max_size=12)


@given(OFTEN, st.sampled_from(ZONES), ABOUT, STEPS)
@example("30 2 * * *", "Europe/Brussels", utc("2026-03-28 22:00"), [30] * 12)
@example("30 2 * * *", "Europe/Brussels", utc("2026-10-24 22:00"), [15] * 24)
@example("*/20 1-3 * * *", "Antarctica/Troll", utc("2026-10-24 22:00"), [7] * 40)
def test_it_is_due_once_for_each_time_however_often_it_is_asked(
    cron: str, zone: str, start: datetime, steps: list[int]
) -> None:
    """Each time makes one look due, those that came between two looks the same one."""
    schedule = Schedule(cron, zone)
    coming = sweep(schedule, start)
    ahead, last = next(coming), start
    for now in ticks(start, steps):
        came = ahead <= now
        while ahead <= now:
            ahead = next(coming)
        assert is_due(schedule, last, now) is came
        if came:
            last = now
            assert not is_due(schedule, last, now)


def sweep(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """All times after another, as the library has them from a day before on."""
    day_before = (after - timedelta(days=1)).astimezone(ZoneInfo(schedule.timezone))
    found = (at.astimezone(timezone.utc) for at in CronSim(schedule.cron, day_before))
    return (at for at in found if at > after)


@given(OFTEN, st.sampled_from(ZONES), ABOUT, STEPS)
def test_what_fails_stays_due_until_it_succeeds(
    cron: str, zone: str, start: datetime, steps: list[int]
) -> None:
    schedule = Schedule(cron, zone)
    fell_due = False
    for now in ticks(start, steps):
        due = is_due(schedule, start, now)
        assert due or not fell_due
        fell_due = due


@given(OFTEN, st.sampled_from(ZONES), ABOUT, st.integers(1, 10**6), STEPS)
def test_a_clock_that_was_set_back_costs_one_sync_and_blocks_nothing(
    cron: str, zone: str, now: datetime, ahead: int, steps: list[int]
) -> None:
    schedule = Schedule(cron, zone)
    assert is_due(schedule, now + ahead * MINUTE, now)
    at = next_time(schedule, now)
    for later in ticks(now, steps):
        assert is_due(schedule, now, later) is (at <= later)


@given(st.text(max_size=20) | st.lists(st.text("0123456789*/-,L#?SUN ", max_size=6)).map(" ".join))
@example("5L/2 * * * *")
@example("0 0 * * 1#1/2")
@example("9" * 5000 + " * * * *")
@example("0 0 L/2 * *")
@example("* * 31 2,4 */2")
def test_any_text_is_a_line_that_comes_or_has_a_fault(text: str) -> None:
    if find_fault(text) is None:
        assert len(text.split()) == len(FIELDS)
        assert next_time(Schedule(text), utc("2026-11-26")) > utc("2026-11-26")


@given(st.text(max_size=20))
@example("Europe")
@example("\0")
@example("/etc/passwd")
def test_any_text_is_a_zone_or_has_a_fault(text: str) -> None:
    if find_zone_fault(text) is None:
        assert next_time(Schedule("0 6 * * *", text), utc("2026-11-26")) > utc("2026-11-26")
