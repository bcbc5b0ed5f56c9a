"""Engines that are not here: what is rendered for them is SQL of theirs, as sqlglot reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlglot

from dbt_selligent.columns import Column
from dbt_selligent.warehouse.dialects import Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql

# An adapter of which nothing is known, and the one whose SQL sqlglot reads it as.
ENGINES = {"snowflake": "snowflake", "bigquery": "bigquery", "postgres": "postgres",
    "spark": "spark", "databricks": "databricks", "duckdb": "duckdb", "trino": "trino"}  # fmt: skip
DECIMALS = {"snowflake": "number(10,2)", "bigquery": "numeric(10,2)", "spark": "decimal(10,2)"}
# Origins by the family of the settled value.
ORIGINS = {
    "boolean": ("boolean",),
    "integer": ("boolean", "integer"),
    "huge": ("huge", "whole"),
    "decimal": ("decimal", "whole"),
    "float": ("float", "real", "decimal", "integer", "huge", "whole"),
    "text": ("text", "integer", "huge", "whole"),
    "date": ("date",),
    "time": ("time", "zoned_time", "date"),
}


def type_of(dialect: Dialect, family: str) -> str:
    return {**dialect.types, "decimal": DECIMALS.get(dialect.name, "decimal(10,2)")}[family]


def columns_of(dialect: Dialect) -> Iterator[Column]:
    quote, literal = dialect.quote, dialect.literal
    for family, origins in ORIGINS.items():
        for origin in origins:
            plain = Column(
                field="F",
                name=quote("a field"),
                source=quote("a column"),
                origin=origin,
                family=family,
                type=type_of(dialect, family),
                label=literal("it's \\ a field"),
                zone=literal("UTC"),
            )
            yield plain
            yield replace(
                plain,
                zone=literal("Europe/Brussels"),
                length=5,
                bits=32,
                required=True,
                options=(literal("a"), literal("it's \\")),
            )


def statements(dialect: Dialect) -> Iterator[str]:
    """Every macro of a column, for every kind of column."""
    for column in columns_of(dialect):
        settled = render_sql("settled", dialect, column=column)
        key = render_sql("canonical", dialect, column=column, value=column.name)
        cases = render_sql("unsendable", dialect, column=column, value=column.name, told="reason")
        hashed = render_sql("row_hash", dialect, columns=[column, column], alias="t")
        same = render_sql("same_key", dialect, keys=[column, column], left="t", right="u")
        yield f"select {settled} as s from m"
        yield f"select case when false then '' {cases} end as c, {key} as k from m"
        yield f"select {hashed} as h from t join u on {same}"
    for value in ("utf16_units", "bytes"):
        yield f"select {render_sql(value, dialect, value='t.x')} as n from t"
    for old in ORIGINS:
        for new in ORIGINS:
            tried = render_sql(
                "try_cast",
                dialect,
                value="t.x",
                old_type=type_of(dialect, old),
                new_type=type_of(dialect, new),
                old_family=old,
                new_family=new,
            )
            yield f"select {tried} as tried from t"
    yield render_sql(
        "relation_columns",
        dialect,
        relation=".".join(map(dialect.quote, ("d", "s", "t"))),
        named=dialect.literal(".".join(map(dialect.quote, ("d", "s", "t")))),
        database=dialect.literal("d"),
        schema=dialect.literal("s"),
        identifier=dialect.literal("t's"),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_sqlglot_reads_every_macro(engine: str) -> None:
    for sql in statements(dialect_of(engine)):
        parsed = sqlglot.parse(sql, read=ENGINES[engine], error_level=sqlglot.ErrorLevel.RAISE)
        assert len(parsed) == 1
        assert not isinstance(parsed[0], sqlglot.exp.Command), sql
        if engine in ("snowflake", "bigquery"):
            # It knows every function that is used of these two, which are tried nowhere else.
            assert not list(parsed[0].find_all(sqlglot.exp.Anonymous)), sql


@pytest.mark.parametrize("engine", [*ENGINES, "redshift", "fabric"])
def test_no_macro_is_missing(engine: str) -> None:
    assert all(statements(dialect_of(engine)))
