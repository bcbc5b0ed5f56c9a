"""The user's own warehouse, its locks, and the schema of states, on a real PostgreSQL."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from functional.conftest import SECONDS, wait_until

from dbt_selligent.errors import LockedError, ProfileError, StateError, WarehouseError
from dbt_selligent.settings import Settings
from dbt_selligent.storage import open_storage
from dbt_selligent.tables import note
from dbt_selligent.warehouse import claims, leases
from dbt_selligent.warehouse.adapter import Warehouse, split
from dbt_selligent.warehouse.claims import Claim, claims_of
from dbt_selligent.warehouse.dialects import BIGQUERY, POSTGRES, SPARK, Dialect
from dbt_selligent.warehouse.inplace import TransactionalPlace
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Entry, Schema

from .engines import Postgres

DOCS = Path(__file__).parents[2] / "docs" / "warehouses.md"
SCHEMA = 'it\'s "shop"_dbt_selligent'


def settings_of(engine: Postgres, folder: Path, **changes: Any) -> Settings:
    there = engine.cursor.connection.info
    output = {
        "type": "postgres",
        "host": there.host,
        "port": there.port,
        "user": there.user,
        "password": "s3cret",
        "dbname": there.dbname,
        "schema": "shop",
        **changes,
    }
    return Settings(
        project_dir=folder,
        profiles_dir=folder,
        profile="shop",
        target="dev",
        target_path=folder / "target",
        profiles={"shop": {"outputs": {"dev": output}}},
    )


@pytest.fixture
def schema(postgres: Postgres, tmp_path: Path) -> Iterator[Schema]:
    warehouse = Warehouse(settings_of(postgres, tmp_path))
    made = Schema(warehouse, SCHEMA)
    yield made
    warehouse.close()
    postgres.cursor.execute(f"drop schema if exists {POSTGRES.quote(SCHEMA)} cascade")


def test_a_lock_is_one_processs_alone_and_says_whose(schema: Schema) -> None:
    first, second = Leases(schema), Leases(schema)
    with first.hold("activation crm", "activation crm"):
        with second.hold("activation other", "activation other"):
            pass
        with (
            pytest.raises(LockedError, match=r"activation crm is in use by process \d+ on "),
            second.hold("activation crm", "activation crm"),
        ):
            pass
    with second.hold("activation crm", "activation crm"):
        pass
    first.close()
    second.close()


def expire(schema: Schema, held: Leases) -> None:
    """As if whoever holds them had stood still for so long."""
    for lease in held._held.values():
        lease._until = 0.0
    [table] = schema.tables("selligent_locks_")
    schema.warehouse.run(f"update {schema[table]} set expires = 0")


def test_a_lock_that_was_not_renewed_in_time_is_lost_and_free_for_others(schema: Schema) -> None:
    first, second = Leases(schema), Leases(schema)
    with first.hold("activation crm", "activation crm"):
        expire(schema, first)
        with second.hold("activation crm", "activation crm"):
            second.check("activation crm")
            with pytest.raises(StateError, match="could not be renewed in time"):
                first.check("activation crm")
    first.close()
    second.close()


def test_a_lock_that_was_lost_stays_so_whoever_renews_it(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may have had it meanwhile, and counts on what it wrote."""
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    said: list[tuple[str, ...]] = []
    with held.hold("lost", "lost"), held.hold("held", "held"):
        lost, kept = held._held.values()
        lost._until = 0.0
        say = held._claims.say

        def noted(claims: Sequence[Claim], seconds: int) -> None:
            say(claims, seconds)
            said.append(tuple(each.what for each in claims))

        monkeypatch.setattr(held._claims, "say", noted)
        wait_until(lambda: len(said) > 2, "it is renewed three times")
        held._renew([lost, kept])  # it was under way when it was lost
        held.check("held")
        with pytest.raises(StateError, match="the lock of lost could not be renewed in time"):
            held.check("lost")
    held.close()
    assert said[1] == ("held",)


