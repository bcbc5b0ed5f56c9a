"""Lines on a terminal are wrapped by words and in colour; elsewhere they are as they are."""

from __future__ import annotations

import io

import pytest

from dbt_selligent.cli.failure import Failure
from dbt_selligent.cli.lines import Line, lines_of, span
from dbt_selligent.cli.printer import Printer
from dbt_selligent.wording import counted, listed

LONG = Line("crm_customers, loyalty_vips: run `dbt-selligent debug`, then sync", 2, "->", "cyan")


class Window(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


def printed(stream: io.StringIO, *lines: Line) -> str:
    Printer(stream).print(lines)
    return stream.getvalue()


def test_on_a_terminal_a_line_is_wrapped_below_its_first_word() -> None:
    assert printed(Window(), Line(LONG.text, 2, "->")).splitlines() == [
        "  -> crm_customers, loyalty_vips: run",
        "     `dbt-selligent debug`, then sync",
    ]


def test_without_a_mark_the_rest_begins_a_little_to_the_right() -> None:
    ended = Line("crm: in step, 1,234 confirmed, 1 request, 1.2 s")
    assert printed(Window(), ended).splitlines() == [
        "crm: in step, 1,234 confirmed, 1",
        "  request, 1.2 s",
    ]


def test_the_mark_alone_is_in_colour() -> None:
    assert printed(Window(), Line("3 new", 2, "+", "green")) == "\x1b[32m  + \x1b[0m3 new\n"
    assert printed(Window(), Line("crm", style="bold")) == "\x1b[1mcrm\x1b[0m\n"


def test_elsewhere_it_is_one_line_without_colour() -> None:
    assert printed(io.StringIO(), LONG) == f"  -> {LONG.text}\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_has_no_colour_where_none_is_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in printed(Window(), Line("3 new", 2, "+", "green"))


def test_a_log_that_is_to_have_colour_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Printer(io.StringIO()).moves
    assert printed(io.StringIO(), LONG).count("\n") == 1
    assert Printer(Window()).moves


def test_what_others_wrote_works_no_terminal_and_is_no_markup() -> None:
    assert printed(Window(), Line("[red]a\x1b[31m\x9b")) == "[red]a\\x1b[31m\\x9b\n"


def test_empty_lines_and_long_words_are_printed_whole() -> None:
    assert printed(Window(), Line("")) == "\n"
    assert "".join(printed(Window(), Line("x" * 100)).split()) == "x" * 100


def test_an_error_says_where_what_and_the_next_step() -> None:
    failure = Failure("2 faults:\n  a.yml: one\n  b.yml: two", "mend them")

    assert [str(line) for line in failure.lines()] == [
        "Error: 2 faults:",
        "  a.yml: one",
        "  b.yml: two",
        "  -> mend them",
    ]
    assert [str(line) for line in Failure("").lines()] == ["Error: "]


def test_texts_of_several_lines_keep_what_is_before_them() -> None:
    assert [str(line) for line in lines_of("a\n  b", 2)] == ["  a", "    b"]
    assert lines_of("") == []
    assert lines_of("a\n  -> b\n") == [Line("a"), Line("b", 2, "->", "cyan")]


def test_figures_in_words() -> None:
    assert (counted(1, "row"), counted(1000, "row")) == ("1 row", "1,000 rows")
    assert listed([(0, "held"), (1200, "invalid"), (1, "new")]) == "1,200 invalid, 1 new"
    assert [span(seconds) for seconds in (0, 59.9, 60, 100, 7000, 7200, 40_000)] == [
        "under a minute",
        "under a minute",
        "about 1 minute",
        "about 2 minutes",
        "about 117 minutes",
        "about 2 hours",
        "about 11 hours",
    ]
