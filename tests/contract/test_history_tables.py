"""What users' SQL reads: runs, batches and the rows that are not in step, as tables of a source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from typing import Any

import pytest

from contract.house import STATE_SCHEMA
from contract.world import ANN, BEN, CAT, CROWD, World, crm
from dbt_selligent import historytables
from dbt_selligent.errors import LockedError, StateError
from dbt_selligent.filehistory import FileHistory
from dbt_selligent.historytables import BATCHES, HISTORY, REJECTED, RUNS
from dbt_selligent.places import Files
from dbt_selligent.selection import list_activations
from dbt_selligent.storage import open_storage
from dbt_selligent.told import Memory
from dbt_selligent.upkeep import adopt, rename, reset
from dbt_selligent.warehouse.dialects import dialect_of
from dbt_selligent.warehouse.history import DAYS_TO_SPARE, SchemaHistory
from dbt_selligent.warehouse.macros import literal, render_sql
from dbt_selligent.warehouse.places import SchemaPlace
from dbt_selligent.warehouse.schema import Schema

Told = list[tuple[Any, ...]]


def relation(world: World, table: str) -> str:
    """A table of the history, as a user's SQL names it."""
    if world.house.name == "duckdb":
        files = world.folder / ".dbt_selligent" / "*" / "history" / table / "*.parquet"
        return f"read_parquet({literal(str(files))})"
    return f"{world.house.quote(STATE_SCHEMA)}.{world.house.quote(table)}"


def told(world: World, table: str, columns: str, order: str = "1") -> Told:
    sql = f"select {columns} from {relation(world, table)} order by {order}"
    return [tuple(row) for row in world.house.read(sql)]


def test_each_run_is_told_with_its_figures(world: World) -> None:
    world.begun(ANN, BEN, CAT)
    world.customers(ANN, (*BEN[:3], 21.0, False))
    assert world.sync_one().confirmed == 1
    sql = render_sql("runs", dialect_of(world.house.name), relation=relation(world, RUNS))
    figures = ("model_rows", "new_rows", "changed_rows", "confirmed_rows")
    found = world.house.read(
        f"select destination, activation, status, dbt_target, {', '.join(figures)}, requests "
        f"from ({sql}) as runs order by started_at"
    )
    assert [tuple(row) for row in found] == [
        ("dev", "crm", "in step", "dev", 3, 3, 0, 3, 1),
        ("dev", "crm", "in step", "dev", 2, 0, 1, 1, 1),
    ]


def test_a_run_that_was_stopped_is_told(world: World) -> None:
    world.begun(ANN)
    world.customers()
    assert world.sync_one().status == "failed"
    statuses = told(world, RUNS, "status, error", "started_at")
    assert [status for status, _ in statuses] == ["in step", "failed"]
    assert "has no rows" in statuses[1][1]


def test_each_batch_is_told_with_what_was_answered(world: World) -> None:
    world.declare(crm(batch={"rows": 2}))
    world.begun(ANN, BEN, CAT)
    world.sandbox.faults(["load:503@first=2"])
    world.customers(ANN, (*BEN[:3], 21.0, False), CAT)
    assert world.sync_one().confirmed == 1
    columns = "operation, row_count, requests, outcome, seconds >= 0, answered_at is not null"
    assert told(world, BATCHES, f"number, {columns}", "answered_at, number") == [
        (1, "InsertAndUpdate", 2, 1, "accepted", True, True),
        (2, "InsertAndUpdate", 1, 1, "accepted", True, True),
        (1, "OnlyUpdate", 1, 3, "accepted", True, True),
    ]
    runs = [run for (run,) in told(world, RUNS, "run_id", "started_at")]
    assert [run for (run,) in told(world, BATCHES, "run_id", "answered_at, number")] == [
        runs[0], runs[0], runs[1],
    ]  # fmt: skip


def test_rows_that_are_not_in_step_are_told_until_they_are(world: World) -> None:
    world.sandbox.faults([f"load:reject:MAIL={BEN[1]}"])
    world.customers(ANN, BEN, (4, "x" * 101, None, None, None), (None, "y", None, None, None))
    assert world.sync_one().status == "rows refused"
    columns = "kind, key_1, key_2, field, row_count, first_seen is null, message is null"
    assert told(world, REJECTED, columns, "kind, key_1 is null") == [
        ("invalid", "4", None, "MAIL", 1, True, True),
        ("invalid", None, None, "CUSTOMER_ID", 1, True, True),
        ("rejected", "2", None, "MAIL", 1, False, False),
    ]
    world.sandbox.faults([])
    world.customers(ANN, (*BEN[:1], "new@acme.example", *BEN[2:]))
    world.in_step()
    assert told(world, REJECTED, "kind") == []


