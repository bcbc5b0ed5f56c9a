"""What became of activations, in lines: the figures that are not 0, and each next step once."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_selligent.cli.summary import STYLES, closing_lines, next_lines, result_lines
from dbt_selligent.planning import Counts
from dbt_selligent.results import ActivationResult, RunResults

from .plans import NO_ROWS


def result(
    name: str = "crm", counts: dict[str, int] | None = None, **more: Any
) -> ActivationResult:
    given: dict[str, Any] = {
        "name": name,
        "unique_id": f"exposure.shop.{name}",
        "model": "customers",
        "list": "CUSTOMERS",
        "destination": "dev",
        "status": "in step",
        "seconds": 1.25,
        "counts": None if counts is None else Counts(**{**NO_ROWS, **counts}),
    }
    return ActivationResult(**{**given, **more})


def run(*results: ActivationResult) -> RunResults:
    return RunResults("id", "sync", "dev", "2026-05-01T06:00:00+00:00", 4.04, results)


def told(lines: Any) -> list[str]:
    return [str(line) for line in lines]


UNCHANGED = {"rows": 1200, "unchanged": 1200}
SENT = {"rows": 9, "unchanged": 1, "new": 3, "changed": 2, "invalid": 1, "held": 1, "not_found": 1}


def test_figures_that_are_0_are_not_told() -> None:
    some = result(counts={"rows": 2, "new": 2}, confirmed=2, requests=1)
    all_of_them = result(
        counts=SENT, status="failed", confirmed=1234, rejected=1, not_found=1, removed=4,
        not_sent=5, not_removed=6, requests=7, error="no connection", forced=("too many",),
    )  # fmt: skip

    assert told(result_lines(some)) == ["crm: in step, 2 confirmed, 1 request, 1.2 s"]
    assert told(result_lines(all_of_them)) == [
        (
            "crm: failed, 1,234 confirmed, 1 rejected, 1 held, 1 invalid, 2 not found, 4 removed, "
            "5 not sent, 6 not removed, 7 requests, 1.2 s"
        ),
        "  forced: too many",
        "  no connection",
    ]


def test_nothing_changed_is_one_line() -> None:
    still = result(counts=UNCHANGED)

    assert told(result_lines(still)) == ["crm: nothing changed, 1,200 rows in step"]
    assert told(closing_lines(run(still))) == []


def test_nothing_changed_is_no_word_where_something_did() -> None:
    for more in ({"requests": 1}, {"status": "rows refused"}, {"status": "failed", "error": "x"}):
        assert "nothing changed" not in told(result_lines(result(counts=UNCHANGED, **more)))[0]
    for counts in ({"new": 1}, {"changed": 1}, {"removed": 1}):
        assert (
            "nothing changed" not in told(result_lines(result(counts={**UNCHANGED, **counts})))[0]
        )
    invalid = result(counts={"rows": 3, "unchanged": 1, "invalid": 2})
    assert told(result_lines(invalid)) == ["crm: nothing changed, 1 row in step, 2 invalid"]


def test_an_activation_that_could_not_be_planned_has_no_figures() -> None:
    lines = result_lines(result(status="failed", error="one\n  two"))

    assert told(lines) == ["crm: failed", "  one", "    two"]


def test_of_several_the_last_line_adds_up() -> None:
    some = result(counts={"rows": 2, "new": 2}, confirmed=2, requests=1)
    still = result("orders", counts=UNCHANGED)
    refused = result("mails", counts=SENT, status="rows refused", confirmed=3, rejected=2)
    failed = result("things", status="failed", error="x")

    most = result(counts={"rows": 3, "new": 1, "invalid": 2}, confirmed=1, requests=1)
    assert told(result_lines(most)) == [
        "crm: in step but for 2 invalid, 1 confirmed, 1 request, 1.2 s"
    ]
    assert told(closing_lines(run(some, still))) == ["All in step in 4.0 s: 2 rows confirmed"]
    assert told(closing_lines(run(still, still))) == ["All in step in 4.0 s: nothing was sent"]
    invalid = result("orders", counts={"rows": 3, "unchanged": 1, "invalid": 2})
    assert told(closing_lines(run(still, invalid))) == [
        "All in step but for 2 invalid, in 4.0 s: nothing was sent"
    ]
    assert told(closing_lines(run(some, refused, failed, failed))) == [
        (
            "4 activations in 4.0 s, 1 with rows refused, 2 failed: 5 rows confirmed, 2 rejected, "
            "1 held, 1 invalid"
        )
    ]


def test_the_worst_gives_the_colour() -> None:
    styles = {
        status: closing_lines(run(result(), result(status=status)))[0].style for status in STYLES
    }

    assert styles == STYLES


def test_every_next_step_is_told_once_and_of_whom() -> None:
    results = [
        result("crm", next_step="see the reasons: dbt-selligent status"),
        result("mails", next_step="run `dbt-selligent debug`"),
        result("orders", next_step="see the reasons: dbt-selligent status"),
        result("things"),
    ]

    assert told(next_lines(results)) == [
        "  -> crm, orders: see the reasons: dbt-selligent status",
        "  -> mails: run `dbt-selligent debug`",
    ]
    assert told(closing_lines(run(results[1]))) == ["  -> run `dbt-selligent debug`"]


@pytest.mark.parametrize("status", ["kept back", "skipped"])
def test_what_was_not_tried_says_so(status: str) -> None:
    assert told(result_lines(result(status=status, error="not tried"))) == [
        f"crm: {status}",
        "  not tried",
    ]
