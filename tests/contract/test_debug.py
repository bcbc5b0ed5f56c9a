"""What `debug` says of the rights in a warehouse: by trying, and leaving nothing behind."""

from __future__ import annotations

import pytest

from contract.house import SCHEMA, STATE_SCHEMA
from contract.world import ANN, World, crm

ROLE = "keeper"
GRANTS = (
    f"grant usage on schema {SCHEMA} to {ROLE}",
    f"grant select on all tables in schema {SCHEMA} to {ROLE}",
)
MEND = "name another schema: `state_schema` of the output in profiles.yml"


def debugged(world: World) -> tuple[int, list[str]]:
    done = world.invoke("debug", "--select", "crm")
    lines = done.out.splitlines()
    return done.code, [line for line in lines if "state" in line]


def debugged_as(world: World, *rights: str, user: str = ROLE) -> tuple[int, list[str]]:
    """The lines on states, for a user who may read models, and what else is granted."""
    world.house.run(f"create role {ROLE} login", *GRANTS, *rights)
    try:
        with world.connected({**world.house.profile(), "user": user}):
            return debugged(world)
    finally:
        world.house.run(f"drop owned by {ROLE}", f"drop role {ROLE}")


def schemas(world: World) -> list[str]:
    quoted = f"where schema_name = '{STATE_SCHEMA}'"
    rows = world.house.read(f"select schema_name from information_schema.schemata {quoted}")
    return [str(name) for (name,) in rows]


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_schema_is_made_for_a_try_and_nothing_is_left(world: World) -> None:
    world.declare(crm())
    world.customers(ANN)
    assert debugged(world) == (
        0,
        [
            f"ok   state of destination dev: schema {STATE_SCHEMA}: can be written",
            "ok   crm: state: none yet, the first sync makes it",
        ],
    )
    assert schemas(world) == []
    world.in_step()
    before = world.house.read(
        f"select table_name from information_schema.tables where table_schema = '{STATE_SCHEMA}' "
        "order by 1"
    )
    code, lines = debugged(world)
    assert code == 0
    assert lines[1].startswith(f"ok   crm: state: there, schema {STATE_SCHEMA}, tables crm_")
    assert before == world.house.read(
        f"select table_name from information_schema.tables where table_schema = '{STATE_SCHEMA}' "
        "order by 1"
    )


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_rights_that_are_missing_are_told_before_a_sync_needs_them(world: World) -> None:
    world.declare(crm())
    world.customers(ANN)
    what = f"FAIL state of destination dev: schema {STATE_SCHEMA}, for the state: the warehouse"
    none = debugged_as(world)
    assert none[0] == 1
    assert none[1][0] == f"{what} (postgres) says: permission denied for database {SCHEMA}"
    assert none[1][1].endswith(MEND)
    assert debugged_as(world, f"grant create on database {SCHEMA} to {ROLE}")[0] == 0
    made = f"create schema {STATE_SCHEMA}"
    usage = debugged_as(world, made, f"grant usage on schema {STATE_SCHEMA} to {ROLE}")
    assert usage[1][0] == f"{what} (postgres) says: permission denied for schema {STATE_SCHEMA}"
    granted = f"grant usage, create on schema {STATE_SCHEMA} to {ROLE}"
    assert debugged_as(world, granted)[0] == 0
    temporary = f"revoke temporary on database {SCHEMA} from public"
    try:
        told = debugged_as(world, granted, temporary)
        assert "permission denied to create temporary tables in database" in told[1][0]
    finally:
        world.house.run(f"grant temporary on database {SCHEMA} to public")
    world.in_step()
    others = debugged_as(
        world, granted, f"grant select on all tables in schema {STATE_SCHEMA} to {ROLE}"
    )
    assert "permission denied for table selligent_states" in others[1][0]


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_user_who_is_not_let_in_is_told_once_and_where_to_mend_it(world: World) -> None:
    world.declare(crm())
    with world.connected({**world.house.profile(), "user": "nobody_of_this_name"}):
        done = world.invoke("debug", "--select", "crm")
    failed = [line for line in done.out.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1
    assert failed[0].startswith("FAIL warehouse: the warehouse (postgres) says: ")
    assert 'role "nobody_of_this_name" does not exist' in failed[0]
    assert "`dbt debug` tries the same connection" in done.out


@pytest.mark.parametrize("house", ["postgres"], indirect=True)
@pytest.mark.parametrize("command", [["plan"], ["plan", "--due"], ["sync"], ["sync", "--due"]])
def test_where_a_user_is_not_let_in_nothing_could_start(world: World, command: list[str]) -> None:
    world.declare(crm(schedule="* * * * *"))
    world.customers(ANN)
    with world.connected({**world.house.profile(), "user": "nobody_of_this_name"}):
        done = world.invoke(*command)
    assert done.code == 2
    assert "nobody_of_this_name" in done.said
    assert "is the server up?" in done.said


@pytest.mark.parametrize("house", ["spark"], indirect=True)
def test_on_spark_what_was_made_for_a_try_is_taken_back(world: World) -> None:
    world.declare(crm())
    world.customers(ANN)
    code, lines = debugged(world)
    assert (code, lines[0]) == (
        0,
        f"ok   state of destination dev: schema {STATE_SCHEMA}: can be written",
    )
    assert world.house.read(f"show schemas like '{STATE_SCHEMA}'") == []
