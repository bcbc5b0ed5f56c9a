"""Looking after states, verifying lists, and what stops a sync before it sends anything."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contract.house import STATE_SCHEMA
from contract.world import ANN, BEN, CAT, CROWD, KEYS, WHOLE, World, calls, counted, crm
from dbt_selligent.errors import RunError, StateError, UnopenedError, WarehouseError
from dbt_selligent.filehistory import FileHistory
from dbt_selligent.kept import show
from dbt_selligent.places import Files, Place
from dbt_selligent.state import open_state
from dbt_selligent.storage import open_storage
from dbt_selligent.upkeep import adopt, rename, reset
from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.history import SchemaHistory
from dbt_selligent.warehouse.inplace import TransactionalPlace


def test_a_state_is_shown_and_forgotten(world: World) -> None:
    assert (world.kept().confirmed, world.kept().target, world.kept().identity) == (0, None, None)
    world.declare(crm(segment="VIP"))
    world.begun(ANN, BEN)
    kept = world.kept()
    assert (kept.confirmed, kept.in_doubt, kept.held, kept.not_found) == (2, 0, 0, 0)
    assert (kept.target, kept.segment, kept.complete, kept.error) == ("dev", "VIP", True, None)
    assert (kept.identity or {})["list"] == "CUSTOMERS"
    would = reset(world.settings(), "crm", yes=False)
    assert (would.done, world.kept().confirmed) == (False, 2)
    assert reset(world.settings(), "crm", yes=True).done
    assert (world.kept().confirmed, world.kept().target) == (0, None)
    with pytest.raises(StateError):
        reset(world.settings(), "crm", yes=True)
    world.customers(BEN)
    assert counted(world.in_step()) == [("new", 1), ("joining", 1)]
    assert [row[0] for row in world.records()] == [1, 2]


LONG = (2, "b" * 101, "Ben", 20.25, False)  # longer than the field


def test_a_full_refresh_leaves_a_row_as_it_was_confirmed_that_is_invalid_now(
    world: World,
) -> None:
    world.begun(ANN, BEN, CAT, CROWD[0])
    world.customers(ANN, LONG, CAT, CAT)
    result = world.in_step(full_refresh=True)
    assert counted(result) == [("changed", 1), ("invalid", 3), ("removed", 1)]
    assert [len(body) for _, _, body in world.sent()] == [1]
    assert (world.kept().confirmed, world.kept().in_doubt) == (3, 0)
    verified = world.verified()
    assert (verified.status, verified.figures.in_step, verified.next_steps) == ("in step", 3, ())
    world.customers(ANN, BEN, CAT)
    world.settled()


def test_a_row_in_doubt_that_became_invalid_is_told_with_a_way_out(world: World) -> None:
    world.begun(ANN, BEN, CAT)
    world.customers(ANN, (*BEN[:3], 21.0, False), (*CAT[:3], 1.0, True))
    world.sandbox.faults(["load:503-after"])
    assert world.sync_one().status == "failed"
    world.sandbox.faults([])
    world.customers(ANN, LONG, (*CAT[:3], 1.0, True))
    assert world.plan_one().counts.invalid_in_doubt == 1
    for full_refresh in (True, False):
        result = world.in_step(full_refresh=full_refresh)
        assert result.counts is not None
        assert (result.counts.invalid, result.counts.invalid_in_doubt) == (1, 1)
        assert "status --show-values" in (result.next_step or "")
    assert (world.kept().in_doubt, world.history().invalid_in_doubt) == (1, 1)
    verified = world.verified()
    figures = verified.figures
    assert (verified.status, figures.in_doubt, figures.invalid_in_doubt) == ("in doubt", 1, 1)
    [step] = verified.next_steps
    assert "`dbt-selligent status --select crm --show-values` lists what is invalid" in step
    world.customers(ANN, BEN, (*CAT[:3], 1.0, True))
    assert counted(world.in_step()) == [("changed", 1), ("in_doubt", 1)]
    assert (world.kept().in_doubt, world.verified().status) == (0, "in step")
    world.settled()


def test_a_state_goes_with_an_exposure_that_is_renamed(world: World) -> None:
    world.begun(ANN, BEN)
    world.sandbox.faults(["load:503-after"])
    world.customers(ANN, (*BEN[:3], 21.0, False))
    assert world.sync_one().status == "failed"
    world.sandbox.faults([])
    world.declare(crm("people"))
    planned = world.plan_one("people")
    assert planned.renamed == "crm"
    [note] = [each for each in planned.notes if "rename" in each]
    assert "`dbt-selligent state rename crm people`" in note
    assert not rename(world.settings(), "crm", "people", yes=False).done
    assert rename(world.settings(), "crm", "people", yes=True).done
    kept = [(one.name, one.confirmed, one.in_doubt) for one in show(world.settings())]
    assert kept == [("people", 1, 1)]
    world.customers(ANN, BEN)
    world.sent()
    assert counted(world.in_step("people")) == [("changed", 1), ("in_doubt", 1)]
    assert calls(world.sent()) == [("InsertAndUpdate", WHOLE, [list(BEN)])]
    world.settled("people")
    with pytest.raises(StateError):
        rename(world.settings(), "crm", "people", yes=True)


def test_what_is_adopted_is_taken_as_sent_and_never_deleted_before_it_was(world: World) -> None:
    world.declare(crm(removed="delete"))
    world.put(ANN, BEN, CAT)
    world.customers(ANN, BEN, CAT)
    settings = world.settings(select=("crm",))
    [would] = adopt(settings, yes=False)
    assert (would.done, world.kept().confirmed) == (False, 0)
    [done] = adopt(settings, yes=True)
    assert (done.done, world.sandbox.bulk()) == (True, [])
    assert (world.kept().confirmed, world.kept().adopted) == (3, 3)
    world.settled()
    anne = (*ANN[:2], "Anne", *ANN[3:])
    world.customers(anne, BEN, CAT)
    world.in_step()
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},FIRSTNAME", [[1, "Anne"]])]
    assert world.kept().adopted == 2
    world.customers(BEN)
    result = world.in_step(force=True)
    assert result.counts is not None
    assert (result.counts.removed, result.counts.spared, result.removed) == (1, 1, 1)
    assert [row[0] for row in world.records()] == [2, 3]
    with pytest.raises(StateError):
        adopt(settings, yes=True)
    world.settled()


def test_verify_finds_what_differs_and_repair_has_it_sent_again(world: World) -> None:
    world.declare(crm(segment="VIP"))
    assert world.verified().status == "never synced"
    rows = [ANN, BEN, CAT, *CROWD[:5]]
    world.begun(*rows)
    assert world.verified().status == "in step"
    world.sandbox.remove("CUSTOMERS", {KEYS: 1})
    world.put((2, "by-hand@acme.example"), (90, "stranger@acme.example"))
    for _ in range(2):
        found = world.verified()
        figures = found.figures
        assert (found.status, found.repaired) == ("differs", 0)
        assert (figures.missing, figures.different, dict(figures.different_fields)) == (
            1,
            1,
            {"MAIL": 1},
        )
    assert (world.kept().in_doubt, world.plan_one().counts.to_send) == (0, 0)
    assert world.verified(repair=True).repaired == 2
    assert (world.kept().confirmed, world.kept().in_doubt) == (len(rows) - 2, 2)
    assert world.verified().status == "in doubt"
    world.sent()
    result = world.in_step()
    assert counted(result)[:2] == [("changed", 2), ("in_doubt", 2)]
    assert [row for row in world.records() if row[0] != 90] == sorted(rows)
    assert world.members() == [row[0] for row in sorted(rows)]
    assert world.verified().status == "in step"
    world.settled()


def test_status_tells_earlier_runs_while_another_works_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    world.customers()
    assert world.sync_one().status == "failed"
    known = world.history()
    dev = world.settings().destination_named()
    with open_storage(world.settings()) as storage, storage.named(dev, "crm").hold():
        found = world.history()
        assert "crm is in use" in (found.under_way or "")
        assert found.runs == known.runs != ()
        said = [line for line in known.lines() if "UTC" in line or "has no rows" in line]
        assert found.lines() == [known.lines()[0], f"  {found.under_way}", *said]
        for history in (FileHistory, SchemaHistory):
            monkeypatch.setattr(history, "last_runs", _broken)
        lost = world.history()
        assert "crm is in use" in (lost.under_way or "")  # it says for how many seconds from now
        assert lost.lines() == [known.lines()[0], f"  {lost.under_way}"]


def _broken(*_: object) -> None:
    raise StateError("damaged")


@pytest.mark.parametrize("house", ["duckdb", "postgres"], indirect=True)
def test_a_state_that_is_forgotten_just_before_it_is_looked_at_is_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    for kind in (Files, TransactionalPlace):
        _forget_before_hold(world, monkeypatch, kind)
    assert world.history().lines()[1:] == ["  never synced"]
    monkeypatch.undo()
    with open_storage(world.settings()) as storage:
        place = storage.named(world.settings().destination_named(), "crm")
        assert (place.exists(), place.names) == (False, ())


def _forget_before_hold(world: World, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    hold = kind.hold

    def forgotten(self: Place) -> AbstractContextManager[None]:
        monkeypatch.setattr(kind, "hold", hold)
        reset(world.settings(), "crm", yes=True)
        taken: AbstractContextManager[None] = hold(self)
        return taken

    monkeypatch.setattr(kind, "hold", forgotten)


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_state_that_is_not_there_is_not_made_to_be_read(world: World, tmp_path: Path) -> None:
    world.begun(ANN)
    with open_storage(world.settings()) as storage:
        place = storage.named(world.settings().destination_named(), "people")
        with (
            pytest.raises(StateError, match="people has no state any more"),
            open_state(place, tmp_path, read_only=True),
        ):
            pass
        assert (place.exists(), place.names) == (False, ("crm",))


def test_status_tells_the_list_of_the_state_where_it_is_another(world: World) -> None:
    world.begun(ANN)
    assert (world.history().list, world.history().anew) == ("CUSTOMERS", "")
    world.declare(crm(list="OTHERS"))
    head, _, anew, *_ = world.history().lines()
    assert head == "crm: list CUSTOMERS at dev"
    assert anew == "  the next sync starts anew: list from CUSTOMERS to OTHERS"


def test_guards_stop_before_the_first_request_and_leave_the_state_as_it_was(world: World) -> None:
    world.declare(crm(mode="mirror", guard={"max_changed": 2}))
    rows = [ANN, BEN, CAT]
    world.begun(*rows)

    def stopped(*model: tuple[object, ...], guard: str) -> str:
        world.customers(*model)
        assert world.plan_one().failing[0].guard == guard
        result = world.sync_one()
        assert (result.status, result.confirmed, world.sent()) == ("failed", 0, [])
        assert (world.kept().confirmed, world.kept().in_doubt) == (3, 0)
        return result.error or ""

    assert stopped(*rows[:2], guard="max_removed") == (
        "1 of 3 records would be deleted, more than 10%: nothing was sent"
    )
    renamed = [(*row[:2], "New", *row[3:]) for row in rows]
    assert "3 of 3" in stopped(*renamed, guard="max_changed")
    assert "has no rows" in stopped(guard="empty")
    world.customers(*rows)
    world.settled()
    world.customers(*rows[:2])
    result = world.in_step(force=True)
    assert (result.removed, len(result.forced)) == (1, 1)
    assert world.records() == rows[:2]
    assert world.history().runs[0]["forced"]


def test_runs_are_remembered_with_how_they_ended(world: World) -> None:
    world.begun(ANN, BEN)
    world.sandbox.faults(["load:403"])
    world.customers(ANN, CAT)
    assert world.sync_one().status == "failed"
    world.sandbox.faults([])
    world.in_step()
    runs = world.history().runs
    assert [run["status"] for run in runs] == ["in step", "failed", "in step"]
    assert [run["counts"]["confirmed"] for run in runs] == [1, 0, 2]
    assert [run["counts"]["rows"] for run in runs] == [2, 2, 2]


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_list_whose_thread_cannot_connect_fails_a_sync_that_has_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    world.customers(ANN, BEN)
    connect = Warehouse._connect

    def full(warehouse: Warehouse) -> Any:
        if threading.current_thread() is not threading.main_thread():
            raise UnopenedError("too many clients", "later")
        return connect(warehouse)

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "_connect", full)
        done = world.sync(select=("crm",))
    [result] = done.results
    assert (result.status, result.error, result.next_step) == (
        "failed", "too many clients", "later",
    )  # fmt: skip
    assert (counted(result), result.not_sent, result.unopened) == ([("new", 1)], 1, False)
    assert (done.exit_code, world.sent()) == (1, [])
    assert world.in_step().confirmed == 1


def test_a_profile_may_require_a_state(world: World) -> None:
    world.profile(require_state=True)
    world.customers(ANN)
    result = world.sync_one()
    assert (result.status, "require_state" in (result.error or "")) == ("failed", True)
    assert world.sent() == []
    assert world.in_step(force=True).confirmed == 1
    world.settled()


def test_a_plan_shows_a_sample_and_changes_nothing(world: World) -> None:
    world.begun(ANN, BEN, *CROWD)
    world.customers((*ANN[:2], "Anna", *ANN[3:]), CAT, (None, *CAT[1:]), *CROWD)
    for _ in range(2):
        planned = world.plan_one(sample=2)
        assert counted(planned) == [("new", 1), ("changed", 1), ("invalid", 1), ("removed", 1)]
        shown = [(one["kind"], one["changed"], one["values"][KEYS]) for one in planned.sample]
        assert shown[:2] == [("new", [], 3), ("changed", ["FIRSTNAME"], 1)]
    assert (world.sent(), world.kept().confirmed, world.kept().in_doubt) == ([], 32, 0)


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
@pytest.mark.parametrize("table", ["snapshot", "doubt", "log", "meta", "migrations"])
def test_a_state_of_which_a_table_is_gone_is_told_of_and_can_be_reset(
    world: World, table: str
) -> None:
    world.begun(ANN, BEN)
    [(prefix,)] = world.house.read(f"select prefix from {STATE_SCHEMA}.selligent_states")
    world.house.run(f"drop table {STATE_SCHEMA}.{prefix}__{table}")
    for told in (world.sync_one(), world.kept()):
        assert f"{table} is missing or damaged, though it is of the state" in (told.error or "")
        assert "state reset" in (told.next_step or "")
    assert reset(world.settings(), "crm", yes=True).done
    assert counted(world.in_step()) == [("new", 2)]
    world.settled()


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_wherever_a_reset_breaks_off_the_state_is_there_or_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Warehouse.run
    for number in count(1, 3):
        world.customers(ANN)
        world.in_step()
        calls = count(1)

        def broken(warehouse: Warehouse, sql: str, last: int = number, calls: Any = calls) -> None:
            if next(calls) >= last and "selligent_locks" not in sql:
                raise WarehouseError("no connection", "sync again")
            run(warehouse, sql)

        monkeypatch.setattr(Warehouse, "run", broken)
        with suppress(RunError):
            reset(world.settings(), "crm", yes=True)
        done = next(calls) <= number
        monkeypatch.setattr(Warehouse, "run", run)
        there = world.kept().confirmed == 1
        world.sent()
        world.customers(ANN, BEN)
        result = world.in_step()
        assert result.confirmed == (1 if there else 2)
        world.settled()
        if done:
            assert not there
            break
