"""Rows that go from the warehouse to the tool's own DuckDB, and some that go back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from dbt_selligent.columns import Column
from dbt_selligent.tables import Row, Shape, in_sql
from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.schema import Schema

ROWS_OF_LITERALS = 500  # in one statement
VERDICT = ("_selligent_verdict", "_selligent_membership")
ARROW: Mapping[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "HUGEINT": pa.decimal128(38, 0),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


def fetch(
    local: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    target: str,
    query: str,
    shape: Sequence[tuple[str, str]],
) -> None:
    """Makes the table ``target`` of DuckDB of the rows of a query.

    ``shape`` are its columns: names and types.
    """
    names = [f"c{place}" for place in range(len(shape))]
    texts = [DUCKDB.types[family] for family in warehouse.dialect.as_text]
    wanted = pa.schema(
        [
            pa.field(name, pa.string() if kind in texts else arrow_type(kind))
            for name, (_, kind) in zip(names, shape, strict=True)
        ]
    )
    columns = ", ".join(f"{name} {kind}" for name, kind in shape)
    local.execute(f"create table {target} ({columns})")
    for page in warehouse.stream(query, wanted):
        local.register("page", page)
        local.execute(f"insert into {target} select {', '.join(names)} from page")
        local.unregister("page")


def upload_verdicts(
    local: duckdb.DuckDBPyConnection,
    schema: Schema,
    verdicts: str,
    table: str,
    keys: Sequence[Column],
) -> None:
    """Makes a table of the warehouse of those verdicts of DuckDB that are about something wrong."""
    dialect = schema.dialect
    names = [f"cast({DUCKDB.quote(key.plain)} as varchar)" for key in keys]
    found = local.execute(
        f"select {', '.join([*names, *VERDICT])} from {verdicts} "
        "where _selligent_verdict <> 'same' or _selligent_membership <> 'right'"
    )
    types = [*(key.type for key in keys), *([dialect.types["text"]] * len(VERDICT))]
    columns = [*(key.name for key in keys), *VERDICT]
    schema.run("create_verdicts", target=table, keys=keys, types=dialect.types)
    while rows := found.fetchmany(ROWS_OF_LITERALS):
        values = [
            [
                f"cast({dialect.literal(value)} as {sql_type})"
                for value, sql_type in zip(row, types, strict=True)
            ]
            for row in rows
        ]
        query = render_sql("values", dialect, names=columns, rows=values)
        schema.warehouse.run(f"insert into {table} ({', '.join(columns)}) {query}")


def as_literals(dialect: Dialect, shape: Shape, rows: Sequence[Row]) -> Iterator[str]:
    """Queries of rows as literals, none too long for a statement."""
    for start in range(0, len(rows), ROWS_OF_LITERALS):
        yield all_literals(dialect, shape, rows[start : start + ROWS_OF_LITERALS])


def all_literals(dialect: Dialect, shape: Shape, rows: Sequence[Row]) -> str:
    """A query of rows as literals."""
    names, families = zip(*shape, strict=True)
    values = [
        [in_sql(dialect, value, family) for value, family in zip(row, families, strict=True)]
        for row in rows
    ]
    if values:
        return render_sql("values", dialect, names=names, rows=values)
    nothing = [in_sql(dialect, None, family) for family in families]
    query = render_sql("values", dialect, names=names, rows=[nothing])
    return f"select * from ({query}) as nothing where false"


def arrow_type(sql_type: str) -> pa.DataType:
    """In which values of a type of DuckDB are fetched."""
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", sql_type):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return ARROW[sql_type]