def test_a_lock_that_is_let_go_is_not_renewed_after_that(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    say, take_back = held._claims.say, held._claims.take_back
    order: list[str] = []
    begun, leaving = threading.Event(), threading.Event()

    def renewing(claims: Sequence[Claim], seconds: int) -> None:
        begun.set()
        assert leaving.wait(SECONDS)
        say(claims, seconds)
        order.append("renewed")

    def taking_back(claim: Claim) -> None:
        order.append("taken back")
        take_back(claim)

    with held.hold("it", "it"):
        monkeypatch.setattr(held._claims, "say", renewing)
        monkeypatch.setattr(held._claims, "take_back", taking_back)
        assert begun.wait(SECONDS)
        leaving.set()
    held.close()
    assert order[-1] == "taken back"
    assert "renewed" in order


def test_a_lock_that_comes_too_late_is_waited_for_again(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS_TO_POLL", 0.0)
    held, told, late = Leases(schema), list[str](), iter([True])
    write = Leases._write

    def slowly(each: Leases, lease: leases.Lease) -> None:
        write(each, lease)
        if next(late, False):
            lease._until = 0.0

    monkeypatch.setattr(Leases, "_write", slowly)
    with held.take_turn("it", "it", threading.Event(), told.append):
        held.check("it")
    held.close()
    assert told == ["the lock of it could not be written in time"]


def test_nothing_is_committed_when_the_lock_of_the_list_was_lost(
    schema: Schema, tmp_path: Path
) -> None:
    held = Leases(schema)
    place = TransactionalPlace(schema, held, "dev", "crm", "customers")
    with (
        place.hold(),
        place.hold_list("CUSTOMERS", threading.Event(), print),
        place.open(tmp_path) as tables,
    ):
        tables.migrate()
        held._held["list customers"]._until = 0.0
        with (
            pytest.raises(StateError, match="the lock of list CUSTOMERS could not be renewed"),
            tables.transaction(),
        ):
            note(tables, run="second")
    held.close()


def test_a_lock_that_took_too_long_to_be_written_is_none(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(step=3600)
    monkeypatch.setattr(leases, "_clock", lambda: next(hours))
    held = Leases(schema)
    with (
        pytest.raises(LockedError, match="the lock of it could not be written in time"),
        held.hold("it", "it"),
    ):
        pass
    held.close()


def test_all_that_is_held_is_renewed_by_one_statement_and_nothing_that_was_let_go(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and however long a statement takes: none of them comes too late."""
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    renewed: list[list[str]] = []
    run = Schema.run

    def noted(given: Schema, macro: str, /, **arguments: Any) -> None:
        run(given, macro, **arguments)
        if macro == "claim" and arguments["released"] == "false":
            renewed.append([what for _, what, _ in arguments["claims"]])

    with held.hold("a", "a"), held.hold("b", "b"):
        with held.hold("c", "c"):
            pass
        firsts = [each._until or 0.0 for each in held._held.values()]
        monkeypatch.setattr(Schema, "run", noted)
        wait_until(lambda: len(renewed) > 2, "they are renewed three times")
        lasts = [each._until or 0.0 for each in held._held.values()]
    held.close()
    assert renewed[1:3] == [["'a'", "'b'"]] * 2
    assert [last > first for first, last in zip(firsts, lasts, strict=True)] == [True, True]


def test_who_died_on_this_machine_holds_nothing_and_who_did_on_another_does(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = {**leases._holder(), "pid": 1 << 30}
    for machine, free in ((leases._machine(), True), ("another", False)):
        with monkeypatch.context() as patch:
            patch.setattr(leases, "_holder", lambda m=machine: {**holder, "machine": m})
            dead = leases.Lease(f"activation {machine}", "it")
        claims_of(schema).say([dead.claim], 100)
        living = Leases(schema)
        try:
            with living.hold(f"activation {machine}", "it"):
                assert free
        except LockedError:
            assert not free
        living.close()


def test_claims_of_days_that_are_over_are_dropped(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = claims.today()
    others = ["selligent_locks_2023", "selligent_locks_notes", f"locks_{today - 9}"]
    schema.ensure()
    for table in others:
        schema.warehouse.run(f"create table {schema[table]} (a integer)")
    for day in (today - 3, today - 1, today):
        with monkeypatch.context() as patch:
            patch.setattr(claims, "today", lambda d=day: d)
            with Leases(schema).hold("activation crm", "activation crm"):
                pass
    kept = [f"selligent_locks_{day}" for day in (today - 1, today)]
    assert schema.tables("") == sorted([*others, *kept, "selligent_states"])


def test_a_state_that_is_renamed_keeps_its_tables_and_another_gets_others(schema: Schema) -> None:
    held = Leases(schema)
    old = TransactionalPlace(schema, held, "dev", "crm")
    schema.ensure()
    before = old.prefix
    assert not old.exists()
    schema.register(Entry("dev", "crm", before))
    assert (old.exists(), old.names) == (True, ("crm",))
    new = TransactionalPlace(schema, held, "dev", "people")
    old.rename(new)
    assert (old.exists(), new.exists(), new.names) == (False, True, ("people",))
    assert new.prefix == before
    assert old.prefix != before
    new.forget()
    assert (new.exists(), new.names) == (False, ())


def test_what_a_killed_run_staged_is_dropped_by_the_next(schema: Schema) -> None:
    place = TransactionalPlace(schema, Leases(schema), "dev", "crm")
    schema.ensure()
    names = [f"{place.prefix}__{end}" for end in ("delta_1a", "groups_1a", "delta_2b", "snapshot")]
    for name in names:
        schema.warehouse.run(f"create table {schema[name]} (a integer)")
    meta = schema[f"{place.prefix}__meta"]
    schema.warehouse.run(f"create table {meta} as select 'delta' as name, '2b' as value")

    place.new_delta(Path(), keep=True)

    kept = [f"{place.prefix}__{end}" for end in ("delta_2b", "meta", "snapshot")]
    assert schema.tables(f"{place.prefix}__") == kept


def test_a_transaction_is_all_or_nothing_the_second_too(schema: Schema) -> None:
    schema.ensure()
    table = schema["t"]
    schema.warehouse.run(f"create table {table} (a integer)")
    for _ in range(2):
        with suppress(ZeroDivisionError), schema.warehouse.transaction():
            schema.warehouse.run(f"insert into {table} values (1)")
            raise ZeroDivisionError
        assert schema.warehouse.rows(f"select count(*) from {table}") == [(0,)]


def test_a_transaction_is_one_also_where_the_profile_commits_each_statement(
    postgres: Postgres, tmp_path: Path, schema: Schema
) -> None:
    schema.ensure()
    table = schema["t"]
    schema.warehouse.run(f"create table {table} (a integer)")
    warehouse = Warehouse(settings_of(postgres, tmp_path, autocommit=True))
    with suppress(ZeroDivisionError), warehouse.transaction():
        warehouse.run(f"insert into {table} values (1)")
        raise ZeroDivisionError
    assert warehouse.rows(f"select count(*) from {table}") == [(0,)]
    warehouse.close()


def test_nothing_is_committed_when_the_lock_was_lost_meanwhile(
    schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Leases(schema)
    place = TransactionalPlace(schema, held, "dev", "crm")
    with place.hold(), place.open(tmp_path) as tables:
        tables.migrate()
        with tables.transaction():
            note(tables, run="first")
        monkeypatch.setattr(held._held[place._key], "_until", 0.0)
        with pytest.raises(StateError, match="could not be renewed"), tables.transaction():
            note(tables, run="second")
        assert tables.meta("run") == "first"
    held.close()


def test_a_transaction_that_is_frozen_sees_no_later_row(postgres: Postgres, schema: Schema) -> None:
    schema.ensure()
    table = schema["t"]
    schema.warehouse.run(f"create table {table} (a integer)")
    seen = []
    with schema.warehouse.transaction(frozen=True):
        seen += schema.warehouse.rows(f"select count(*) from {table}")
        postgres.cursor.execute(f"insert into {table} values (1)")
        seen += schema.warehouse.rows(f"select count(*) from {table}")
    seen += schema.warehouse.rows(f"select count(*) from {table}")
    assert seen == [(0,), (0,), (1,)]


def test_no_value_is_in_what_the_server_says(schema: Schema) -> None:
    for sql in (
        "select cast('ann@acme.example' as integer)",
        "do $$ begin raise exception 'ann@acme.example'; end $$",
    ):
        with pytest.raises(WarehouseError) as wrong:
            schema.warehouse.rows(sql)
        assert "ann@" not in f"{wrong.value} {wrong.value.__cause__}"
        assert "SQLSTATE" in wrong.value.message


def test_a_relation_that_is_not_there_is_named(schema: Schema) -> None:
    with pytest.raises(WarehouseError, match='relation "nowhere" does not exist'):
        schema.warehouse.rows("select * from nowhere")
    assert schema.warehouse.columns('"postgres"."nowhere"."at_all"', "nowhere", "at_all") == []


def test_without_the_right_to_make_a_schema_it_is_said_what_to_do(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.cursor.execute("create role reader login")
    try:
        warehouse = Warehouse(settings_of(postgres, tmp_path, user="reader"))
        with pytest.raises(StateError, match="schema shop_dbt_selligent, for the state") as wrong:
            Schema(warehouse, "shop_dbt_selligent").ensure()
        assert "`state_schema`" in str(wrong.value.next_step)
        warehouse.close()
        postgres.cursor.execute("create schema given authorization reader")
        warehouse = Warehouse(settings_of(postgres, tmp_path, user="reader"))
        Schema(warehouse, "given").ensure()
        warehouse.close()
    finally:
        postgres.cursor.execute("drop schema if exists given cascade")
        postgres.cursor.execute("drop role reader")


def test_a_server_that_is_not_there_is_said_without_the_password(
    postgres: Postgres, tmp_path: Path
) -> None:
    settings = settings_of(postgres, tmp_path, host="127.0.0.1", port=9, connect_timeout=1)
    with (
        open_storage(settings) as storage,
        pytest.raises(WarehouseError, match="refused") as wrong,
        storage.open_reader(tmp_path),
    ):
        pass
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("encoding", "told"),
    # Of an encoding without these letters, nothing is asked; by SQL_ASCII no driver gives them.
    [("UTF8", True), ("LATIN1", True), ("WIN1251", False), ("SQL_ASCII", False)],
)
def test_a_database_that_knows_only_letters_of_ascii_is_told(
    postgres: Postgres, tmp_path: Path, encoding: str, told: bool
) -> None:
    """A key that changes from `É` to `é` would be new and removed: its record would be deleted."""
    postgres.cursor.execute(
        f"create database plain template template0 encoding '{encoding}' "
        "locale_provider libc locale 'C'"
    )
    try:
        settings = settings_of(postgres, tmp_path, dbname="plain")
        refused = pytest.raises(WarehouseError, match="no capital letters but those of ASCII")
        with (
            open_storage(settings) as storage,
            refused if told else nullcontext() as wrong,
            storage.open_reader(tmp_path),
        ):
            pass
        assert not told or "postgres__selligent_folded" in str(wrong and wrong.value)
    finally:
        postgres.cursor.execute("drop database plain")


def test_a_macro_of_the_projects_own_may_know_its_letters(
    postgres: Postgres, tmp_path: Path
) -> None:
    """As docs/warehouses.md has it."""
    postgres.cursor.execute(
        "create database plain template template0 encoding 'UTF8' locale_provider libc locale 'C'"
    )
    [macro] = re.findall(
        r"^\{% macro postgres__selligent_folded.*$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    (tmp_path / "own.sql").write_text(macro)
    try:
        settings = settings_of(postgres, tmp_path, dbname="plain")
        with (
            open_storage(replace(settings, macro_folders=(tmp_path,))) as storage,
            storage.open_reader(tmp_path),
        ):
            pass
    finally:
        postgres.cursor.execute("drop database plain")


def test_a_profile_that_is_wrong_is_said_by_its_key(postgres: Postgres, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"shop\.dev: port is not valid"):
        Warehouse(settings_of(postgres, tmp_path, port="s3cret"))


@pytest.mark.parametrize("dialect", [POSTGRES, SPARK], ids=lambda d: d.name)
def test_a_settled_type_is_read_again_as_what_it_is(dialect: Dialect) -> None:
    """As the tables of a state have it."""
    for family, sql_type in dialect.types.items():
        found = dialect.family_of(sql_type)
        assert found is not None, family
        assert found[1] == sql_type


@pytest.mark.parametrize("dialect", [POSTGRES, SPARK, BIGQUERY], ids=lambda d: d.name)
def test_statements_end_where_no_text_or_name_does(dialect: Dialect) -> None:
    text, name = dialect.literal("it's;\n\\"), dialect.quote("a;\nb")
    parts = [f"select {text} as {name}", f"select {text}", "select 1"]
    assert split(";\n".join(parts) + ";\n", dialect) == parts
