"""What an engine has that others do not, and what it gives that DuckDB does not."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_selligent.selligent.lists import Field

from .cases import BIGINT, BRUSSELS, DATE, DOUBLE, REAL, TEXT, TIME, ZONED, decimal
from .engines import Engine

FLOAT, LONG, DATE_TIME = Field("F", "Float"), Field("F", "Long"), Field("F", "DateTime")
YEARS = "outside the years 1 to 9999"
INFINITE = "not a finite number"
BITS = "outside the range of 64 bits"
OPTIONS = "not among the options of the field"


@pytest.mark.parametrize(
    ("types", "field", "zone"),
    [
        (DATE, None, "UTC"),
        (DATE, DATE_TIME, "UTC"),
        (DATE, DATE_TIME, BRUSSELS),
        (TIME, None, "UTC"),
        (TIME, None, BRUSSELS),
        (ZONED, None, "UTC"),
    ],
)
@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(
            {
                "postgres": ["infinity", "-infinity", "4000-01-01 BC", "0001-12-31 BC"],
                "duckdb": ["infinity", "-infinity", "4000-01-01 (BC)", "0001-12-31 (BC)"],
            },
            id="postgres",
        ),
        pytest.param(
            {
                "spark": ["-4000-01-01", "0000-12-31", "+200000-01-01", "+10001-01-01"],
                "duckdb": ["4001-01-01 (BC)", "0001-12-31 (BC)", "200000-01-01", "10001-01-01"],
            },
            id="spark",
        ),
    ],
)
def test_times_out_of_range_are_found_and_stop_nothing(
    request: pytest.FixtureRequest,
    types: dict[str, str],
    field: Field | None,
    zone: str,
    texts: dict[str, list[str]],
) -> None:
    for name, fixture in {"duckdb": "duck", "postgres": "postgres", "spark": "spark"}.items():
        if name in texts:
            engine: Engine = request.getfixturevalue(fixture)
            outcomes = engine.outcomes(types[name], texts[name], field, zone)
            assert [each.reason for each in outcomes] == [YEARS] * len(outcomes), name


def test_dates_of_postgres_that_no_time_can_be(postgres: Engine) -> None:
    texts = ["4714-11-24 BC", "5874897-12-31", "infinity", None]
    outcomes = postgres.outcomes("date", texts, DATE_TIME, BRUSSELS)
    assert [each.reason for each in outcomes] == [YEARS, YEARS, YEARS, None]


@pytest.mark.parametrize(
    ("sql_type", "field", "values"),
    [
        ("numeric", None, {"1.10": None, "NaN": INFINITE, "Infinity": INFINITE, "1e400": INFINITE}),
        (
            "numeric",
            FLOAT,
            {
                "1.10": None, "-1e-400": None, "1e-310": None, "1.7976931348623157e308": None,
                "NaN": INFINITE, "Infinity": INFINITE, "-Infinity": INFINITE, "1e400": INFINITE,
                "-1e400": INFINITE,
            },
        ),
        ("numeric(10,2)", None, {"1.10": None, "NaN": INFINITE}),
        ("numeric(10,2)", FLOAT, {"1.10": None, "NaN": INFINITE}),
        ("numeric(10,0)", LONG, {"1": None, "NaN": BITS}),
        ("numeric(60,0)", LONG, {"1": None, "1" * 60: BITS, "-" + "1" * 60: BITS}),
        ("numeric(60,0)", FLOAT, {"1": None, "1" * 60: None}),
        ("numeric(500,0)", FLOAT, {"1": None, "1" * 400: INFINITE}),
    ],
)  # fmt: skip
def test_numerics_of_postgres_are_finite_or_told_not_to_be(
    postgres: Engine, sql_type: str, field: Field | None, values: dict[str, str | None]
) -> None:
    outcomes = postgres.outcomes(sql_type, [*values, None], field)
    assert [each.reason for each in outcomes] == [*values.values(), None]


@pytest.mark.parametrize(
    ("sql_type", "given", "settled"),
    [
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("json", '{"a":  "X"}', '{"a":  "X"}'),
        ("jsonb", '{"a":  "X"}', '{"a": "X"}'),
        ("character(5)", "X", "X"),
        ("character varying(5)", "X ", "X "),
        ("name", "X", "X"),
    ],
)
def test_other_texts_of_postgres(postgres: Engine, sql_type: str, given: str, settled: str) -> None:
    [outcome] = postgres.outcomes(sql_type, [given])
    assert (outcome.settled, outcome.canonical) == (settled, settled.lower().rstrip())


def test_enums_of_postgres_are_texts(postgres: Engine) -> None:
    postgres.run("drop type if exists shade")
    postgres.run("create type shade as enum ('Dark ', 'light')")
    outcomes = postgres.outcomes("enum", ["Dark ", "light", None], written="shade")

    assert [each.settled for each in outcomes] == ["Dark ", "light", None]
    assert [each.canonical for each in outcomes] == ["dark", "light", None]


@pytest.mark.parametrize(("sql_type", "settled"), [("char(5)", "X    "), ("varchar(5)", "X ")])
def test_other_texts_of_spark(spark: Engine, sql_type: str, settled: str) -> None:
    spark.run("drop table if exists padded")
    spark.run(f"create table padded (x {sql_type}) using parquet")
    spark.run("insert into padded values ('X ')")
    column = spark.column(sql_type)
    [(value,)] = spark.rows(f"select {spark.render('settled', column=column)} from padded")

    assert value == settled


def differing(
    duck: Engine, other: Engine, types: dict[str, str], texts: list[str], field: Field | None = None
) -> dict[str, tuple[Any, Any]]:
    """Canonical keys, or reasons, of DuckDB and another engine, where these are not the same."""
    wanted, given = (engine.outcomes(types[engine.name], texts, field) for engine in (duck, other))
    return {
        text: (there.reason or there.canonical, here.reason or here.canonical)
        for text, there, here in zip(texts, wanted, given, strict=True)
        if there != here
    }


# Letters with more than one small one, in other forms at the end of a word, or new in Unicode 16.
LETTERS = ["É", "ß", "ẞ", "Σ", "ΟΔΟΣ", "İ", "ǅ", "Ω", "K", "Ⓐ", "Ⅷ", "𐐀", "ϴ", "Ⴀ", "Ა", "\u1c89"]


def test_small_letters_of_postgres(duck: Engine, postgres: Engine) -> None:
    """As its collation has them: this one knows all, C those of ASCII alone."""
    assert differing(duck, postgres, TEXT, LETTERS) == {}
    assert postgres.rows("select lower('É' collate \"C\")") == [("É",)]


def test_small_letters_of_spark(duck: Engine, spark: Engine) -> None:
    assert differing(duck, spark, TEXT, LETTERS) == {
        "ΟΔΟΣ": ("οδοσ", "οδος"),
        "İ": ("i", "i\u0307"),
        "\u1c89": ("\u1c89", "\u1c8a"),
    }


# Far from 1, and in the middle between two of 12 digits, if the shortest decimal is looked at.
TIES = ["1.234567890125e-15", "1.2345678901255e-15", "1.0000000000005e20", "3.0000000000025e-12"]
WHOLE_TIE = "1125899906842625"  # of 15 digits


def test_floats_in_the_middle_in_postgres(duck: Engine, postgres: Engine) -> None:
    assert differing(duck, postgres, DOUBLE, TIES) == {}
    assert differing(duck, postgres, BIGINT, [WHOLE_TIE], FLOAT) == {}


def test_floats_in_the_middle_in_spark(duck: Engine, spark: Engine) -> None:
    assert differing(duck, spark, DOUBLE, TIES) == {
        "1.234567890125e-15": (1.23456789012e-15, 1.23456789013e-15)
    }
    assert differing(duck, spark, BIGINT, [WHOLE_TIE], FLOAT) == {
        WHOLE_TIE: (1125899906842620.0, 1125899906842630.0)
    }


# With two decimals that are as short and as near; a power of two; one of few bits.
ODD_REALS = ["0.1", "140095.375", "62244632", "0.000244140625", "1.2621775e-29", "1e-45"]


def test_odd_reals_in_postgres(duck: Engine, postgres: Engine) -> None:
    assert differing(duck, postgres, REAL, ODD_REALS) == {
        "140095.375": (140095.375, 140095.38),
        "0.000244140625": (0.000244140625, 0.00024414062),
    }


def test_odd_reals_in_spark(duck: Engine, spark: Engine) -> None:
    assert differing(duck, spark, REAL, ODD_REALS) == {
        "140095.375": (140095.375, 140095.38),
        "62244632": (62244632.0, 62244630.0),
        "0.000244140625": (0.000244140625, 0.00024414063),
        "1.2621775e-29": (1.2621775e-29, 1.26217745e-29),
        "1e-45": (1e-45, 1.4013e-45),
    }


def test_options_of_a_float_are_compared_as_the_engine_writes_it(
    duck: Engine, other: Engine
) -> None:
    field = Field(
        "F", "Float", content="Single", optionlist="L", options=("1", "1.5", "2.0", "1e+20")
    )
    found = differing(duck, other, DOUBLE, ["1", "1.5", "2", "1e20", "3"], field)
    assert (
        found
        == {
            "postgres": {"1": (OPTIONS, 1.0), "2": (2.0, OPTIONS)},
            "spark": {"1e20": (1e20, OPTIONS)},
        }[other.name]
    )
    assert differing(duck, other, decimal(9, 2), ["1.5"], field) == {}
