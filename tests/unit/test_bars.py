"""Bars fit their window: the line of each activation is whole at any width, and none is broken."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dbt_selligent.cli.bars import Bars, Course, draw
from dbt_selligent.events import Progress

SIGNS = "━─…"


def course(
    name: str = "crm", done: int = 0, of: int = 100, at: float = 10.0, **more: int
) -> Course:
    return Course(0.0, at, Progress(name, done, of, **more))


def test_before_the_first_answer_no_speed_is_known() -> None:
    begun = course()

    assert (begun.speed, begun.left(5.0)) == (None, None)
    assert begun.said(5.0) == "0 of 100 rows"


def test_the_time_that_is_left_runs_down_between_answers_and_not_below_0() -> None:
    going = course(done=25, rejected=3)

    assert going.speed == 2.5
    assert [going.left(now) for now in (10.0, 20.0, 99.0)] == [30.0, 20.0, 0.0]
    assert going.said(20.0) == "25 of 100 rows, 2 rows/s, 0:20 left, 3 rejected"
    assert course(done=1, of=36_000).said(10.0).endswith("99:59:50 left")


def test_an_answer_moves_it_on_and_its_beginning_stays() -> None:
    going = course().answered(Progress("crm", 50, 100), 20.0)

    assert (going.began, going.at, going.speed, going.left(20.0)) == (0.0, 20.0, 2.5, 20.0)


RUNNING = [
    course("crm_customers", 12_500, 23_570, rejected=3),
    course("loyalty_vips", 0, 1_691),
]
WIDTHS = {
    100: "  crm_customers  ━━━━━━━━━━━━━━━───────────────  12,500/23,570  1,250 rows/s  0:09 left  "
    "3 rejected",
    80: "  crm_customers  ━━━━━─────  12,500/23,570  1,250 rows/s  0:09 left  3 rejected",
    60: "  crm_customers  ━━━━━━━───────  53%  0:09 left  3 rejected",
    40: "  crm_customers  53%  0:09 left",
    20: "  crm_custome…  53%",
}


@pytest.mark.parametrize("width", WIDTHS)
def test_what_has_no_room_is_left_out(width: int) -> None:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    bars = Bars({each.last.name: each for each in RUNNING}, lambda: 10.0)

    with console.capture() as captured:
        console.print(bars)

    first, second = captured.get().splitlines()
    assert first.rstrip() == WIDTHS[width]
    assert second.startswith("  loyalty_vips")
    assert cell_len(first) < width


@given(
    st.lists(
        st.builds(
            course,
            st.text(
                st.characters(codec="utf-8", exclude_characters="\n\t"), min_size=1, max_size=60
            ),
            st.integers(0, 10**8),
            st.just(10**8),
            st.floats(0, 10**6),
            rejected=st.integers(0, 10**8),
        ),
        max_size=4,
    ),
    st.integers(5, 200),
    st.floats(0, 10**7),
)
def test_no_line_is_longer_than_its_window(courses: list[Course], width: int, now: float) -> None:
    lines = draw(courses, now, width, SIGNS)

    assert len(lines) == len(courses)
    for line in lines:
        assert line.cell_len <= width
        assert "\n" not in line.plain


def test_where_letters_are_those_of_ascii_so_are_the_bars() -> None:
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding="ascii", write_through=True)
    console = Console(file=file, width=60, force_terminal=True, color_system=None)

    console.print(Bars({"crm": course("crm" * 20, 50)}, lambda: 10.0))

    assert "###" in written.getvalue().decode("ascii")


def test_without_activations_there_are_no_bars() -> None:
    assert draw([], 0.0, 80, SIGNS) == []
