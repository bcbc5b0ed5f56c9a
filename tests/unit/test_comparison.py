"""What Selligent tells of a value, read back: as text, as value, and whether it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.columns import Column
from dbt_selligent.comparison import as_texts
from dbt_selligent.errors import RefusedError
from dbt_selligent.fieldtypes import family_of
from dbt_selligent.warehouse.macros import render_sql


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def column(sql_type: str) -> Column:
    found = family_of(sql_type)
    assert found is not None
    family, settled = found
    if sql_type == "JSON":
        family = "json"
    elif family == "whole":
        family = "decimal"
    return Column("F", '"F"', '"F"', family, family, settled, "'F'", "'UTC'")


def read_back(engine: duckdb.DuckDBPyConnection, sql_type: str, told: object) -> Any:
    page = as_texts([[told]], 1)
    sql = render_sql("read_back", column=column(sql_type), text="column0")
    engine.register("page", page)
    [(value,)] = engine.execute(f"select {sql} from page").fetchall()
    return value


def same(engine: duckdb.DuckDBPyConnection, sql_type: str, one: str, other: str) -> bool:
    typed = "VARCHAR" if sql_type == "JSON" else sql_type
    kept, told = (f"cast({each} as {typed})" for each in (one, other))
    sql = render_sql("alike", column=column(sql_type), kept=kept, told=told)
    [(found,)] = engine.execute(f"select {sql}").fetchall()
    return bool(found)


@pytest.mark.parametrize(
    ("sql_type", "told", "value"),
    [
        ("BOOLEAN", True, True),
        ("BOOLEAN", False, False),
        ("BOOLEAN", "yes?", None),
        ("BIGINT", 9223372036854775807, 9223372036854775807),
        ("BIGINT", -9223372036854775808, -9223372036854775808),
        ("BIGINT", 5.0, 5),
        ("BIGINT", "5", 5),
        ("BIGINT", 5.4, None),
        ("BIGINT", "", None),
        ("HUGEINT", 9007199254740993, 9007199254740993),
        ("DOUBLE", 1.5, 1.5),
        ("DOUBLE", 5, 5.0),
        ("DOUBLE", 1e-300, 1e-300),
        ("DOUBLE", "one", None),
        ("DECIMAL(18,2)", 12.34, 12.34),
        ("VARCHAR", "", ""),
        ("VARCHAR", "null", "null"),
        ("VARCHAR", 5, "5"),
        ("DATE", "2024-02-29", date(2024, 2, 29)),
        ("DATE", "2024-02-29T00:00:00.000", date(2024, 2, 29)),
        ("DATE", "0001-01-01", date(1, 1, 1)),
        ("DATE", "29/02/2024", None),
        (
            "TIMESTAMP",
            "2024-02-29T10:11:12.123",
            datetime.fromisoformat("2024-02-29T10:11:12.123000"),
        ),
        (
            "TIMESTAMP",
            "2024-02-29T10:11:12.123Z",
            datetime.fromisoformat("2024-02-29T10:11:12.123000"),
        ),
        ("TIMESTAMP", "2024-02-29", datetime.fromisoformat("2024-02-29")),
        ("JSON", {"a": [1, None]}, '{"a": [1, null]}'),
    ],
)
def test_a_told_value_is_the_one_that_it_stands_for(
    engine: duckdb.DuckDBPyConnection, sql_type: str, told: object, value: object
) -> None:
    found = read_back(engine, sql_type, told)
    assert (found, type(found)) == (value, type(value))
    assert read_back(engine, sql_type, None) is None


@pytest.mark.parametrize(
    ("sql_type", "one", "other", "expected"),
    [
        ("DOUBLE", "0.1e0 + 0.2e0", "0.3e0", True),
        ("DOUBLE", "1.00000000001e0", "1.00000000002e0", False),
        ("DOUBLE", "123456789012345", "123456789012346", False),
        ("DOUBLE", "-0.0e0", "0.0e0", True),
        ("DECIMAL(38,10)", "12345678901234567.1", "12345678901234567.2", True),
        ("DECIMAL(18,3)", "12.345", "12.350", False),
        ("TIMESTAMP", "'2024-01-01 10:00:00.1234'", "'2024-01-01 10:00:00.123'", True),
        ("TIMESTAMP", "'2024-01-01 10:00:00.124'", "'2024-01-01 10:00:00.123'", False),
        ("VARCHAR", "'a'", "'a '", False),
        ("VARCHAR", "'a'", "'A'", False),
        ("JSON", "'{\"a\": 1}'", "'{\"a\":1}'", True),
        ("JSON", "'{\"a\": 1}'", "'{\"a\":2}'", False),
        ("JSON", "'no json'", "'no json'", True),
        ("BIGINT", "9223372036854775807", "9223372036854775806", False),
    ],
)
def test_values_are_the_same_if_a_field_holds_them_alike(
    engine: duckdb.DuckDBPyConnection, sql_type: str, one: str, other: str, expected: bool
) -> None:
    assert same(engine, sql_type, one, other) is expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_as_it_is(number: float) -> None:
    with duckdb.connect() as connection:
        assert read_back(connection, "DOUBLE", number) == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_whole_number_comes_back_as_it_is(number: int) -> None:
    with duckdb.connect() as connection:
        assert read_back(connection, "BIGINT", number) == number


def test_half_an_emoji_is_a_text_and_no_error() -> None:
    page = as_texts([["caf\u00e9 \ud83d", None], ["\U0001f6b2", 1]], 2)
    assert page.to_pylist() == [
        {"column0": "caf\u00e9 ?", "column1": None},
        {"column0": "\U0001f6b2", "column1": "1"},
    ]
    assert page.schema.types == [pa.string(), pa.string()]


def test_records_of_another_width_are_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        as_texts([["a", "b"], ["marker"]], 2)
    assert "marker" not in str(refused.value)


def test_a_decimal_is_told_exactly_enough(engine: duckdb.DuckDBPyConnection) -> None:
    # As JSON tells it: a float, of which 15 digits count.
    told = read_back(engine, "DECIMAL(18,4)", 12345678901.2345)
    assert Decimal(str(told)) == Decimal("12345678901.2345")
