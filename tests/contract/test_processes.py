"""Two syncs of one activation at once, of which one is another process."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager
from typing import Any

import duckdb
import pytest
from functional.conftest import wait_until

from contract.house import SCHEMA, STATE_SCHEMA
from contract.world import ANN, BEN, CAT, World, crm, mails
from dbt_selligent.errors import StateError, WarehouseError
from dbt_selligent.warehouse.claims import Claim, ClaimRows
from dbt_selligent.warehouse.exchange import fetch
from dbt_selligent.warehouse.places import SchemaPlace

ROWS = [ANN, BEN, CAT]


def two_activations(world: World) -> None:
    world.declare(crm(), mails())
    world.customers(*ROWS)
    world.fill("mails", {"mail": "text", "score": "integer"}, ("ann@acme.example", 1))


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_lock_that_cannot_be_written_fails_its_activation_and_no_other_result_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_activations(world)
    take = ClaimRows.take

    def broken(there: ClaimRows, claim: Claim, seconds: int) -> list[tuple[Claim, int]]:
        if claim.what.startswith("list customers"):
            raise WarehouseError("no connection", "sync again")
        return take(there, claim, seconds)

    monkeypatch.setattr(ClaimRows, "take", broken)
    results = world.sync().results
    assert [(each.name, each.status, each.error) for each in results] == [
        ("crm", "failed", "no connection"),
        ("mails", "in step", None),
    ]
    assert [each["status"] for each in world.results()["results"]] == ["failed", "in step"]
    monkeypatch.undo()
    assert [each.status for each in world.sync().results] == ["in step", "in step"]
    assert world.records() == ROWS


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_where_there_is_no_room_on_this_machine_no_other_result_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_activations(world)

    def full(*given: Any) -> None:
        if "crm_" in given[3]:
            raise duckdb.IOException("IO Error: Could not write file: No space left on device")
        fetch(*given)

    monkeypatch.setattr("dbt_selligent.warehouse.tables.fetch", full)
    failed, other = world.sync().results
    assert (failed.status, other.status) == ("failed", "in step")
    assert "a file cannot be written: No space left on device" in (failed.error or "")
    assert failed.next_step == "nothing was lost: make room and run again"
    monkeypatch.undo()
    assert [each.status for each in world.sync().results] == ["in step", "in step"]


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
@pytest.mark.parametrize("command", ["verify", "plan", "state show", "status"])
def test_a_state_that_may_not_be_read_is_not_taken_for_none(world: World, command: str) -> None:
    world.declare(crm())
    world.begun(*ROWS)
    world.house.run(
        "create role looker login",
        f"grant usage on schema {SCHEMA}, {STATE_SCHEMA} to looker",
        f"grant select on all tables in schema {SCHEMA} to looker",
    )
    try:
        with world.connected({**world.house.profile(), "user": "looker"}):
            done = world.invoke(*command.split())
    finally:
        world.house.run("drop owned by looker", "drop role looker")
    assert "permission denied for table" in done.out + done.err
    assert "give the user of the profile that right" in done.out + done.err
    assert done.code == 1


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_lock_of_an_activation_that_cannot_be_written_fails_it_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_activations(world)
    hold = SchemaPlace.hold

    def broken(place: SchemaPlace) -> AbstractContextManager[None]:
        if place.name == "crm":
            raise StateError("the lock of activation crm was not written in time", "run again")
        return hold(place)

    monkeypatch.setattr(SchemaPlace, "hold", broken)
    results = world.sync().results
    assert [(each.name, each.status) for each in results] == [
        ("crm", "failed"),
        ("mails", "in step"),
    ]
    assert [each["status"] for each in world.results()["results"]] == ["failed", "in step"]


def test_a_second_sync_is_refused_and_says_who_holds_it(world: World) -> None:
    world.customers(*ROWS)
    world.sandbox.faults(["load:delay-after=30@1"])
    with world.outside(), world.started("sync", "--select", "crm") as process:
        wait_until(world.sandbox.bulk, "the first is under way")
        refused = world.sync_one()
        assert process.poll() is None
    world.sandbox.faults([])
    assert (refused.status, len(world.sandbox.bulk())) == ("failed", 1)
    said = refused.error or ""
    assert [word for word in (str(process.pid), socket.gethostname()) if word not in said] == []
    # Who is dead holds nothing.
    world.house.end_sessions()
    world.in_step()
    assert world.records() == ROWS
    world.settled()
