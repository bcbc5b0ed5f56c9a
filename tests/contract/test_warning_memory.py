"""What was told is remembered beside the states, of every engine: in its schema, if it has one."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from functional.inboxes import Inbox, webhook

from contract.house import STATE_SCHEMA
from contract.world import ANN, World, crm
from dbt_selligent.errors import StateError, WarehouseError
from dbt_selligent.filetold import FILE, FileMemories
from dbt_selligent.profiles import Destination
from dbt_selligent.storage import open_storage
from dbt_selligent.told import Memory
from dbt_selligent.upkeep import rename
from dbt_selligent.warehouse import told
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.places import SchemaPlace
from dbt_selligent.warehouse.schema import Schema

WARNINGS = ["failed", "recovered", {"stale": "26h"}]
NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with webhook() as inbox:
        yield inbox


@pytest.fixture
def warned(world: World, inbox: Inbox) -> World:
    """A shop that is warned of crm, which fails where its model is empty."""
    world.profile(notify=inbox.address)
    world.declare(crm(warnings=WARNINGS, guard={"max_changed": "100%"}))
    return world


def elsewhere(world: World) -> None:
    """The next run is on another machine, which has no more than the project and the warehouse.

    Where states are files, these are what is brought along.
    """
    if world.house.name != "duckdb":
        shutil.rmtree(world.state)


def failed_then_well(world: World, inbox: Inbox) -> list[list[str]]:
    titles = []
    for fault in ([], ["load:401"], ["load:401"], []):
        world.sandbox.faults(fault)
        world.sync(full_refresh=bool(fault))
        titles.append(inbox.titles())
        elsewhere(world)
    return titles


def test_a_change_is_told_once_by_runners_that_are_thrown_away(warned: World, inbox: Inbox) -> None:
    warned.customers(ANN)
    assert failed_then_well(warned, inbox) == [
        [],
        ["dbt-selligent: crm failed (dev)"],
        [],
        ["dbt-selligent: crm recovered (dev)"],
    ]
    if warned.house.name != "duckdb":
        [(name, text)] = warned.house.read(
            f"select activation, memory from {warned.house.quote(STATE_SCHEMA)}.selligent_warnings"
        )
        assert (name, json.loads(text)["told"]) == ("crm", {"1 json": {}})


def test_what_was_told_goes_with_a_state_that_is_renamed(warned: World, inbox: Inbox) -> None:
    warned.customers(ANN)
    warned.in_step()
    warned.sandbox.faults(["load:401"])
    assert warned.sync(full_refresh=True).results[0].status == "failed"
    warned.declare(crm("people", warnings=WARNINGS))
    assert rename(warned.settings(), "crm", "people", yes=True).notes == ()
    warned.sandbox.faults([])
    warned.in_step("people")
    assert inbox.titles() == [
        "dbt-selligent: crm failed (dev)",
        "dbt-selligent: people recovered (dev)",
    ]
    assert list(recalled(warned, warned.settings().destination_named())) == ["people"]


def test_side_by_side_nothing_is_lost(world: World) -> None:
    dev = world.settings().destination_named()
    names = [f"a'{number}" for number in range(3)]
    memory = Memory(NOON, NOON + timedelta(hours=1), {"1 json": {"failed": NOON.isoformat()}})

    def remember(name: str) -> None:
        with open_storage(world.settings()) as storage:
            storage.memories(dev).remember(lambda _: {name: memory})

    threads = [threading.Thread(target=remember, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recalled(world, dev) == dict.fromkeys(names, memory)
    assert recalled(world, replace(dev, name="eu")) == {}
    with open_storage(world.settings()) as storage:
        storage.memories(dev).remember(lambda _: {names[0]: None})
    assert sorted(recalled(world, dev)) == names[1:]


def test_side_by_side_each_adds_to_what_the_other_told(world: World) -> None:
    dev = world.settings().destination_named()

    def add(number: int) -> None:
        def renew(kept: Mapping[str, Memory]) -> dict[str, Memory]:
            told = kept["crm"].told if "crm" in kept else {}
            return {"crm": Memory(NOON, None, {**told, f"{number} json": {}})}

        with open_storage(world.settings()) as storage:
            storage.memories(dev).remember(renew)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recalled(world, dev)["crm"].told) == [f"{number} json" for number in range(4)]


def test_what_a_machine_kept_of_a_bad_night_is_no_news_ten_days_later(
    warned: World, inbox: Inbox
) -> None:
    """Another machine has synced well since then."""
    if warned.house.name == "duckdb":
        pytest.skip("there is no schema")
    warned.customers(ANN)
    warned.in_step()
    warned.declare(crm(warnings=WARNINGS, schedule="0 6 1 1 *"))
    dev = warned.settings().destination_named()
    before = recalled(warned, dev)
    old = datetime.now(timezone.utc) - timedelta(days=10)
    FileMemories(dev).remember(lambda _: {"crm": Memory(old, old, {})})
    assert warned.sync(due=True).results == ()
    assert (inbox.titles(), recalled(warned, dev)["crm"].complete) == ([], before["crm"].complete)


def test_a_lock_that_nobody_lets_go_of_is_waited_for_no_longer_than_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.house.name != "spark":
        pytest.skip("the lock goes with its process")
    monkeypatch.setattr(told, "SECONDS_TO_WAIT", 0.1)
    dev = world.settings().destination_named()
    with open_storage(world.settings()) as storage, open_storage(world.settings()) as other:
        place = other.named(dev, "crm")
        assert isinstance(place, SchemaPlace)
        held = Leases(place.schema)
        with held.hold("warnings dev", "the warnings"), pytest.raises(StateError, match=FILE):
            storage.memories(dev).remember(lambda _: {"crm": Memory(NOON)})
        held.close()
    assert recalled(world, dev) == {"crm": Memory(NOON)}


def recalled(world: World, destination: Destination) -> dict[str, Memory]:
    with open_storage(world.settings()) as storage:
        return storage.memories(destination).recall()


def test_what_the_schema_does_not_take_is_kept_on_this_machine(
    warned: World, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    if warned.house.name == "duckdb":
        pytest.skip("there is no schema")
    warned.customers(ANN)
    warned.in_step()

    def broken(*_: object, **__: object) -> None:
        raise WarehouseError("no answer")

    file = warned.state / "dev" / FILE
    monkeypatch.setattr(Schema, "refresh", broken)
    monkeypatch.setattr(Schema, "fence", broken)
    warned.sandbox.faults(["load:401"])
    for _ in range(2):
        assert warned.sync(full_refresh=True).results[0].status == "failed"
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    assert list(json.loads(file.read_text())) == ["crm"]
    monkeypatch.undo()
    warned.sandbox.faults([])
    warned.in_step()
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]
    assert not file.exists()
