"""Selligent, or the network before it, misbehaves: the next sync brings the list in step.

`docs/reliability.md` says what the tool does at each fault, and names the tests here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_selligent import sync, verify
from dbt_selligent.events import Event, Waiting
from dbt_selligent.selligent.client import AUTHORITIES, Client, Timeouts
from dbt_selligent.verification import Verification

from .conftest import CRM_FIELDS, Shop, exposure
from .test_sync import ANN, BEN
from .wires import GOOD, Authority, once, relay, serve

OLD = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 9)]
# Two groups of four rows, by the fields that change.
NEW = [(n, mail, name, ltv + 100, n % 2 == 0) for n, mail, name, ltv, _ in OLD]

UNUSABLE = "Selligent gave no usable answer: "
BROKEN = "the connection broke before the answer was whole"
HTML = "200 with an HTML page (of a proxy?) in place of the API's answer"
OTHER = "200 with something else in place of the API's answer"
BUSY = "429: another bulk call is running on the list"
QUOTA = "429: the quota of requests is used up"
LONG = "the answer is longer than 64 MB"
LATE = "no answer in time"
REDIRECT = "redirect=https://elsewhere.invalid/"
REST = 15.0


def compared(shop: Shop) -> Verification:
    """What Selligent has against what is said that it confirmed."""
    [found] = verify(shop.settings(select=("crm",)), sleep=shop.waits.append)
    return found


def assert_in_step(shop: Shop, model: list[tuple[Any, ...]]) -> None:
    """The list is the model, and nothing more is sent."""
    assert sorted(shop.records(), key=repr) == sorted(model, key=repr)
    assert compared(shop).status == "in step"
    requests = len(shop.sandbox.bulk())
    shop.in_step()
    assert len(shop.sandbox.bulk()) == requests


def assert_nothing_imagined(shop: Shop) -> None:
    """Whatever is said to be confirmed, Selligent has."""
    assert compared(shop).figures.wrong == 0


def in_doubt(shop: Shop) -> int:
    return shop.plan_one().counts.in_doubt


# Each strikes a load; whatever was applied or not, what Selligent has is in the end the model.
FAULTS = [
    "load:503@1",
    "load:503@first=6",
    "load:500-after@1",
    "load:503-after@first=2",
    "load:502@every=2",
    "load:reset-before@1",
    "load:reset-after@1",
    "load:reset-after@first=3",
    "load:html@1",
    "load:html-after@1",
    "load:not-json-after@1",
    "load:truncated-after@1",
    "load:huge-after=65@1",
    "load:counts@1",
    "load:counts@first=2",
    "load:failed@1",
    "load:result=PartiallySucceeded@1",
    "load:result=ValidationFailed@1",
    "load:result=Failed@1",
    "load:result=ServiceUnavailable@1",
    "load:result=InternalServerError@1",
    "load:result=Succeeded@1",
    "load:result=UnheardOf@1",
    "load:408@1",
    "load:408-after@1",
    "load:413@1",
    "load:429@first=3",
    "load:quota@first=2",
    "fields:503@first=2",
    "fields:408@1",
    "fields:html@1",
    "fields:not-json-after@1",
    "fields:truncated-after@1",
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
    shop.sandbox.faults([])
    assert_in_step(shop, NEW)


# Fault, requests of the first group of four rows, what the sync says, and how it waits: by itself,
# for the rest of a list, or not at all. All four rows are in doubt then, unless nothing was applied
# for sure.
LASTING: list[tuple[str, int, str, str]] = [
    ("load:500", 7, UNUSABLE + "500 of the server", "grows"),
    ("load:503", 7, UNUSABLE + "503 of the server", "grows"),
    ("load:503-after", 7, UNUSABLE + "503 of the server", "grows"),
    ("load:reset-before", 7, UNUSABLE + BROKEN, "grows"),
    ("load:reset-after", 7, UNUSABLE + BROKEN, "grows"),
    ("load:truncated-after", 7, UNUSABLE + BROKEN, "grows"),
    ("load:html", 7, UNUSABLE + HTML, "grows"),
    ("load:html-after", 7, UNUSABLE + HTML, "grows"),
    ("load:not-json-after", 7, UNUSABLE + OTHER, "grows"),
    ("load:huge-after=65", 7, UNUSABLE + LONG, "grows"),
    ("load:result=ServiceUnavailable", 7, UNUSABLE + "result ServiceUnavailable", "grows"),
    ("load:result=InternalServerError", 7, UNUSABLE + "result InternalServerError", "grows"),
    ("load:429", 100, UNUSABLE + BUSY, "grows"),
    ("load:429-after", 100, UNUSABLE + BUSY, "grows"),
    ("load:quota", 100, UNUSABLE + QUOTA, "as told"),
    ("load:408", 9, UNUSABLE + "408: no answer in time", "rests"),
    ("load:408-after", 9, UNUSABLE + "408: no answer in time", "rests"),
    ("load:400-after", 1, "400: the request is refused, with something else as its body", ""),
    (f"load:{REDIRECT}", 1, "307: a redirect, which is not followed", ""),
    ("load:result=UnheardOf", 3, "result UnheardOf, which this version does not know", ""),
]
NEVER_APPLIED: list[tuple[str, int, str, str]] = [
    ("load:401", 1, "401: the key is refused", ""),
    ("load:403", 1, "403: the request is refused, with something else as its body", ""),
    ("load:404", 1, "404: no such organization or list", ""),
    ("load:405", 1, "405: the request is refused, with something else as its body", ""),
    ("load:result=NotFound", 1, "result NotFound: there is no such list or segment", ""),
]
UNREAD = "the fields of list CUSTOMERS cannot be read: "
UNREADABLE: list[tuple[str, int, str, str]] = [
    ("fields:500", 0, UNREAD + "500 of the server", "grows"),
    ("fields:html", 0, UNREAD + HTML, "grows"),
    ("fields:not-json-after", 0, UNREAD + OTHER, "grows"),
    ("fields:429", 0, UNREAD + BUSY, "grows"),
    ("fields:quota", 0, UNREAD + QUOTA, "as told"),
    ("fields:408", 0, UNREAD + "408: no answer in time", "rests"),
    ("fields:reset-after", 0, f"Selligent cannot be reached: {BROKEN}", "grows"),
    ("fields:truncated-after", 0, f"Selligent cannot be reached: {BROKEN}", "grows"),
    ("fields:huge-after=65", 0, LONG, ""),
    ("fields:401", 0, "401: the key is refused", ""),
    (f"fields:{REDIRECT}", 0, "307: a redirect, which is not followed", ""),
]


@pytest.mark.parametrize(
    ("fault", "requests", "error", "waits"), [*LASTING, *NEVER_APPLIED, *UNREADABLE]
)
def test_a_lasting_fault_ends_the_sync_and_the_next_one_goes_on(
    shop: Shop, fault: str, requests: int, error: str, waits: str
) -> None:
    """Also where the model went back meanwhile to what Selligent confirmed before."""
    shop.customers(*OLD)
    shop.in_step()
    shop.customers(*NEW)
    shop.sandbox.faults([fault])
    result = shop.sync_one()
    assert (result.status, result.confirmed, result.error) == ("failed", 0, error)
    assert result.requests == requests
    assert result.next_step
    assert_waited(shop.waits, waits, requests or 7)
    shop.sandbox.faults([])
    assert_nothing_imagined(shop)
    unsure = (fault, requests, error, waits) in LASTING
    assert in_doubt(shop) == (4 if unsure else 0)
    for model in (OLD, NEW):
        shop.customers(*model)
        shop.in_step()
        assert_in_step(shop, model)


def assert_waited(waits: list[float], how: str, requests: int) -> None:
    """Between requests; after one that had no answer in time, always."""
    if how == "rests":
        assert waits == [REST] * (requests - 1)
    elif how == "as told":
        assert len(waits) == requests - 1
        assert waits == sorted(waits, reverse=True)  # a second may pass meanwhile
        assert all(30 < wait <= 60 for wait in waits)
    else:
        assert len(waits) == (requests - 1 if how else 0)
        assert all(0 <= wait <= 30 for wait in waits)


REFUSING = [
    ("load:413", 10),
    ("load:failed", 14),
    ("load:result=Succeeded", 14),
    ("load:result=PartiallySucceeded", 14),
    ("load:result=Failed", 14),
    ("load:result=ValidationFailed", 14),
]


@pytest.mark.parametrize(("fault", "requests"), REFUSING)
def test_rows_that_are_refused_alone_are_held(shop: Shop, fault: str, requests: int) -> None:
    shop.customers(*OLD)
    shop.in_step()
    shop.customers(*NEW)
    shop.sandbox.faults([fault])
    result = shop.sync_one()
    assert (result.status, result.error, result.confirmed) == ("rows refused", None, 0)
    assert (result.rejected, result.requests, shop.waits) == (8, requests, [])
    shop.sandbox.faults([])
    assert shop.records() == OLD
    assert_nothing_imagined(shop)
    assert shop.sync_one().requests == 0
    assert shop.sync_one(retry_rejected=True).status == "in step"
    assert_in_step(shop, NEW)


def test_a_list_that_refuses_every_row_is_not_asked_for_each(shop: Shop) -> None:
    shop.table(
        "customers",
        "select range::integer as id, 'c' || range || '@acme.example' as email, null::varchar as "
        "first_name, 1.5::double as lifetime_value, true as opt_in from range(500)",
    )
    shop.sandbox.faults(["load:result=Failed"])
    result = shop.sync_one()
    assert result.status == "failed"
    assert (result.error or "").startswith("20 rows were refused one after the other")
    assert (result.confirmed, result.rejected) == (0, 20)
    shop.sandbox.faults([])
    assert shop.in_step(retry_rejected=True).confirmed == 500


def test_rows_that_were_left_out_are_sent_again(shop: Shop) -> None:
    """Each time, half of what is sent is taken, and the answer says so by its counts alone."""
    shop.customers(*OLD)
    shop.sandbox.faults(["load:part"])
    result = shop.in_step()
    assert (result.confirmed, result.requests) == (8, 15)
    assert_in_step(shop, OLD)


def test_counts_that_are_always_wrong_are_taken_of_single_rows(shop: Shop) -> None:
    """Each row alone is accounted for, whatever the sum."""
    shop.customers(*OLD)
    shop.in_step()
    shop.customers(*NEW)
    shop.sandbox.faults(["load:counts"])
    result = shop.in_step()
    assert (result.confirmed, result.requests) == (8, 14)
    shop.sandbox.faults([])
    assert_in_step(shop, NEW)


# Other calls: membership, the end of it, and deletes. All of them go the way of a load.
PEOPLE = [(n, f"c{n}@acme.example", "C", 1.0, True) for n in range(1, 41)]
OTHERS = [*PEOPLE[2:], *((n, f"c{n}@acme.example", "C", 1.0, True) for n in (50, 51))]


def crowd(**meta: Any) -> dict[str, Any]:
    given = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": CRM_FIELDS}
    return exposure("crm", "customers", {**given, **meta})


CALLS = [
    pytest.param("segment-load", {"segment": "VIP"}, id="join"),
    pytest.param("delete", {"segment": "VIP"}, id="leave"),
    pytest.param("delete", {"mode": "mirror"}, id="delete"),
]


def changed_crowd(shop: Shop, meta: dict[str, Any]) -> None:
    """Two rows left, two came."""
    shop.declare(crowd(**meta))
    shop.customers(*PEOPLE)
    shop.in_step()
    shop.waits.clear()
    shop.customers(*OTHERS)


def assert_crowd(shop: Shop, meta: dict[str, Any]) -> None:
    ids = sorted(int(str(record[0])) for record in shop.records())
    there = OTHERS if "mode" in meta else [*PEOPLE[:2], *OTHERS]
    assert ids == [row[0] for row in there]
    if "segment" in meta:
        assert len(shop.sandbox.segment("CUSTOMERS", "VIP")) == len(OTHERS)
    assert compared(shop).status == "in step"
    requests = len(shop.sandbox.bulk())
    shop.in_step()
    assert len(shop.sandbox.bulk()) == requests


@pytest.mark.parametrize(("call", "meta"), CALLS)
@pytest.mark.parametrize(
    "fault",
    ["503-after@1", "reset-after@1", "408@1", "counts@1", "result=Failed@1"],
)
def test_a_passing_fault_of_another_call(
    shop: Shop, call: str, meta: dict[str, Any], fault: str
) -> None:
    changed_crowd(shop, meta)
    shop.sandbox.faults([f"{call}:{fault}"])
    shop.in_step()
    shop.sandbox.faults([])
    assert_crowd(shop, meta)


@pytest.mark.parametrize(("call", "meta"), CALLS)
@pytest.mark.parametrize("fault", ["503-after", "403"])
def test_a_lasting_fault_of_another_call(
    shop: Shop, call: str, meta: dict[str, Any], fault: str
) -> None:
    changed_crowd(shop, meta)
    shop.sandbox.faults([f"{call}:{fault}"])
    result = shop.sync_one()
    assert result.status == "failed"
    assert len(shop.waits) == (0 if fault == "403" else 6)
    shop.sandbox.faults([])
    assert_nothing_imagined(shop)
    shop.in_step()
    assert_crowd(shop, meta)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("503", "list CUSTOMERS cannot be read back: 503 of the server"),
        ("html", f"list CUSTOMERS cannot be read back: {HTML}"),
        ("reset-before", f"Selligent cannot be reached: {BROKEN}"),
        ("truncated-after", f"Selligent cannot be reached: {BROKEN}"),
        (
            "result=ServiceUnavailable",
            "list CUSTOMERS cannot be read back: result ServiceUnavailable",
        ),
        ("408", "list CUSTOMERS cannot be read back: 408: no answer in time"),
    ],
)
def test_faults_of_a_search_while_verifying(shop: Shop, fault: str, error: str) -> None:
    shop.customers(*OLD)
    shop.in_step()
    shop.sandbox.faults([f"search:{fault}@first=2"])
    assert compared(shop).status == "in step"
    assert len(shop.waits) == 2
    shop.sandbox.faults([f"search:{fault}"])
    found = compared(shop)
    assert (found.status, found.error) == ("failed", error)
    assert len(shop.waits) == 8
    shop.sandbox.faults([])
    assert_in_step(shop, OLD)


class Naps(list[float]):
    """Waits that are short, but let the server come to an end with what it is at."""

    def append(self, seconds: float) -> None:
        super().append(seconds)
        time.sleep(0.4 if seconds == REST else 0.02)


@pytest.mark.parametrize(
    ("fault", "timeouts"),
    [
        ("delay=0.5", Timeouts(5, 0.2, 5)),
        ("delay-after=0.5", Timeouts(5, 0.2, 5)),
        ("drip-after=0.05", Timeouts(5, 5, 0.3)),
        ("drip-headers-after=0.05", Timeouts(5, 5, 0.3)),
    ],
)
def test_an_answer_that_is_late_leaves_rows_in_doubt(
    shop: Shop, fault: str, timeouts: Timeouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the server applies them before that, or after it."""
    shop.waits = Naps()
    shop.customers(*OLD)
    shop.in_step()
    shop.customers(*NEW)
    usual: Any = Client.__init__.__kwdefaults__
    monkeypatch.setitem(usual, "timeouts", timeouts)
    shop.sandbox.faults([f"load:{fault}"])
    result = shop.sync_one()
    assert (result.status, result.error) == ("failed", UNUSABLE + LATE)
    assert (result.confirmed, shop.waits.count(REST)) == (0, 8)
    time.sleep(0.5 if fault.startswith("delay=") else 0)
    shop.sandbox.faults([])
    assert_nothing_imagined(shop)
    assert in_doubt(shop) == 4
    shop.sandbox.faults([f"load:{fault}@1"])
    assert shop.in_step().confirmed == 8
    shop.sandbox.faults([])
    assert_in_step(shop, NEW)


