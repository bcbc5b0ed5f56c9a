"""The SQL of values, run in DuckDB: as they are sent, as keys are compared, what cannot be sent."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column
from dbt_selligent.manifest import Model
from dbt_selligent.mapping import match_columns
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.warehouse.macros import literal, quote, render_sql

MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB whose own time zone is one that nobody asked for."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/New_York'")
        yield connection


def make_column(
    sql_type: str, zone: str = "UTC", source: str = "x", field: Field | None = None
) -> Column:
    """The column of a model that feeds a field, of which nothing is known where none is given."""
    activation = Activation(
        "crm", "exposure.shop.crm", "m.yml", (), MODEL, "dev", "L", (("K", "k"),), (("F", source),)
    )  # fmt: skip
    listing = Listing("L", (Field("K"), replace(field, name="F"))) if field else None
    there = [("k", "BIGINT"), (source, sql_type)]
    columns, faults = match_columns(activation, there, zone, listing)
    assert columns is not None, faults
    return columns.fields[0]


class Value:
    """One value of a model, and what the macros make of it."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        sql: str,
        zone: str = "UTC",
        field: Field | None = None,
    ) -> None:
        self._engine = engine
        [(_, sql_type, *_)] = engine.execute(f"describe select {sql} as x").fetchall()
        self.column = make_column(str(sql_type), zone, field=field)
        settled = render_sql("settled", column=self.column)
        # From a table, as in the tool, so that nothing is worked out ahead of the run.
        engine.execute(f"create or replace temp table model as select {sql} as x")
        engine.execute(f"create or replace temp table settled as select {settled} as f from model")

    def _one(self, sql: str) -> Any:
        [(value,)] = self._engine.execute(f"select {sql} from settled").fetchall()
        return value

    @property
    def settled(self) -> Any:
        return self._one("f")

    @property
    def type(self) -> str:
        return str(self._one("typeof(f)"))

    @property
    def canonical(self) -> Any:
        return self._one(render_sql("canonical", column=self.column, value="f"))

    @property
    def unsendable(self) -> str | None:
        """Why it cannot be sent."""
        reasons, fields = (
            self._one(
                "case when false then '' "
                f"{render_sql('unsendable', column=self.column, value='f', told=told)} end"
            )
            for told in ("reason", "field")
        )
        assert fields == (None if reasons is None else "F")
        return None if reasons is None else str(reasons)

    @property
    def json(self) -> str:
        """As it stands in a body."""
        value = render_sql("json_value", column=self.column, value="f")
        return str(self._one(f"cast(json_array({value}) as varchar)"))[1:-1]


def equal(engine: duckdb.DuckDBPyConnection, one: str, other: str, zone: str = "UTC") -> bool:
    """Whether EXCEPT, and the comparison of fields, see no change between two values."""
    column = Value(engine, one, zone).column
    settled = render_sql("settled", column=column)
    pair = f"select {one} as x union all by name select {other} as x"
    engine.execute(f"create or replace temp table both_values as {pair}")
    [(excepted,)] = engine.execute(
        f"select count(distinct {settled}) + count(distinct case when x is null then 1 end) "
        "from both_values"
    ).fetchall()
    [(distinct,)] = engine.execute(
        f"with a as (select {settled} as f from (select {one} as x)), "
        f"b as (select {settled} as f from (select {other} as x)) "
        "select a.f is distinct from b.f from a, b"
    ).fetchall()
    assert (excepted > 1) is bool(distinct), "EXCEPT and `is distinct from` disagree"
    return not distinct


# the value as it is sent


