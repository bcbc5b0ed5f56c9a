"""A sync is killed at its steps; the model moves on; the next sync brings all in step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from soak import sabotage
from soak.steps import Kill

from contract.world import KEYS, World, crm
from dbt_selligent.errors import WarehouseError
from dbt_selligent.upkeep import reset
from dbt_selligent.warehouse.versions import point

Row = tuple[Any, ...]
THEN = ("goes on", "goes back", "loses rows")
OWN = (999, "own@acme.example", "Own", 1.0, True)
REQUESTS = ("GET", "POST", "DELETE", "answer to")
MIRROR = crm(mode="mirror", segment="VIP", batch={"rows": 4})


def version(number: int) -> list[Row]:
    """Rows of which some change, some come and some leave from each version to the next."""
    rows = []
    for n in range(1, 11):
        name = f"Name {number}" if n % 3 == 0 else "Name"
        rows.append((n, f"c{n}@acme.example", name, n / 2 + (number if n % 4 == 0 else 0), True))
    return [*rows, *((100 + number + n, None, "Passing", 1.5, None) for n in range(3))]


def rows_after(then: str, now: int, before: list[Row]) -> list[Row]:
    """The model after a kill, when it was of this version, and of these rows before."""
    return {"goes on": version(now + 1), "goes back": before, "loses rows": version(now)[::2]}[then]


def endure(
    world: World,
    before: Callable[[int], None],
    after: Callable[[int], None],
    *,
    part: int = 0,
    parts: int = 1,
    label: str = "",
    broken: str | None = None,
) -> None:
    """Kills a sync at one step after the other, until it has no more: ``before`` makes something
    to be synced, ``after`` does what is to be done, and looks; both get the number of the sync.

    Each part has other steps; with ``label`` only those that begin so are steps.
    """
    stride = 1 if label else world.house.stride
    for turn in count(1):
        before(turn)
        number = 1 + (part + (turn - 1) * parts) * stride
        ended = world.sync_until(Kill(number, label=label), broken)
        try:
            after(turn)
        except AssertionError as error:
            step = ended.steps[-1] if ended.killed else "its end"
            raise AssertionError(f"killed before step {number}, {step}: {error}") from error
        if not ended.killed:
            break
    # Else nobody heard what there was to be heard.
    assert len([step for step in ended.steps if step.startswith(REQUESTS)]) > 5
    assert len([step for step in ended.steps if not step.startswith(REQUESTS)]) > 10


def update(world: World, then: str, **chosen: Any) -> None:
    """Syncs that delete, update and insert records and members by several requests are killed."""
    world.declare(MIRROR)
    world.put(OWN)
    now = version(0)
    world.begun(*now)

    def before(turn: int) -> None:
        world.customers(*version(2 * turn))

    def after(turn: int) -> None:
        nonlocal now
        now = rows_after(then, 2 * turn, now)
        look(world, now)

    endure(world, before, after, **chosen)
    assert world.verified().status == "in step"


def look(world: World, rows: list[Row]) -> None:
    """The next sync makes the list and its segment as the model is, but for who was there before;
    there is nothing to be done then.
    """
    world.customers(*rows)
    world.in_step(force=True)
    assert world.records() == [*sorted(rows), OWN]
    assert world.members() == sorted(row[0] for row in rows)
    world.settled(force=True)


@pytest.mark.parametrize("then", THEN)
def test_wherever_a_sync_is_killed_the_next_brings_the_list_in_step(
    world: World, then: str
) -> None:
    update(world, then, part=THEN.index(then), parts=len(THEN))


@pytest.mark.parametrize("house", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", sorted(sabotage.BY_NAME))
def test_a_broken_promise_is_seen(world: World, name: str) -> None:
    with pytest.raises(AssertionError, match="killed before step"):
        update(world, "loses rows", label="answer to", broken=name)


@pytest.mark.parametrize("then", THEN)
def test_wherever_a_first_sync_is_killed_the_next_brings_the_list_in_step(
    world: World, then: str
) -> None:
    world.declare(MIRROR)
    world.put(OWN)

    def before(turn: int) -> None:
        if turn > 1:
            reset(world.settings(), "crm", yes=True)
        for key, *_ in world.records()[:-1]:
            world.sandbox.remove("CUSTOMERS", {KEYS: key})
        world.customers(*version(0))

    def after(turn: int) -> None:
        look(world, rows_after(then, 0, version(0)))

    endure(world, before, after, part=THEN.index(then), parts=len(THEN))


@pytest.mark.parametrize("house", ["spark"], indirect=True)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pointer_counts_of_which_the_answer_was_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """PostgreSQL has one statement for all of it, its commit."""
    world.declare(MIRROR)
    world.begun(*version(0))
    world.customers(*version(1))
    calls = count(1)

    def answered(*given: Any) -> None:
        point(*given)
        if next(calls) == number:
            raise WarehouseError("no answer", "sync again")

    monkeypatch.setattr("dbt_selligent.warehouse.versions.point", answered)
    assert world.sync_one(force=True).status == "failed"
    monkeypatch.undo()
    world.in_step(force=True)
    assert world.records() == sorted(version(1))
    world.settled()


def test_wherever_a_sync_of_a_new_mapping_is_killed_nothing_is_lost(world: World) -> None:
    """The state gains, loses and changes columns between two syncs."""
    fewer = crm(fields={"MAIL": "email", "FIRSTNAME": "first_name"})
    fuller = crm(fields={"FIRSTNAME": "first_name", "LTV": "lifetime_value"}, segment="VIP")
    world.customers(*version(0)[:10])

    def before(turn: int) -> None:
        world.declare(fewer)
        world.in_step()
        world.declare(fuller)
        world.customers(*version(turn)[:10])

    def after(turn: int) -> None:
        world.in_step()
        rows = version(turn)[:10]
        assert world.records() == [(*row[:4], None) for row in rows]
        assert world.members() == [row[0] for row in rows]
        world.settled()

    endure(world, before, after)
    assert world.verified().status == "in step"