def test_a_redirect_to_another_host_gets_no_key(shop: Shop) -> None:
    with serve(once(GOOD)) as other:
        for call in ("load", "fields"):
            shop.customers(*OLD)
            shop.sandbox.faults([f"{call}:redirect=http://localhost:{other.port}/"])
            assert (shop.sync_one().error or "").startswith("307: a redirect")
    assert other.peers == []
    shop.sandbox.faults([])
    shop.in_step()
    assert_in_step(shop, OLD)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The only one that is trusted here."""
    for name in AUTHORITIES:
        monkeypatch.delenv(name, raising=False)
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.mark.parametrize("kind", ["expired", "of another host", "self-signed"])
def test_a_certificate_that_is_not_to_be_trusted_gets_nothing(
    shop: Shop, kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(*OLD)
    port = int(shop.url.rpartition(":")[2])
    host, days = ("acme.example" if kind == "of another host" else "localhost"), 1
    context = authority.context(host, days=-1 if kind == "expired" else days)
    if kind == "self-signed":
        monkeypatch.delenv("SSL_CERT_FILE")
    with serve(relay(port), context) as wire:
        shop.profile(url=f"https://localhost:{wire.port}")
        result = shop.sync_one()
    assert result.status == "failed"
    assert (result.error or "").startswith("the server's certificate is not to be trusted: ")
    assert (wire.said, shop.waits, shop.sandbox.received) == (b"", [], [])
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serve(relay(port), authority.context()) as wire:
        shop.profile(url=f"https://localhost:{wire.port}")
        shop.in_step()
        assert b"X-ApiKey: " in wire.said
        assert_in_step(shop, OLD)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9", "Selligent cannot be reached: no connection"),
        ("https://gone.invalid", "Selligent cannot be reached: the host's name is not known"),
    ],
)
def test_an_unreachable_selligent_is_an_error_and_nothing_is_lost(
    shop: Shop, url: str, error: str
) -> None:
    shop.customers(ANN)
    shop.profile(url=url)
    result = shop.sync_one()
    assert (result.status, result.error, result.counts) == ("failed", error, None)
    assert len(shop.waits) == 6
    shop.profile()
    assert shop.in_step().confirmed == 1
    assert shop.records() == [ANN]


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
