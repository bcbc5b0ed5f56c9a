"""DuckDB's types as it writes them, the family of each, and what no field takes."""

from collections.abc import Iterator

import duckdb
import pytest

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, family_of, match_columns, stored_columns
from dbt_selligent.manifest import Model

MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")
THERE = [("customer_id", "BIGINT"), ("Email", "VARCHAR"), ("weight", "DOUBLE"), ("born", "DATE")]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def make(keys: dict[str, str], fields: dict[str, str]) -> Activation:
    return Activation(
        name="crm",
        unique_id="exposure.shop.crm",
        file="models/crm.yml",
        tags=(),
        model=MODEL,
        destination="dev",
        list="L",
        keys=tuple(keys.items()),
        fields=tuple(fields.items()),
    )


def described(engine: duckdb.DuckDBPyConnection, sql_type: str) -> str:
    """The type as `describe` writes it, which is what the tool reads."""
    rows = engine.execute(f"describe select cast(null as {sql_type}) as x").fetchall()
    return str(rows[0][1])


@pytest.mark.parametrize(
    ("sql_type", "family", "settled"),
    [
        ("boolean", "boolean", "BOOLEAN"),
        ("tinyint", "integer", "BIGINT"),
        ("smallint", "integer", "BIGINT"),
        ("integer", "integer", "BIGINT"),
        ("bigint", "integer", "BIGINT"),
        ("utinyint", "integer", "BIGINT"),
        ("usmallint", "integer", "BIGINT"),
        ("uinteger", "integer", "BIGINT"),
        ("ubigint", "huge", "HUGEINT"),
        ("hugeint", "huge", "HUGEINT"),
        ("float", "real", "DOUBLE"),
        ("double", "float", "DOUBLE"),
        ("decimal", "decimal", "DECIMAL(18,3)"),
        ("decimal(38, 10)", "decimal", "DECIMAL(38,10)"),
        ("numeric(4,0)", "decimal", "DECIMAL(4,0)"),
        ("varchar", "text", "VARCHAR"),
        ("varchar(10)", "text", "VARCHAR"),
        ("text", "text", "VARCHAR"),
        ("uuid", "text", "VARCHAR"),
        ("json", "text", "VARCHAR"),
        ("enum('a', 'b)')", "text", "VARCHAR"),
        ("date", "date", "DATE"),
        ("timestamp", "time", "TIMESTAMP"),
        ("timestamp_s", "time", "TIMESTAMP"),
        ("timestamp_ms", "time", "TIMESTAMP"),
        ("timestamp_ns", "time", "TIMESTAMP"),
        ("timestamptz", "zoned_time", "TIMESTAMP"),
    ],
)
def test_what_can_be_sent(
    engine: duckdb.DuckDBPyConnection, sql_type: str, family: str, settled: str
) -> None:
    assert family_of(described(engine, sql_type)) == (family, settled)
    assert family_of(described(engine, sql_type).lower()) is not None


@pytest.mark.parametrize(
    "sql_type",
    [
        "integer[]",
        "varchar[]",
        "integer[3]",
        "decimal(18,3)[]",
        "enum('a', 'b')[]",
        "enum('a', 'b')[2]",
        "struct(a integer)",
        "map(varchar, integer)",
        "union(a integer, b varchar)",
        "time",
        "timetz",
        "interval",
        "blob",
        "bit",
        "uhugeint",
    ],
)
def test_what_no_field_takes(engine: duckdb.DuckDBPyConnection, sql_type: str) -> None:
    shown = described(engine, sql_type)
    assert family_of(shown) is None

    columns, [fault] = match_columns(
        make({"ID": "customer_id"}, {"X": "x"}), [*THERE, ("x", shown)], "UTC"
    )

    assert columns is None
    assert fault.key == "fields.X"
    assert fault.problem == f"column x is of type {shown}, which no field takes"
    assert "varchar" in fault.mend


def test_a_long_type_is_cut() -> None:
    long = f"STRUCT({', '.join(f'column_{n} INTEGER' for n in range(20))})"

    _, [fault] = match_columns(
        make({"ID": "customer_id"}, {"X": "x"}), [*THERE, ("x", long)], "UTC"
    )

    assert long[:37] + "..." in fault.problem
    assert long[:38] not in fault.problem


@pytest.mark.parametrize("sql_type", ["DOUBLE", "FLOAT", "BOOLEAN"])
def test_a_key_by_which_no_record_is_found_again(sql_type: str) -> None:
    there = [("id", sql_type), ("a", sql_type)]

    _, [fault] = match_columns(make({"ID": "id"}, {"A": "a"}), there, "UTC")

    assert (fault.file, fault.exposure, fault.key) == ("models/crm.yml", "crm", "matching_key.ID")
    assert f"of type {sql_type}, by which no record is found again" in fault.problem


@pytest.mark.parametrize(
    ("source", "mend"),
    [
        ("emial", "did you mean Email?"),
        ("EMAILS", "did you mean Email?"),
        ("qqq", "it has customer_id, Email, weight, born"),
    ],
)
def test_a_column_that_is_not_there(source: str, mend: str) -> None:
    _, [fault] = match_columns(make({"ID": "customer_id"}, {"MAIL": source}), THERE, "UTC")

    assert (fault.key, fault.mend) == ("fields.MAIL", mend)
    assert fault.problem == f"model c has no column {source}"


def test_every_fault_at_once() -> None:
    activation = make({"ID": "weight", "B": "nope"}, {"C": "tags", "MAIL": "email", "D": "zzz"})

    columns, faults = match_columns(activation, [*THERE, ("tags", "VARCHAR[]")], "UTC")

    assert columns is None
    assert [fault.key for fault in faults] == [
        "matching_key.ID",
        "matching_key.B",
        "fields.C",
        "fields.D",
    ]


def test_columns_are_in_the_order_of_the_mapping_and_quoted() -> None:
    activation = make({'I"D': "CUSTOMER_ID"}, {"O'K": "email", "BORN": "born"})

    columns, faults = match_columns(activation, THERE, "Europe/Brussels")

    assert faults == []
    assert columns is not None
    assert columns.all == [
        Column(
            'I"D', '"I""D"', '"customer_id"', "integer", "BIGINT", "'I\"D'", "'Europe/Brussels'"
        ),
        Column("O'K", '"O\'K"', '"Email"', "text", "VARCHAR", "'O''K'", "'Europe/Brussels'"),
        Column("BORN", '"BORN"', '"born"', "date", "DATE", "'BORN'", "'Europe/Brussels'"),
    ]
    assert [column.field for column in columns.keys] == ['I"D']


def test_one_column_may_feed_two_fields() -> None:
    columns, faults = match_columns(
        make({"ID": "customer_id"}, {"A": "email", "B": "email"}), THERE, "UTC"
    )

    assert faults == []
    assert columns is not None
    assert [(column.field, column.source) for column in columns.fields] == [
        ("A", '"Email"'),
        ("B", '"Email"'),
    ]


def test_columns_of_the_state_are_those_that_were_settled() -> None:
    settled, _ = match_columns(
        make({"ID": "customer_id"}, {"MAIL": "email", "W": "weight", "BORN": "born"}), THERE, "UTC"
    )
    assert settled is not None
    table = [(column.field, column.type) for column in settled.all]

    stored = stored_columns(table, keys=1)

    assert [(column.field, column.name, column.type) for column in stored.all] == [
        (column.field, column.name, column.type) for column in settled.all
    ]
    assert [column.field for column in stored.keys] == ["ID"]
    assert [column.source for column in stored.all] == [column.name for column in stored.all]
