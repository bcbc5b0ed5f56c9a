"""Modes, nulls, fields that are sent once, segments, and rows that are refused or not found."""

from __future__ import annotations

from typing import Any

import pytest

from contract.world import ANN, BEN, CAT, CROWD, FIELDS, KEYS, WHOLE, World, calls, counted, crm
from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.errors import WarehouseError
from dbt_selligent.ledger import RunLedger
from dbt_selligent.spans import Outcome, Span
from dbt_selligent.state import StateStore

BY_HAND = (*ANN[:2], "By hand", 9.0, False)
ONCE = {**FIELDS, "OPTIN": {"column": "opt_in", "only": "insert"}}
ROWS = [(n, f"c{n}@acme.example", f"Name {n}", n / 2, True) for n in range(1, 9)]
BAD = 6
GOOD = [row for row in ROWS if row[0] != BAD]


def test_mode_insert_sends_new_rows_alone_and_updates_nothing(world: World) -> None:
    world.declare(crm(mode="insert"))
    world.put(BY_HAND)
    world.customers(ANN, BEN)
    assert world.in_step().confirmed == 2
    assert world.records() == [BY_HAND, BEN]
    assert [option for option, _, _ in calls(world.sent())] == ["OnlyInsert"] * 3
    benno = (*BEN[:2], "Benno", 2.5, False)
    world.customers((*ANN[:2], "Anna", 1.5, True), benno, CAT)
    assert counted(world.in_step()) == [("new", 1)]
    assert calls(world.sent()) == [("OnlyInsert", WHOLE, [list(CAT)])]
    assert world.records() == [BY_HAND, BEN, CAT]
    world.declare(crm())
    world.in_step()
    assert world.records() == [(*ANN[:2], "Anna", 1.5, True), benno, CAT]


def test_mode_update_keeps_rows_without_a_record_apart_and_tries_them_again(world: World) -> None:
    world.declare(crm(mode="update"))
    world.put(BY_HAND)
    world.customers(ANN, BEN, CAT)
    result = world.in_step()
    assert (result.confirmed, result.not_found, world.records()) == (1, 2, [ANN])
    assert (world.kept().not_found, world.history().not_found_rows) == (2, 2)
    world.sent()
    result = world.in_step()
    assert (counted(result), world.sent()) == ([("not_found", 2)], [])
    # Both are there now: one is tried because it changes, the other because it is asked for.
    world.put((2, "mine"), (3, "mine"))
    changed = (*BEN[:2], "Benno", 2.5, False)
    world.customers(ANN, changed, CAT)
    result = world.in_step()
    assert (counted(result), result.confirmed) == ([("new", 1), ("not_found", 1)], 1)
    result = world.in_step(retry_not_found=True)
    assert (result.confirmed, result.not_found) == (1, 0)
    assert world.records() == [ANN, changed, CAT]
    world.settled()


def test_a_null_that_is_skipped_never_overwrites(world: World) -> None:
    world.declare(crm(nulls="skip"))
    world.put((1, None, "By hand", 9.0, False))
    world.customers((1, "ann@acme.example", None, None, True), BEN, CAT)
    assert world.in_step().confirmed == 3
    assert world.records() == [(1, "ann@acme.example", "By hand", 9.0, True), BEN, CAT]
    world.sent()
    world.customers((1, None, "Ann", None, None), (2, None, None, None, None), CAT)
    assert counted(world.in_step()) == [("changed", 1)]
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},FIRSTNAME", [[1, "Ann"]])]
    world.customers((1, "ann@acme.example", "Ann", None, True), BEN, CAT)
    world.settled()


def test_a_field_that_goes_with_inserts_alone_never_overwrites(world: World) -> None:
    world.declare(crm(fields=ONCE))
    world.put(BY_HAND)
    world.customers(ANN, BEN)
    assert world.in_step().confirmed == 2
    assert world.records() == [(*ANN[:4], False), BEN]
    world.sent()
    world.customers((*ANN[:2], "Anna", 10.5, False), (*BEN[:4], True))
    assert counted(world.in_step()) == [("changed", 1)]
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},FIRSTNAME", [[1, "Anna"]])]
    world.settled()
    # A record that was deleted by hand gets it again.
    world.sandbox.remove("CUSTOMERS", {KEYS: 2})
    world.customers((*ANN[:2], "Anna", 10.5, False), (*BEN[:2], "Benno", 20.25, True))
    world.in_step()
    assert world.records()[1] == (*BEN[:2], "Benno", 20.25, True)
    assert world.in_step(full_refresh=True).confirmed == 2
    assert world.records()[0] == (*ANN[:2], "Anna", 10.5, False)


