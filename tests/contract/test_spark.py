"""What is of Spark alone: its settings, its locks, and states that are forgotten by pointers."""

from __future__ import annotations

import importlib
import logging
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dbt.adapters.sql.connections import SQLConnectionManager as Connections

from contract.house import STATE_SCHEMA
from contract.houses import SparkHouse
from contract.world import ANN, BEN, KEYS, World, crm
from dbt_selligent.errors import LockedError, RunError, WarehouseError
from dbt_selligent.upkeep import reset
from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.claims import Claim, ClaimProperties
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Schema

pytestmark = pytest.mark.parametrize("house", ["spark"], indirect=True)
OTHERS = {"spark.sql.session.timeZone": "Asia/Tokyo", "spark.sql.ansi.enabled": "false"}


def tables(world: World, beginning: str, part: str = "") -> list[str]:
    found = [str(row[1]) for row in world.house.read(f"show tables in {STATE_SCHEMA}")]
    return sorted(name for name in found if name.startswith(beginning) and part in name)


@pytest.mark.parametrize("method", ["session", "thrift"])
def test_what_the_tool_needs_of_a_session_holds_whatever_the_profile_says(
    world: World, method: str
) -> None:
    output = world.house.profile() if method == "session" else world.house.outside()
    with world.connected({**output, "server_side_parameters": OTHERS}):
        warehouse = Warehouse(world.settings())
        try:
            for _ in range(2):  # dbt sets its own before each statement
                found = [warehouse.rows(f"set {name}")[0][1] for name in OTHERS]
                assert found == ["UTC", "true"]
            assert warehouse.rows("select timestamp '2024-07-01 00:00:00'")[0][0].hour == 0
        finally:
            warehouse.close()


def test_the_driver_logs_no_statement(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), world.outside():
        world.declare(crm())
        world.customers(ANN)
        world.in_step()
    assert [each.name for each in caplog.records if "ann@acme.example" in each.getMessage()] == []
    assert [each for each in caplog.records if each.name.startswith("pyhive")] == []


def test_claims_are_gone_with_the_command(world: World) -> None:
    world.begun(ANN)
    assert tables(world, "selligent_locks") == []
    assert tables(world, "") != []


@pytest.fixture
def schema(world: World) -> Iterator[Schema]:
    warehouse = Warehouse(world.settings())
    yield Schema(warehouse, STATE_SCHEMA)
    warehouse.close()


def test_no_lock_waits_for_a_job(world: World, schema: Schema) -> None:
    """Spark gives all its cores to the job that came first, unless it is told otherwise."""
    assert isinstance(world.house, SparkHouse)
    jobs = world.house.jobs()
    leases, others = Leases(schema), Leases(schema)
    with leases.hold("secret url", "it"):  # names for which Spark does not tell what they are of
        leases._renew(list(leases._held.values()))
        with (
            pytest.raises(LockedError, match="it is in use by process"),
            others.hold("secret url", "it"),
        ):
            pass
        with others.hold("another", "another"):
            pass
    with others.hold("secret url", "it"):
        pass
    for each in (leases, others):
        each.close()
    assert world.house.jobs() == jobs
    assert tables(world, "selligent_locks") == []


def test_who_waits_for_a_lock_leaves_nothing(world: World, schema: Schema) -> None:
    leases, others = Leases(schema), Leases(schema)
    with leases.hold("it", "it"):
        for _ in range(3):
            with pytest.raises(LockedError), others.hold("it", "it"):
                pass
        said = [
            name
            for table in tables(world, "selligent_locks")
            for name, _ in world.house.read(f"show tblproperties {STATE_SCHEMA}.{table}")
            if name.startswith("selligent.claim.")
        ]
    assert len(said) == 1
    leases.close()
    others.close()


