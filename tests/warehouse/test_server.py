"""The user's own warehouse, and the schema of states, on a real PostgreSQL."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dbt_selligent.errors import ProfileError, StateError, UnopenedError, WarehouseError
from dbt_selligent.storage import open_storage
from dbt_selligent.warehouse import adapter
from dbt_selligent.warehouse.adapter import Warehouse, split
from dbt_selligent.warehouse.dialects import BIGQUERY, POSTGRES, SPARK, Dialect
from dbt_selligent.warehouse.inplace import TransactionalPlace
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Entry, Schema

from .engines import Postgres
from .servers import settings_of

DOCS = Path(__file__).parents[2] / "docs" / "warehouses.md"


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


def test_what_the_tool_needs_of_a_session_holds_whatever_a_role_has(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Else values would be sent otherwise than they are, or types be read as others."""
    wanted = {
        "timezone": ("Asia/Tokyo", "UTC"),
        "standard_conforming_strings": ("off", "on"),
        "client_encoding": ("LATIN1", "UTF8"),
        "default_transaction_isolation": ("serializable", "read committed"),
        "extra_float_digits": ("-5", "1"),
        "quote_all_identifiers": ("on", "off"),
        "client_min_messages": ("debug1", "warning"),
    }
    postgres.cursor.execute("create role odd login")
    for name, (there, _) in wanted.items():
        postgres.cursor.execute(f"alter role odd set {name} = '{there}'")
    try:
        warehouse = Warehouse(settings_of(postgres, tmp_path, user="odd"))
        found = {name: warehouse.rows(f"show {name}")[0][0] for name in wanted}
        assert warehouse.rows("select 'É', chr(201), length('É')") == [("É", "É", 1)]
        warehouse.close()
    finally:
        postgres.cursor.execute("drop role odd")
    assert found == {name: value for name, (_, value) in wanted.items()}


def test_a_profile_may_name_a_role(postgres: Postgres, tmp_path: Path) -> None:
    """Which dbt takes with a statement of its own, in a transaction."""
    postgres.cursor.execute("create role owner")
    try:
        warehouse = Warehouse(settings_of(postgres, tmp_path, role="owner"))
        assert warehouse.rows("select current_user") == [("owner",)]
        with suppress(WarehouseError):
            warehouse.run("nonsense")
        assert warehouse.rows("select current_user") == [("owner",)]
        warehouse.close()
    finally:
        postgres.cursor.execute("drop role owner")


def test_a_connection_without_its_settings_is_none(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(settings_of(postgres, tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(adapter, "split", lambda *_given: ["nonsense"])
        with pytest.raises(WarehouseError):
            warehouse.rows("show timezone")
    assert warehouse.rows("show timezone") == [("UTC",)]
    warehouse.close()


def test_a_schema_that_another_makes_meanwhile_is_there(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`if not exists` does not wait for another who is about to make it."""
    create = schema.warehouse.create_schema

    def late(name: str) -> None:
        create(name)
        raise WarehouseError("duplicate key value violates unique constraint")

    monkeypatch.setattr(schema.warehouse, "create_schema", late)
    schema.ensure()
    assert schema.tables("") == ["selligent_states"]


def test_a_server_that_is_not_there_is_said_without_the_password(
    postgres: Postgres, tmp_path: Path
) -> None:
    settings = settings_of(postgres, tmp_path, host="127.0.0.1", port=9, connect_timeout=1)
    with (
        open_storage(settings) as storage,
        pytest.raises(UnopenedError, match="refused") as wrong,
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
        refused = pytest.raises(UnopenedError, match="no capital letters but those of ASCII")
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
