"""What a sync finds out and sends: new, changed and unchanged rows, and those that left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from functional.conftest import load

from contract.world import (
    ANN,
    BEN,
    CAT,
    CROWD,
    CUSTOMERS,
    FIELDS,
    KEYS,
    WHOLE,
    Row,
    World,
    calls,
    counted,
    crm,
    mails,
    problems,
)
from dbt_selligent.warehouse.cursors import batches

ORDERS = {"store": "text", "order_no": "integer", "state": "text", "total": "double"}
ORDER_FIELDS = "STORE,ORDER_NO,STATE,TOTAL"


def test_a_first_sync_sends_all_and_what_follows_only_what_changed(world: World) -> None:
    world.customers(ANN, BEN, CAT)
    planned = world.plan_one()
    assert (planned.first_sync, counted(planned), planned.expected_requests) == (
        True,
        [("new", 3)],
        1,
    )
    assert world.writes() == []
    first = world.in_step()
    assert (first.confirmed, first.requests, counted(first)) == (3, 1, [("new", 3)])
    assert world.sent() == [load("CUSTOMERS", KEYS, WHOLE, [ANN, BEN, CAT])]
    assert world.records() == [ANN, BEN, CAT]
    assert (world.kept().confirmed, world.kept().in_doubt, world.kept().complete) == (3, 0, True)

    world.customers(CAT, ANN, BEN)
    world.settled()

    dan = (4, "dan@acme.example", "Dan", 0.5, True)
    now: list[Row] = [
        (1, "ann@acme.example", "Anna", 10.5, True),
        (2, "ben@acme.example", "Benny", 20.25, False),
        (3, "kat@acme.example", None, 3.0, None),
        dan,
    ]
    world.customers(*now)
    planned = world.plan_one()
    assert (counted(planned), planned.expected_requests) == ([("new", 1), ("changed", 3)], 3)
    assert planned.changed_fields == (("FIRSTNAME", 2), ("MAIL", 1), ("LTV", 1))
    result = world.in_step()
    assert world.sent() == [
        load("CUSTOMERS", KEYS, WHOLE, [dan]),
        load("CUSTOMERS", KEYS, f"{KEYS},FIRSTNAME", [[1, "Anna"], [2, "Benny"]], only_update=True),
        load(
            "CUSTOMERS",
            KEYS,
            f"{KEYS},MAIL,LTV",
            [[3, "kat@acme.example", 3.0]],
            only_update=True,
        ),
    ]
    assert (result.confirmed, world.records()) == (4, now)

    now[0] = (1, None, None, None, None)  # what becomes null is sent as null
    world.customers(*now)
    world.in_step()
    assert calls(world.sent()) == [("OnlyUpdate", WHOLE, [[1, None, None, None, None]])]
    assert world.records() == now
    world.settled()


def test_a_row_that_leaves_is_kept_and_forgotten_and_new_when_it_comes_back(world: World) -> None:
    world.begun(ANN, BEN)
    world.customers(ANN)
    assert counted(world.plan_one()) == [("removed", 1)]
    assert counted(world.in_step()) == [("removed", 1)]
    assert (world.sent(), world.records()) == ([], [ANN, BEN])
    world.settled()
    assert world.kept().confirmed == 1
    world.customers(ANN, BEN)
    assert counted(world.in_step()) == [("new", 1)]
    assert world.sent() == [load("CUSTOMERS", KEYS, WHOLE, [BEN])]


def test_a_row_that_leaves_is_deleted_or_marked_and_nothing_else_is(world: World) -> None:
    """Two activations of one model: one is a mirror, the other sets a field."""
    mirror = crm(mode="mirror")
    fields = {"MAIL": "email", "LTV": "lifetime_value"}
    marks = crm(
        "marks", list="OTHERS", fields=fields, removed={"set": {"FIRSTNAME": "it's \\gone"}}
    )
    world.declare(mirror, marks)
    own = (99, "own@acme.example", "Own", 1.0, True)
    for name in ("CUSTOMERS", "OTHERS"):
        world.put(own, name=name)
    world.customers(ANN, BEN, *CROWD)
    assert world.sync().exit_code == 0
    world.sent()
    world.customers(ANN, *CROWD)
    assert [one.removed for one in world.sync().results] == [1, 1]
    assert sorted(world.sent(), key=lambda one: one[0]) == [
        ("CUSTOMERS", {"keyFields": KEYS, "fields": KEYS}, [[2]]),
        load("OTHERS", KEYS, f"{KEYS},FIRSTNAME", [[2, "it's \\gone"]], only_update=True),
    ]
    assert world.records() == [ANN, *CROWD, own]
    marked = (2, "ben@acme.example", "it's \\gone", 20.25, None)
    assert marked in world.records("OTHERS")
    assert world.sync().exit_code == 0
    assert world.sent() == []
    world.customers(ANN, BEN, *CROWD)
    results = world.sync().results
    assert [(one.confirmed, counted(one)) for one in results] == [(1, [("new", 1)])] * 2
    assert world.records() == [ANN, BEN, *CROWD, own]


def test_a_record_deleted_by_hand_comes_back_whole(world: World) -> None:
    world.begun(ANN, BEN)
    assert world.sandbox.remove("CUSTOMERS", {KEYS: 2}) == 1
    now = [(*ANN[:3], 11.5, True), (*BEN[:3], 21.0, False)]
    world.customers(*now)
    result = world.in_step()
    assert (result.confirmed, result.requests, world.records()) == (2, 2, now)
    assert calls(world.sent()) == [
        ("OnlyUpdate", f"{KEYS},LTV", [[1, 11.5], [2, 21.0]]),
        ("InsertAndUpdate", WHOLE, [list(row) for row in now]),
    ]
    world.settled()


def test_send_all_sends_every_field_of_a_changed_row(world: World) -> None:
    world.declare(crm(fields={"MAIL": "email", "LTV": "lifetime_value"}, send="all"))
    world.begun(ANN, BEN)
    world.customers(ANN, (*BEN[:3], 21.0, False))
    world.in_step()
    fields = f"{KEYS},MAIL,LTV"
    assert calls(world.sent()) == [("OnlyUpdate", fields, [[2, "ben@acme.example", 21.0]])]


def test_beyond_max_groups_the_rarest_sets_of_fields_go_whole(world: World) -> None:
    world.declare(crm(max_groups=2))
    rows = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 7)]
    world.begun(*rows)
    changed = [(*row[:4], False) for row in rows[:3]]
    changed += [(4, "d@acme.example", "Name 4", 2.0, True), (5, *rows[4][1:3], 99.0, True)]
    world.customers(*changed, rows[5])
    planned = world.plan_one()
    result = world.in_step()
    said = "2 rows in the rarest sets of changed fields go whole (max_groups: 2)"
    assert result.notes == planned.notes == (said,)
    assert planned.expected_requests == result.requests == 2
    assert calls(world.sent()) == [
        ("OnlyUpdate", f"{KEYS},OPTIN", [[1, False], [2, False], [3, False]]),
        ("OnlyUpdate", WHOLE, [list(row) for row in changed[3:]]),
    ]
    assert world.records() == [*changed, rows[5]]


def test_composite_keys_tell_rows_apart_by_all_their_columns(world: World) -> None:
    ghent, second = ("Ghent", 1, "open", 9.5), ("Ghent", 2, "open", 1.0)
    world.fill("orders", ORDERS, ghent, second)
    world.in_step("orders")
    assert calls(world.sent()) == [("InsertAndUpdate", ORDER_FIELDS, [list(ghent), list(second)])]
    bruges, paid = ("Bruges", 1, "open", 9.5), ("Ghent", 2, "paid", 1.0)
    half = [(None, 1, "open", 1.5), ("Ghent", None, "open", 1.5)]
    twice = ("GHENT ", 1, "open", 7.5)
    world.fill("orders", ORDERS, ghent, twice, paid, bruges, *half)
    result = world.in_step("orders")
    assert counted(result) == [("new", 1), ("changed", 1), ("invalid", 4)]
    assert calls(world.sent()) == [
        ("InsertAndUpdate", ORDER_FIELDS, [list(bruges)]),
        ("OnlyUpdate", "STORE,ORDER_NO,STATE", [["Ghent", 2, "paid"]]),
    ]
    world.fill("orders", ORDERS, ghent, paid, bruges)
    world.settled("orders")


def test_null_keys_and_doubled_keys_are_invalid_and_the_others_go(world: World) -> None:
    other = (2, "else@acme.example", "Else", 0.5, True)
    nobody = (None, "nobody@acme.example", None, None, None)
    world.customers(ANN, BEN, other, nobody, nobody)
    result = world.in_step()
    assert (counted(result), world.records()) == ([("new", 1), ("invalid", 4)], [ANN])
    assert problems(result) == [
        (KEYS, "the matching key is null", 2),
        (KEYS, "the matching key stands twice", 2),
    ]
    assert world.history().invalid_rows == 4
    # A key that comes to stand twice is not gone, and what is known of it stays known.
    world.customers(ANN, ANN, BEN)
    result = world.in_step()
    assert counted(result) == [("new", 1), ("invalid", 2)]
    world.sent()
    world.customers(ANN, BEN)
    world.settled()


def test_text_keys_compare_without_case_and_trailing_blanks(world: World) -> None:
    columns = {"mail": "text", "score": "bigint"}
    world.fill("mails", columns, ("Ann@Acme.example", 1), ("émile", 1))
    world.in_step("mails")
    assert calls(world.sent()) == [
        ("InsertAndUpdate", "MAIL,SCORE", [["émile", 1], ["Ann@Acme.example", 1]])
    ]
    world.fill("mails", columns, ("ann@acme.example  ", 2), ("ÉMILE", 1))
    assert counted(world.plan_one("mails")) == [("changed", 1)]
    world.in_step("mails")
    # It is sent as it is in the model.
    assert calls(world.sent()) == [("OnlyUpdate", "MAIL,SCORE", [["ann@acme.example  ", 2]])]
    world.settled("mails")
    doubled = [("ben", 3), ("Ben ", 3), ("Émile", 1), ("émile", 1)]
    world.fill("mails", columns, ("ann@acme.example", 2), *doubled)
    result = world.in_step("mails")
    assert (counted(result), world.sent()) == ([("invalid", 4)], [])
    reason = "the matching key stands twice, case and trailing blanks aside"
    assert problems(result) == [("MAIL", reason, 4)]
    # Who looks for them in the model finds each as it is written there.
    listed = world.history("mails", show_values=True).invalid
    assert sorted((row["MAIL"], row["rows"]) for row in listed) == [
        ("Ben ", 1),
        ("ben", 1),
        ("\N{LATIN CAPITAL LETTER E WITH ACUTE}mile", 1),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}mile", 1),
    ]


def test_a_text_key_is_removed_as_it_was_sent(world: World) -> None:
    columns = {"mail": "text", "score": "bigint"}
    crowd = [(f"c{n}", 1) for n in range(20)]
    keys = ["Ann@ACME.example ", 'it\'s \\ "quoted"\nhere', "\N{PILE OF POO} \u039f\u0394"]
    world.declare(mails(mode="mirror"))
    world.fill("mails", columns, *crowd, *((key, 1) for key in keys))
    world.in_step("mails")
    world.fill("mails", columns, *crowd)
    world.sent()
    assert world.in_step("mails", force=True).removed == 3
    assert [sorted(key for (key,) in body) for _, _, body in world.sent()] == [sorted(keys)]
    assert len(world.records("MAILS")) == 20


def test_a_limit_sends_so_many_rows_and_the_next_sync_the_rest(world: World) -> None:
    rows = [(n, f"c{n}@acme.example", "C", 1.5, True) for n in range(1, 9)]
    world.customers(*rows)
    assert world.plan_one(limit=3).counts.to_send == 8
    result = world.sync_one(limit=3)
    assert (result.status, result.confirmed, result.not_sent) == ("limited", 3, 5)
    assert [len(body) for _, _, body in world.sent()] == [3]
    result = world.in_step()
    assert (result.confirmed, counted(result)) == (5, [("new", 5)])
    assert world.records() == rows
    world.settled()


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_no_row_leaves_the_warehouse_but_those_that_are_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []

    def counting(cursor: Any, schema: Any) -> Iterator[Any]:
        for batch in batches(cursor, schema):
            fetched.append(len(batch))
            yield batch

    monkeypatch.setattr("dbt_selligent.warehouse.adapter.batches", counting)
    world.customers(*CROWD)
    world.sync_one(limit=3)
    assert sum(fetched) == 3
    world.in_step()
    assert sum(fetched) == len(CROWD)
    world.customers(*CROWD[:-2], *((*row[:2], "New", *row[3:]) for row in CROWD[-2:]))
    world.in_step()
    assert sum(fetched) == len(CROWD) + 2
    world.settled()
    assert sum(fetched) == len(CROWD) + 2


def test_a_full_refresh_sends_every_row_whole_and_goes_on_where_it_was_cut_off(
    world: World,
) -> None:
    rows = [(n, f"c{n}@acme.example", "C", 1.5, True) for n in range(1, 7)]
    world.declare(crm(batch={"rows": 2}))
    world.begun(*rows)
    world.put((1, "changed-by-hand@acme.example"), (6, "changed-by-hand@acme.example"))
    world.sandbox.faults([f"load:503@{','.join(map(str, range(3, 21)))}"])
    assert counted(world.plan_one(full_refresh=True)) == [("changed", 6)]
    cut = world.sync_one(full_refresh=True)
    assert (cut.status, cut.not_sent) == ("failed", 2)
    world.sandbox.faults([])
    world.sent()
    for full_refresh in (True, False):
        planned = world.plan_one(full_refresh=full_refresh)
        assert (planned.counts.in_doubt, planned.counts.again) == (2, 6 if full_refresh else 2)
    # No flag is needed: what was not sent is in doubt, and so is nothing that was confirmed.
    result = world.in_step()
    assert (result.confirmed, world.records()) == (2, rows)
    assert [len(body) for _, _, body in world.sent()] == [2]
    world.settled()
    world.customers(*rows[:5])
    result = world.in_step(full_refresh=True)
    assert counted(result) == [("changed", 5), ("removed", 1)]
    assert [option for option, _, _ in calls(world.sent())] == ["InsertAndUpdate"] * 3


def test_views_and_names_in_capitals_are_models_too(world: World) -> None:
    world.declare(crm(model="seen"), crm("camel", "camel", list="OTHERS"))
    world.fill("customers", CUSTOMERS, ANN, BEN)
    world.house.view("seen", "customers")
    world.fill("CamelCase", CUSTOMERS, CAT)
    assert world.sync().exit_code == 0
    assert (world.records(), world.records("OTHERS")) == ([ANN, BEN], [CAT])
    world.sent()
    now = (*BEN[:3], 21.0, False)
    world.fill("customers", CUSTOMERS, ANN, now)
    world.house.view("seen", "customers")
    assert world.sync().exit_code == 0
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},LTV", [[2, 21.0]])]


def test_fields_in_another_order_are_the_same_mapping(world: World) -> None:
    world.begun(ANN, BEN)
    world.declare(crm(fields=dict(reversed(FIELDS.items()))))
    world.settled()
