"""What stands on the page, built from records of every kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from dbt_selligent.reasons import Reason
from dbt_selligent.report.page import MOST_FORCED, MOST_LISTED, MOST_REASONS, Report, build_report
from dbt_selligent.report.record import Record, Run
from dbt_selligent.report.writing import render
from dbt_selligent.stateview import CUT_OFF

from .pages import text_of

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
CRM = Record("crm", "customers", "CUSTOMERS", "prod", "UTC")
INVALID = Reason("invalid", "MAIL", "longer than 100 UTF-16 units", 3)
HELD = Reason("rejected", None, "InvalidValue", 2, NOW, NOW)


def run(status: str = "in step", days: float = 0, **more: object) -> Run:
    values = {"confirmed": 5, "rejected": 0, "not_sent": 0, "seconds": 1.0, **more}
    at = NOW - timedelta(days=days)
    return Run(run_id=f"{status} {days}", started_at=at, status=status, **values)  # type: ignore[arg-type]


def report(*records: Record, faults: Sequence[str] = (), selection: str = "") -> Report:
    return build_report(
        records, NOW, project="shop", target="prod", faults=faults, selection=selection
    )


GOOD = replace(CRM, confirmed=5, runs=(run(),))
STANDINGS = {
    "in step": GOOD,
    "rows tolerated": replace(CRM, runs=(run("rows tolerated"),), reasons=(HELD,)),
    "rows refused": replace(CRM, runs=(run("rows refused"),), reasons=(HELD,)),
    "limited": replace(CRM, runs=(run("limited", not_sent=7),)),
    "kept back": replace(CRM, runs=(run("kept back"),)),
    "failed": replace(CRM, runs=(run("failed", error="no usable answer"),)),
    "skipped": replace(CRM, runs=(run("skipped"),)),
    "cut off": replace(CRM, runs=(run(CUT_OFF),)),
    "adopted": replace(CRM, runs=(run("adopted"),)),
    "in doubt": replace(GOOD, in_doubt=1),
    "never synced": CRM,
    "unreadable": replace(CRM, error="damaged", next_step="put it back"),
    "at work": replace(CRM, busy="activation crm is in use by process 7"),
    "of a later version": replace(CRM, runs=(run("of a later version"),)),
}


@pytest.mark.parametrize(("word", "record"), STANDINGS.items())
def test_how_an_activation_stands(word: str, record: Record) -> None:
    made = report(record)
    [section] = made.sections
    assert section.standing.word == word
    good = ("in step", "rows tolerated")
    level = "good" if word in good else "busy" if word == "at work" else "attention"
    assert section.standing.level == level
    assert made.good == (level != "attention")
    if level == "attention" and word != "of a later version":
        assert section.standing.next_step
    page = text_of(render(made))
    assert word in page
    assert section.standing.said in page


@pytest.mark.parametrize(
    ("words", "headline"),
    [
        (["in step"], "The activation is in step"),
        (["in step", "in step"], "Both activations are in step"),
        (["in step", "rows tolerated", "in step"], "All 3 activations are in step"),
        (["failed"], "The activation needs attention"),
        (["in step", "failed", "at work"], "1 of 3 activations needs attention"),
        (["never synced", "failed", "in step"], "2 of 3 activations need attention"),
        (["in step", "at work"], "1 of 2 activations are in step, 1 at work"),
    ],
)
def test_the_headline_is_the_answer(words: list[str], headline: str) -> None:
    assert report(*(STANDINGS[word] for word in words)).headline == headline


def test_faults_come_first() -> None:
    made = report(GOOD, faults=["models/crm.yml: exposure other: list: missing (`init` writes it)"])
    assert (made.headline, made.good) == ("No sync can start: 1 fault in the activations", False)
    page = render(made)
    assert "exposure other: list: missing (<code>init</code> writes it)" in page


def test_last_success_and_last_failure() -> None:
    runs = (
        run("failed", 1, confirmed=3, error="no usable answer", next_step="call Selligent"),
        run("rows refused", 2, confirmed=0),
        run("in step", 3),
    )
    [section] = report(replace(CRM, runs=runs)).sections
    assert section.complete is runs[1]
    assert section.sent is runs[0]
    assert section.failed is runs[0]
    assert section.error == "no usable answer"
    assert section.standing.next_step == "call Selligent"
    [later] = report(replace(CRM, runs=(run("in step"), *runs))).sections
    assert (later.failed, later.error, later.standing.next_step) == (runs[0], None, None)
    page = text_of(render(report(replace(CRM, runs=(run("in step"), *runs)))))
    assert (
        "Last failure, mended since 24 hours ago 25 Nov 2026, 12:00 UTC failed: no usable" in page
    )


def test_the_longest_ago_of_all_is_told() -> None:
    made = report(GOOD, replace(GOOD, runs=(run(days=5),)), CRM)
    said = "Last complete sync: 26 Nov 2026, 12:00 UTC; the longest ago of any activation: "
    page = text_of(render(made))
    assert f"{said}21 Nov 2026, 12:00 UTC." in page
    assert "as of 26 Nov 2026, 12:00 UTC: “ago” is before then." in page


def test_times_are_in_the_zone_of_the_destinations_where_there_is_one() -> None:
    brussels = replace(GOOD, zone="Europe/Brussels")
    page = text_of(render(report(brussels, brussels)))
    assert "Times are in Europe/Brussels." in page
    assert "26 Nov 2026, 13:00 CET" in page
    assert 'datetime="2026-11-26T12:00:00Z"' in render(report(brussels))
    two = text_of(render(report(brussels, GOOD)))
    assert "Times are in UTC." in two
    assert "13:00" not in two


def test_long_tables_are_cut_and_say_so() -> None:
    reasons = tuple(
        Reason("invalid", f"FIELD_{n}", "null", 100 - n) for n in range(MOST_REASONS + 3)
    )
    runs = tuple(run("in step", n, forced="more than 10%") for n in range(40))
    [section] = report(replace(CRM, runs=runs, reasons=reasons)).sections
    assert (len(section.reasons), section.more_reasons) == (MOST_REASONS, 3)
    assert section.more_rows == 80 + 79 + 78
    assert (len(section.runs), section.more_runs) == (MOST_LISTED, 40 - MOST_LISTED)
    assert (len(section.forced), section.more_forced) == (MOST_FORCED, 40 - MOST_FORCED)
    page = text_of(render(report(replace(CRM, runs=runs, reasons=reasons))))
    assert "And 3 more, of 237 rows." in page
    assert "And 20 earlier ones in the chart." in page
    assert "and 35 more" in page


def test_what_others_named_is_text_and_turns_nothing_around() -> None:
    name = '<script>alert(1)</script>"\u202egnp\x00&amp;'
    evil = replace(
        GOOD,
        name=name,
        list=name,
        model=name,
        segment=name,
        destination=name,
        runs=(run("in step", forced=name), run("failed", error=f"`{name}`")),
        reasons=(Reason("invalid", name, name, 1),),
    )
    page = render(report(evil, replace(CRM, error=name), faults=[name], selection=name))
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x00" not in page
    shown = '<script>alert(1)</script>"\\u202egnp\\x00&amp;'
    assert text_of(page).count(shown) >= 12
    assert "<code>&lt;script&gt;" in page


@pytest.mark.parametrize("record", STANDINGS.values(), ids=STANDINGS)
def test_a_page_is_whole_and_asks_for_nothing(record: Record) -> None:
    page = render(report(record, GOOD, selection="--select tag:crm"))
    assert page.startswith("<!doctype html>\n")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:,)""", page)
    assert not re.findall(r"url\(|@import|<script|\son\w+=", page)
    identifiers = re.findall(r'\sid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    used = re.findall(r'(?:href="#|aria-labelledby=")([^"]+)"', page)
    assert set(used) <= set(identifiers)
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert tables
    assert all("scope=" in tag for table in tables for tag in re.findall(r"<th\b[^>]*>", table))


def test_pages_of_many_runs_stay_small() -> None:
    runs = tuple(run("in step", n, rejected=1) for n in range(500))
    assert len(render(report(replace(CRM, runs=runs)))) < 400_000