@pytest.mark.parametrize(
    ("sql", "settled", "sql_type", "text"),
    [
        ("true", True, "BOOLEAN", "true"),
        ("127::tinyint", 127, "BIGINT", "127"),
        ("4294967295::uinteger", 4294967295, "BIGINT", "4294967295"),
        ("(-9223372036854775808)::bigint", -(2**63), "BIGINT", str(-(2**63))),
        ("9223372036854775807::ubigint", 2**63 - 1, "HUGEINT", str(2**63 - 1)),
        ("1.10::decimal(10, 2)", Decimal("1.10"), "DECIMAL(10,2)", None),
        ("0.1::float", 0.1, "DOUBLE", "0.1"),
        ("16777216::float", 16777216.0, "DOUBLE", None),
        ("3.4e38::float", 3.4e38, "DOUBLE", None),
        ("0.1::double + 0.2::double", 0.3, "DOUBLE", "0.3"),
        ("1.0::double / 3", 0.333333333333, "DOUBLE", "0.333333333333"),
        ("123456789012345::double", 123456789012345.0, "DOUBLE", None),
        ("999999999999999::double", 999999999999999.0, "DOUBLE", None),
        ("-999999999999999::double", -999999999999999.0, "DOUBLE", None),
        # Beyond 15 digits not every whole number is one, and a field holds no more.
        ("1000000000000000::double", 1e15, "DOUBLE", None),
        ("1234567890123456::double", 1234567890120000.0, "DOUBLE", None),
        ("9007199254740991::double", 9007199254740000.0, "DOUBLE", None),
        ("-9007199254740991::double", -9007199254740000.0, "DOUBLE", None),
        ("123456789012.345::double", 123456789012.0, "DOUBLE", None),
        ("1.23456789012345e-20::double", 1.23456789012e-20, "DOUBLE", None),
        ("1.23456789012345e300::double", 1.23456789012e300, "DOUBLE", None),
        ("5e-324::double", 5e-324, "DOUBLE", None),
        ("''", "", "VARCHAR", '""'),
        ("' Ann '", " Ann ", "VARCHAR", '" Ann "'),
        ("'😀'", "😀", "VARCHAR", '"😀"'),
        ("'a'::enum('a', 'b')", "a", "VARCHAR", '"a"'),
        ("date '2026-01-31'", date(2026, 1, 31), "DATE", '"2026-01-31"'),
        ("date '0001-01-01'", date(1, 1, 1), "DATE", '"0001-01-01"'),
        ("date '9999-12-31'", date(9999, 12, 31), "DATE", '"9999-12-31"'),
    ],
)
def test_settled(
    engine: duckdb.DuckDBPyConnection, sql: str, settled: object, sql_type: str, text: str | None
) -> None:
    value = Value(engine, sql)

    assert value.settled == settled
    assert (value.type, value.type) == (sql_type, value.column.type)
    assert value.unsendable is None
    if text is not None:
        assert value.json == text
    assert json.loads(value.json) == (
        settled.isoformat()
        if isinstance(settled, date)
        else float(settled)
        if isinstance(settled, Decimal)
        else settled
    )


