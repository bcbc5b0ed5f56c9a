"""What is kept of what Selligent confirmed: shown, and forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from dbt_selligent.errors import StateError
from dbt_selligent.kept import show
from dbt_selligent.locks import hold
from dbt_selligent.migrations import VERSION
from dbt_selligent.places import Files
from dbt_selligent.state import open_state

from .conftest import Shop, exposure
from .states import ANN, BEN, META, contents, kept, renamed, run
from .test_kill import kill_while_under_way, model

BLOCK = 262_144  # bytes of a block of DuckDB's
OPEN = """
import duckdb, sys
it = duckdb.connect(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


# showing


def test_a_state_is_shown_with_what_it_is_of(shop: Shop) -> None:
    assert run(shop, "show", "--select", "crm") == (0, "crm at dev: no state\n")
    shop.customers(ANN, BEN)
    shop.in_step()
    code, said = run(shop, "show", "--select", "crm")
    assert (code, said.splitlines()) == (
        0,
        [
            "crm at dev: 2 rows confirmed, 0 in doubt",
            f"  {shop.state / 'dev' / 'crm.duckdb'}",
            f"  of list CUSTOMERS, by CUSTOMER_ID, in organization DEMO at {shop.url}",
        ],
    )
    [told] = json.loads(run(shop, "show", "--select", "crm", "--output", "json")[1])
    assert (told["version"], told["complete"], told["target"]) == (VERSION, True, "dev")


def test_a_file_without_a_byte_is_not_shown_as_no_state(shop: Shop) -> None:
    (shop.state / "dev").mkdir(parents=True)
    (shop.state / "dev" / "crm.duckdb").write_bytes(b"")
    assert "crm at dev: no state" not in run(shop, "show", "--select", "crm")[1]


def test_a_damaged_state_of_a_name_with_lock_in_it_is_not_told_as_held(shop: Shop) -> None:
    renamed(shop, "blocked")
    (shop.state / "dev").mkdir(parents=True)
    (shop.state / "dev" / "blocked.duckdb").write_bytes(b"not a database, " * 1000)
    said = run(shop, "show", "--select", "blocked")[1]
    assert "not a usable state file" in said
    assert "held by" not in said


def test_a_state_that_no_activation_has_is_shown_too(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.declare(exposure("people", "customers", META))
    names = [(one.name, one.activation, one.confirmed) for one in show(shop.settings())]
    assert names == [("people", True, 0), ("crm", False, 1)]
    assert "`dbt-selligent state rename`" in run(shop, "show")[1]


def moved(shop: Shop) -> None:
    """The activation goes to another destination than that which has its state."""
    outputs = yaml.safe_load((shop.folder / "profiles.yml").read_text())
    outputs["selligent"]["outputs"]["live"] = outputs["selligent"]["outputs"]["dev"]
    (shop.folder / "profiles.yml").write_text(yaml.safe_dump(outputs))
    renamed(shop, "crm", destination="live")


def test_a_state_at_the_destination_of_before_is_shown_and_can_be_reset(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    moved(shop)
    code, said = run(shop, "show")
    assert code == 0
    assert "crm at live: no state" in said
    assert "crm at dev: 1 rows confirmed" in said
    assert "`state reset crm --destination dev` forgets it" in said
    assert "--destination NAME looks at another" in run(shop, "reset", "crm")[1]
    assert run(shop, "reset", "crm", "--destination", "dev", "--yes")[0] == 0
    assert "crm at dev" not in run(shop, "show")[1]


def test_what_is_shown_of_some_are_theirs_alone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    for flags in (["--select", "people"], ["--exclude", "orders"]):
        assert "crm at" not in run(shop, "show", *flags)[1]


def test_a_state_that_another_program_has_open_is_left_alone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    before = contents(shop)
    path = shop.state / "dev" / "crm.duckdb"
    renamed(shop, "people", list="OTHERS")
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdin
        other.stdout.readline()
        held = f"{path}: held by another program"
        for arguments in (["reset", "crm", "--yes"], ["rename", "crm", "people", "--yes"]):
            code_, said = run(shop, *arguments)
            assert (code_, held in said, "close it and run again" in said) == (1, True, True)
        code_, said = run(shop, "show")
        assert (code_, held in said, "-> close it and run again" in said) == (0, True, True)
        other.stdin.close()
    assert contents(shop) == before


def test_a_state_in_use_says_who_to_wait_for(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    with hold(shop.state / "dev" / "crm.lock", "activation crm"):
        for arguments in (["reset", "crm"], ["reset", "crm", "--yes"], ["adopt", "-s", "crm"]):
            code, said = run(shop, *arguments)
            assert code == 1
            assert "activation crm is in use by process" in said
        code, said = run(shop, "show")
        assert code == 0
        assert "crm at dev: activation crm is in use by process" in said
        assert "orders at dev: no state" in said
    assert shop.in_step().requests == 0


# forgetting


def test_a_reset_is_told_first_and_then_done(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    before = kept(shop)
    code, said = run(shop, "reset", "crm")
    assert code == 0
    assert "2 rows confirmed, 0 in doubt: would be forgotten" in said
    assert "--yes" in said
    assert kept(shop) == before
    code, said = run(shop, "reset", "crm", "--yes")
    assert code == 0
    assert "would" not in said
    assert sorted(path.name for path in (shop.state / "dev").glob("crm*")) == ["crm.lock"]
    result = shop.in_step()
    assert result.confirmed == 2
    assert result.notes[0].startswith("first sync, no state at ")


def test_a_state_that_is_damaged_can_be_reset(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    (shop.state / "dev" / "crm.duckdb").write_bytes(b"not a database, " * 1000)
    code, said = run(shop, "reset", "crm", "--yes")
    assert code == 0
    assert "not a usable state file" in said
    assert shop.in_step().confirmed == 1


@pytest.mark.parametrize("command", ["show", "plan", "sync", "status"])
def test_a_state_that_is_damaged_says_how_it_is_put_back(shop: Shop, command: str) -> None:
    shop.customers(ANN)
    shop.in_step()
    (shop.state / "dev" / "crm.duckdb").write_bytes(b"not a database, " * 1000)
    arguments = ("state", "show") if command == "show" else (command,)
    said = shop.invoke(*arguments, "--select", "crm").said
    assert "crm.duckdb: not a usable state file: its content is damaged" in said
    assert "without the `.wal` that lies beside this one" in said
    assert "`dbt-selligent state reset crm --yes`" in said


def damage_rows(path: Path) -> None:
    """A block of the snapshot, and nothing else, is not as it was written."""
    with duckdb.connect(str(path), read_only=True) as connection:
        [found] = connection.execute(
            "select block_id from pragma_storage_info('snapshot') "
            "where column_name = 'MAIL' and segment_type = 'VARCHAR'"
        ).fetchone() or [-1]
    content = bytearray(path.read_bytes())
    content[3 * 4096 + found * BLOCK + BLOCK // 2] ^= 0xFF
    path.write_bytes(content)


def test_a_block_of_a_state_that_is_damaged_is_not_told_as_the_models_alone(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    damage_rows(path)
    model(shop, "New")
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 1
    assert f"the model, or its state {path}, cannot be read: a file of them is damaged" in done.said
    assert "without the `.wal`" in done.said


def test_a_state_of_which_only_the_rows_are_damaged_says_how_it_is_put_back(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    damage_rows(path)
    with (
        pytest.raises(StateError) as caught,
        open_state(Files(path.parent, "crm"), shop.folder, read_only=True) as store,
    ):
        store.listed("snapshot", 10_000)
    assert caught.value.message == f"{path}: not a usable state file: its content is damaged"
    assert "without the `.wal`" in caught.value.next_step


def test_a_reset_leaves_nothing_of_a_run_that_was_killed(shop: Shop) -> None:
    model(shop, "Old")
    kill_while_under_way(shop, 1, "delay-after")
    assert len(contents(shop)) == 3  # the state, its log, and its delta
    assert run(shop, "reset", "crm", "--yes")[0] == 0
    assert contents(shop) == {}


def test_there_is_nothing_to_reset(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    code, said = run(shop, "reset", "crmm", "--yes")
    assert code == 1
    assert "no state of crmm at dev" in said
    assert "did you mean crm?" in said
