"""Rows that Selligent refuses: found, kept with their reason, held, sent again."""

from __future__ import annotations

import pytest

from .conftest import Shop, load
from .test_sync import WHOLE

ROWS = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 9)]
BAD = 6
GOOD = [row for row in ROWS if row[0] != BAD]


def refuse_one(shop: Shop) -> None:
    """Eight rows, one of which is refused: kept and held from here on."""
    shop.customers(*ROWS)
    shop.sandbox.faults([f"load:reject:MAIL=c{BAD}@acme.example"])
    result = shop.sync_one()
    assert (result.status, result.confirmed, result.rejected) == ("rows refused", 7, 1)


def test_a_refused_row_is_found_by_what_is_named_and_the_others_arrive(shop: Shop) -> None:
    refuse_one(shop)
    bodies = [[row[0] for row in body] for _, _, body in shop.sent()]
    # Whether an index counts from 0 or from 1 is known as soon as the row was refused alone.
    assert bodies == [[1, 2, 3, 4, 5, 6, 7, 8], [5], [6], [1, 2, 3, 4, 7, 8]]
    assert shop.records() == GOOD


def test_a_held_row_is_not_sent_again_and_keeps_the_exit_code_at_1(shop: Shop) -> None:
    refuse_one(shop)
    shop.sent()
    for _ in range(2):
        done = shop.invoke("sync", "--select", "crm")
        assert done.code == 1
        assert "crm: rows refused, 0 confirmed, 1 held, 0 requests" in done.out
        assert shop.sent() == []
    [result] = shop.results()["results"]
    assert (result["counts"]["held"], result["counts"]["unchanged"]) == (1, 7)
    assert (result["rejected"], result["confirmed"]) == (0, 0)
    planned = shop.plan_one()
    assert (planned.counts.held, planned.counts.to_send) == (1, 0)


def test_a_held_row_goes_whole_when_it_changes(shop: Shop) -> None:
    refuse_one(shop)
    shop.sent()
    mended = (BAD, "mended@acme.example", "Name 6", 3.0, True)
    shop.customers(*GOOD, mended)
    result = shop.in_step()
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", WHOLE, [mended])]
    assert result.confirmed == 1
    shop.in_step()
    assert shop.sent() == []
    assert sorted(shop.records()) == sorted([*GOOD, mended])


def test_a_held_row_that_changes_and_is_refused_again_is_held_with_its_new_values(
    shop: Shop,
) -> None:
    refuse_one(shop)
    shop.sent()
    shop.customers(*GOOD, (*ROWS[BAD - 1][:4], False))
    assert shop.sync_one().rejected == 1
    assert [body for _, _, body in shop.sent()] == [[[*ROWS[BAD - 1][:4], False]]]
    assert shop.sync_one().status == "rows refused"
    assert shop.sent() == []
    shop.customers(*ROWS)  # the values that were refused first are new again
    assert shop.sync_one().rejected == 1
    assert len(shop.sent()) == 1


def test_full_refresh_tries_held_rows_again(shop: Shop) -> None:
    refuse_one(shop)
    shop.sent()
    assert shop.sync_one(full_refresh=True).rejected == 1
    assert BAD in [row[0] for _, _, body in shop.sent() for row in body]
    shop.sandbox.faults([])
    result = shop.in_step(full_refresh=True)
    assert result.confirmed == 8
    assert sorted(shop.records()) == ROWS


def test_a_refused_update_leaves_the_old_values_and_is_held(shop: Shop) -> None:
    shop.customers(*ROWS)
    shop.in_step()
    shop.sent()
    shop.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    shop.customers(*GOOD, (BAD, ROWS[BAD - 1][1], "Nobody", 3.0, True))
    result = shop.sync_one()
    assert (result.confirmed, result.rejected, result.requests) == (0, 1, 1)
    assert shop.records() == ROWS
    shop.sent()
    assert shop.sync_one().status == "rows refused"
    assert shop.sent() == []
    # Back to the old values: that a row was refused does not show that its record is as it was,
    # so it is sent once more, whole.
    shop.customers(*ROWS)
    shop.in_step()
    assert [[row[0] for row in body] for _, _, body in shop.sent()] == [[BAD]]
    shop.in_step()
    assert shop.sent() == []


def test_a_held_row_that_leaves_the_model_is_forgotten(shop: Shop) -> None:
    refuse_one(shop)
    shop.sent()
    shop.customers(*GOOD)
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.held, result.counts.rows) == (0, 7)
    shop.customers(*ROWS)
    assert shop.sync_one().rejected == 1
    assert [[row[0] for row in body] for _, _, body in shop.sent()] == [[BAD]]


def test_every_row_of_a_batch_may_be_refused(shop: Shop) -> None:
    shop.customers(*ROWS[:3])
    shop.sandbox.faults(["load:reject:OPTIN=true"])
    result = shop.sync_one()
    assert (result.confirmed, result.rejected, result.not_sent) == (0, 3, 0)
    assert shop.records() == []
    shop.sent()
    assert shop.sync_one().status == "rows refused"
    assert shop.sent() == []


def test_a_value_the_field_does_not_take_is_never_sent(shop: Shop) -> None:
    shop.customers(ROWS[0], (2, "x" * 101, "Ben", 1.0, True))
    result = shop.in_step()
    assert (result.rejected, result.confirmed) == (0, 1)
    done = shop.invoke("status", "--select", "crm", "--show-values")
    assert "CUSTOMER_ID=2: MAIL: longer than 100 UTF-16 units" in done.out
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", WHOLE, [ROWS[0]])]


def test_a_list_that_refuses_everything_without_naming_rows_stops_early(shop: Shop) -> None:
    shop.table(
        "customers",
        "select range::integer as id, 'c@acme.example' as email, null::varchar as first_name, "
        "1.5::double as lifetime_value, true as opt_in from range(500)",
    )
    shop.sandbox.faults(["load:failed"])
    result = shop.sync_one()
    assert result.status == "failed"
    assert result.rejected == 20
    assert "the list, not the rows, seems to be at fault" in (result.next_step or "")
    assert result.requests < 60
    shop.sandbox.faults([])
    assert shop.in_step(full_refresh=True).confirmed == 500
    assert len(shop.records()) == 500


@pytest.mark.parametrize("rejected", [1, 2, 3, 5, 8])
def test_wherever_the_refused_row_stands_the_others_arrive_once(shop: Shop, rejected: int) -> None:
    shop.customers(*ROWS)
    shop.sandbox.faults([f"load:reject:CUSTOMER_ID={rejected}"])
    result = shop.sync_one()
    assert (result.confirmed, result.rejected) == (7, 1)
    assert [row[0] for row in shop.records()] == [n for n in range(1, 9) if n != rejected]
