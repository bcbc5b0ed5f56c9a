"""`verify`: what the list holds against what Selligent confirmed, and the repair of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbt_selligent import reading, verification
from dbt_selligent.events import Waiting
from dbt_selligent.locks import hold
from dbt_selligent.sandbox import BASE
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.client import Client

from . import conftest
from .conftest import CRM_FIELDS, TEXT, Done, Shop, exposure
from .test_sync import ANN, BEN, CAT

# The figures that are zero, or not there, unless a test says otherwise.
NOTHING = {
    "missing": 0,
    "different": 0,
    "different_fields": {},
    "unexpected": 0,
    "doubled": 0,
    "members": None,
    "not_members": 0,
    "unexpected_members": 0,
    "strangers": 0,
    "in_doubt": 0,
    "wrong": 0,
    "repaired": 0,
}
FIGURES = ("records", "in_step", *NOTHING)


def run(shop: Shop, name: str, *flags: str) -> Done:
    return shop.invoke("verify", "--select", name, *flags)


def found(shop: Shop, name: str = "crm", *flags: str) -> dict[str, Any]:
    """What `verify --output json` says of one activation, which must fit its exit code."""
    done = run(shop, name, "--output", "json", *flags)
    [one] = json.loads(done.out)
    assert one["name"] == name
    assert done.err == ""
    assert done.code == int(one["status"] not in ("in step", "never synced"))
    told: dict[str, Any] = one
    return told


def figures(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in FIGURES}


def expected(records: int, in_step: int, **more: Any) -> dict[str, Any]:
    return {"records": records, "in_step": in_step, **NOTHING, **more}


def samples(one: dict[str, Any], kind: str) -> list[Any]:
    return [
        (row["keys"], row["fields"]) if row["fields"] else row["keys"]
        for row in one["sample"]
        if row["kind"] == kind
    ]


def crm(**more: Any) -> dict[str, Any]:
    meta = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": CRM_FIELDS}
    return exposure("crm", "customers", {**meta, **more})


def test_a_list_that_is_as_it_was_sent_is_in_step_and_nothing_is_written_anywhere(
    shop: Shop,
) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    before = shop.state_bytes()
    one = found(shop)
    assert figures(one) == expected(3, 3)
    assert (one["status"], one["sample"], one["notes"], one["next_steps"]) == (
        "in step",
        [],
        [],
        [],
    )
    assert (one["list"], one["destination"], one["segment"], one["error"]) == (
        "CUSTOMERS",
        "dev",
        None,
        None,
    )
    done = run(shop, "crm")
    assert (done.code, done.out) == (
        0,
        "crm: list CUSTOMERS at dev: 3 records, 3 in step\n",
    )
    assert shop.state_bytes() == before
    assert shop.sent() == []


def test_records_that_were_deleted_or_changed_by_hand_are_told_and_repaired(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": 1})
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 2, "MAIL": "x@acme.example", "OPTIN": True}])
    before = shop.state_bytes()

    wrong = expected(
        2, 1, missing=1, different=1, different_fields={"MAIL": 1, "OPTIN": 1}, wrong=2
    )
    one = found(shop, "crm", "--show-values")
    assert (one["status"], figures(one)) == ("differs", wrong)
    assert samples(one, "missing") == [{"CUSTOMER_ID": "1"}]
    assert samples(one, "different") == [
        (
            {"CUSTOMER_ID": "2"},
            {
                "MAIL": {"sent": "ben@acme.example", "found": "x@acme.example"},
                "OPTIN": {"sent": "false", "found": "true"},
            },
        )
    ]
    assert shop.state_bytes() == before
    done = run(shop, "crm")
    assert done.code == 1
    head, *sampled, step = done.out.splitlines()
    assert head == (
        "crm: list CUSTOMERS at dev: 2 records, 1 in step, 1 missing, 1 different (MAIL 1, OPTIN 1)"
    )
    assert sampled == [
        "  missing: CUSTOMER_ID=***",
        "  different: CUSTOMER_ID=***: MAIL=*** (sent ***), OPTIN=*** (sent ***)",
    ]
    assert step == (
        "  -> `dbt-selligent verify --select crm --repair` puts 2 rows in doubt, and the next "
        "sync sends what is in doubt again"
    )

    shop.sent()
    repaired = run(shop, "crm", "--repair")
    assert repaired.code == 1
    assert repaired.out.splitlines()[-1] == (
        "  -> 2 rows put in doubt: `dbt-selligent sync --select crm` sends them again"
    )
    assert shop.sent() == []
    one = found(shop)
    assert (one["status"], figures(one)) == ("in doubt", expected(2, 1, in_doubt=2))
    assert one["next_steps"] == ["`dbt-selligent sync --select crm` sends again what is in doubt"]
    result = shop.in_step()
    assert (result.confirmed, result.counts and result.counts.in_doubt) == (2, 2)
    assert sorted(shop.records(), key=str) == [ANN, BEN, CAT]
    assert figures(found(shop)) == expected(3, 3)


def test_repair_tells_how_many_it_put_in_doubt(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    assert found(shop, "crm", "--repair")["repaired"] == 0
    shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": 1})
    assert figures(found(shop, "crm", "--repair")) == expected(1, 1, missing=1, wrong=1, repaired=1)


def things(shop: Shop, *rows: str) -> None:
    shop.table(
        "things",
        f'select * from (values {", ".join(rows)}) t(id, words, no, amount, day, "at", flag)',
    )


FULL = (
    "(1, 'Words', 5::bigint, 0.1::double + 0.2::double, date '2024-02-29', "
    "timestamp '2024-02-29 10:11:12.1234', true)"
)
BARE = "(2, null, null, null, null, null, null)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORDS", "words"),
        ("WORDS", "Words "),
        ("WORDS", ""),
        ("WORDS", None),
        ("NO", 6),
        ("NO", 0),
        ("AMOUNT", 0.300000000001),
        ("AMOUNT", -0.3),
        ("DAY", "2024-03-01"),
        ("DAY", None),
        ("AT", "2024-02-29T10:11:12.124Z"),
        ("AT", "2024-02-29T10:11:12Z"),
        ("FLAG", False),
        ("FLAG", None),
    ],
)
def test_a_value_of_any_type_that_changed_is_told_with_its_field(
    shop: Shop, name: str, value: object
) -> None:
    things(shop, FULL, BARE)
    shop.in_step("things")
    shop.sandbox.put("THINGS", [{"ID": 1, name: value}])
    one = found(shop, "things", "--show-values")
    told = expected(2, 1, different=1, different_fields={name: 1}, wrong=1)
    assert figures(one) == told
    [(keys, [(field, values)])] = [
        (keys, list(fields.items())) for keys, fields in samples(one, "different")
    ]
    assert (keys, field) == ({"ID": "1"}, name)
    assert values["sent"] is not None
    assert values["sent"] != values["found"]
    assert (values["found"] is None) == (value is None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORDS", ""),
        ("NO", 0),
        ("AMOUNT", 0.0),
        ("DAY", "0001-01-01"),
        ("AT", "1970-01-01T00:00:00Z"),
        ("FLAG", False),
    ],
)
def test_a_value_where_null_was_sent_is_another_value(shop: Shop, name: str, value: object) -> None:
    things(shop, FULL, BARE)
    shop.in_step("things")
    shop.sandbox.put("THINGS", [{"ID": 2, name: value}])
    one = found(shop, "things")
    assert figures(one) == expected(2, 1, different=1, different_fields={name: 1}, wrong=1)
    assert samples(one, "different") == [({"ID": "***"}, {name: {"sent": None, "found": "***"}})]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMOUNT", 0.3),
        ("AMOUNT", 0.30000000000004),
        ("AT", "2024-02-29T10:11:12.123"),
        ("AT", "2024-02-29T12:11:12.123+02:00"),
        ("WORDS", "Words"),
    ],
)
def test_a_value_that_selligent_holds_alike_is_no_difference(
    shop: Shop, name: str, value: object
) -> None:
    things(shop, FULL, BARE)
    shop.in_step("things")
    shop.sandbox.put("THINGS", [{"ID": 1, name: value}])
    assert figures(found(shop, "things")) == expected(2, 2)


@pytest.mark.parametrize(
    ("sent", "told", "alike"),
    [
        ("12345678901.2345::decimal(18, 4)", 12345678901.2345, True),
        ("12345678901.2345::decimal(18, 4)", 12345678901.2346, False),
        ("1234567890123.45::decimal(18, 2)", 1234567890123.99, False),
        ("123456789012345::bigint", 123456789012346, False),
        ("12345678901.2345::double", 12345678901.2, True),
        ("12345678901.2345::double", 12345678901.3, False),
    ],
)
def test_a_float_is_compared_with_as_many_digits_as_its_column_sent(
    shop: Shop, sent: str, told: float, alike: bool
) -> None:
    shop.declare(
        exposure(
            "things",
            "things",
            {"list": "THINGS", "matching_key": {"ID": "id"}, "fields": {"AMOUNT": "amount"}},
        )
    )
    shop.table("things", f"select 1 as id, {sent} as amount")
    shop.in_step("things")
    assert found(shop, "things")["in_step"] == 1
    shop.sandbox.put("THINGS", [{"ID": 1, "AMOUNT": told}])
    assert found(shop, "things")["different"] == int(not alike)


def test_the_ends_of_every_type_are_read_back_as_they_were_sent(shop: Shop) -> None:
    things(
        shop,
        "(1, 'quotes '' \" \\ and 🚲', 9223372036854775807, 1.7e308, date '0001-01-01', "
        "timestamp '0001-01-01', true)",
        "(2, '', -9223372036854775808, -5e-324, date '9999-12-31', "
        "timestamp '9999-12-31 23:59:59.999', false)",
        "(3, ' ', 9007199254740993, 123456789012345, date '1582-10-15', "
        "timestamp '1969-12-31 23:59:59.999', null)",
        "(4, 'null', 0, -0.0, null, timestamp '2024-01-01 12:00:00.5', null)",
        "(5, 'true', 1, 1e22, null, null, null)",
    )
    shop.in_step("things")
    assert figures(found(shop, "things")) == expected(5, 5)
    shop.sandbox.put("THINGS", [{"ID": 1, "NO": 9223372036854775806}])
    shop.sandbox.put("THINGS", [{"ID": 3, "NO": 9007199254740992, "AMOUNT": 123456789012346}])
    assert figures(found(shop, "things")) == expected(
        5, 3, different=2, different_fields={"NO": 2, "AMOUNT": 1}, wrong=2
    )


def test_text_keys_of_another_case_or_with_blanks_are_the_same_records(shop: Shop) -> None:
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    shop.in_step("mails")
    shop.sandbox.remove("MAILS", {"MAIL": "ann@acme.example"})
    shop.sandbox.put("MAILS", [{"MAIL": "ANN@acme.example ", "SCORE": 1}])
    assert figures(found(shop, "mails")) == expected(1, 1)
    shop.sandbox.put("MAILS", [{"MAIL": "Ann@acme.example", "SCORE": 2}])
    assert figures(found(shop, "mails")) == expected(
        1, 0, different=1, different_fields={"SCORE": 1}, wrong=1
    )
    found(shop, "mails", "--repair")
    shop.in_step("mails")
    assert figures(found(shop, "mails")) == expected(1, 1)


@pytest.mark.parametrize("rows_per_page", [1, 2, 3, 7, 100])
def test_composite_keys_are_read_over_pages_that_share_their_first_field(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, rows_per_page: int
) -> None:
    monkeypatch.setattr(reading, "ROWS_PER_PAGE", rows_per_page)
    shop.table(
        "orders",
        "select if(range < 11, 'Ghent', 'Store ' || range // 2) as store, range as order_no, "
        "'open' as state, range * 0.5 as total from range(20)",
    )
    shop.in_step("orders")
    shop.sandbox.put("ORDERS", [{"STORE": "GHENT", "ORDER_NO": 10, "STATE": "gone"}])
    shop.sandbox.remove("ORDERS", {"STORE": "Ghent", "ORDER_NO": 4})
    shop.sandbox.put("ORDERS", [{"STORE": "Ghent", "ORDER_NO": 44}])
    shop.sandbox.put("ORDERS", [{"STORE": "Bruges", "ORDER_NO": 1}])
    one = found(shop, "orders", "--show-values")
    assert figures(one) == expected(
        21, 18, missing=1, different=1, different_fields={"STATE": 1}, unexpected=2, wrong=2
    )
    assert samples(one, "missing") == [{"STORE": "Ghent", "ORDER_NO": "4"}]
    assert samples(one, "different") == [
        (
            {"STORE": "Ghent", "ORDER_NO": "10"},
            {"STATE": {"sent": "open", "found": "gone"}},
        )
    ]
    assert samples(one, "unexpected") == [
        {"STORE": "Bruges", "ORDER_NO": "1"},
        {"STORE": "Ghent", "ORDER_NO": "44"},
    ]
    found(shop, "orders", "--repair")
    shop.in_step("orders")
    assert figures(found(shop, "orders")) == expected(22, 20, unexpected=2)


def test_foreign_records_are_a_figure_and_no_failure(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": n, "MAIL": f"{n}"} for n in range(10, 18)])
    one = found(shop, "crm", "--show-values")
    assert (one["status"], figures(one)) == ("in step", expected(9, 1, unexpected=8))
    assert samples(one, "unexpected") == [{"CUSTOMER_ID": str(n)} for n in range(10, 15)]
    done = run(shop, "crm")
    assert done.code == 0
    others = "8 other (kept here, or not from here)"
    assert done.out.startswith(f"crm: list CUSTOMERS at dev: 9 records, 1 in step, {others}\n")
    assert figures(found(shop, "crm", "--repair")) == expected(9, 1, unexpected=8)


def test_rows_that_are_held_or_left_the_model_are_no_foreign_records(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 4}])
    shop.customers((1, "bad", *ANN[2:]), BEN, (4, "bad", None, None, None))
    shop.sandbox.faults(["load:reject:MAIL=bad"])
    assert shop.sync_one().status == "rows refused"
    # CAT left the model and is forgotten; 1 and 4 are held, and their records are there.
    assert figures(found(shop)) == expected(4, 1, unexpected=1)


def test_a_list_without_a_unique_key_is_told(
    monkeypatch: pytest.MonkeyPatch, open_shop: Callable[..., Shop]
) -> None:
    fields = {"ROW": TEXT, "MAIL": TEXT, "SCORE": {"data_type": "Long"}}
    monkeypatch.setitem(conftest.LISTS, "MAILS", {"business_key": ["ROW"], "fields": fields})
    shop = open_shop()
    shop.table("mails", "select unnest(['a', 'b']) as mail, 1 as score")
    shop.in_step("mails")
    shop.sandbox.put("MAILS", [{"ROW": "1", "MAIL": "A", "SCORE": 1}])
    one = found(shop, "mails", "--show-values")
    assert (one["status"], figures(one)) == ("differs", expected(3, 1, doubled=1))
    assert samples(one, "doubled") == [{"MAIL": "a"}]
    [step] = one["next_steps"]
    assert step.startswith("the list has no unique key over MAIL: delete the records")
    assert figures(found(shop, "mails", "--repair")) == expected(3, 1, doubled=1)
    assert ", 1 in step, 1 doubled\n" in run(shop, "mails").out


def test_a_record_that_is_read_twice_is_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    pages = reading.Reader.pages

    def twice(*arguments: Any, **more: Any) -> Any:
        yield from pages(*arguments, **more)
        yield from pages(*arguments, **more)

    monkeypatch.setattr(reading.Reader, "pages", twice)
    assert figures(found(shop)) == expected(2, 2)


def test_fields_that_are_sent_once_and_nulls_that_are_never_sent_are_not_compared(
    shop: Shop,
) -> None:
    fields = {**CRM_FIELDS, "OPTIN": {"column": "opt_in", "only": "insert"}}
    shop.declare(crm(fields=fields, nulls="skip"))
    shop.customers(ANN, CAT)
    shop.in_step()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "OPTIN": False}])
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 3, "FIRSTNAME": "Cathy"}])
    one = found(shop)
    assert (figures(one), one["notes"]) == (expected(2, 2), [])
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "FIRSTNAME": None}])
    assert figures(found(shop)) == expected(
        2, 1, different=1, different_fields={"FIRSTNAME": 1}, wrong=1
    )


def test_of_mode_insert_records_are_there_or_not(shop: Shop) -> None:
    shop.declare(crm(mode="insert"))
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "MAIL": "x"}])
    shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": 2})
    assert figures(found(shop, "crm", "--repair")) == expected(1, 1, missing=1, wrong=1, repaired=1)
    shop.in_step()
    assert figures(found(shop)) == expected(2, 2)
    assert shop.records()[0][1] == "x"


def test_a_field_that_left_the_mapping_is_not_compared_and_a_new_one_is_said(shop: Shop) -> None:
    shop.declare(crm(fields={"MAIL": "email", "LTV": "lifetime_value"}))
    shop.customers(ANN)
    shop.in_step()
    shop.declare(crm(fields={"MAIL": "email", "FIRSTNAME": "first_name"}, segment="VIP"))
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "LTV": 99.0}])
    one = found(shop)
    assert figures(one) == expected(1, 1)
    assert one["notes"] == ["not compared, since no sync sent it yet: FIRSTNAME, segment VIP"]


# Segments


def change_members(shop: Shop, call: Call, *ids: int) -> None:
    with Client(shop.settings().destination_named()) as client:
        names, body = ["CUSTOMER_ID"], json.dumps([[each] for each in ids]).encode()
        answer = client.bulk(call, "CUSTOMERS", "VIP", keys=names, fields=names, body=body)
        assert getattr(answer, "status", None) == 200


@pytest.fixture
def segment(shop: Shop) -> Shop:
    shop.declare(crm(segment="VIP"))
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    return shop


def test_a_segment_that_is_as_it_was_is_in_step(segment: Shop) -> None:
    assert figures(found(segment)) == expected(3, 3, members=3)
    assert run(segment, "crm").out == (
        "crm: list CUSTOMERS at dev: 3 records, 3 in step; segment VIP: 3 members\n"
    )


def test_memberships_that_ended_are_told_and_repaired(
    segment: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ROWS_PER_PAGE", 1)
    change_members(segment, Call.LEAVE, 1, 3)
    segment.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 3, "MAIL": "x"}])
    segment.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": 2})
    wrong = expected(
        2,
        0,
        missing=1,
        different=1,
        different_fields={"MAIL": 1},
        members=0,
        not_members=2,
        wrong=3,
    )
    one = found(segment, "crm", "--show-values")
    assert figures(one) == wrong
    assert samples(one, "not a member") == [{"CUSTOMER_ID": "1"}, {"CUSTOMER_ID": "3"}]
    assert figures(found(segment, "crm", "--repair")) == {**wrong, "repaired": 3}
    assert figures(found(segment)) == expected(2, 0, members=0, in_doubt=3)
    segment.sent()
    segment.in_step()
    # The record of ANN is as it was: its membership alone is sent again.
    sent = [sorted(row[0] for row in body) for _, _, body in segment.sent()]
    assert sent == [[2, 3], [1, 2, 3]]
    assert figures(found(segment)) == expected(3, 3, members=3)


def test_members_from_elsewhere_are_a_failure_with_a_mend(segment: Shop) -> None:
    segment.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 8}, {"CUSTOMER_ID": 9}])
    change_members(segment, Call.JOIN, 9)
    one = found(segment, "crm", "--show-values")
    assert one["status"] == "differs"
    assert figures(one) == expected(
        5, 3, unexpected=2, members=4, unexpected_members=1, strangers=1
    )
    assert samples(one, "unexpected member") == [{"CUSTOMER_ID": "9"}]
    [step] = one["next_steps"]
    assert step.startswith("1 member of segment VIP came from elsewhere: take them out")
    assert figures(found(segment, "crm", "--repair"))["repaired"] == 0
    assert "; segment VIP: 4 members, 1 unexpected member\n" in run(segment, "crm").out


def test_a_member_that_this_tool_did_not_join_is_put_in_doubt(segment: Shop) -> None:
    # As a run leaves it that ended between the record and its membership.
    with duckdb.connect(str(segment.state / "dev" / "crm.duckdb")) as state:
        state.execute('update snapshot set "_selligent_member" = false where "CUSTOMER_ID" = 3')
    change_members(segment, Call.LEAVE, 3)
    before = found(segment)
    change_members(segment, Call.JOIN, 3)
    one = found(segment, "crm", "--repair")
    after = found(segment)
    assert figures(before) == expected(3, 3, members=2)
    assert figures(one) == expected(3, 2, members=3, unexpected_members=1, wrong=1, repaired=1)
    assert figures(after) == expected(3, 2, members=3, in_doubt=1)
    segment.in_step()
    assert figures(found(segment)) == expected(3, 3, members=3)


def test_a_segment_that_is_gone_has_no_members_and_the_next_sync_makes_it(segment: Shop) -> None:
    config = segment.sandbox.config
    where = f"{segment.url}{BASE}/organizations/{config.organization}/lists/CUSTOMERS/segments/VIP"
    gone = requests.delete(
        where, headers={"X-ApiKey": f"{config.api_key}:{config.api_secret}"}, timeout=60
    )
    assert gone.status_code == 200
    one = found(segment, "crm", "--repair")
    assert figures(one) == expected(3, 0, members=0, not_members=3, wrong=3, repaired=3)
    assert one["notes"] == ["there is no segment VIP: the next sync makes it"]
    segment.in_step()
    assert figures(found(segment)) == expected(3, 3, members=3)


# What it cannot compare


def test_an_activation_that_never_synced_is_no_failure(shop: Shop) -> None:
    done = run(shop, "crm")
    assert (done.code, done.out) == (0, "crm: list CUSTOMERS at dev: never synced\n")
    assert not shop.state.exists()
    assert shop.sandbox.received == []
    shop.customers()
    assert shop.sync_one().status == "failed"  # an empty model: a state, and nothing in it
    assert found(shop)["status"] == "never synced"


def delete(shop: Shop, path: str) -> None:
    config = shop.sandbox.config
    done = requests.delete(
        f"{shop.url}{BASE}/organizations/{config.organization}/lists/{path}",
        headers={"X-ApiKey": f"{config.api_key}:{config.api_secret}"},
        timeout=60,
    )
    assert done.status_code == 200


def test_a_list_that_is_gone_fails_and_the_other_activations_go_on(shop: Shop) -> None:
    others = {"list": "OTHERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}
    shop.declare(crm(), exposure("before", "customers", others))
    shop.customers(ANN)
    assert shop.sync().exit_code == 0
    delete(shop, "OTHERS")
    done = shop.invoke("verify")
    assert done.code == 1
    assert sorted(done.out.splitlines()) == sorted(
        [
            "before: list OTHERS at dev: failed",
            "  there is no list OTHERS in the organization",
            "  -> did you mean ORDERS?",
            "crm: list CUSTOMERS at dev: 1 record, 1 in step",
        ]
    )


def test_what_hinders_a_read_fails_the_activation_and_names_the_mend(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sandbox.faults(["search:403"])
    one = found(shop)
    assert (one["status"], one["records"], one["sample"]) == ("failed", 0, [])
    assert one["error"].startswith("403: ")
    shop.sandbox.faults(["any:503"])
    [late] = verification.verify(shop.settings(select=("crm",)), sleep=shop.waits.append)
    assert (late.status, late.next_steps) == (
        "failed",
        ("run `dbt-selligent debug`, then verify again",),
    )
    assert len(shop.waits) > 2
    shop.sandbox.faults(["search:503@1", "fields:429@1"])
    [again] = verification.verify(shop.settings(select=("crm",)), sleep=shop.waits.append)
    assert again.status == "in step"


def test_a_locked_activation_fails_and_a_list_in_use_is_waited_for(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    with hold(shop.state / "dev" / "crm.lock", "the activation"):
        one = found(shop)
    assert one["status"] == "failed"
    assert one["error"].startswith("activation crm is in use by process")

    waiting = threading.Event()
    shop.sandbox.faults(["search:500"])  # whatever is read before its turn would be told

    def told(event: object) -> None:
        assert isinstance(event, Waiting)
        shop.sandbox.faults([])
        waiting.set()

    with ThreadPoolExecutor() as pool:
        with hold(shop.list_lock(), "the list"):
            chosen = shop.settings(select=("crm",))
            verifying = pool.submit(verification.verify, chosen, emit=told, sleep=shop.waits.append)
            assert waiting.wait(conftest.SECONDS)
        [late] = verifying.result(conftest.SECONDS)
    assert (late.status, shop.waits) == ("in step", [])


def test_another_key_or_a_field_that_is_gone_is_no_comparison(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.declare(crm(matching_key={"MAIL": "email"}, fields={"LTV": "lifetime_value"}))
    one = found(shop)
    assert (one["status"], one["next_steps"]) == ("failed", ["sync first: it starts anew"])
    assert one["error"].endswith("the last sync was of another list or matching key")

    shop.declare(crm())
    delete(shop, "CUSTOMERS")
    fields = [{"name": name, "data_type": "Long"} for name in ("customer_id", "MAIL")]
    with Client(shop.settings().destination_named()) as client:
        client.create_list("CUSTOMERS", "Customers", "Userlist")
        client.create_fields("CUSTOMERS", fields)
    one = found(shop)
    assert (one["status"], one["error"]) == (
        "failed",
        "list CUSTOMERS has no field FIRSTNAME any more",
    )


def test_a_value_that_is_none_of_its_type_any_more_is_another_value(shop: Shop) -> None:
    shop.customers((1, "null", None, 5.0, None), (2, "5.5", None, None, None))
    shop.declare(crm(fields={"MAIL": "email", "LTV": "lifetime_value"}))
    shop.in_step()
    delete(shop, "CUSTOMERS")
    key = {"name": "customer_id", "data_type": "Text", "length": 9}
    fields = [{**key, "name": name} for name in ("LTV", "MAIL")]
    with Client(shop.settings().destination_named()) as client:
        client.create_list("CUSTOMERS", "Customers", "Userlist")
        client.create_fields("CUSTOMERS", [key, *fields])
        client.set_business_key("CUSTOMERS", ["customer_id"])
    rows = [("1", "null", "5.00"), ("2", "5.5", ""), ("1.4", "x", "y"), ("one", "x", "y")]
    shop.sandbox.put(
        "CUSTOMERS",
        [dict(zip(("customer_id", "MAIL", "LTV"), row, strict=True)) for row in rows],
    )
    one = found(shop, "crm", "--show-values")
    assert figures(one) == expected(
        4, 1, different=1, different_fields={"LTV": 1}, unexpected=2, wrong=1
    )
    assert samples(one, "different") == [
        ({"customer_id": "2"}, {"LTV": {"sent": None, "found": ""}})
    ]


def test_a_run_that_was_cut_off_is_settled_first(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.customers(ANN, BEN)
    with shop.started("sync", "--select", "crm") as running:
        shop.sandbox.faults(["load:delay-after=30"])
        conftest.wait_until(lambda: len(shop.records()) == 2, "BEN is there")
        running.kill()
        running.wait()
    assert figures(found(shop)) == expected(2, 1, in_doubt=1)
    shop.sandbox.faults([])
    shop.in_step()
    assert figures(found(shop)) == expected(2, 2)


def test_a_list_that_gives_other_records_than_it_counts_is_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    monkeypatch.setattr(reading.Reader, "count", lambda *_: 3)
    [note] = found(shop)["notes"]
    assert note == (
        "the list is said to have 3 records, and gave 2: unless others write to it now, "
        "verify again"
    )


def test_no_value_is_told_unless_it_is_asked_for(segment: Shop) -> None:
    marked = "marker@acme.example"
    segment.customers((700010203, marked, "Marker", 1.0, True), BEN)
    segment.in_step()
    segment.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 700010203, "MAIL": f"x{marked}"}])
    segment.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 700010204}])
    change_members(segment, Call.JOIN, 700010204)
    change_members(segment, Call.LEAVE, 700010203)
    for flags in ((), ("--output", "json"), ("--repair",)):
        done = run(segment, "crm", *flags)
        assert done.code == 1
        assert ("marker" in done.said, "70001" in done.said) == (False, False)
    segment.in_step()
    segment.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 700010203, "MAIL": f"x{marked}"}])
    done = run(segment, "crm", "--show-values")
    assert (
        f'  different: CUSTOMER_ID=700010203: MAIL="x{marked}" (sent "{marked}")'
        in done.out.splitlines()
    )


# Random damage

mails = st.sampled_from(["a", "A ", "b", "C", "d", "e ", "f", "g h", "ä", "ß"])
scores = st.one_of(st.none(), st.integers(-2, 2))


def canonical(mail: str) -> str:
    return mail.lower().rstrip(" ")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.dictionaries(mails, scores, min_size=1),
    st.sets(mails),
    st.dictionaries(mails, scores),
    st.sampled_from([1, 2, 3, 100]),
)
def test_random_damage_is_told_exactly(
    open_shop: Callable[..., Shop],
    table: dict[str, int | None],
    removed: set[str],
    written: dict[str, int | None],
    rows_per_page: int,
) -> None:
    shop = open_shop()
    sent = {canonical(mail): score for mail, score in table.items()}
    shop.write("create or replace table mails (mail varchar, score bigint)")
    for mail, score in sent.items():
        shop.write(f"insert into mails values ('{mail}', {'null' if score is None else score})")
    shop.in_step("mails")
    there = dict(sent)
    for mail in removed:
        shop.sandbox.remove("MAILS", {"MAIL": mail})
        there.pop(canonical(mail), None)
    for mail, score in written.items():
        shop.sandbox.put("MAILS", [{"MAIL": mail, "SCORE": score}])
        there[canonical(mail)] = score

    missing = sorted(mail for mail in sent if mail not in there)
    different = sorted(mail for mail in sent if mail in there and there[mail] != sent[mail])
    foreign = [mail for mail in there if mail not in sent]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "ROWS_PER_PAGE", rows_per_page)
        patch.setattr(verification, "MOST_ROWS", 100)
        one = found(shop, "mails", "--repair", "--show-values")
    wrong = len(missing) + len(different)
    assert figures(one) == expected(
        len(there),
        len(sent) - wrong,
        missing=len(missing),
        different=len(different),
        different_fields={"SCORE": len(different)} if different else {},
        unexpected=len(foreign),
        wrong=wrong,
        repaired=wrong,
    )
    assert [keys["MAIL"] for keys in samples(one, "missing")] == missing
    assert [keys["MAIL"] for keys, _ in samples(one, "different")] == different
    shop.in_step("mails")
    records = {canonical(str(mail)): score for mail, score in shop.records("MAILS")}
    assert records == {**there, **sent}
    assert figures(found(shop, "mails")) == expected(
        len(records), len(sent), unexpected=len(foreign)
    )


def test_a_membership_whose_answer_was_lost_is_in_doubt_and_no_difference(shop: Shop) -> None:
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": {"MAIL": "email"},
        "segment": "VIP",
    }
    shop.declare(exposure("crm", "customers", meta))
    shop.customers(ANN)
    shop.sandbox.faults(["segment-load:reset-after"])
    assert shop.sync_one().status == "failed"
    shop.sandbox.faults([])

    one = found(shop)

    assert (one["status"], one["in_doubt"]) == ("in doubt", 1)
    shop.in_step()
    assert found(shop)["status"] == "in step"
