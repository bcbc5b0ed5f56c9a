"""Selligent, or the network before it, misbehaves: the next sync brings the list in step."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dbt_selligent import sync
from dbt_selligent.events import Event, Waiting

from .conftest import Shop
from .test_sync import ANN, BEN

OLD = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 9)]
NEW = [(n, mail, name, ltv + 100, n % 2 == 0) for n, mail, name, ltv, _ in OLD]

# Each strikes a load; whatever was applied or not, what Selligent has is in the end the model.
FAULTS = [
    "load:503@1",
    "load:503@first=3",
    "load:500-after@1",
    "load:503-after@first=2",
    "load:reset-before@1",
    "load:reset-after@1",
    "load:reset-after@first=3",
    "load:html@1",
    "load:html-after@1",
    "load:not-json-after@1",
    "load:truncated-after@1",
    "load:counts@1",
    "load:counts@first=2",
    "load:failed@1",
    "load:result=PartiallySucceeded@1",
    "load:result=ServiceUnavailable@1",
    "load:result=InternalServerError@1",
    "load:result=Succeeded@1",
    "load:413@1",
    "load:429@first=3",
    "fields:503@first=2",
    "any:reset-before@every=2",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_gone_through_within_one_sync(shop: Shop, fault: str) -> None:
    shop.customers(*OLD)
    shop.sandbox.faults([fault])
    result = shop.in_step()
    assert (result.confirmed, result.rejected, result.not_sent) == (8, 0, 0)
    assert shop.records() == OLD
    shop.customers(*NEW)
    shop.sandbox.faults([fault])
    assert shop.in_step().confirmed == 8
    assert shop.records() == NEW
    requests = len(shop.sandbox.bulk())
    shop.sandbox.faults([])
    shop.in_step()
    assert len(shop.sandbox.bulk()) == requests


LASTING = [
    "load:503",
    "load:503-after",
    "load:429-after",
    "load:reset-before",
    "load:reset-after",
    "load:html",
    "load:html-after",
    "load:not-json-after",
    "load:truncated-after",
    "load:400-after",
    "load:403",
    "load:404",
    "load:result=NotFound",
    "load:result=ValidationFailed",
    "load:counts",
    "load:failed",
    "fields:500",
    "fields:html",
]


@pytest.mark.parametrize("fault", LASTING)
def test_after_a_lasting_fault_the_next_sync_brings_the_list_in_step(
    shop: Shop, fault: str
) -> None:
    """Also where the model went back meanwhile to what Selligent confirmed before."""
    shop.customers(*OLD)
    shop.in_step()
    shop.customers(*NEW)
    shop.sandbox.faults([fault])
    result = shop.sync_one()
    if fault == "load:counts":  # each row alone is accounted for, whatever the sum
        assert (result.status, result.confirmed) == ("in step", 8)
    else:
        assert result.status in ("failed", "rows refused")
        assert result.confirmed == 0
    shop.sandbox.faults([])
    for model in (OLD, NEW):
        shop.customers(*model)
        again = shop.sync_one()
        if again.status == "rows refused":  # held, until someone asks
            again = shop.sync_one(full_refresh=True)
        assert (again.status, again.error) == ("in step", None)
        assert shop.records() == model


def test_a_fault_of_the_server_is_waited_for_and_then_given_up(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.sandbox.faults(["load:503"])
    result = shop.sync_one()
    assert (result.status, result.not_sent) == ("failed", 2)
    assert result.error == "Selligent gave no usable answer: 503 of the server"
    assert "dbt-selligent debug" in (result.next_step or "")
    assert len(shop.sent()) == result.requests == 7
    assert len(shop.waits) == 6
    assert all(0 <= wait <= 30 for wait in shop.waits)


def test_the_quota_is_waited_for_as_long_as_selligent_says(open_shop: Callable[..., Shop]) -> None:
    now = [1000.0]
    shop = open_shop(quota=3, clock=lambda: now[0])
    shop.table(
        "customers",
        "select range::integer as id, 'c' || range || '@acme.example' as email, null::varchar as "
        "first_name, 1.5::double as lifetime_value, true as opt_in from range(10001)",
    )

    class Waits(list[float]):
        def append(self, seconds: float) -> None:
            super().append(seconds)
            now[0] += math.ceil(seconds)  # Selligent's own clock goes on meanwhile

    shop.waits = Waits()
    result = shop.in_step()
    assert result.confirmed == 10001
    # What is left of the quota is told by every answer: it is never overdrawn.
    assert list(map(math.ceil, shop.waits)) == [60]
    assert [one.status for one in shop.sandbox.received] == [200] * 6
    assert len(shop.records()) == 10001


def test_an_unreachable_selligent_is_an_error_and_nothing_is_lost(shop: Shop) -> None:
    shop.customers(ANN)
    shop.profile(url="http://127.0.0.1:9")
    result = shop.sync_one()
    assert (result.status, result.error) == (
        "failed",
        "Selligent cannot be reached: no connection",
    )
    assert result.counts is None
    shop.profile()
    assert shop.in_step().confirmed == 1
    assert shop.records() == [ANN]


def test_a_missing_warehouse_is_said_before_selligent_is_asked(shop: Shop) -> None:
    shop.profile(url="http://127.0.0.1:9")
    result = shop.sync_one()
    assert result.error == f"there is no warehouse file: {shop.warehouse}"
    assert shop.waits == []


def test_that_selligent_is_waited_for_is_said_once(shop: Shop) -> None:
    shop.customers(ANN)
    shop.sandbox.faults(["fields:503@first=3"])
    events: list[Event] = []
    sync(shop.settings(select=("crm",)), emit=events.append, sleep=shop.waits.append)
    waited = [each for each in events if isinstance(each, Waiting)]
    assert waited == [Waiting("crm", "Selligent gives no usable answer")]
    assert len(shop.waits) == 3


def test_some_batches_confirmed_before_the_fault_are_not_sent_again(shop: Shop) -> None:
    shop.table(
        "customers",
        "select range::integer as id, 'c' || range || '@acme.example' as email, null::varchar as "
        "first_name, 1.5::double as lifetime_value, true as opt_in from range(7500)",
    )
    shop.sandbox.faults(["load:403@2"])
    result = shop.sync_one()
    assert (result.status, result.confirmed, result.not_sent) == ("failed", 2500, 5000)
    assert [len(body) for _, _, body in shop.sent()] == [2500, 2500]
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.unchanged, result.counts.new) == (2500, 5000)
    assert sorted(row[0] for _, _, body in shop.sent() for row in body) == [*range(2500, 7500)]
    assert sorted(str(record[0]) for record in shop.records()) == sorted(map(str, range(7500)))
