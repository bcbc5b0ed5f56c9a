"""The geometry of the charts: whatever the figures are, bars lie where they belong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.report.chart import BETWEEN_DATES, LEAST_HEIGHT, LEAST_SLOTS, draw, fit
from dbt_selligent.report.record import Run
from dbt_selligent.stateview import CUT_OFF

START = datetime(2026, 11, 1, 6, 0, tzinfo=timezone.utc)
UTC = ZoneInfo("UTC")
ROWS = st.one_of(st.none(), st.integers(0, 20), st.integers(0, 10**12))
RUN = st.fixed_dictionaries(
    {
        "confirmed": ROWS,
        "rejected": ROWS,
        "seconds": st.one_of(st.none(), st.floats(0, 10**7)),
        "status": st.sampled_from(["in step", "failed", "kept back", CUT_OFF, "limited"]),
        "forced": st.sampled_from([None, "model customers has no rows"]),
        "after": st.integers(0, 10**7),
    }
)


def runs(*told: dict[str, Any]) -> tuple[Run, ...]:
    """Newest first; each is told from the oldest on."""
    found, at = [], START
    for number, each in enumerate(told):
        at += timedelta(seconds=each.get("after", 86400))
        given = {name: value for name, value in each.items() if name != "after"}
        found.append(Run(**{"run_id": f"{number}", "started_at": at, "status": "in step", **given}))
    return tuple(reversed(found))


def confirmed(*rows: int) -> tuple[Run, ...]:
    return runs(*({"confirmed": each} for each in rows))


@given(st.lists(RUN, max_size=70))
def test_all_that_is_drawn_lies_inside_the_chart(told: list[dict[str, Any]]) -> None:
    chart = draw(runs(*told), UTC)
    top = 0.0
    for panel in chart.panels:
        assert top <= panel.y < panel.ceiling < panel.base < chart.marks_y
        top = panel.base
        left = 0.0
        for bar in panel.bars:
            assert panel.ceiling - 1e-6 <= bar.y
            assert bar.height > 0
            assert bar.y + bar.height == pytest.approx(panel.base)
            assert left - 1e-6 <= bar.x  # none lies upon another
            left = bar.x + bar.width
            assert left <= 100 + 1e-6
    assert len(chart.slots) == len(told)
    assert all(slot.x >= 0 and slot.x + slot.width <= 100 + 1e-6 for slot in chart.slots)
    assert all(0 < mark.x < 100 for mark in chart.marks)
    assert all(0 <= date.x <= 100 + 1e-6 for date in chart.dates)
    assert chart.marks_y < chart.dates_y < chart.height


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_a_higher_figure_is_no_lower_bar_and_none_above_zero_is_unseen(rows: list[int]) -> None:
    panel = draw(confirmed(*rows), UTC).panels[0]
    shown = [each for each in rows if each]
    assert len(panel.bars) == len(shown)
    for one, bar in zip(shown, panel.bars, strict=True):
        assert bar.height >= LEAST_HEIGHT
        for other, beside in zip(shown, panel.bars, strict=True):
            assert one >= other or bar.height <= beside.height + 1e-6


@given(st.lists(st.integers(0, 10**9), max_size=80), st.booleans())
def test_a_scale_leaves_out_a_tenth_of_the_figures_at_most(values: list[int], timed: bool) -> None:
    scale = fit(values, timed=timed)
    above = [each for each in values if each > scale.top]
    assert len(above) <= len(values) / 10
    assert bool(above) == scale.cut
    # Bars of what is left use a good part of it.
    assert scale.top <= max([1, *(2 * each for each in values if each <= scale.top)])


def test_a_first_sync_does_not_flatten_what_comes_after_it() -> None:
    rows = [250_000, *[400, 700, 300] * 10]
    panel = draw(confirmed(*rows), UTC).panels[0]
    assert (panel.limit, panel.said, panel.cut) == ("800", "highest 250,000", True)
    assert [bar.cut for bar in panel.bars] == [True, *[False] * 30]
    assert panel.bars[0].y == panel.ceiling


def test_of_few_runs_none_is_off_the_scale() -> None:
    panel = draw(confirmed(250_000, 400), UTC).panels[0]
    assert (panel.limit, panel.cut) == ("300k", False)


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [(0.2, "1 s"), (7.2, "8 s"), (59, "1 min"), (61, "2 min"), (1300, "30 min"), (3700, "2 h")],
)
def test_a_duration_is_measured_in_round_units(seconds: float, limit: str) -> None:
    assert draw(runs({"seconds": seconds}), UTC).panels[2].limit == limit


def test_what_never_happened_takes_no_room() -> None:
    some, none = draw(confirmed(3), UTC).panels[:2]
    assert (none.title, none.said, none.limit, none.bars) == ("Rows rejected", "none", "", ())
    assert none.base - none.ceiling < some.base - some.ceiling


def test_one_run_is_no_wall() -> None:
    [bar] = draw(confirmed(3), UTC).panels[0].bars
    assert bar.width < 100 / LEAST_SLOTS


def test_runs_that_did_not_come_to_their_end_are_marked() -> None:
    chart = draw(
        runs(
            {"status": "in step"},
            {"status": "failed", "forced": "more than 10%"},
            {"status": "in step", "forced": "more than 10%"},
            {"status": "rows refused"},
            {"status": CUT_OFF},
            {"status": "kept back"},
        ),
        UTC,
    )
    step = 100 / LEAST_SLOTS
    assert [(round(mark.x / step - 0.5), mark.kind) for mark in chart.marks] == [
        (1, "stopped"),
        (2, "forced"),
        (4, "stopped"),
        (5, "stopped"),
    ]
    assert "6 runs from 2 Nov 2026 to 7 Nov 2026" in chart.said
    assert "3 runs did not come to the end" in chart.said


def test_what_is_told_of_a_run() -> None:
    [slot] = draw(
        runs(
            {
                "status": "failed",
                "confirmed": 1200,
                "rejected": 2,
                "not_sent": 7,
                "seconds": 3.21,
                "forced": "more than 10%",
            }
        ),
        UTC,
    ).slots
    assert slot.said == (
        "2 Nov 2026, 06:00 UTC: failed, 1,200 confirmed, 2 rejected, 7 not sent, 3.2 s, "
        "guard forced"
    )
    [cut_off] = draw(runs({"status": CUT_OFF}), UTC).slots
    assert cut_off.said == "2 Nov 2026, 06:00 UTC: cut off"


@pytest.mark.parametrize(
    ("count", "after", "dates"),
    [
        (1, 86400, ["2 Nov"]),
        (2, 86400, ["3 Nov"]),
        (12, 3600, ["07:00", "11:00", "14:00", "18:00"]),
        (300, 3600, ["1 Nov", "4 Nov", "7 Nov", "10 Nov", "13 Nov"]),
        (60, 30 * 86400, ["Dec 2026", "Feb 2028", "May 2029", "Jul 2030", "Oct 2031"]),
    ],
)
def test_dates_have_room_and_are_told_apart(count: int, after: int, dates: list[str]) -> None:
    chart = draw(runs(*[{"after": after}] * count), UTC)
    assert [date.text for date in chart.dates] == dates
    places = [date.x for date in chart.dates]
    # The first and the last are written from the edge inward.
    between = [b - a for a, b in pairwise(places)]
    assert all(each >= BETWEEN_DATES * 0.8 for each in between)


def test_no_run_is_no_bar() -> None:
    chart = draw((), UTC)
    assert (chart.slots, chart.dates, chart.marks, chart.said) == ((), (), (), "No run yet.")