def test_members_of_a_segment_are_the_models_rows(world: World) -> None:
    world.declare(crm(segment="VIP"))
    world.customers(ANN, BEN)
    planned = world.plan_one()
    assert counted(planned) == [("new", 2), ("joining", 2)]
    assert (world.in_step().confirmed, world.members()) == (2, [1, 2])
    world.sent()
    world.customers((*BEN[:3], 21.0, False), CAT)
    result = world.in_step()
    assert (result.confirmed, result.removed, world.members()) == (2, 1, [2, 3])
    assert [record[0] for record in world.records()] == [1, 2, 3]
    assert [body for _, _, body in world.sent()] == [[list(CAT)], [[2, 21.0]], [[3]], [[1]]]
    world.settled()
    # One deleted by hand is a member again when it comes back.
    world.sandbox.remove("CUSTOMERS", {KEYS: 2})
    world.customers((*BEN[:3], 22.0, False), CAT)
    assert (world.in_step().confirmed, world.members()) == (1, [2, 3])
    world.settled()


def test_another_segment_gets_its_members_too_and_the_records_are_not_sent(world: World) -> None:
    world.begun(ANN, BEN)
    for segment in ("VIP", "GOLD"):
        world.declare(crm(segment=segment))
        result = world.in_step()
        assert counted(result) == [("changed", 2), ("joining", 2)]
        assert [body for _, _, body in world.sent()] == [[[1], [2]]]
        assert world.members(segment) == [1, 2]
        world.settled()
    assert world.kept().segment == "GOLD"


def test_without_fields_a_segment_makes_no_record(world: World) -> None:
    world.declare(crm(fields=None, segment="VIP"))
    world.put(BEN, CAT)
    world.customers(ANN, BEN)
    result = world.in_step()
    assert (result.confirmed, result.not_found) == (1, 1)
    assert (world.records(), world.members()) == ([BEN, CAT], [2])
    world.customers(CAT)
    assert world.in_step().removed == 1
    assert world.members() == [3]
    world.settled()


def test_what_failed_between_record_and_membership_is_made_up_for(world: World) -> None:
    world.declare(crm(segment="VIP"))
    world.customers(ANN, BEN)
    world.sandbox.faults(["segment-load:reset-after"])
    result = world.sync_one()
    assert (result.status, result.confirmed, result.not_sent) == ("failed", 0, 2)
    world.sandbox.faults([])
    world.sent()
    world.customers(BEN)
    world.in_step()
    assert world.members() == [2]
    assert [body for _, _, body in world.sent()] == [[[2]], [[1]]]
    world.settled()


def test_a_refused_row_is_held_until_it_changes_or_is_asked_for(world: World) -> None:
    world.customers(*ROWS)
    world.sandbox.faults([f"load:reject:MAIL=c{BAD}@acme.example"])
    result = world.sync_one()
    assert (result.status, result.confirmed, result.rejected) == ("rows refused", 7, 1)
    assert world.records() == GOOD
    assert (world.kept().held, world.history().rejected_rows) == (1, 1)
    [told] = world.history(show_values=True).rejected
    assert (told[KEYS], told["field"]) == (BAD, "MAIL")
    world.sent()
    result = world.sync_one()
    assert (counted(result), result.status, world.sent()) == ([("held", 1)], "rows refused", [])
    assert counted(world.plan_one()) == [("held", 1)]
    # Its other values are new, and refused again; those that were refused first are new again.
    for row in ((*ROWS[BAD - 1][:4], False), ROWS[BAD - 1]):
        world.customers(*GOOD, row)
        assert world.sync_one().rejected == 1
        assert [[row[0] for row in body] for _, _, body in world.sent()] == [[BAD]]
    assert world.sync_one(retry_rejected=True).rejected == 1
    world.sandbox.faults([])
    result = world.in_step(retry_rejected=True)
    assert (result.confirmed, world.records()) == (1, ROWS)
    world.settled()


