"""Answers that refuse some rows of a batch: which they are is known before any row is confirmed,
and costs a handful of requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Shop

BAD = "Bad"


def people(rows: int, *bad: int) -> list[tuple[Any, ...]]:
    return [
        (n, f"c{n}@acme.example", BAD if n in bad else "Good", n / 2, None) for n in range(rows)
    ]


def fill(shop: Shop, rows: int, *bad: int) -> None:
    numbers = ", ".join(map(str, (-1, *bad)))
    shop.table(
        "customers",
        "select i::integer as id, 'c' || i || '@acme.example' as email, "
        f"case when i in ({numbers}) then '{BAD}' else 'Good' end as first_name, "
        f"i / 2 as lifetime_value, null::boolean as opt_in from range({rows}) as t(i)",
    )


def check(shop: Shop, rows: int, *bad: int) -> None:
    """Every good row is there, no bad one, and of those the state knows why."""
    wanted = [row for row in people(rows) if row[0] not in bad]
    assert sorted(shop.records()) == wanted
    [known] = json.loads(
        shop.invoke("status", "--select", "crm", "--output", "json", "--show-values").out
    )
    assert known["confirmed"] == rows - len(bad)
    assert known["rejected_rows"] == len(bad)
    listed = [row["CUSTOMER_ID"] for row in known["rejected"]]
    assert listed == sorted(bad)[: len(listed)] or set(listed) <= set(bad)


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("bad", [[0], [1], [1234], [2499], [7, 8, 2300]])
def test_bad_rows_of_a_large_batch_cost_a_handful_of_requests(
    open_shop: Callable[..., Shop], base: int, bad: list[int]
) -> None:
    shop = open_shop(faults=[f"load:reject:FIRSTNAME={BAD}"], index_base=base)
    fill(shop, 2500, *bad)
    result = shop.sync_one()
    assert (result.confirmed, result.rejected) == (2500 - len(bad), len(bad))
    assert result.requests <= 4
    check(shop, 2500, *bad)
    # What an index counts from is known from now on.
    fill(shop, 5000, *bad, 3000, 4000, 4999)
    result = shop.sync_one()
    assert (result.confirmed, result.rejected) == (2497, 3)
    assert result.requests == 1
    check(shop, 5000, *bad, 3000, 4000, 4999)


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize(
    "fault",
    [
        "load:short=1",
        "load:short=2",
        "load:index=1",
        "load:index=-1",
        "load:index=900",
        "load:no-index",
        "load:unlisted",
        "load:stop-on-error",
        "load:uncounted",
        "load:as-duplicate",
        "load:counts@first=3",
    ],
)
def test_an_answer_that_does_not_say_all_leads_to_smaller_batches(
    open_shop: Callable[..., Shop], fault: str, base: int
) -> None:
    shop = open_shop(faults=[f"load:reject:FIRSTNAME={BAD}", fault], index_base=base)
    bad = [0, 5, 17, 18, 19, 63]
    fill(shop, 64, *bad)
    result = shop.sync_one()
    assert (result.confirmed, result.rejected) == (58, 6)
    check(shop, 64, *bad)
    held = shop.sync_one()
    assert held.counts is not None
    assert (held.counts.held, held.requests) == (6, 0)


def test_an_index_that_is_off_by_one_is_found_out_and_no_good_row_is_refused_for_a_bad_one(
    open_shop: Callable[..., Shop],
) -> None:
    """The index of a row sent alone tells; one that is neither 0 nor 1 tells nothing."""
    shop = open_shop(faults=[f"load:reject:FIRSTNAME={BAD}", "load:index=1"], index_base=1)
    fill(shop, 200, 100)
    assert shop.sync_one().rejected == 1
    check(shop, 200, 100)


def test_updates_that_are_counted_nowhere_do_not_split_every_batch(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(faults=["load:uncounted"])
    fill(shop, 64)
    shop.sync_one()
    result = shop.sync_one(full_refresh=True)
    assert result.confirmed == 64
    shop.sandbox.faults(["load:uncounted", "load:503@1"])
    assert shop.sync_one(full_refresh=True).requests < 64


def test_rows_that_were_refused_are_sent_again_when_asked(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(faults=[f"load:reject:FIRSTNAME={BAD}"])
    fill(shop, 10, 3, 4)
    assert shop.sync_one().rejected == 2
    assert shop.sync_one().requests == 0
    shop.sandbox.faults([])
    assert shop.in_step(retry_rejected=True).confirmed == 2
    assert shop.in_step().requests == 0


def test_a_canary_sends_so_many_rows_and_the_next_sync_the_others(shop: Shop) -> None:
    fill(shop, 100)
    result = shop.sync_one(limit=7)
    assert (result.confirmed, result.not_sent, result.status) == (7, 93, "limited")
    assert result.next_step == "93 rows are left: sync without --limit"
    assert [row[0] for row in shop.records()] == list(range(7))
    assert shop.in_step().confirmed == 93
