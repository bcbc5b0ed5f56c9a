"""The words of a warning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

import pytest

from dbt_selligent.activation import Activation
from dbt_selligent.conditions import KINDS, Change, Kind, Wanted
from dbt_selligent.errors import RunError
from dbt_selligent.manifest import Model
from dbt_selligent.message import LONGEST_ERROR, News, compose
from dbt_selligent.outcome import failure_of

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
MODEL = Model("model.shop.customers", "customers", "model", "table", "t", "shop", "main", "c.sql")


def news(
    *began: Kind,
    name: str = "crm",
    error: str = "no connection",
    over: Mapping[Kind, str] | None = None,
) -> News:
    activation = Activation(
        name=name,
        unique_id=f"exposure.shop.{name}",
        file="models/crm.yml",
        tags=(),
        model=MODEL,
        destination="prod",
        list="CUSTOMERS",
        keys=(("ID", "id"),),
        fields=(("MAIL", "mail"),),
        warnings=Wanted(frozenset(KINDS), recovered=True, stale="26h"),
    )
    result = failure_of(activation, RunError(error, "try again"), "failed") if began else None
    return News(activation, result, NOON, NOON, Change(began, over or {}, {}))


@pytest.mark.parametrize(
    ("some", "title", "tone"),
    [
        ([news("failed")], "crm failed", "failure"),
        ([news("guard")], "crm stopped", "warning"),
        ([news("rejected")], "crm rows refused", "warning"),
        ([news("failed", "stale")], "crm failed, stale", "failure"),
        ([news(over={"failed": NOON.isoformat()})], "crm recovered", "success"),
        ([news("failed"), news("failed", name="b"), news()], "2 failed, 1 recovered", "failure"),
        ([news("stale"), news()], "1 stale, 1 recovered", "warning"),
    ],
)
def test_the_title_says_what_changed(some: list[News], title: str, tone: str) -> None:
    message = compose("prod", some, "run 7")

    assert (message.title, message.tone) == (f"dbt-selligent: {title} (prod)", tone)


def test_a_paragraph_for_each_and_which_run_it_was() -> None:
    message = compose(
        "prod", [news("failed", "stale"), news(over={"failed": NOON.isoformat()})], "run 7"
    )

    assert message.body == (
        "crm failed, stale: model customers -> list CUSTOMERS at prod\n"
        "  no connection\n"
        "  -> try again\n"
        "  no complete run has started for 26h\n"
        "  last complete run: 2026-05-01 12:00 UTC\n"
        "\n"
        "crm recovered: model customers -> list CUSTOMERS at prod\n"
        "  failed, as was told 2026-05-01 12:00 UTC, is over\n"
        "\n"
        "run 7"
    )


def test_what_works_a_terminal_is_escaped_and_a_title_is_one_line() -> None:
    message = compose("prod", [news("failed", name="a\x1b[2J\nb", error="x\x07\u202ey")], "run 7")

    assert message.title == "dbt-selligent: a\\x1b[2J b failed (prod)"
    assert "  x\\x07\\u202ey" in message.body.splitlines()


def test_an_error_that_is_long_is_cut() -> None:
    message = compose("prod", [news("failed", error="x" * 5000)], "run 7")

    assert f"  {'x' * LONGEST_ERROR} ..." in message.body.splitlines()