@pytest.mark.parametrize(
    "sql_type",
    [
        "boolean",
        "integer",
        "hugeint",
        "decimal(9,2)",
        "float",
        "double",
        "varchar",
        "date",
        "timestamp",
        "timestamptz",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Brussels"])
def test_a_null_stays_one_and_can_be_sent(
    engine: duckdb.DuckDBPyConnection, sql_type: str, zone: str
) -> None:
    value = Value(engine, f"cast(null as {sql_type})", zone)

    assert value.settled is None
    assert value.canonical is None
    assert value.unsendable is None
    assert value.json == "null"


@pytest.mark.parametrize(
    ("sql", "zone", "settled"),
    [
        ("timestamp '2026-01-31 12:00:00.123456'", "UTC", "2026-01-31T12:00:00.123"),
        ("timestamp '2026-01-31 12:00:00.999999'", "UTC", "2026-01-31T12:00:00.999"),
        ("timestamp '2026-01-31 12:00:00'", "Europe/Brussels", "2026-01-31T11:00:00.000"),
        ("timestamp '2026-07-31 12:00:00'", "Europe/Brussels", "2026-07-31T10:00:00.000"),
        ("timestamp '2026-01-01 00:30:00'", "Europe/Brussels", "2025-12-31T23:30:00.000"),
        ("timestamptz '2026-07-31 12:00:00+02'", "Europe/Brussels", "2026-07-31T10:00:00.000"),
        ("timestamptz '2026-07-31 12:00:00+02'", "UTC", "2026-07-31T10:00:00.000"),
        ("timestamptz '2026-07-31 12:00:00.0019Z'", "UTC", "2026-07-31T12:00:00.001"),
        ("timestamp_s '2026-01-31 12:00:00'", "UTC", "2026-01-31T12:00:00.000"),
        ("timestamp_ms '2026-01-31 12:00:00.5'", "UTC", "2026-01-31T12:00:00.500"),
        (
            "timestamp_ns '2026-01-31 12:00:00.001500700'",
            "Europe/Brussels",
            "2026-01-31T11:00:00.001",
        ),
        ("timestamp '0001-01-01 00:00:00'", "UTC", "0001-01-01T00:00:00.000"),
        (
            "timestamp '1969-12-31 23:59:59.999999'",
            "UTC",
            "1969-12-31T23:59:59.999",
        ),
    ],
)
def test_times_are_settled_in_utc_to_the_millisecond(
    engine: duckdb.DuckDBPyConnection, sql: str, zone: str, settled: str
) -> None:
    value = Value(engine, sql, zone)

    assert value.settled == datetime.fromisoformat(settled)
    assert value.type == "TIMESTAMP"
    assert value.unsendable is None
    assert value.json == f'"{settled}Z"'


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.1::double + 0.2::double", "0.3::double", True),
        ("1e20::double", "1.0000000000001e20::double", True),
        ("1e20::double", "1.00000000001e20::double", False),
        ("0.123456789012::double", "0.1234567890121::double", True),
        ("0.123456789012::double", "0.123456789013::double", False),
        ("999999999999999::double", "999999999999998::double", False),
        ("9007199254740991::double", "9007199254740990::double", True),
        ("9007199254740991::double", "9007199254770991::double", False),
        ("0.0::double", "-0.0::double", True),
        ("'nan'::double", "'nan'::double", True),
        ("'inf'::double", "'-inf'::double", False),
        ("0.1::float", "0.10000001::float", False),
        ("null::double", "0.0::double", False),
        ("null::double", "null::double", True),
        ("''", "null::varchar", False),
        ("'a'", "'A'", False),
        ("'a'", "'a '", False),
        ("'e\u0301'", "'\u00e9'", False),
        ("1.10::decimal(9, 2)", "1.1::decimal(9, 2)", True),
        ("timestamp '2026-01-31 12:00:00.1234'", "timestamp '2026-01-31 12:00:00.1239'", True),
        ("timestamp '2026-01-31 12:00:00.123'", "timestamp '2026-01-31 12:00:00.124'", False),
        (
            "timestamptz '2026-01-31 12:00:00+01'",
            "timestamptz '2026-01-31 06:00:00-05'",
            True,
        ),
    ],
)
def test_what_is_a_change(
    engine: duckdb.DuckDBPyConnection, one: str, other: str, same: bool
) -> None:
    assert equal(engine, one, other) is same


FINITE = st.floats(allow_nan=False, allow_infinity=False)


def digits_of(value: float, digits: int) -> int:
    """How many digits count: no fewer than stand before the point, where these are exact."""
    before = Decimal(value).adjusted() + 1
    return max(digits, before) if before <= 15 else digits


@pytest.mark.parametrize(
    ("sql_type", "field", "digits"),
    [
        ("DOUBLE", None, 12),
        ("DOUBLE", Field("F", "Float"), 12),
        # Of exact numbers, all digits that the field holds: the noise is of doubles alone.
        ("DECIMAL(38,10)", Field("F", "Float"), 15),
        ("BIGINT", Field("F", "Float"), 15),
    ],
)
@given(
    st.lists(
        FINITE
        | st.floats(-1e6, 1e6)
        | st.floats(1e11, 1e16)
        | st.integers(-(2**53), 2**53).map(float)
    )
)
def test_a_settled_float_has_so_many_digits_and_is_settled_once(
    sql_type: str, field: Field | None, digits: int, values: list[float]
) -> None:
    column = make_column(sql_type, field=field)
    if digits == 15:  # no decimal, and no integer, is larger
        values = [value for value in values if abs(value) < 1e38]
    settled = render_sql("settled", column=column)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "with model as (select unnest($1::double[]) as x, unnest($2::int[]) as place) "
            f"select f, (select {settled} from (select f as x)) from ("
            f"select {settled} as f, place from model) order by place",
            [values, list(range(len(values)))],
        ).fetchall()

    for value, (once, twice) in zip(values, rows, strict=True):
        assert once == twice
        if value == math.trunc(value) and abs(value) < 1e15:
            assert once == value
        else:
            assert once == float(f"{once:.{digits_of(value, digits)}g}")
            assert math.isclose(once, value, rel_tol=5.0001 * 10**-digits, abs_tol=5e-324)


