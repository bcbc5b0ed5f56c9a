"""What is kept of what Selligent confirmed: shown, forgotten, renamed, adopted, of any version."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from dbt_selligent.kept import show
from dbt_selligent.locks import hold
from dbt_selligent.migrations import VERSION
from dbt_selligent.upkeep import adopt, rename, reset
from dbt_selligent.warehouse import engine

from .conftest import Shop, exposure
from .test_kill import COUNT, kill_while_under_way, model

STATES = Path(__file__).parents[1] / "fixtures" / "states"
BLOCK = 262_144  # bytes of a block of DuckDB's
OPEN = """
import duckdb, sys
it = duckdb.connect(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""
ANN, BEN, CAT = (
    (1, "ann@acme.example", "Ann", 10.5, True),
    (2, "ben@acme.example", "Ben", None, False),
    (3, "cat@acme.example", "Cat", 1.0, True),
)
META: dict[str, Any] = {
    "list": "CUSTOMERS",
    "matching_key": {"CUSTOMER_ID": "id"},
    "fields": {"MAIL": "email", "FIRSTNAME": "first_name"},
}


def run(shop: Shop, *arguments: str) -> tuple[int, str]:
    done = shop.invoke("state", *arguments)
    return done.code, done.said


def kept(shop: Shop) -> dict[str, str]:
    return {name: said for name, said in shop.state_bytes().items() if name.endswith(".duckdb")}


# showing


def contents(shop: Shop) -> dict[str, bytes]:
    """What lies on disk of the state of crm."""
    return {path.name: path.read_bytes() for path in (shop.state / "dev").glob("crm.d*")}


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


def test_a_block_of_a_state_that_is_damaged_is_not_told_as_the_models_alone(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        [found] = connection.execute(
            "select block_id from pragma_storage_info('snapshot') "
            "where column_name = 'MAIL' and segment_type = 'VARCHAR'"
        ).fetchone() or [-1]
    content = bytearray(path.read_bytes())
    content[3 * 4096 + found * BLOCK + BLOCK // 2] ^= 0xFF
    path.write_bytes(content)
    model(shop, "New")
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 1
    assert f"the model, or its state {path}, cannot be read: a file of them is damaged" in done.said
    assert "without the `.wal`" in done.said


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


# renaming


def renamed(shop: Shop, name: str = "people", **changes: Any) -> None:
    fields = {"MAIL": "email", "FIRSTNAME": "first_name", "LTV": "lifetime_value"}
    meta = {**META, "fields": {**fields, "OPTIN": "opt_in"}, "batch": {"rows": 2500}, **changes}
    shop.declare(exposure(name, "customers", meta))


def test_a_renamed_exposure_takes_over_its_state(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    renamed(shop)
    assert shop.plan_one("people").notes[1] == (
        "no activation has the state of crm, which is of this list: if this is its new name, "
        "`dbt-selligent state rename crm people` is to come first"
    )
    before = kept(shop)
    assert "would be the state of people" in run(shop, "rename", "crm", "people")[1]
    assert kept(shop) == before
    code, said = run(shop, "rename", "crm", "people", "--yes")
    assert (code, said) == (
        0,
        "crm at dev: 2 rows confirmed, 0 in doubt: is the state of people\n",
    )
    result = shop.in_step("people")
    assert result.counts is not None
    assert (result.counts.unchanged, shop.sent()) == (2, [])
    assert [one.name for one in show(shop.settings())] == ["people"]


def test_a_state_of_another_list_is_not_taken_for_one_that_was_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop, list="OTHERS")
    assert len(shop.plan_one("people").notes) == 1


def test_rows_in_doubt_go_with_the_state(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    renamed(shop)
    change = rename(shop.settings(), "crm", "people", yes=True)
    assert change.done
    assert shop.plan_one("people").counts.in_doubt >= 2500
    assert sorted(path.name for path in (shop.state / "dev").glob("crm*")) == ["crm.lock"]
    model(shop, "Old")
    result = shop.in_step("people")
    assert result.counts is not None
    assert result.counts.in_doubt >= 2500
    assert len(shop.records()) == COUNT
    assert {row[2] for row in shop.records()} == {"Old"}


def test_a_state_is_told_as_the_next_sync_finds_it_and_stays_as_it_is(shop: Shop) -> None:
    model(shop, "Old", f"range < {COUNT // 2}")
    kill_while_under_way(shop, 1, "delay-after")
    before = contents(shop)
    half = COUNT // 2
    told = f"0 rows confirmed, {half:,} in doubt"
    assert told in run(shop, "show", "--select", "crm")[1]
    assert told in shop.invoke("status", "--select", "crm").out
    assert told in run(shop, "reset", "crm")[1]
    renamed(shop)
    for yes in ((), ("--yes",)):
        assert contents(shop) == before
        assert told in run(shop, "rename", "crm", "people", *yes)[1]
    assert told in run(shop, "show", "--select", "people")[1]


def test_what_is_left_of_a_state_that_is_gone_is_not_taken_for_another_ones(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    state = shop.state / "dev" / "crm.duckdb"
    state.unlink()
    assert state.with_name("crm.duckdb.wal").exists()
    renamed(shop, "old")
    shop.in_step("old")
    renamed(shop, "crm")
    assert run(shop, "rename", "old", "crm", "--yes")[0] == 0
    assert not state.with_name("crm.duckdb.wal").exists()
    assert shop.in_step().requests == 0


def test_a_state_of_something_else_is_told_as_such_when_it_is_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop, list="OTHERS", matching_key={"MAIL": "email"}, fields={"CUSTOMER_ID": "id"})
    said = run(shop, "rename", "crm", "people")[1].splitlines()
    unlike = "keys from CUSTOMER_ID to MAIL, list from CUSTOMERS to OTHERS"
    assert said[1:] == [
        f"  it is of something else, and the next sync starts anew: {unlike}",
        "  -> run it again with --yes to do it",
    ]


def test_of_a_state_that_cannot_be_read_nothing_is_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into migrations values (?, now()::timestamp)", [VERSION + 1])
    renamed(shop)
    before = contents(shop)
    for arguments in (["rename", "crm", "people", "--yes"], ["rename", "crm", "people"]):
        code, said = run(shop, *arguments)
        assert (code, "newer than version" in said, "upgrade dbt-selligent" in said) == (
            1,
            True,
            True,
        )
    assert contents(shop) == before
    assert not (shop.state / "dev" / "people.duckdb").exists()


@pytest.mark.parametrize("used", ["crm", "people"])
def test_neither_name_of_a_rename_may_be_in_use(shop: Shop, used: str) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    with hold(shop.state / "dev" / f"{used}.lock", f"activation {used}"):
        code, said = run(shop, "rename", "crm", "people", "--yes")
    assert (code, f"activation {used} is in use by process" in said) == (1, True)
    assert (shop.state / "dev" / "crm.duckdb").exists()


def test_a_state_in_use_is_not_looked_at_for_one_that_was_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    before = contents(shop)
    with hold(shop.state / "dev" / "crm.lock", "activation crm"):
        assert len(shop.plan_one("people").notes) == 1
    assert len(shop.plan_one("people").notes) == 2
    assert contents(shop) == before


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("crm", "peple", 2, ["no activation peple in the project", "did you mean people?"]),
        ("people", "people", 2, ["people is an activation of the project", "rename the exposure"]),
        ("cmr", "people", 1, ["no state of cmr at dev", "did you mean crm?"]),
        ("crm", "people", 1, ["people has a state already", "state reset people"]),
    ],
)
def test_a_rename_that_cannot_be_changes_nothing(
    shop: Shop, old: str, new: str, code: int, words: list[str]
) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    shop.in_step("people")
    before = kept(shop)
    found, said = run(shop, "rename", old, new, "--yes")
    assert found == code
    for word in words:
        assert word in said
    assert kept(shop) == before


# adopting


def gone(shop: Shop, *rows: tuple[Any, ...]) -> Any:
    shop.customers(*rows)
    return shop.in_step(force=True)


def keys(shop: Shop) -> list[int]:
    return sorted(int(str(row[0])) for row in shop.records())


def put(shop: Shop, *rows: tuple[Any, ...]) -> None:
    """What another tool sent before."""
    names = ("CUSTOMER_ID", "MAIL", "FIRSTNAME", "LTV", "OPTIN")
    shop.sandbox.put("CUSTOMERS", [dict(zip(names, row, strict=True)) for row in rows])


def test_what_is_adopted_is_taken_as_sent_and_recorded(shop: Shop) -> None:
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    [would] = adopt(shop.settings(select=("crm",)), yes=False)
    assert "2 of 2 rows would be taken as sent" in would.said
    assert not (shop.state / "dev" / "crm.duckdb").exists()
    [done] = adopt(shop.settings(select=("crm",)), yes=True)
    assert (done.done, "would" in done.said) == (True, False)
    assert shop.writes() == []
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.unchanged, shop.sent()) == (2, [])
    assert "2 of these adopted, and never sent" in run(shop, "show", "--select", "crm")[1]
    assert "adopted" in shop.invoke("status", "--select", "crm").out
    shop.customers((*ANN[:2], "Anne", *ANN[3:]), BEN)
    shop.in_step()
    assert [query["fields"] for _, query, _ in shop.sent()] == ["CUSTOMER_ID,FIRSTNAME"]
    assert "1 of these adopted" in run(shop, "show", "--select", "crm")[1]


def test_a_record_that_was_adopted_is_not_deleted_before_it_was_sent(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN, CAT)
    shop.customers(ANN, BEN, CAT)
    adopt(shop.settings(select=("crm",)), yes=True)
    gone(shop, (*ANN[:2], "Anne", *ANN[3:]), BEN, CAT)  # ann is sent
    made = gone(shop, BEN)
    assert (made.counts.removed, made.counts.spared, made.removed) == (1, 1, 1)
    assert keys(shop) == [2, 3]
    assert show(shop.settings(select=("crm",)))[0].adopted == 1
    # cat is forgotten: she comes back as new, and was sent then.
    gone(shop, BEN, CAT)
    gone(shop, BEN)
    assert keys(shop) == [2]


def test_a_send_that_was_never_answered_makes_nothing_deletable(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    shop.customers((*ANN[:2], "Anne", *ANN[3:]), BEN)
    shop.sandbox.faults(["load:503-after"])
    assert shop.sync_one().status == "failed"
    shop.sandbox.faults([])
    gone(shop, BEN)
    assert keys(shop) == [1, 2]


def test_a_full_refresh_sends_what_was_adopted(shop: Shop) -> None:
    renamed(shop, "crm", mode="mirror")
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step(full_refresh=True).confirmed == 2
    gone(shop, BEN)
    assert keys(shop) == [2]


def test_a_record_that_was_adopted_leaves_the_segment_and_stays_in_the_list(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete", segment="VIP")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step().requests == 0
    made = gone(shop, BEN)
    assert (made.counts.spared, made.removed) == (1, 1)
    assert [path for path in shop.writes() if "/segments/VIP/data" in path]
    assert keys(shop) == [1, 2]


def test_an_adopted_key_of_another_type_is_still_adopted(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    with duckdb.connect() as connection:
        engine.attach(connection, shop.state / "dev" / "crm.duckdb", "it")
        for table in ("snapshot", "doubt", "rejected", "invalid", "adopted"):
            connection.execute(f'alter table it.{table} alter "CUSTOMER_ID" type varchar')
    made = gone(shop, BEN)
    assert (made.counts.spared, made.counts.unchanged, keys(shop)) == (1, 1, [1, 2])


def test_what_a_plan_says_is_said_before_it_is_adopted(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    for yes in ((), ("--yes",)):
        said = run(shop, "adopt", "--select", "people", *yes)[1]
        assert "`dbt-selligent state rename crm people` is to come first" in said


@pytest.mark.parametrize("broken", ["newer", "damaged"])
def test_over_a_state_that_cannot_be_read_nothing_is_adopted(shop: Shop, broken: str) -> None:
    shop.customers(ANN)
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    if broken == "newer":
        with duckdb.connect(str(path)) as connection:
            connection.execute("insert into migrations values (?, now()::timestamp)", [VERSION + 1])
    else:
        path.write_bytes(b"not a database, " * 1000)
    before = contents(shop)
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    mend = {"newer": "-> upgrade dbt-selligent", "damaged": "-> put back a copy"}[broken]
    assert (code, mend in said, contents(shop) == before) == (1, True, True)


def test_an_adoption_is_a_sync_that_came_to_its_end(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert show(shop.settings(select=("crm",)))[0].complete
    assert shop.plan_one().notes == ()


def test_an_adopted_key_without_an_equal_in_its_new_type_is_forgotten(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    with duckdb.connect() as connection:
        engine.attach(connection, shop.state / "dev" / "crm.duckdb", "it")
        for table in ("snapshot", "doubt", "rejected", "invalid", "adopted"):
            connection.execute(f'alter table it.{table} alter "CUSTOMER_ID" type varchar')
        connection.execute("insert into it.adopted (\"CUSTOMER_ID\") values ('A1')")
    assert shop.in_step().requests == 0
    assert show(shop.settings(select=("crm",)))[0].adopted == 1


def test_what_was_adopted_in_another_list_is_not_adopted_in_this(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    renamed(shop, "crm", list="OTHERS")
    shop.sandbox.faults(["load:503-after"])
    assert shop.sync_one().status == "failed"
    assert show(shop.settings(select=("crm",)))[0].adopted == 0


def test_invalid_rows_are_not_adopted(shop: Shop) -> None:
    shop.customers(ANN, BEN, (*BEN[:4], True))
    [change] = adopt(shop.settings(select=("crm",)), yes=True)
    assert "1 of 3 rows (2 are invalid) are taken as sent" in change.said
    assert shop.plan_one().counts.invalid == 2


def test_a_state_that_is_there_is_not_adopted_over(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    before = kept(shop)
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert code == 1
    assert "crm at dev has a state: 1 rows confirmed" in said
    assert "`dbt-selligent state reset crm`" in said
    assert kept(shop) == before


def test_a_first_sync_that_was_killed_is_not_adopted_over(shop: Shop) -> None:
    model(shop, "Old", f"range < {COUNT // 2}")
    kill_while_under_way(shop, 1, "delay-after")
    model(shop, "Old")
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert (code, "crm at dev has a state: 0 rows confirmed, 2," in said) == (1, True)
    shop.in_step()
    assert len(shop.records()) == COUNT


def test_a_state_of_rows_that_were_not_found_is_not_adopted_over(shop: Shop) -> None:
    renamed(shop, "crm", mode="update")
    shop.customers(ANN, BEN)
    shop.sync_one()
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert (code, "crm at dev has a state: 0 rows confirmed" in said) == (1, True)


def test_of_several_all_are_adopted_or_none(shop: Shop) -> None:
    crm = {**META, "fields": {"MAIL": "email"}}
    second = exposure("second", "customers", {**crm, "list": "OTHERS"})
    shop.declare(exposure("crm", "customers", crm), second)
    shop.customers(ANN, BEN)
    shop.in_step("second")
    code, said = run(shop, "adopt", "--yes")
    assert (code, "second at dev has a state" in said) == (1, True)
    assert not (shop.state / "dev" / "crm.duckdb").exists()
    reset(shop.settings(), "second", yes=True)
    assert [change.done for change in adopt(shop.settings(), yes=True)] == [True, True]
    assert [one.adopted for one in show(shop.settings())] == [2, 2]


def test_after_an_adoption_a_state_is_there_that_the_profile_requires(shop: Shop) -> None:
    shop.profile(require_state=True)
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step().requests == 0


def test_reset_forgets_that_rows_were_adopted(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    reset(shop.settings(), "crm", yes=True)
    assert shop.in_step().confirmed == 1
    assert show(shop.settings(select=("crm",)))[0].adopted == 0


# versions


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
    assert "MAIL: Unknown" in said


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
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into migrations values (?, now()::timestamp)", [VERSION + 1])
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
