"""What is of Spark alone: its settings, its locks, and states that are forgotten by pointers."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.house import STATE_SCHEMA
from contract.world import ANN, BEN, World, crm
from dbt_selligent.errors import LockedError, RunError, WarehouseError
from dbt_selligent.upkeep import reset
from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Schema

pytestmark = pytest.mark.parametrize("house", ["spark"], indirect=True)
OTHERS = {"spark.sql.session.timeZone": "Asia/Tokyo", "spark.sql.ansi.enabled": "false"}


def tables(world: World, beginning: str) -> list[str]:
    found = [str(row[1]) for row in world.house.read(f"show tables in {STATE_SCHEMA}")]
    return sorted(name for name in found if name.startswith(beginning))


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
    assert tables(world, "locks_") == []
    assert tables(world, "") != []


def test_claims_of_another_spark_are_seen_that_came_after_its_first(world: World) -> None:
    """It writes files of which this one hears nothing; here they are written without any Spark."""
    world.begun(ANN)
    warehouse = Warehouse(world.settings())
    schema = Schema(warehouse, STATE_SCHEMA)
    leases = Leases(schema)
    table = f"locks_{int(time.time() // 86400)}_another"
    try:
        with leases.hold("a", "a"):
            schema.run("create_locks", target=schema[table], types=schema.dialect.types)
            claims = [{"claim": "'c1'", "what": "'b'", "holder": "'{}'"}]
            schema.run("claim", target=schema[table], claims=claims, seconds=100, released="false")
            with pytest.raises(LockedError), leases.hold("b", "b"):
                pass
            with leases.hold("c", "c"):
                pass
            [(place,)] = world.house.read(
                f"select distinct input_file_name() from {STATE_SCHEMA}.{table}"
            )
            row = {"claim": "c2", "what": "c", "holder": "{}", "released": False}
            line = pa.Table.from_pylist([{**row, "expires": int(time.time()) + 100}])
            names = ["claim", "what", "holder", "expires", "released"]
            folder = Path(urlsplit(place).path).parent
            pq.write_table(line.select(names), folder / "another.parquet")
            with pytest.raises(LockedError), leases.hold("c", "c"):
                pass
    finally:
        leases.close()
        schema.drop([table])
        warehouse.close()


def test_a_claim_that_was_not_written_is_no_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begun(ANN)
    append = Schema.append

    def lost(schema: Schema, macro: str, /, **arguments: Any) -> None:
        if macro != "claim":
            append(schema, macro, **arguments)

    monkeypatch.setattr(Schema, "append", lost)
    with pytest.raises(RunError, match="the lock of activation crm was not written"):
        world.plan_one()


def test_wherever_a_reset_breaks_off_the_state_is_there_or_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Warehouse.run
    for number in count(1, 3):
        world.customers(ANN)
        world.in_step()
        calls = count(1)

        def broken(warehouse: Warehouse, sql: str, last: int = number, calls: Any = calls) -> None:
            if next(calls) >= last and "locks_" not in sql:
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