def test_what_is_told_is_of_each_activation(world: World) -> None:
    world.declare(crm(), crm("people", "spare", list="OTHERS"))
    world.customers(ANN)
    world.house.fill(
        "spare",
        {"id": "integer", "email": "text", "first_name": "text", "lifetime_value": "double",
         "opt_in": "boolean"},
        [ANN, BEN],
    )  # fmt: skip
    for _ in range(2):
        world.sync()
    for table, count in ((RUNS, 2), (BATCHES, 1)):
        found = world.house.read(
            f"select activation, count(*) from {relation(world, table)} "
            "group by activation order by activation"
        )
        assert [tuple(row) for row in found] == [("crm", count), ("people", count)]
    reset(world.settings(), "crm", yes=True)
    for table in HISTORY:
        assert {one for (one,) in told(world, table, "activation")} <= {"people"}
    assert len(told(world, RUNS, "1")) == 2


def test_the_history_goes_with_a_state_that_is_renamed(world: World) -> None:
    world.sandbox.faults([f"load:reject:MAIL={BEN[1]}"])
    world.customers(ANN, BEN)
    assert world.sync_one().status == "rows refused"
    before = {table: told(world, table, ", ".join(HISTORY[table])) for table in HISTORY}
    world.declare(crm("people"))
    renamed = rename(world.settings(), "crm", "people", yes=True)
    assert (renamed.done, renamed.notes) == (True, ())
    for table, columns in HISTORY.items():
        assert told(world, table, ", ".join(columns)) == before[table] != []
        assert told(world, table, "distinct destination, activation") == [("dev", "people")]
    world.sandbox.faults([])
    world.in_step("people", retry_rejected=True)
    assert told(world, RUNS, "activation, status", "started_at") == [
        ("people", "rows refused"),
        ("people", "in step"),
    ]
    batches = told(world, BATCHES, "activation")
    assert (len(batches), {*batches}) == (len(before[BATCHES]) + 1, {("people",)})
    assert told(world, REJECTED, "1") == []


