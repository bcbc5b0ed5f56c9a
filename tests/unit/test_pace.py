"""How fast a destination may be called, by a clock that is given; how much a request carries."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbt_selligent.selligent.pace import (
    FIRST_ROWS,
    MOST_ROWS,
    REQUESTS,
    TARGET,
    WINDOW,
    Budget,
    Pace,
)

# how much a request carries


def test_the_first_request() -> None:
    assert (Pace().rows, Pace().most, Pace().strict) == (FIRST_ROWS, MOST_ROWS, False)


@pytest.mark.parametrize(
    ("pace", "rows", "seconds", "wanted"),
    [
        (Pace(100, 1000), 100, 1.0, 500),
        (Pace(100, 1000), 100, 0.0, 1000),
        (Pace(100, 1000), 100, TARGET, 100),
        (Pace(100, 1000), 100, 10.0, 50),
        (Pace(100, 1000), 100, 1e9, 1),
        (Pace(1, 1000), 1, 60.0, 1),  # a row alone cannot be fewer
        # One smaller than it could have been says little of what a full one takes.
        (Pace(100, 1000), 49, 0.0, 100),
        (Pace(100, 1000), 50, 0.0, 1000),
        (Pace(100, 1000), 49, 10.0, 24),
        (Pace(100, 1000), 50, 1.0, 250),
        (Pace(100, 1000), 50, 4.9, 100),  # never fewer where the answer came in time
        (Pace(100, 1000), 120, 10.0, 60),
    ],
)
def test_after_an_answer(pace: Pace, rows: int, seconds: float, wanted: int) -> None:
    assert pace.answered(rows, seconds) == Pace(wanted, 1000)


@given(
    st.integers(1, MOST_ROWS),
    st.integers(1, MOST_ROWS),
    st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=20),
)
def test_a_request_is_never_empty_and_never_beyond_the_most(
    rows: int, most: int, answers: list[tuple[float, bool]]
) -> None:
    pace = Pace(min(rows, most), most)
    for seconds, late in answers:
        before = pace
        pace = pace.too_long(pace.rows) if late else pace.answered(pace.rows, seconds)
        assert 1 <= pace.rows <= pace.most <= before.most
        if late:
            assert pace.most == max(1, before.rows // 2)
        elif seconds <= TARGET:
            assert pace.rows >= before.rows
        else:
            assert pace.rows <= before.rows


def test_what_was_too_long_is_not_tried_again() -> None:
    pace = Pace(100, 1000, strict=True).too_long(100)

    assert pace == Pace(50, 50, strict=True)
    assert pace.answered(50, 0.0).rows == 50
    assert Pace(1, 1000).too_long(1) == Pace(1, 1)


@pytest.mark.parametrize(
    ("left", "strict", "rows"),
    [
        (None, False, 100),
        (1000, False, 100),
        (126, False, 100),
        (125, False, 125),
        (100, False, 100),
        (3, False, 3),
        (0, False, 1),
        (125, True, 100),
        (None, True, 100),
    ],
)
def test_a_few_rows_more_where_they_save_a_request(
    left: int | None, strict: bool, rows: int
) -> None:
    assert Pace(100, 1000, strict).take(left) == rows


@pytest.mark.parametrize(
    ("pace", "rows", "requests"),
    [
        (Pace(), 0, 0),
        (Pace(), 1, 1),
        (Pace(), FIRST_ROWS, 1),
        (Pace(), FIRST_ROWS * 5 // 4, 1),
        (Pace(), FIRST_ROWS * 5 // 4 + 1, 2),
        (Pace(), FIRST_ROWS + MOST_ROWS, 2),
        (Pace(), 1_000_000, 21),
        (Pace(10, 10, strict=True), 10, 1),
        (Pace(10, 10, strict=True), 11, 2),
        (Pace(10, 10, strict=True), 101, 11),
        (Pace(1, 1, strict=True), 10**12, 10**12),
    ],
)
def test_how_many_requests_are_expected(pace: Pace, rows: int, requests: int) -> None:
    assert pace.expect(rows) == requests


@pytest.mark.parametrize(
    ("pace", "rows", "requests"),
    [(Pace(1270), 40_000, 32), (Pace(1270), 28_552, 23), (Pace(), 2500, 1), (Pace(), 50_000, 20)],
)
def test_how_many_of_the_same_size_are_expected(pace: Pace, rows: int, requests: int) -> None:
    assert pace.expect(rows, grows=False) == requests


@given(st.integers(1, 60), st.integers(1, 60), st.booleans(), st.integers(0, 2000))
def test_as_many_are_expected_as_quick_answers_make(
    rows: int, most: int, strict: bool, left: int
) -> None:
    pace = started = Pace(min(rows, most), most, strict)
    expected, requests = started.expect(left), 0
    while left > 0:
        sent = min(left, pace.take(left))
        left, requests, pace = left - sent, requests + 1, pace.answered(sent, 0.0)
    assert requests == expected


# the requests of a minute


@dataclass
class Clock:
    """Time that goes on only when someone sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def headers(remaining: object, reset: object) -> dict[str, str]:
    return {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset)}


