"""DuckDB's types as it writes them, the family of each, and what no field takes."""

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from dbt_selligent.activation import Activation
from dbt_selligent.columns import MEMBER, Column, stored_columns
from dbt_selligent.errors import Fault
from dbt_selligent.fieldtypes import family_of
from dbt_selligent.manifest import Model
from dbt_selligent.mapping import match_columns
from dbt_selligent.selligent.lists import Field, Listing

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
        ("numeric(4,0)", "whole", "DECIMAL(4,0)"),
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
    plain = shown.replace("('a', 'b')", "")  # of an enum, which may be values of rows
    assert fault.problem == f"column x is of type {plain}, which no field takes"
    assert "varchar" in fault.mend


def test_a_long_type_is_cut() -> None:
    long = f"STRUCT({', '.join(f'column_{n} INTEGER' for n in range(20))})"

    _, [fault] = match_columns(
        make({"ID": "customer_id"}, {"X": "x"}), [*THERE, ("x", long)], "UTC"
    )

    assert long[:37] + "..." in fault.problem
    assert long[:38] not in fault.problem


@pytest.mark.parametrize("sql_type", ["DOUBLE", "FLOAT", "BOOLEAN", "DECIMAL(9,2)"])
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
    zone = "'Europe/Brussels'"
    assert columns.sent == (
        Column(
            'I"D',
            '"I""D"',
            '"customer_id"',
            "integer",
            "integer",
            "BIGINT",
            "'I\"D'",
            zone,
            plain='I"D',
        ),
        Column("O'K", '"O\'K"', '"Email"', "text", "text", "VARCHAR", "'O''K'", zone, plain="O'K"),
        Column("BORN", '"BORN"', '"born"', "date", "date", "DATE", "'BORN'", zone, plain="BORN"),
    )
    assert columns.compared == columns.staged == columns.sent
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
    activation = replace(
        make({"ID": "customer_id"}, {"MAIL": "email", "W": "weight", "BORN": "born"}),
        once=("W",),
        segment="VIP",
    )
    settled, _ = match_columns(activation, THERE, "UTC")
    assert settled is not None
    table = [(column.field, column.type) for column in settled.compared]

    stored = stored_columns(table, keys=1)

    assert [(column.field, column.name, column.type) for column in stored.compared] == [
        (column.field, column.name, column.type) for column in settled.compared
    ]
    assert [column.field for column in stored.compared] == ["ID", "MAIL", "BORN", MEMBER.field]
    assert [column.field for column in stored.keys] == ["ID"]
    assert [column.field for column in stored.member] == [MEMBER.field]
    assert [column.source for column in stored.sent] == [column.name for column in stored.sent]
    assert [(column.origin, column.family) for column in stored.fields] == [
        ("text", "text"),
        ("date", "date"),
    ]


# what is sent, what is compared, what is staged


def test_what_is_sent_once_is_staged_and_not_compared_and_a_member_is_not_sent() -> None:
    activation = replace(
        make({"ID": "customer_id"}, {"MAIL": "email", "W": "weight", "BORN": "born"}),
        once=("MAIL",),
        segment="VIP",
    )

    columns, faults = match_columns(activation, THERE, "UTC")

    assert faults == []
    assert columns is not None
    assert [column.field for column in columns.sent] == ["ID", "W", "BORN", "MAIL"]
    assert [column.field for column in columns.compared] == ["ID", "W", "BORN", MEMBER.field]
    assert [column.field for column in columns.staged] == ["ID", "W", "BORN", MEMBER.field, "MAIL"]
    assert columns.parts == {
        "keys": columns.keys,
        "fields": columns.fields,
        "member": (MEMBER,),
        "once": columns.once,
    }


# the fields of the list

ALL_TYPES = {
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "huge": "HUGEINT",
    "whole": "DECIMAL(9,0)",
    "decimal": "DECIMAL(9,2)",
    "real": "FLOAT",
    "float": "DOUBLE",
    "text": "VARCHAR",
    "date": "DATE",
    "time": "TIMESTAMP",
    "zoned_time": "TIMESTAMP WITH TIME ZONE",
}
# By type of a field: the families that feed it, and the type of the value as it is sent.
TAKEN = {
    "Boolean": {"boolean": "BOOLEAN"},
    "Numeric": {"boolean": "BIGINT", "integer": "BIGINT", "huge": "HUGEINT", "whole": "HUGEINT"},
    "Long": {"boolean": "BIGINT", "integer": "BIGINT", "huge": "HUGEINT", "whole": "HUGEINT"},
    "Float": dict.fromkeys(["integer", "huge", "whole", "decimal", "real", "float"], "DOUBLE"),
    "Date": {"date": "DATE"},
    "DateTime": dict.fromkeys(["date", "time", "zoned_time"], "TIMESTAMP"),
    "Text": dict.fromkeys(["integer", "huge", "whole", "text"], "VARCHAR"),
    "LongText": dict.fromkeys(["integer", "huge", "whole", "text"], "VARCHAR"),
    "Json": {"text": "VARCHAR"},
    "Unknown": {
        "boolean": "BOOLEAN",
        "integer": "BIGINT",
        "huge": "HUGEINT",
        "whole": "DECIMAL(9,0)",
        "decimal": "DECIMAL(9,2)",
        "real": "DOUBLE",
        "float": "DOUBLE",
        "text": "VARCHAR",
        "date": "DATE",
        "time": "TIMESTAMP",
        "zoned_time": "TIMESTAMP",
    },
}
MENDS = {
    "Boolean": "boolean",
    "Numeric": "integer",
    "Long": "bigint",
    "Float": "decimal or double",
    "Date": "date",
    "DateTime": "timestamp",
    "Text": "varchar",
    "LongText": "varchar",
    "Json": "json",
}


