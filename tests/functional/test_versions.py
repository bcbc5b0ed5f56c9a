"""States of earlier versions, and of a newer one."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from dbt_selligent.migrations import VERSION
from dbt_selligent.upkeep import reset
from dbt_selligent.warehouse import engine

from .conftest import Shop
from .states import ANN, contents, kept, make_newer, run
from .test_kill import COUNT, kill_while_under_way, model

STATES = Path(__file__).parents[1] / "fixtures" / "states"


def restore(shop: Shop, version: int) -> None:
    """The files that a killed sync of that version left, as they are told in SQL."""
    folder = shop.state / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name in (("state", "crm.duckdb"), ("delta", "crm.delta.duckdb")):
        sql = (STATES / f"{version}.{kind}.sql").read_text()
        with duckdb.connect() as connection:
            engine.attach(connection, folder / name, "it")
            connection.execute("use it")
            connection.execute(sql.replace("http://127.0.0.1:8800", shop.url))


def tables(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("select sql from duckdb_tables() order by table_name").fetchall()
    return [sql for (sql,) in found]


MODEL = (
    (1, "ann@acme.example", "Ann", 11.5, True),
    (2, "ben@acme.example", "Ben", None, False),
    (4, "dan@acme.example", "Dan", 2.5, None),
    (6, "fay@acme.example", "Fay", 6.0, True),
)
HELD, TWICE = (3, "bad@acme.example", "Cat", 1.0, True), (5, "eve@acme.example", "Eve", 3.0, True)
# Of two requests one was answered, which version 1 does not tell durably enough.
IN_DOUBT = {1: 3, 2: 2, 3: 2}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
@pytest.mark.parametrize("back", [False, True], ids=["on", "back"])
def test_a_sync_goes_on_where_one_of_an_earlier_version_was_killed(
    shop: Shop, version: int, back: bool
) -> None:
    restore(shop, version)
    now = tuple((*row[:3], row[3] and row[3] - 1, row[4]) for row in MODEL) if back else MODEL
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": row[0]} for row in MODEL])
    shop.customers(*now, HELD, TWICE, TWICE)
    before = kept(shop)
    assert shop.plan_one().counts.held == 1
    assert kept(shop) == before
    result = shop.sync_one()
    assert result.status == "rows refused"
    assert result.counts is not None
    assert (result.counts.in_doubt, result.counts.held, result.counts.invalid) == (
        IN_DOUBT[version],
        1,
        2,
    )
    sent = {row[0]: row for _, query, body in shop.sent() for row in body}
    in_doubt = {1, 4, 6} if version == 1 or back else {1, 4}
    assert set(sent) == in_doubt
    assert shop.sync_one().requests == 0
    said = shop.invoke("status", "--select", "crm").out
    assert re.search(r"cut off\s", said)
    assert "MAIL: refused without a code" in said


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_status_and_show_read_a_state_of_an_earlier_version(shop: Shop, version: int) -> None:
    restore(shop, version)
    before = contents(shop)
    in_doubt = IN_DOUBT[version]  # as the sync says that follows
    told = f"{len(MODEL) - in_doubt} rows confirmed, {in_doubt} in doubt"
    assert told in shop.invoke("status", "--select", "crm").out
    assert told in run(shop, "show", "--select", "crm")[1]
    assert told in run(shop, "reset", "crm")[1]
    assert contents(shop) == before


def test_a_fresh_state_has_the_tables_that_this_version_is_known_by(shop: Shop) -> None:
    """Whoever changes a table makes a new version, with a file of its own here."""
    shop.customers(ANN)
    shop.in_step()
    fresh = tables(shop.state / "dev" / "crm.duckdb")
    reset(shop.settings(), "crm", yes=True)
    restore(shop, VERSION)
    assert tables(shop.state / "dev" / "crm.duckdb") == fresh


def test_a_state_of_a_newer_version_is_left_alone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    make_newer(path)
    before = kept(shop)
    newer = f"{path}: state of version {VERSION + 1}, newer than version {VERSION}"
    for command in ("sync", "plan", "status", "verify"):
        done = shop.invoke(command, "--select", "crm")
        assert done.code == 1
        assert newer in done.said
        assert "upgrade dbt-selligent" in done.said
    assert newer in run(shop, "show", "--select", "crm")[1]
    assert kept(shop) == before


def test_a_delta_that_is_missing_is_named_where_it_belongs(shop: Shop) -> None:
    model(shop, "Old", f"range < {COUNT // 2}")
    kill_while_under_way(shop, 1, "delay-after")
    path = shop.state / "dev" / "crm.delta.duckdb"
    path.unlink()
    missing = f"{path}: missing, though a run that was cut off needs it"
    for command in ("plan", "sync", "status", "verify"):
        done = shop.invoke(command, "--select", "crm")
        assert (done.code, missing in done.said) == (1, True)
    assert missing in run(shop, "show", "--select", "crm")[1]


def test_the_files_of_a_state_are_of_a_version_that_older_duckdbs_read(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{shop.state / 'dev' / 'crm.duckdb'}' as it (read_only)")
        [(tags,)] = connection.execute(
            "select tags from duckdb_databases() where database_name = 'it'"
        ).fetchall()
    assert tags["storage_version"].startswith(engine.STORAGE_VERSION)


def test_a_state_of_which_a_killed_process_made_no_more_than_the_file_is_as_good_as_none(
    shop: Shop,
) -> None:
    folder = shop.state / "dev"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        engine.attach(connection, folder / "crm.duckdb", "it")
    shop.customers(ANN)
    assert shop.plan_one().notes[0].startswith("first sync, no state at ")
    assert "never synced" in shop.invoke("status", "--select", "crm").out
    assert shop.in_step().notes[0].startswith("first sync, no state at ")