def take(budget: Budget, clock: Clock, times: int = 1, *, stopped: bool = False) -> None:
    for _ in range(times):
        budget.take(clock.sleep, lambda: stopped)


def test_a_minute_has_so_many_requests() -> None:
    clock = Clock()
    budget = Budget(clock)

    take(budget, clock, REQUESTS)
    assert clock.slept == []
    clock.now += 20.0
    take(budget, clock)
    assert clock.slept == [WINDOW - 20.0]
    take(budget, clock, REQUESTS - 1)
    assert clock.slept == [WINDOW - 20.0]


@settings(max_examples=20)
@given(st.lists(st.floats(0, 0.05), min_size=1, max_size=50))
def test_no_minute_has_more(gaps: list[float]) -> None:
    clock = Clock()
    budget = Budget(clock)
    made = []
    for gap in islice(cycle(gaps), 2 * REQUESTS + 10):
        clock.now += gap
        take(budget, clock)
        made.append(clock.now)

    after = zip(made, made[REQUESTS:], strict=False)
    assert min(later - first for first, later in after) > WINDOW - 1e-6


def test_what_an_answer_says_is_left_is_all_there_is() -> None:
    clock = Clock()
    budget = Budget(clock)
    take(budget, clock)
    budget.told(headers(2, 30))

    take(budget, clock, 2)
    assert clock.slept == []
    clock.now += 10.0
    take(budget, clock)
    assert clock.slept == [20.0]


def test_after_the_reset_the_quota_is_whole_again() -> None:
    clock = Clock()
    budget = Budget(clock)
    budget.told(headers(0, 30))
    clock.now += 30.0

    take(budget, clock, 5)

    assert clock.slept == []


def test_of_answers_that_overtake_each_other_the_smallest_number_holds() -> None:
    clock = Clock()
    budget = Budget(clock)
    budget.told(headers(1, 30))
    budget.told(headers(5, 30))

    take(budget, clock)
    assert clock.slept == []
    take(budget, clock)
    assert clock.slept == [30.0]


def test_of_another_window_the_new_number_holds() -> None:
    clock = Clock()
    budget = Budget(clock)
    budget.told(headers(0, 5))
    budget.told(headers(3, 60))

    take(budget, clock, 3)

    assert clock.slept == []


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-reset": "60"},
        headers("none", 60),
        headers(0, "soon"),
        headers(0, "nan"),
        headers(0, "inf"),
        headers(-1, 60),
        headers(0, -1),
        headers(0, 86400),
        headers("0, 0;w=60", 60),
    ],
)
def test_headers_that_say_nothing_of_use(told: dict[str, str]) -> None:
    clock = Clock()
    budget = Budget(clock)

    budget.told(told)
    take(budget, clock, 3)

    assert clock.slept == []


def test_who_is_told_to_stop_does_not_wait() -> None:
    clock = Clock()
    budget = Budget(clock)
    budget.told(headers(0, 60))

    take(budget, clock, stopped=True)

    assert clock.slept == []


def test_threads_share_one_budget() -> None:
    """Twice as many requests as there may be: half of them wait."""
    clock = Clock()
    budget = Budget(clock)
    slept: list[float] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(REQUESTS // 4):
            budget.take(slept.append, lambda: False)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # By a clock that stands still: what was not waited for is exactly what a minute has.
    assert len(slept) == REQUESTS
    assert slept == [WINDOW] * REQUESTS