@pytest.mark.parametrize(("digits", "most"), [(12, 0.501), (15, 0.6)])
@given(st.lists(st.floats(-1e300, 1e300) | st.floats(-1e6, 1e6) | st.floats(-1e16, 1e16)))
def test_rounding_is_to_the_nearest(digits: int, most: float, values: list[float]) -> None:
    """But near a tie, where the last binary digits of the value times its power of ten decide."""
    sql = render_sql("rounded", value="x", digits=digits)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "with model as (select unnest($1::double[]) as x, unnest($2::int[]) as place) "
            f"select {sql} from model order by place",
            [values, list(range(len(values)))],
        ).fetchall()

    for value, (rounded,) in zip(values, rows, strict=True):
        if value == math.trunc(value) and abs(value) < 1e15:
            assert rounded == value
        else:
            exact = Decimal(value)
            wanted = digits_of(value, digits)
            step = Decimal(10) ** (exact.adjusted() - wanted + 1)
            assert abs(Decimal(rounded) - exact) <= step * Decimal(most)
            assert rounded == float(f"{rounded:.{wanted}g}")


# keys as they are compared


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("'Ann'", "'aNN'", True),
        ("'ann'", "'ann  '", True),
        ("'ann'", "' ann'", False),
        ("'a b'", "'ab'", False),
        ("'ÉMILE'", "'émile '", True),
        ("''", "'   '", True),
        ("'a'", "'b'", False),
        (
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            True,
        ),
        ("1::bigint", "1::integer", True),
        ("1.10::decimal(9, 2)", "1.1::decimal(9, 2)", True),
        ("date '2026-01-31'", "date '2026-02-01'", False),
    ],
)
def test_keys_are_compared_without_case_and_trailing_blanks(
    engine: duckdb.DuckDBPyConnection, one: str, other: str, same: bool
) -> None:
    first, second = Value(engine, one).canonical, Value(engine, other).canonical

    assert (first == second) is same


def test_keys_are_sent_as_they_are(engine: duckdb.DuckDBPyConnection) -> None:
    assert Value(engine, "'Ann '").json == '"Ann "'


# what cannot be sent


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("'nan'::double", "not a finite number"),
        ("'inf'::double", "not a finite number"),
        ("'-inf'::double", "not a finite number"),
        ("'nan'::float", "not a finite number"),
        ("'inf'::float", "not a finite number"),
        ("1.7e308::double", None),
        ("-0.0::double", None),
        ("9223372036854775807::hugeint", None),
        ("9223372036854775808::hugeint", "outside the range of 64 bits"),
        ("-9223372036854775808::hugeint", None),
        ("-9223372036854775809::hugeint", "outside the range of 64 bits"),
        ("18446744073709551615::ubigint", "outside the range of 64 bits"),
        ("'infinity'::date", "outside the years 1 to 9999"),
        ("'-infinity'::date", "outside the years 1 to 9999"),
        ("date '0044-03-15 (BC)'", "outside the years 1 to 9999"),
        ("date '0001-12-31 (BC)'", "outside the years 1 to 9999"),
        ("date '10000-01-01'", "outside the years 1 to 9999"),
        ("'infinity'::timestamp", "outside the years 1 to 9999"),
        ("'-infinity'::timestamp", "outside the years 1 to 9999"),
        ("'infinity'::timestamptz", "outside the years 1 to 9999"),
        ("timestamp '0044-03-15 (BC) 00:00:00'", "outside the years 1 to 9999"),
        ("timestamp '10000-01-01 00:00:00'", "outside the years 1 to 9999"),
    ],
)
def test_what_cannot_be_sent(
    engine: duckdb.DuckDBPyConnection, sql: str, reason: str | None
) -> None:
    assert Value(engine, sql).unsendable == reason


