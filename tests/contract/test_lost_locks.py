"""What a run does, and what others do, when it stood still for so long that its lock was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from functional.conftest import SECONDS, wait_until

import dbt_selligent
from contract.house import STATE_SCHEMA
from contract.world import ANN, BEN, CAT, CROWD, World, counted, crm
from dbt_selligent import ledger
from dbt_selligent.errors import StateError
from dbt_selligent.results import ActivationResult
from dbt_selligent.selection import list_activations
from dbt_selligent.storage import open_storage
from dbt_selligent.warehouse import versions
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.places import SchemaPlace

SERVERS = pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
POSTGRES = pytest.mark.parametrize("house", ["postgres"], indirect=True)
SPARK = pytest.mark.parametrize("house", ["spark"], indirect=True)
OLD = (1, "old@acme.example", "Ann", 10.5, True)
NEW = (1, "new@acme.example", "Ann", 10.5, True)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Leases]:
    """All that hold locks."""
    found: list[Leases] = []
    begin = Leases.__init__

    def noted(self: Leases, *given: Any) -> None:
        begin(self, *given)
        found.append(self)

    monkeypatch.setattr(Leases, "__init__", noted)
    return found


@pytest.fixture
def lose(world: World, made: list[Leases]) -> Callable[[], None]:
    """All locks are over: whoever held them stood still for so long."""

    def over() -> None:
        for each in made:
            for lease in each._held.values():
                lease._until = 0.0
        for name in [table for table in tables(world) if table.startswith("selligent_locks")]:
            world.house.run(f"drop table {STATE_SCHEMA}.{name}")

    return over


def tables(world: World) -> list[str]:
    if world.house.name == "spark":
        found = world.house.read(f"show tables in {STATE_SCHEMA}")
        return [str(row[1]) for row in found]
    sql = f"select tablename from pg_tables where schemaname = '{STATE_SCHEMA}' order by 1"
    return [str(row[0]) for row in world.house.read(sql)]


class Sync(threading.Thread):
    """A sync beside others."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._settings = world.settings(select=("crm",))
        self.result: ActivationResult | None = None
        self.start()

    def run(self) -> None:
        [self.result] = dbt_selligent.sync(self._settings).results

    @property
    def told(self) -> tuple[str, str]:
        """Its status and error, at its end."""
        self.join(SECONDS)
        assert self.result
        return self.result.status, self.result.error or ""


@SERVERS
def test_nothing_is_sent_again_when_the_lock_was_lost_while_it_waited(
    world: World, lose: Callable[[], None]
) -> None:
    """It would put older values over those that another sent meanwhile."""
    world.declare(crm())
    world.begun(ANN, BEN)
    world.customers(OLD, BEN)
    world.sandbox.faults(["load:503@1"])
    others: list[Sync] = []

    def sleep(_seconds: float) -> None:
        lose()
        world.customers(NEW, BEN)
        others.append(Sync(world))
        others[0].join(SECONDS)

    [late] = dbt_selligent.sync(world.settings(select=("crm",)), sleep=sleep).results
    assert late.status == "failed"
    assert "could not be renewed in time" in (late.error or "")
    assert [other.told for other in others] == [("in step", "")]
    assert world.records()[0][1] == NEW[1]
    world.settled()


@POSTGRES
def test_a_commit_that_comes_late_is_waited_for(
    world: World, lose: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still between its look at the lock and its commit; both settle the same log."""
    world.declare(crm())
    world.begun(ANN, BEN)
    world.customers(OLD, BEN, CAT)
    stuck, go, settling = threading.Event(), threading.Event(), threading.local()
    settle, check = ledger.settle, SchemaPlace.check

    def checked(place: SchemaPlace) -> None:
        check(place)
        if getattr(settling, "on", False) and not stuck.is_set():
            stuck.set()
            assert go.wait(SECONDS)

    def settled(tables: Any) -> None:
        settling.on = True
        settle(tables)
        settling.on = False

    monkeypatch.setattr(SchemaPlace, "check", checked)
    monkeypatch.setattr("dbt_selligent.state.settle", settled)
    first = Sync(world)
    wait_until(stuck.is_set, "it settles")
    lose()
    exists = SchemaPlace.exists

    def looked(place: SchemaPlace) -> bool:
        assert go.is_set()  # what it read before would be of a state that is not there any more
        return exists(place)

    monkeypatch.setattr(SchemaPlace, "exists", looked)
    second = Sync(world)
    waiting = "select 1 from pg_stat_activity where wait_event = 'advisory'"
    wait_until(lambda: world.house.read(waiting) != [], "the second waits for the first")
    go.set()
    assert second.told == ("in step", "")
    first.join(SECONDS)
    monkeypatch.undo()
    assert world.kept().confirmed == 3
    world.customers(OLD, BEN, CAT, *CROWD[:2])
    assert counted(world.in_step()) == [("new", 2)]
    world.settled()


@SPARK
def test_a_pointer_that_comes_late_does_not_count(
    world: World, lose: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still between its look at the lock and its word: what it drops may be another's."""
    world.declare(crm())
    world.begun(ANN, BEN)
    point = versions.point
    for number in count(1):
        told, others = count(1), list[Sync]()

        def late(*given: Any) -> None:
            if not others and next(told) == number:  # noqa: B023
                lose()
                others.append(Sync(world))  # noqa: B023
                assert others[0].told == ("in step", "")  # noqa: B023
            point(*given)

        with monkeypatch.context() as patch:
            patch.setattr(versions, "point", late)
            world.customers((1, f"c{number}@acme.example", "Ann", 10.5, True), BEN)
            result = world.sync_one()
        if not others:
            break
        assert result.status == "failed"
        world.settled()
        assert (world.records()[0][1], world.kept().confirmed) == (f"c{number}@acme.example", 2)
    assert number > 3


@SERVERS
def test_a_state_is_not_forgotten_or_renamed_when_the_lock_was_lost(
    world: World, lose: Callable[[], None]
) -> None:
    world.declare(crm())
    world.begun(ANN, BEN)
    settings = world.settings(select=("crm",))
    [activation] = list_activations(settings)
    where = settings.destination_named()
    with open_storage(settings) as storage, open_storage(settings) as other:
        place, theirs = storage.place(activation, where), other.place(activation, where)
        to = storage.named(where, "another")
        with place.hold():
            lose()
            with theirs.hold():
                with pytest.raises(StateError, match="could not be renewed in time"):
                    place.forget()
                with pytest.raises(StateError, match="could not be renewed in time"):
                    place.rename(to)
    assert world.kept().confirmed == 2
    world.settled()
