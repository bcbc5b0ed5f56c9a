"""What a sync sends, to the last request: nothing needlessly, nothing forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dbt_selligent.sandbox import Received

from .conftest import CRM_FIELDS, Shop, exposure, load, wait_until

ANN = (1, "ann@acme.example", "Ann", 10.5, True)
BEN = (2, "ben@acme.example", "Ben", 20.25, False)
CAT = (3, "cat@acme.example", None, None, None)
WHOLE = "CUSTOMER_ID,MAIL,FIRSTNAME,LTV,OPTIN"

A_ORDER = "select 'Ghent' as store, 1 as order_no, 'open' as state, 9.5 as total"


def test_first_sync_sends_every_row_whole_and_the_second_sends_nothing(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    first = shop.in_step()
    assert (first.confirmed, first.rejected, first.not_sent, first.requests) == (3, 0, 0, 1)
    assert first.counts is not None
    assert (first.counts.rows, first.counts.new) == (3, 3)
    assert first.notes == (f"first sync, no state at {shop.state / 'dev' / 'crm.duckdb'}",)
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", WHOLE, [ANN, BEN, CAT])]
    assert shop.records() == [ANN, BEN, CAT]

    second = shop.in_step()
    assert shop.sent() == []
    assert second.counts is not None
    assert (second.counts.rows, second.counts.unchanged, second.requests) == (3, 3, 0)
    assert second.notes == ()


def test_a_rebuilt_model_of_the_same_rows_in_another_order_sends_nothing(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    shop.customers(CAT, ANN, BEN)
    shop.in_step()
    assert shop.sent() == []


def test_one_changed_attribute_is_sent_alone_and_only_updates(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    shop.customers(ANN, (*BEN[:3], 21.0, False), CAT)
    result = shop.in_step()
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,LTV", [[2, 21.0]], only_update=True)
    ]
    assert result.counts is not None
    assert (result.counts.new, result.counts.changed, result.counts.unchanged) == (0, 1, 2)
    assert shop.records() == [ANN, (*BEN[:3], 21.0, False), CAT]


def test_a_value_that_becomes_null_is_sent_as_null(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    shop.customers((*ANN[:4], None))
    shop.in_step()
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,OPTIN", [[1, None]], only_update=True)
    ]


def test_rows_are_grouped_by_what_changed_largest_first_and_new_ones_go_whole(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    dan = (4, "dan@acme.example", "Dan", 0.5, True)
    shop.customers(
        (1, "ann@acme.example", "Anna", 10.5, True),
        (2, "ben@acme.example", "Benny", 20.25, False),
        (3, "kat@acme.example", None, 3.0, None),
        dan,
    )
    shop.in_step()
    new, *changed = shop.sent()
    assert new == load("CUSTOMERS", "CUSTOMER_ID", WHOLE, [dan])
    names = [[1, "Anna"], [2, "Benny"]]
    first, second = changed
    assert sorted(first[2]) == names
    assert first[1]["fields"] == "CUSTOMER_ID,FIRSTNAME"
    assert second == load(
        "CUSTOMERS",
        "CUSTOMER_ID",
        "CUSTOMER_ID,MAIL,LTV",
        [[3, "kat@acme.example", 3.0]],
        only_update=True,
    )


def test_a_record_deleted_by_hand_comes_back_whole_and_not_as_a_stump(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    assert shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": 2}) == 1
    ben = (*BEN[:3], 21.0, False)
    shop.customers((*ANN[:3], 11.5, True), ben)
    result = shop.in_step()
    update, again = shop.sent()
    assert update[1]["data_import_option"] == "OnlyUpdate"
    assert sorted(update[2]) == [[1, 11.5], [2, 21.0]]
    assert again[1]["data_import_option"] == "InsertAndUpdate"
    assert again[1]["fields"] == WHOLE
    assert sorted(again[2]) == [[1, *ANN[1:3], 11.5, True], list(ben)]
    assert (result.confirmed, result.requests) == (2, 2)
    assert shop.records() == [(*ANN[:3], 11.5, True), ben]


def test_rows_that_go_whole_after_all_keep_within_the_bytes_of_a_request(shop: Shop) -> None:
    shop.declare(
        exposure(
            "things",
            "things",
            {
                "list": "THINGS",
                "matching_key": {"ID": "id"},
                "fields": {"WORDS": "words", "NO": "no"},
                "batch": {"bytes": "100KB"},
            },
        )
    )
    model = "select i as id, repeat('x', 2000) as words, {} as no from range(300) t(i)"
    shop.table("things", model.format(1))
    shop.in_step("things")
    shop.sandbox.remove("THINGS", {"ID": 5})
    shop.sent()
    shop.table("things", model.format(2))
    assert shop.in_step("things").confirmed == 300
    changed, *whole = [body for _, _, body in shop.sent()]
    assert len(changed) == 300
    assert sum(map(len, whole)) == 300
    assert max(len(json.dumps(body, separators=(",", ":"))) for body in whole) <= 100_000
    assert len(shop.records("THINGS")) == 300


def test_send_all_sends_changed_rows_with_every_mapped_attribute(shop: Shop) -> None:
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": {"MAIL": "email", "LTV": "lifetime_value"},
        "send": "all",
    }
    shop.declare(exposure("crm", "customers", meta))
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.customers(ANN, (*BEN[:3], 21.0, False))
    shop.in_step()
    row = [2, "ben@acme.example", 21.0]
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,MAIL,LTV", [row], only_update=True)
    ]


def test_beyond_max_groups_the_rarest_sets_of_fields_go_whole_and_it_is_said(shop: Shop) -> None:
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": CRM_FIELDS,
        "max_groups": 2,
    }
    shop.declare(exposure("crm", "customers", meta))
    rows = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 7)]
    shop.customers(*rows)
    shop.in_step()
    shop.sent()
    changed = [(n, mail, name, ltv, False) for n, mail, name, ltv, _ in rows[:3]]
    changed += [(4, "d@acme.example", "Name 4", 2.0, True), (5, *rows[4][1:3], 99.0, True)]
    shop.customers(*changed, rows[5])
    planned = shop.plan_one()
    result = shop.in_step()
    flags, whole = shop.sent()
    assert flags[1]["fields"] == "CUSTOMER_ID,OPTIN"
    assert sorted(flags[2]) == [[1, False], [2, False], [3, False]]
    assert whole[1] == {
        "keyFields": "CUSTOMER_ID",
        "fields": WHOLE,
        "data_import_option": "OnlyUpdate",
    }
    assert sorted(whole[2]) == [list(changed[3]), list(changed[4])]
    said = "2 rows in the rarest sets of changed fields go whole (max_groups: 2)"
    assert result.notes == planned.notes == (said,)
    assert planned.expected_requests == result.requests == 2
    assert shop.records() == [*changed, rows[5]]


def test_composite_keys_tell_rows_apart_by_both_columns(shop: Shop) -> None:
    shop.table("orders", f"{A_ORDER} union all select 'Ghent', 2, 'open', 1 order by 2")
    shop.in_step("orders")
    assert shop.sent() == [
        load(
            "ORDERS",
            "STORE,ORDER_NO",
            "STORE,ORDER_NO,STATE,TOTAL",
            [["Ghent", 1, "open", 9.5], ["Ghent", 2, "open", 1.0]],
        )
    ]
    shop.table(
        "orders",
        f"{A_ORDER} union all select 'Ghent', 2, 'paid', 1 "
        "union all select 'Bruges', 1, 'open', 9.5 order by 2, 1 desc",
    )
    shop.in_step("orders")
    assert shop.sent() == [
        load(
            "ORDERS", "STORE,ORDER_NO", "STORE,ORDER_NO,STATE,TOTAL", [["Bruges", 1, "open", 9.5]]
        ),
        load(
            "ORDERS",
            "STORE,ORDER_NO",
            "STORE,ORDER_NO,STATE",
            [["Ghent", 2, "paid"]],
            only_update=True,
        ),
    ]


def test_a_removed_row_is_kept_in_the_list_and_forgotten_here(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.customers(ANN)
    planned = shop.plan_one()
    assert planned.counts.removed == 1
    gone = shop.in_step()
    assert gone.counts is not None
    assert (gone.counts.removed, gone.counts.rows) == (1, 1)
    assert shop.sent() == []
    assert shop.records() == [ANN, BEN]

    again = shop.in_step()
    assert again.counts is not None
    assert again.counts.removed == 0

    shop.customers(ANN, BEN)
    back = shop.in_step()
    assert back.counts is not None
    assert (back.counts.new, back.counts.unchanged) == (1, 1)
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", WHOLE, [BEN])]


def test_full_refresh_sends_every_row_whole_and_keeps_the_state(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "MAIL": "changed-by-hand@acme.example"}])
    result = shop.in_step(full_refresh=True)
    [(name, query, body)] = shop.sent()
    assert (name, query["fields"], query["data_import_option"]) == (
        "CUSTOMERS",
        WHOLE,
        "InsertAndUpdate",
    )
    assert sorted(body) == [list(ANN), list(BEN)]
    assert result.confirmed == 2
    assert shop.records() == [ANN, BEN]
    shop.in_step()
    assert shop.sent() == []


def test_keys_that_differ_in_case_or_trailing_blanks_are_one_row_sent_as_in_the_model(
    shop: Shop,
) -> None:
    shop.table("mails", "select 'Ann@Acme.example' as mail, 1 as score")
    shop.in_step("mails")
    assert shop.sent() == [load("MAILS", "MAIL", "MAIL,SCORE", [["Ann@Acme.example", 1]])]
    shop.table("mails", "select 'ann@acme.example  ' as mail, 2 as score")
    planned = shop.plan_one("mails")
    assert (planned.counts.new, planned.counts.changed, planned.counts.removed) == (0, 1, 0)
    shop.in_step("mails")
    assert shop.sent() == [
        load("MAILS", "MAIL", "MAIL,SCORE", [["ann@acme.example  ", 2]], only_update=True)
    ]
    assert len(shop.records("MAILS")) == 1
    shop.in_step("mails")
    assert shop.sent() == []


def test_only_the_case_of_a_key_changes_and_nothing_is_sent_for_ever(shop: Shop) -> None:
    shop.table("mails", "select 'Ann@acme.example' as mail, 1 as score")
    shop.in_step("mails")
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    shop.in_step("mails")
    shop.sent()
    result = shop.in_step("mails")
    assert shop.sent() == []
    assert result.counts is not None
    assert result.counts.unchanged == 1


def test_batches_are_of_2500_rows_and_as_many_as_the_plan_expects(shop: Shop) -> None:
    shop.table(
        "customers",
        "select range::integer as id, 'c' || range || '@acme.example' as email, "
        "null::varchar as first_name, range / 4 as lifetime_value, true as opt_in from range(5001)",
    )
    expected = shop.plan_one().expected_requests
    result = shop.in_step()
    assert [len(body) for _, _, body in shop.sent()] == [2500, 2500, 1]
    assert expected == result.requests == 3
    assert [record[0] for record in shop.records()] == list(range(5001))


SELECTIONS = [
    ((), (), ["crm", "mails", "orders", "things"]),
    (("crm",), (), ["crm"]),
    (("crm", "orders"), (), ["crm", "orders"]),
    (("crm orders",), (), ["crm", "orders"]),
    (("tag:daily",), (), ["crm", "orders"]),
    (("tag:daily",), ("crm",), ["orders"]),
    (("*m*",), (), ["crm", "mails"]),
    (("exposure:o*",), (), ["orders"]),
    (("tag:s*",), (), ["mails"]),
    ((), ("tag:daily",), ["mails", "things"]),
]


@pytest.mark.parametrize(("select", "exclude", "expected"), SELECTIONS)
def test_selection_takes_names_tags_and_wildcards(
    shop: Shop, select: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    arguments = [part for each in select for part in ("--select", each)]
    arguments += [part for each in exclude for part in ("--exclude", each)]
    done = shop.invoke("ls", *arguments)
    assert [line.split()[0] for line in done.out.splitlines()] == expected


def test_only_what_is_selected_is_read_and_sent(shop: Shop) -> None:
    shop.customers(ANN)  # of the other models there is no table at all
    results = shop.sync(select=("tag:daily",), exclude=("orders",))
    assert [(one.name, one.status) for one in results.results] == [("crm", "in step")]
    assert [name for name, _, _ in shop.sent()] == ["CUSTOMERS"]


def test_the_results_are_of_all_activations_in_order_of_names(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.table("orders", A_ORDER)
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    results = shop.sync(exclude=("things",))
    assert [(one.name, one.confirmed) for one in results.results] == [
        ("crm", 2),
        ("mails", 1),
        ("orders", 1),
    ]
    assert results.exit_code == 0


def unanswered(shop: Shop) -> list[Received]:
    return [one for one in shop.sandbox.bulk() if one.status is None]


def test_two_lists_are_filled_at_once_with_two_threads(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.sandbox.faults(["load:delay=30@first=2"])
    with shop.started("sync", "--select", "tag:daily", "--threads", "2"):
        wait_until(lambda: len(unanswered(shop)) == 2, "two requests are under way")
    assert sorted(one.path.split("/")[-3] for one in unanswered(shop)) == ["CUSTOMERS", "ORDERS"]


def test_with_one_thread_one_request_is_under_way_at_a_time(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.sandbox.faults(["load:delay=0.2"])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shop.sync, select=("tag:daily",), threads=1)
        most = 0
        while not running.done():
            most = max(most, len(unanswered(shop)))
            time.sleep(0.005)
    assert most == 1
    assert running.result().exit_code == 0
    assert len(shop.sent()) == 2


def two_on_one_list(shop: Shop) -> None:
    base: dict[str, Any] = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}}
    shop.declare(
        exposure("names", "customers", {**base, "fields": {"FIRSTNAME": "first_name"}}),
        exposure("values", "spare", {**base, "fields": {"LTV": "ltv"}}),
    )


def test_two_activations_fill_different_fields_of_one_list_in_turns(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(busy=0.05)
    two_on_one_list(shop)
    shop.customers(ANN, BEN)
    shop.table("spare", "select 1 as id, 7.5 as ltv union all select 2, 8.5 order by 1")
    assert shop.sync(threads=4).exit_code == 0
    # One at a time on a list, or the sandbox would have answered 429.
    assert [one.status for one in shop.sandbox.bulk()] == [200, 200]
    assert shop.records() == [(1, None, "Ann", 7.5, None), (2, None, "Ben", 8.5, None)]
    shop.sent()
    shop.table("spare", "select 1 as id, 7.5 as ltv union all select 2, 9.5 order by 1")
    assert shop.sync(threads=4).exit_code == 0
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,LTV", [[2, 9.5]], only_update=True)
    ]


def test_one_failing_activation_does_not_keep_the_others(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score where false")
    results = shop.sync(exclude=("things",), threads=1)
    assert [(one.name, one.status) for one in results.results] == [
        ("crm", "in step"),
        ("mails", "failed"),
        ("orders", "in step"),
    ]
    assert results.exit_code == 1


def test_fail_fast_starts_nothing_more_after_a_failure(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.sandbox.faults(["fields:403@1"])
    results = shop.sync(select=("tag:daily",), threads=1, fail_fast=True)
    assert [(one.name, one.status) for one in results.results] == [
        ("crm", "failed"),
        ("orders", "skipped"),
    ]
    assert shop.sent() == []
    assert shop.sync(select=("tag:daily",)).exit_code == 0
    assert shop.records() == [ANN]