def test_a_refusal_that_is_kept_twice_is_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the warehouse was lost: what it did before is said to it again."""
    flush = RunLedger.flush

    def twice(ledger: RunLedger) -> None:
        refusals = [*ledger._refusals]
        flush(ledger)
        ledger._refusals += refusals
        flush(ledger)

    monkeypatch.setattr(RunLedger, "flush", twice)
    world.customers(*ROWS)
    world.sandbox.faults([f"load:reject:MAIL=c{BAD}@acme.example"])
    assert world.sync_one().rejected == 1
    assert (world.kept().held, world.history().rejected_rows) == (1, 1)
    assert counted(world.plan_one()) == [("held", 1)]


def test_what_another_run_says_too_late_is_not_believed(world: World) -> None:
    """Its numbers are of rows of its own delta."""
    world.begun(*ROWS[:2])
    world.sandbox.faults(["load:503"])
    world.customers(*ROWS[:4])
    note = RunLedger.note

    def late(ledger: RunLedger, span: Span, outcome: Outcome) -> None:
        run, ledger._run_id = ledger._run_id, "another"
        note(ledger, span, Outcome.ANSWERED)
        ledger._run_id = run
        note(ledger, span, outcome)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLedger, "note", late)
        assert world.sync_one().status == "failed"
    assert world.kept().confirmed == 2
    world.sandbox.faults([])
    world.in_step()
    assert world.records() == ROWS[:4]
    world.settled()


def say_late(store: StateStore, run: str, columns: Columns) -> None:
    """What a run said of its rows comes to the log when it is over."""
    ledger = RunLedger(store.tables, run, columns)
    for group in range(4):
        ledger.note(Span(group, 0, 1000), Outcome.ANSWERED)
    ledger.flush()


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_what_a_run_says_of_its_rows_when_another_has_staged_its_own_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a server ends a statement whose command is no more; the other is cut off too then."""
    world.begun(*ROWS[:2])
    runs: list[str] = []
    begin = StateStore.begin

    def noted(store: StateStore, run: str, target: str, columns: Columns, **more: Any) -> RunLedger:
        runs.append(run)
        return begin(store, run, target, columns, **more)

    def cut_off(store: StateStore, *_given: Any, **_more: Any) -> None:
        raise WarehouseError("no connection", "sync again")

    def late(store: StateStore, _: str, target: str, columns: Columns, **more: Any) -> RunLedger:
        say_late(store, runs[0], columns)
        raise WarehouseError("no connection", "sync again")

    world.customers(*ROWS[:3])
    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "begin", noted)
        patch.setattr(StateStore, "finish", cut_off)
        assert world.sync_one().status == "failed"
    world.customers(*ROWS[:6])
    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "begin", late)
        assert world.sync_one().status == "failed"
    world.in_step()
    assert world.records() == ROWS[:6]
    world.settled()


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_what_a_run_says_when_it_has_finished_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(*ROWS[:2])
    finish, runs = StateStore.finish, list[str]()

    def then(store: StateStore, run: str, *given: Any, **more: Any) -> None:
        finish(store, run, *given, **more)
        there = [*store.tables.columns("snapshot").items()]
        say_late(store, run, stored_columns(there, 1, store.tables.dialect))
        runs.append(run)

    world.customers(*ROWS[:4])
    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "finish", then)
        world.in_step()
    assert (len(runs), world.kept().error) == (1, None)
    world.customers(*ROWS[:5])
    world.in_step()
    assert world.records() == ROWS[:5]
    world.settled()


def test_a_held_row_is_forgotten_when_it_leaves_and_released_by_another_mapping(
    world: World,
) -> None:
    world.customers(*ROWS)
    world.sandbox.faults([f"load:reject:MAIL=c{BAD}@acme.example"])
    assert world.sync_one().rejected == 1
    world.customers(*GOOD)
    assert counted(world.in_step()) == []
    assert world.kept().held == 0
    world.customers(*ROWS)
    assert world.sync_one().rejected == 1
    world.sandbox.faults([])
    world.sent()
    world.declare(crm(fields={name: FIELDS[name] for name in ("MAIL", "FIRSTNAME", "LTV")}))
    assert world.in_step().confirmed == 1
    assert calls(world.sent()) == [
        ("InsertAndUpdate", f"{KEYS},MAIL,FIRSTNAME,LTV", [list(ROWS[BAD - 1][:4])])
    ]


def test_a_refused_update_is_in_doubt_and_goes_whole_when_it_goes_back(world: World) -> None:
    world.begun(*ROWS)
    world.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    world.customers(*GOOD, (BAD, ROWS[BAD - 1][1], "Nobody", 3.0, True))
    result = world.sync_one()
    assert (result.confirmed, result.rejected, world.records()) == (0, 1, ROWS)
    assert world.sync_one().status == "rows refused"
    world.sent()
    world.customers(*ROWS)
    world.in_step()
    assert calls(world.sent()) == [("InsertAndUpdate", WHOLE, [list(ROWS[BAD - 1])])]
    world.settled()


LOST: list[tuple[str, tuple[Any, ...], list[Any]]] = [
    ("goes back", (ANN, BEN), [ANN, BEN]),
    ("goes on", (ANN, (*BEN[:3], 22.0, False)), [ANN, (*BEN[:3], 22.0, False)]),
    ("is lost", (ANN,), [ANN, (*BEN[:3], 21.0, False)]),
]


@pytest.mark.parametrize(("then", "rows", "expected"), LOST, ids=[then for then, *_ in LOST])
def test_after_a_lost_answer_the_row_is_in_doubt(
    world: World, then: str, rows: tuple[Any, ...], expected: list[Any]
) -> None:
    world.begun(ANN, BEN)
    world.sandbox.faults(["load:503-after"])
    world.customers(ANN, (*BEN[:3], 21.0, False))
    result = world.sync_one()
    assert (result.status, result.not_sent) == ("failed", 1)
    assert (world.kept().confirmed, world.kept().in_doubt) == (1, 1)
    world.sandbox.faults([])
    world.sent()
    world.customers(*rows, *CROWD)
    result = world.in_step()
    due = [list(row) for row in rows[1:]]
    assert result.counts is not None
    assert result.counts.in_doubt == len(due)
    assert [row for _, _, body in world.sent() for row in body if row[0] == 2] == due
    assert world.records() == [*expected, *CROWD]
    world.settled()