@pytest.mark.parametrize("sql", ["'infinity'::timestamp", "timestamp '0001-01-01 00:00:00'"])
def test_a_time_that_leaves_the_years_by_its_zone(
    engine: duckdb.DuckDBPyConnection, sql: str
) -> None:
    assert Value(engine, sql, "Europe/Brussels").unsendable == "outside the years 1 to 9999"


@pytest.mark.parametrize("sql", ["true", "1", "1.1::decimal(9,2)", "'x'"])
@pytest.mark.parametrize("told", ["field", "reason"])
def test_of_other_families_all_can_be_sent(
    engine: duckdb.DuckDBPyConnection, sql: str, told: str
) -> None:
    column = Value(engine, sql).column

    assert render_sql("unsendable", column=column, value="f", told=told) == ""


# what a field takes

TOO_LONG = "longer than 5 UTF-16 units"
NO_OPTION = "not among the options of the field"
CHOICE = Field("F", "Text", content="Single", optionlist="GENDER", options=("F", "M ", "o'X"))
NUMBERS = Field("F", "Numeric", content="Single", optionlist="LEVEL", options=("1", "2"))


@pytest.mark.parametrize(
    ("sql", "field", "reason"),
    [
        ("'12345'", Field("F", "Text", length=5), None),
        ("'123456'", Field("F", "Text", length=5), TOO_LONG),
        ("'12345 '", Field("F", "Text", length=5), TOO_LONG),
        ("'ééééé'", Field("F", "Text", length=5), None),
        ("'éééééé'", Field("F", "Text", length=5), TOO_LONG),
        ("'€€€€€'", Field("F", "Text", length=5), None),
        # An emoji counts two, and what is joined counts each.
        ("'😀😀'", Field("F", "Text", length=5), None),
        ("'😀😀a'", Field("F", "Text", length=5), None),
        ("'😀😀😀'", Field("F", "Text", length=5), TOO_LONG),
        ("'e\u0301e\u0301e'", Field("F", "Text", length=5), None),
        ("'e\u0301e\u0301e\u0301'", Field("F", "Text", length=5), TOO_LONG),
        ("''", Field("F", "Text", length=5), None),
        ("123456::bigint", Field("F", "Text", length=5), TOO_LONG),
        ("-1234::bigint", Field("F", "Text", length=5), None),
        ("'123456'", Field("F", "Text"), None),
        ("'123456'", Field("F", "LongText", length=5), None),
        ("2147483647::bigint", Field("F", "Numeric"), None),
        ("2147483648::bigint", Field("F", "Numeric"), "outside the range of 32 bits"),
        ("-2147483648::bigint", Field("F", "Numeric"), None),
        ("-2147483649::bigint", Field("F", "Numeric"), "outside the range of 32 bits"),
        ("2147483648::hugeint", Field("F", "Numeric"), "outside the range of 32 bits"),
        ("2147483648::decimal(12, 0)", Field("F", "Numeric"), "outside the range of 32 bits"),
        ("2147483648::bigint", Field("F", "Long"), None),
        ("9223372036854775808::hugeint", Field("F", "Long"), "outside the range of 64 bits"),
        ("true", Field("F", "Numeric"), None),
        ("'inf'::double", Field("F", "Float"), "not a finite number"),
        ("9223372036854775808::hugeint", Field("F", "Float"), None),
        ("date '10000-01-01'", Field("F", "DateTime"), "outside the years 1 to 9999"),
        ("date '9999-12-31'", Field("F", "DateTime"), None),
        ("null::varchar", Field("F", "Text", length=5), None),
        (
            "null::varchar",
            Field("F", "Text", allow_null=False),
            "null, which the field does not take",
        ),
        ("''", Field("F", "Text", allow_null=False), None),
        (
            "null::bigint",
            Field("F", "Numeric", allow_null=False),
            "null, which the field does not take",
        ),
        ("'M'", CHOICE, None),
        ("'m  '", CHOICE, None),
        ("'O''x'", CHOICE, None),
        ("' m'", CHOICE, NO_OPTION),
        ("''", CHOICE, NO_OPTION),
        ("'X'", CHOICE, NO_OPTION),
        ("null::varchar", CHOICE, None),
        ("'M'", replace(CHOICE, options=()), NO_OPTION),
        ("null::varchar", replace(CHOICE, options=()), None),
        ("'X'", replace(CHOICE, options=None), None),
        ("2", NUMBERS, None),
        ("3", NUMBERS, NO_OPTION),
        ("'x;y'", replace(CHOICE, content="Multi"), None),
    ],
)
def test_what_the_field_does_not_take(
    engine: duckdb.DuckDBPyConnection, sql: str, field: Field, reason: str | None
) -> None:
    assert Value(engine, sql, field=field).unsendable == reason