class Killed(BaseException):
    """What a process does not live to see."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def watched_since(world: World) -> dict[str, Memory]:
    with open_storage(world.settings()) as storage:
        return storage.memories(world.settings().destination_named()).recall()


@pytest.mark.parametrize(
    "step",
    [
        ("hand_over", FileHistory, SchemaHistory),
        ("_write", FileHistory, None),  # a file has its new name, and not its new owner
        ("rename", Files, SchemaPlace),
    ],
    ids=lambda step: step[0],
)
def test_a_rename_that_was_killed_can_be_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch, step: tuple[str, type, type | None]
) -> None:
    name, *places = step
    place = places[world.house.name != "duckdb"]
    if place is None:
        pytest.skip("there are files in one house alone")
    world.sandbox.faults([f"load:reject:MAIL={BEN[1]}"])
    world.customers(ANN, BEN)
    assert world.sync_one().status == "rows refused"
    before = {table: told(world, table, ", ".join(HISTORY[table])) for table in HISTORY}
    memory = Memory(datetime(2026, 5, 1, 12, tzinfo=timezone.utc))
    with open_storage(world.settings()) as storage:
        memories = storage.memories(world.settings().destination_named())
        memories.remember(lambda _: {"crm": memory})
    world.declare(crm("people"))
    with monkeypatch.context() as patch:
        patch.setattr(place, name, killed)
        with pytest.raises(Killed):
            rename(world.settings(), "crm", "people", yes=True)
    assert rename(world.settings(), "crm", "people", yes=True).notes == ()
    for table, columns in HISTORY.items():
        assert told(world, table, ", ".join(columns)) == before[table] != []
        assert told(world, table, "distinct destination, activation") == [("dev", "people")]
    assert watched_since(world) == {"people": memory}
    assert world.kept("people").confirmed == 1


def test_the_history_takes_the_place_of_what_is_left_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.declare(crm("people"))
    world.customers(ANN)
    world.in_step("people")
    with monkeypatch.context() as patch:
        for history in (FileHistory, SchemaHistory):
            patch.setattr(history, "forget", lambda _: None)
        reset(world.settings(), "people", yes=True)
    assert told(world, RUNS, "activation") == [("people",)]
    world.declare(crm())
    world.customers(ANN, BEN)
    world.in_step()
    [batch] = told(world, BATCHES, "run_id, row_count, activation", "row_count desc")[:1]
    world.declare(crm("people"))
    assert rename(world.settings(), "crm", "people", yes=True).notes == ()
    assert told(world, BATCHES, "run_id, row_count, activation") == [(*batch[:2], "people")]
    assert told(world, RUNS, "run_id, activation") == [(batch[0], "people")]


def test_what_is_adopted_is_told(world: World) -> None:
    world.customers(ANN)
    [done] = adopt(world.settings(select=("crm",)), yes=True)
    assert not [note for note in done.notes if "history" in note]
    assert told(world, RUNS, "status, dbt_target") == [("adopted", "dev")]


def test_a_history_that_cannot_be_given_over_is_noted_and_the_state_renamed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StateError("no room", "")

    world.begun(ANN)
    world.declare(crm("people"))
    for history in (FileHistory, SchemaHistory):
        monkeypatch.setattr(history, "hand_over", broken)
    renamed = rename(world.settings(), "crm", "people", yes=True)
    assert (renamed.done, renamed.notes) == (True, ("its history stays under crm: no room",))
    assert world.kept("people").confirmed == 1
    monkeypatch.undo()
    for table in (FileHistory, SchemaHistory):
        monkeypatch.setattr(table, "tell", broken)
    reset(world.settings(), "people", yes=True)
    [done] = adopt(world.settings(select=("people",)), yes=True)
    assert (done.done, done.notes[-1]) == (True, "the history is not told: no room")


def test_that_it_cannot_be_told_is_no_fault_of_the_sync(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.customers(ANN)

    def broken(*_: object) -> None:
        raise StateError("no room", "")

    monkeypatch.setattr("dbt_selligent.filehistory.told_anew", broken)
    monkeypatch.setattr("dbt_selligent.warehouse.history.told_anew", broken)
    result = world.sync_one()
    assert (result.status, result.notes[-1]) == ("in step", "the history is not told: no room")
    monkeypatch.undo()
    world.settled()
    assert len(told(world, RUNS, "run_id")) == 2


def test_batches_are_kept_for_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(name: str) -> list[int]:
        world.customers((1, f"{name}@acme.example", None, None, None), *CROWD)
        world.in_step()
        return [rows for (rows,) in told(world, BATCHES, "row_count", "answered_at")]

    assert sent("ann") == [31]
    assert sent("ben") == [31, 1]
    monkeypatch.setattr(historytables, "MOST_DAYS", -1 - DAYS_TO_SPARE)  # all is as old as that
    assert sent("cat") == [1]
    monkeypatch.undo()
    assert sent("dan") == [1, 1]
    assert len(told(world, RUNS, "1")) == 4
    with open_storage(world.settings()) as storage:
        place = storage.named(world.settings().destination_named(), "crm")
        if isinstance(place, SchemaPlace):
            assert place.schema.tables("selligent_kept_") == []


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_a_warehouse_takes_batches_out_a_month_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    for days, left in ((1 - DAYS_TO_SPARE, 2), (-1 - DAYS_TO_SPARE, 1)):
        monkeypatch.setattr(historytables, "MOST_DAYS", days)
        world.in_step(full_refresh=True)
        assert len(told(world, BATCHES, "1")) == left


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_batches_are_read_anew_before_the_old_ones_are_taken_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another Spark may have written them."""
    refresh, anew = Schema.refresh, list[str]()

    def noted(schema: Schema, tables: Sequence[str]) -> None:
        anew.extend(tables)
        refresh(schema, tables)

    monkeypatch.setattr(Schema, "refresh", noted)
    world.begun(ANN)
    assert BATCHES in anew


def test_nobody_waits_for_a_list_while_the_history_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, at_once = world.settings(), threading.Event()
    at_once.set()
    free: list[tuple[bool, bool]] = []

    def is_free(lock: AbstractContextManager[None]) -> bool:
        try:
            with lock:
                return True
        except LockedError:
            return False

    def watched(tell: Callable[..., None]) -> Callable[..., None]:
        def told(*given: Any) -> None:
            with open_storage(settings) as storage:
                [activation] = list_activations(world.settings(select=("crm",)))
                place = storage.place(activation, settings.destination_named())
                turn = place.hold_list("CUSTOMERS", at_once, lambda _: None)
                free.append((is_free(turn), is_free(place.hold())))
            tell(*given)

        return told

    for history in (FileHistory, SchemaHistory):
        monkeypatch.setattr(history, "tell", watched(history.tell))
    world.begun(ANN)
    assert free == [(True, False)]
    assert told(world, RUNS, "status") == [("in step",)]
    world.settled()