def test_a_claim_that_is_renewed_while_others_are_read_is_not_over(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, claim, hours = ClaimProperties(schema), Claim("c1", "it", "{}"), [0]
    claims.say([claim], 100)
    now, read = ClaimProperties._now, ClaimProperties._read

    def slowly(there: ClaimProperties, table: str) -> list[tuple[Claim, int]]:
        hours[0] += 1
        return read(there, table)

    monkeypatch.setattr(ClaimProperties, "_read", slowly)
    monkeypatch.setattr(ClaimProperties, "_now", lambda there: now(there) + 3600 * hours[0])
    assert [each for each, _ in claims.there("it")] == [claim]
    assert hours[0] > 0
    claims.close()


def test_claims_of_a_command_that_ends_as_they_are_read_are_none(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, claim = ClaimProperties(schema), Claim("c1", "it", "{}")
    claims.say([claim], 100)
    there = claims._open()
    monkeypatch.setattr(claims, "_open", lambda: [f"{there[0][:-1]}x", *there])
    assert [each for each, _ in claims.there("it")] == [claim]
    claims.close()


@pytest.mark.parametrize("which", ["__log_", "__snapshot_", "__migrations_", "__"])
def test_a_state_whose_tables_are_gone_is_told_of_and_can_be_reset(
    world: World, which: str
) -> None:
    """None is taken for a state that has not begun: removals would be forgotten."""
    world.begun(ANN, BEN)
    gone = [name for name in tables(world, "crm_", which) if "__pointer" not in name]
    assert gone
    for name in gone:
        world.house.run(f"drop table {STATE_SCHEMA}.{name}")
    kept = world.kept()
    assert "is missing or damaged, though it is of the state" in (kept.error or "")
    assert "state reset" in (kept.next_step or "")
    failed = world.sync_one()
    assert (failed.status, world.sent()) == ("failed", [])
    assert "is missing or damaged, though it is of the state" in (failed.error or "")
    assert reset(world.settings(), "crm", yes=True).done
    world.sent()
    assert world.in_step().confirmed == 2
    world.settled()


def test_a_pointer_that_cannot_be_read_is_told_of_and_can_be_reset(world: World) -> None:
    world.begun(ANN)
    [pointer] = tables(world, "crm_", "__pointer_")
    world.house.run(
        f"alter table {STATE_SCHEMA}.{pointer} unset tblproperties ('selligent.tables')"
    )
    failed = world.sync_one()
    assert f"{pointer}` is missing or damaged" in (failed.error or "")
    assert reset(world.settings(), "crm", yes=True).done
    assert world.in_step().confirmed == 1
    world.settled()


def test_what_another_spark_appends_is_heard_of(world: World) -> None:
    """A Spark remembers which files a table has; here one is written without any."""
    world.begun(ANN)
    assert world.kept().in_doubt == 0
    [doubt] = tables(world, "crm_", "__doubt_")
    shape = world.house.read(f"describe formatted {STATE_SCHEMA}.{doubt}")
    [place] = [value for name, value, _ in shape if name == "Location"]
    key = pa.table({KEYS: pa.array([ANN[0]], {"bigint": pa.int64()}[shape[0][1]])})
    pq.write_table(key, Path(urlsplit(place).path) / "another.parquet")
    assert world.kept().in_doubt == 1


@pytest.mark.parametrize(("then", "stride"), [("sync", 1), ("reset and sync", 3)])
def test_a_pointer_that_a_dead_run_makes_too_late_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch, then: str, stride: int
) -> None:
    """A server may finish whenever it likes what it was told by a process that was killed."""
    world.declare(crm(mode="mirror"))
    world.begun(ANN)
    run = Warehouse.run

    def dead(warehouse: Warehouse, sql: str) -> None:
        """From its pointer number ``number`` on, it says no more than that it holds no lock."""
        points = "__pointer_" in sql and "create table" in sql
        if (late or (points and next(told) == number)) and "selligent_locks" not in sql:
            late.append(sql)
            raise WarehouseError("no answer", "sync again")
        run(warehouse, sql)

    for number in count(1, stride):
        late: list[str] = []
        told = count(1)
        world.customers(ANN, (number + 1, f"c{number}@acme.example", "New", 1.0, True))
        with monkeypatch.context() as killed:
            killed.setattr(Warehouse, "run", dead)
            ended = world.sync_one(force=True)
        if not late:
            break
        assert ended.status == "failed"
        world.customers(ANN, BEN)
        if then == "reset and sync":
            reset(world.settings(), "crm", yes=True)
        world.in_step(force=True)
        world.house.run(late[0])
        world.settled()
        assert world.kept().confirmed == 2
    assert number > 3


def test_a_pointer_is_overruled_before_what_it_may_name_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    [log] = tables(world, "crm_", "__log_")
    left = f"{log.partition('__')[0]}__snapshot_left"
    world.house.run(f"create table {STATE_SCHEMA}.{left} (n int) using parquet")
    told: list[str] = []
    run = Warehouse.run

    def listened(warehouse: Warehouse, sql: str) -> None:
        told.append(sql)
        run(warehouse, sql)

    monkeypatch.setattr(Warehouse, "run", listened)
    world.customers(ANN, BEN)
    world.in_step()
    steps = [
        "pointer" if "__pointer_" in sql else "left"
        for sql in told
        if ("create table" in sql and "__pointer_" in sql) or left in sql
    ]
    assert steps[:2] == ["pointer", "left"]
    assert steps.count("left") == 1


def test_spark_s_own_log_tells_no_value(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    warehouse = Warehouse(world.settings())
    try:
        with pytest.raises(WarehouseError, match="CAST_INVALID_INPUT"):
            warehouse.rows("select cast('ann@acme.example' as int)")
    finally:
        warehouse.close()
    said = capfd.readouterr()
    assert "ann@acme.example" not in said.out + said.err


def test_ctrl_c_does_not_become_spark_s_that_cancels_all_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session of this process is there already, which took it when it was made."""
    before = signal.getsignal(signal.SIGINT)
    connect = Connections.set_connection_name

    def taking(connections: Connections, name: str | None = None) -> Any:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return connect(connections, name)

    monkeypatch.setattr(Connections, "set_connection_name", taking)
    warehouse = Warehouse(world.settings())
    try:
        warehouse.rows("select 1")
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, before)
        warehouse.close()


def test_a_server_keeps_nothing_of_a_statement_that_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hive = importlib.import_module("pyhive.hive")
    made: list[Any] = []
    cursor = hive.Connection.cursor

    def noted(connection: Any, *given: Any, **named: Any) -> Any:
        made.append(cursor(connection, *given, **named))
        return made[-1]

    monkeypatch.setattr(hive.Connection, "cursor", noted)
    with world.connected(world.house.outside()):
        world.declare(crm())
        world.customers(ANN)
        world.in_step()
    assert len(made) > 20
    assert [each for each in made if each._operationHandle is not None] == []


def test_a_claim_that_was_not_written_is_no_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    monkeypatch.setattr(ClaimProperties, "say", lambda *_given: None)
    with pytest.raises(RunError, match="the lock of activation crm was not written"):
        world.plan_one()