@given(st.text(max_size=12), st.integers(1, 12))
def test_the_length_of_a_text_is_that_in_utf_16(text: str, length: int) -> None:
    column = make_column("VARCHAR", field=Field("F", "Text", length=length))
    cases = render_sql("unsendable", column=column, value="x", told="reason")
    with duckdb.connect() as connection:
        [(reason,)] = connection.execute(
            f"select case when false then '' {cases} end from (select $1::varchar as x)", [text]
        ).fetchall()

    assert (reason is not None) is (len(text.encode("utf-16-le")) // 2 > length)


@pytest.mark.parametrize(
    ("sql", "field", "settled", "text"),
    [
        ("true", Field("F", "Numeric"), 1, "1"),
        ("false", Field("F", "Long"), 0, "0"),
        ("12::decimal(9, 0)", Field("F", "Long"), 12, "12"),
        ("12::decimal(9, 0)", Field("F", "Text"), "12", '"12"'),
        ("12::bigint", Field("F", "Text"), "12", '"12"'),
        ("12.50::decimal(9, 2)", Field("F", "Float"), 12.5, "12.5"),
        ("1234567890123.45::decimal(18, 2)", Field("F", "Float"), 1234567890123.45, None),
        ("1234567890123.456::decimal(18, 3)", Field("F", "Float"), 1234567890123.46, None),
        ("9007199254740993::bigint", Field("F", "Float"), 9007199254740990.0, None),
        ("0.1::float", Field("F", "Float"), 0.1, "0.1"),
        ("0.1::double + 0.2::double", Field("F", "Float"), 0.3, "0.3"),
        (
            "date '2026-01-31'",
            Field("F", "DateTime"),
            datetime.fromisoformat("2026-01-31"),
            '"2026-01-31T00:00:00.000Z"',
        ),
        ("date '2026-01-31'", Field("F", "Date"), date(2026, 1, 31), '"2026-01-31"'),
    ],
)
def test_a_value_is_made_one_of_the_field(
    engine: duckdb.DuckDBPyConnection, sql: str, field: Field, settled: object, text: str | None
) -> None:
    value = Value(engine, sql, field=field)

    assert value.settled == settled
    assert value.type == value.column.type
    assert value.unsendable is None
    assert value.json == text or text is None


def test_the_midnight_of_a_date_is_that_of_the_zone(engine: duckdb.DuckDBPyConnection) -> None:
    value = Value(engine, "date '2026-01-31'", "Europe/Brussels", Field("F", "DateTime"))

    assert value.json == '"2026-01-30T23:00:00.000Z"'


# JSON


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"',
        "\\",
        '\\"],["',
        "\n\r\t\x08\x0c",
        "\x00",
        "a\x00b",
        "\x1f\x7f",
        "\u2028\u2029",
        "😀👩‍👩‍👧",
        "é e\u0301 ß ﷽",
        "</script>",
        "'; drop table delta --",
        "\ufeff\ufffe\uffff",
        "null",
    ],
)
def test_text_in_json(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    assert json.loads(render_text(engine, text)) == [text]


@given(st.text())
def test_any_text_in_json(text: str) -> None:
    with duckdb.connect() as connection:
        assert json.loads(render_text(connection, text)) == [text]


def render_text(engine: duckdb.DuckDBPyConnection, text: str) -> str:
    value = render_sql("json_value", column=make_column("VARCHAR"), value="x")
    [(shown,)] = engine.execute(
        f"select cast(json_array({value}) as varchar) from (select $1::varchar as x)", [text]
    ).fetchall()
    assert "\n" not in shown
    return str(shown)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("123456789012345678::decimal(18, 0)", "123456789012345678"),
        ("12345678901234567890123456789012345678::decimal(38, 0)", None),
        ("123456789012345.67::decimal(38, 2)", "123456789012345.67"),
        ("-0.01::decimal(9, 2)", "-0.01"),
        ("0.25::decimal(18, 18)", "0.250000000000000000"),
        ("-0.25::decimal(19, 19)", "-0.2500000000000000000"),
        ("0.25::decimal(38, 38)", "0.2500000000000000000000000000000000000"),
    ],
)
def test_decimals_lose_no_digit(
    engine: duckdb.DuckDBPyConnection, sql: str, text: str | None
) -> None:
    wanted = text or sql.partition(":")[0]

    assert Value(engine, sql).json == wanted