def with_field(field: Field, sql_type: str) -> tuple[Column | None, list[Fault]]:
    """The column of a type that feeds a field, or what is wrong with it."""
    listing = Listing("L", (Field("ID", "Long"), field))
    activation = make({"ID": "customer_id"}, {"X": "x"})
    columns, faults = match_columns(activation, [*THERE, ("x", sql_type)], "UTC", listing)
    assert (columns is None) is bool(faults)
    return (columns.fields[0] if columns else None), faults


@pytest.mark.parametrize("family", ALL_TYPES)
@pytest.mark.parametrize("data_type", TAKEN)
def test_which_column_feeds_which_field(data_type: str, family: str) -> None:
    column, faults = with_field(Field("x", data_type), ALL_TYPES[family])

    if family in TAKEN[data_type]:
        assert faults == []
        assert column is not None
        assert (column.origin, column.type) == (family, TAKEN[data_type][family])
        assert column.field == "x"  # as the list has it
        assert column.name == '"X"'
    else:
        [fault] = faults
        assert fault.key == "fields.X"
        assert fault.problem == (
            f"column x is of type {ALL_TYPES[family]}, which a field of type {data_type} does "
            "not take"
        )
        assert fault.mend == f"cast it in the model to {MENDS[data_type]}"


def test_what_a_field_takes_goes_with_its_column() -> None:
    text, _ = with_field(Field("X", "Text", length=7, allow_null=False), "VARCHAR")
    number, _ = with_field(Field("X", "Numeric"), "BIGINT")
    long, _ = with_field(Field("X", "Long"), "BIGINT")
    unknown, _ = with_field(Field("X", "Unknown", length=7), "VARCHAR")

    assert text
    assert number
    assert long
    assert unknown
    assert (text.length, text.bits, text.required, text.options) == (7, 64, True, None)
    assert (number.length, number.bits, number.required, number.options) == (None, 32, False, None)
    assert (long.bits, unknown.length) == (64, None)


def test_options_are_those_of_the_list() -> None:
    choice = Field("X", "Text", content="Single", optionlist="GENDER", options=("F ", "o'Neill"))
    several = replace(choice, content="Multi")
    unread = replace(choice, options=None)

    found = [with_field(field, "VARCHAR")[0] for field in (choice, several, unread)]

    assert [column.options for column in found if column] == [("'F '", "'o''Neill'"), None, None]


def test_a_field_that_the_list_does_not_have() -> None:
    listing = Listing(
        "L", (Field("ID", "Long"), Field("MAIL", "Text"), Field("AGE", content="ComputedPersisted"))
    )
    activation = make({"NO": "customer_id"}, {"MIAL": "email", "AGE": "weight", "QQ": "email"})

    columns, faults = match_columns(activation, THERE, "UTC", listing)

    assert columns is None
    assert [(fault.key, fault.problem, fault.mend) for fault in faults] == [
        ("matching_key.NO", "list L has no field NO", "it has ID, MAIL, AGE"),
        ("fields.MIAL", "list L has no field MIAL", "did you mean MAIL?"),
        ("fields.AGE", "field AGE of list L is computed by Selligent", "take it out"),
        ("fields.QQ", "list L has no field QQ", "it has ID, MAIL, AGE"),
    ]


@pytest.mark.parametrize("family", ["boolean", "decimal", "real", "float"])
def test_a_key_that_cannot_be_one_whatever_the_field(family: str) -> None:
    listing = Listing("L", (Field("ID", "Unknown"), Field("A", "Unknown")))
    there = [("id", ALL_TYPES[family]), ("a", "VARCHAR")]

    _, [fault] = match_columns(make({"ID": "id"}, {"A": "a"}), there, "UTC", listing)

    assert "by which no record is found again" in fault.problem


def test_constants_and_columns_are_checked_at_once() -> None:
    listing = Listing("L", (Field("ID", "Long"), Field("OPTOUT", "Boolean")))
    activation = replace(
        make({"ID": "customer_id"}, {"MAIL": "email"}),
        removed="set",
        removed_set=(("OPTOUT", "yes"),),
    )

    _, faults = match_columns(activation, THERE, "UTC", listing)

    assert [fault.key for fault in faults] == ["fields.MAIL", "removed.set.OPTOUT"]


def test_constants_are_columns_of_which_the_value_is_the_name() -> None:
    listing = Listing("L", (Field("ID", "Long"), Field("MAIL", "Text"), Field("OptOut", "Boolean")))
    activation = replace(
        make({"ID": "customer_id"}, {"MAIL": "email"}),
        removed="set",
        removed_set=(("OPTOUT", True),),
    )

    columns, faults = match_columns(activation, THERE, "UTC", listing)

    assert faults == []
    assert columns is not None
    assert [(column.field, column.name) for column in columns.constants] == [("OptOut", "true")]
    assert [column.field for column in columns.staged] == ["ID", "MAIL"]


def test_the_values_of_an_enum_are_not_told() -> None:
    there = [("id", "ENUM('Ann', 'B)en')"), ("a", "STRUCT(b ENUM('Ann')[], c INTEGER)")]
    listing = Listing("L", (Field("ID", "Numeric"), Field("A", "Text")))

    columns, faults = match_columns(make({"ID": "id"}, {"A": "a"}), there, "UTC", listing)

    assert columns is None
    assert sorted(fault.problem.partition(",")[0] for fault in faults) == [
        "column a is of type STRUCT(b ENUM",
        "column id is of type ENUM",
    ]
