"""When `schedule` looks at what again, and what it leaves alone for a while."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.events import silent
from dbt_selligent.schedules import Schedule, next_time
from dbt_selligent.scheduling import LONGEST_SLEEP, Agenda, Retry, Scheduler, doze, pause

MINUTE = timedelta(minutes=1)
DAILY = Schedule("0 6 * * *", "Europe/Brussels")
HOURLY = Schedule("15 * * * *")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10**9, 60)]
)
def test_pauses_grow_up_to_an_hour(failures: int, minutes: int) -> None:
    assert pause(failures) == minutes * MINUTE


def test_the_first_round_is_at_once() -> None:
    agenda = Agenda({"crm": DAILY})

    assert agenda.seconds(utc("26 12:00")) == 0
    assert agenda.postponed(utc("26 12:00")) == frozenset()


def test_the_next_round_is_at_the_first_time_that_comes() -> None:
    agenda = Agenda({"crm": DAILY, "orders": HOURLY}).after(utc("26 12:00"), utc("26 12:05"), ())

    assert agenda.seconds(utc("26 12:05")) == 600
    assert agenda.seconds(utc("26 12:15")) == agenda.seconds(utc("26 18:00")) == 0
    assert agenda.told() == "next: orders at 2026-11-26 12:15 UTC"
    daily = Agenda({"crm": DAILY}).after(utc("26 12:00"), utc("26 12:05"), ())
    assert daily.told() == "next: crm at 2026-11-27 06:00 Europe/Brussels"


def test_a_time_that_came_while_a_round_went_on_is_not_missed() -> None:
    agenda = Agenda({"orders": HOURLY}).after(utc("26 12:00"), utc("26 12:16"), ())

    assert agenda.seconds(utc("26 12:16")) == 0


def test_what_failed_is_tried_again_after_growing_pauses_and_by_its_schedule_anyway() -> None:
    agenda, now, tried = Agenda({"crm": DAILY, "orders": HOURLY}), utc("26 00:16"), []
    for _ in range(9):
        agenda = agenda.after(now, now, ("crm",))
        assert agenda.postponed(now) == {"crm"}
        now = agenda.retries["crm"].at
        assert agenda.postponed(now) == frozenset()
        tried.append(f"{now:%H:%M}")

    assert tried == [
        *("00:17", "00:19", "00:23", "00:31", "00:47", "01:19", "02:19", "03:19", "04:19"),
    ]
    agenda = agenda.after(now, now, ("crm",))
    # Six o'clock in Brussels comes before the hour is over.
    assert agenda.retries == {"crm": Retry(utc("26 05:00"), 10)}


def test_a_round_of_others_leaves_alone_what_failed_and_a_success_ends_its_count() -> None:
    both = {"crm": DAILY, "orders": HOURLY}
    agenda = Agenda(both, utc("26 12:00"), {"crm": Retry(utc("26 12:32"), 6)})

    later = agenda.after(utc("26 12:15"), utc("26 12:16"), ())
    assert later.retries == {"crm": Retry(utc("26 12:32"), 6)}
    assert later.told() == (
        "next: crm at 2026-11-26 13:32 Europe/Brussels, tried again after 6 times in vain"
    )
    mended = later.after(utc("26 12:32"), utc("26 12:33"), ())
    assert mended.retries == {}
    failed = mended.after(utc("26 13:15"), utc("26 13:15"), ("crm",))
    assert failed.told().endswith("tried again after 1 time in vain")


def test_a_clock_that_was_set_back_has_everything_looked_at_at_once() -> None:
    agenda = Agenda({"crm": DAILY}, utc("26 12:00"), {"crm": Retry(utc("26 12:32"), 6)})
    set_back = utc("20 12:00")

    assert agenda.seconds(set_back) == 0
    assert agenda.postponed(set_back) == frozenset()
    after = agenda.after(set_back, set_back, ())
    assert (after.since, after.retries) == (set_back, {})
    assert after.seconds(set_back) > 0


NAMES = ("a", "b", "c")
CRONS = st.sampled_from(("* * * * *", "*/7 * * * *", "0 6 * * *", "30 2 * * MON", "0 0 L * *"))


@given(
    st.fixed_dictionaries({name: CRONS.map(Schedule) for name in NAMES}),
    st.lists(st.tuples(st.integers(0, 5000), st.sets(st.sampled_from(NAMES))), max_size=30),
)
def test_nothing_is_looked_at_later_than_its_schedule_says_nor_sooner_than_its_pause(
    schedules: dict[str, Schedule], rounds: list[tuple[int, set[str]]]
) -> None:
    agenda, now = Agenda(schedules), utc("26 12:00")
    for seconds, failing in rounds:
        began, now = now, now + timedelta(seconds=seconds)
        failed = sorted(failing - agenda.postponed(began))
        agenda = agenda.after(began, now, failed)
        name, at = agenda.next
        assert at <= min(next_time(each, began) for each in schedules.values())
        for each in failed:
            again = agenda.retries[each].at
            assert again == min(
                now + pause(agenda.retries[each].failures), next_time(schedules[each], began)
            )
        wait = agenda.seconds(now)
        assert wait == max(0, (at - now).total_seconds())
        assert (name in agenda.postponed(now)) <= (wait > 0)
        now += timedelta(seconds=wait)


@given(st.floats(0, 200))
def test_however_long_it_dozes_no_sleep_is_long(seconds: float) -> None:
    slept: list[float] = []
    with mock.patch.object(time, "sleep", slept.append):
        doze(seconds)
    assert sum(slept) == pytest.approx(seconds)
    assert max(slept, default=0) <= LONGEST_SLEEP


def test_a_schedule_dozes_between_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    scheduler = Scheduler(no_settings, silent, no_settings, no_settings)
    with pytest.raises(KeyboardInterrupt):
        scheduler._nap()
    assert slept == [LONGEST_SLEEP] * 3


def no_settings(*_: object) -> Any:
    """Is not asked for them."""
    raise AssertionError