@pytest.mark.parametrize("sql", ["'-0'::double", "'-0'::float", "'0'::double"])
def test_zero_has_no_sign(engine: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert Value(engine, sql).json == "0.0"


def test_json_columns_are_sent_as_text(engine: duckdb.DuckDBPyConnection) -> None:
    assert json.loads(Value(engine, """'{"a": ["x"]}'::json""").json) == '{"a": ["x"]}'


# rows of a body


def test_rows_of_a_group_in_order_and_of_a_span(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(
        "create or replace temp table delta as select 'changed' as _selligent_kind, "
        "case when n % 3 = 0 then '10' else '01' end as _selligent_mask, n as \"F\" "
        "from range(9) as r(n)"
    )
    column = make_column("BIGINT")
    arguments: dict[str, Any] = {
        "delta": "delta",
        "groups": "member",
        "number": 7,
        "columns": [column],
    }
    whole = render_sql("rows", members=[("'changed'", "'10'")], span=None, **arguments)
    part = render_sql("rows", members=[("'changed'", "'10'")], span=Part(3, 6), **arguments)
    first = render_sql("rows", members=[("'changed'", "'10'")], upto=3, **arguments)
    none = render_sql("rows", members=[("'changed'", "'01'")], upto=0, **arguments)

    assert engine.execute(first).fetchall() == [(0, "[0],"), (3, "[3],")]
    assert engine.execute(none).fetchall() == []
    assert engine.execute(whole).fetchall() == [(0, "[0],"), (3, "[3],"), (6, "[6],")]
    assert engine.execute(part).fetchall() == [(3, "[3],"), (6, "[6],")]


def test_rows_of_a_group_of_many_masks(engine: duckdb.DuckDBPyConnection) -> None:
    masks = [format(n, "03b") for n in range(1, 7)]
    engine.execute(
        "create or replace temp table delta as select 'changed' as _selligent_kind, "
        "format('{:03b}', n % 8) as _selligent_mask, n as \"F\" from range(24) as r(n)"
    )
    engine.execute(
        "create or replace temp table member as select 7 as _selligent_group, "
        "'changed' as _selligent_kind, unnest($1::varchar[]) as _selligent_mask",
        [masks],
    )
    sql = render_sql(
        "rows",
        delta="delta",
        groups="member",
        number=7,
        members=[("'changed'", literal(mask)) for mask in masks],
        columns=[make_column("BIGINT")],
        span=None,
    )

    wanted = [(n, f"[{n}],") for n in range(24) if 1 <= n % 8 <= 6]
    assert engine.execute(sql).fetchall() == wanted


class Part:
    """A span, as the macro takes it."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last


def test_names_are_quoted(engine: duckdb.DuckDBPyConnection) -> None:
    name = 'a "quoted" 😀 name; drop'
    text = literal("it's")
    [(value,)] = engine.execute(f"select {text} as {quote(name)}").fetchall()
    [(described, *_)] = engine.execute(f"describe select 1 as {quote(name)}").fetchall()

    assert (value, described) == ("it's", name)
