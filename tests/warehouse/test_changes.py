"""How a state changes: the same on every engine, in place or by a table's next version.

`other` runs the macros of an engine of which nothing is known, in DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import pytest

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.staging import KEYLESS
from dbt_selligent.tables import RUN, InSchema, in_sql
from dbt_selligent.warehouse.dialects import Dialect

from .engines import Duck, Engine
from .statements import TABLES, Versions

THEN, NOW = (datetime.fromisoformat(f"{day} 12:00:00") for day in ("2026-01-31", "2026-02-01"))
KEYS = {"CODE": "integer", "MAIL": "text"}
SNAPSHOT = {**KEYS, "NAME": "text", "_selligent_member": "boolean"}
SHAPES: Mapping[str, Mapping[str, str]] = {
    "snapshot": SNAPSHOT,
    "doubt": KEYS,
    "adopted": KEYS,
    "rejected": {
        **KEYS,
        **{f"_selligent_{name}": "text" for name in ("hash", "field", "code", "message")},
        "_selligent_first_seen": "time",
        "_selligent_last_seen": "time",
        "_selligent_missing": "boolean",
    },
    "invalid": {
        **KEYS,
        "_selligent_field": "text",
        "_selligent_reason": "text",
        "_selligent_rows": "integer",
    },
    "meta": {"name": "text", "value": "text"},
    "log": {
        "run_id": "text",
        "_selligent_group": "integer",
        "first_n": "integer",
        "last_n": "integer",
        "outcome": "text",
    },
    "runs": RUN,
    "delta": {
        "_selligent_n": "integer",
        "_selligent_kind": "text",
        "_selligent_mask": "text",
        **SNAPSHOT,
        "_selligent_hash": "text",
    },
    "spans": {
        "_selligent_kind": "text",
        "_selligent_mask": "text",
        "first_n": "integer",
        "last_n": "integer",
        "outcome": "text",
    },
    "verdicts": {**KEYS, "_selligent_verdict": "text", "_selligent_membership": "text"},
}
ROWS: Mapping[str, Sequence[tuple[Any, ...]]] = {
    "snapshot": [
        (1, "a", "x", False), (2, "B", "7", True), (3, "c", None, None), (4, "d", "08", True),
    ],
    "doubt": [(5, "e")],
    "adopted": [(1, "a"), (4, "D")],
    "rejected": [
        (2, "b", "h", "NAME", "code", "it's \\", THEN, THEN, False),
        (5, "E", "h", None, "NotFound", None, THEN, THEN, True),
        (9, "i", "h", "NAME", "code", None, THEN, THEN, False),
    ],
    "invalid": [(8, "z", "NAME", "too long", 1)],
    "meta": [("run", "r0"), ("target", "t")],
    "log": [("r0", 0, 1, 9, "answered")],
    "runs": [("r0", THEN, None, "running", "t", None, None, None)],
    "delta": [
        (0, "new", "", 10, "N", "n", False, "h0"),
        (1, "new", "", 11, "O", "o", False, "h1"),
        (2, "changed", "10", 2, "b", "y", None, "h2"),
        (3, "changed", "11", 1, "A ", "x", False, "h3"),
        (4, "again", "", 5, "e", "e", None, "h4"),
        (5, "removed", "", 3, "c", None, None, None),
        (6, "removed", "", 4, "d", None, None, None),
        (7, "invalid", "", 12, "p", "long", None, "h7"),
        (8, "doubled", "", 13, "q", "q", None, "h8"),
        (9, "doubled", "", 13, "Q ", "r", None, "h9"),
        (10, "held", "", 9, "I", "i", None, "h"),
    ],
    "spans": [
        ("new", "", 0, 0, "record answered"),
        ("new", "", 1, 1, "record in doubt"),
        ("changed", "10", 2, 2, "record answered"),
        ("changed", "11", 3, 3, "member answered"),
        ("again", "", 4, 4, "record answered"),
        ("again", "", 4, 4, "member in doubt"),
        ("removed", "", 5, 5, "removal answered"),
        ("removed", "", 6, 6, "removal in doubt"),
    ],
    "verdicts": [
        (1, "A", "missing", "right"), (2, "b", "same", "absent"), (4, "D", "different", "doubt"),
    ],
}  # fmt: skip
APPENDED = ("rejected", "doubt", "log")
OUTCOMES = {outcome for *_, outcome in ROWS["spans"]}


class InPlace(InSchema):
    """The names of a state's tables where they change in place."""

    def spare(self, table: str) -> str:
        """The name of a table that takes the place of another."""
        return self[f"spare_{table}"]

    def bare(self, table: str) -> str:
        """A table's name in its schema."""
        return table


class Other(Duck):
    """An engine of which nothing is known, as far as DuckDB can run its SQL."""

    name = "other"

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.run("create temp macro octet_length(x) as strlen(x)")


@dataclass
class Bench:
    """A state on an engine, and a delta beside it."""

    engine: Engine
    state: Any
    beside: Mapping[str, str]

    @property
    def dialect(self) -> Dialect:
        return self.engine.dialect

    def columns(self, **types: str) -> Columns:
        """The columns of the snapshot; ``types`` are families in place of those that it has."""
        shape = SNAPSHOT | types
        there = [(name, self.engine.stored(family)) for name, family in shape.items()]
        return stored_columns(there, len(KEYS), self.dialect)

    def run(self, macro: str, **arguments: Any) -> None:
        sql = self.engine.render(macro, state=self.state, **arguments)
        for statement in filter(str.strip, sql.split(";\n")):
            self.engine.run(statement.strip().rstrip(";"))

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """What there is in the state."""
        return {table: self._rows(table) for table in TABLES}

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        shown = ", ".join(
            self.engine.shown(family if family == "time" else "", self.dialect.quote(name))
            for name, family in SHAPES[table].items()
        )
        return sorted(self.engine.rows(f"select {shown} from {self.state[table]}"), key=repr)


def fill(
    engine: Engine, name: str, table: str, given: Mapping[str, Sequence[tuple[Any, ...]]] = ROWS
) -> None:
    """Makes a table with its rows."""
    shape, dialect = SHAPES.get(table, SNAPSHOT), engine.dialect
    rows = " union all ".join(
        "select "
        + ", ".join(
            f"{in_sql(dialect, value, family)} as {dialect.quote(column)}"
            for value, (column, family) in zip(row, shape.items(), strict=True)
        )
        for row in given[table]
    )
    engine.run(f"drop table if exists {name}")
    stored = " using parquet" if engine.name == "spark" else ""
    ordered = " order by 1" if table == "delta" else ""  # DuckDB numbers them itself
    engine.run(f"create table {name}{stored} as {rows}{ordered}")
    if engine.name == "duckdb" and table == "meta":
        engine.run(f"alter table {name} add primary key (name)")


def bench_on(engine: Engine, state: Any, tables: Sequence[str] = (*SHAPES,)) -> Bench:
    """A state and a delta, of which these ``tables`` are filled."""
    quote = engine.dialect.quote
    beside = {name: quote(f"beside_{name}") for name in ("delta", "spans", "verdicts")}
    for table in tables:
        fill(engine, beside.get(table) or state[table], table)
    return Bench(engine, state, beside)


@pytest.fixture
def in_duckdb() -> Iterator[Bench]:
    with duckdb.connect() as connection:
        yield bench_on(Duck(connection), InPlace("main"))


@pytest.fixture(scope="module")
def filled_spark(spark: Engine) -> Engine:
    """Tables that are made once: what does not append changes none of them."""
    bench_on(spark, Versions(spark.dialect, TABLES, ()))
    return spark


@pytest.fixture(params=["other", "postgres", "snowflake", "spark"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "postgres":
        yield bench_on(request.getfixturevalue("postgres"), InPlace("public"))
    elif request.param == "snowflake":
        snowflake: Engine = request.getfixturevalue("snowflake")
        yield bench_on(snowflake, Versions(snowflake.dialect, TABLES, ()))
    elif request.param == "spark":
        spark: Engine = request.getfixturevalue("filled_spark")
        yield bench_on(spark, Versions(spark.dialect, TABLES, ()), ())
        if request.node.callspec.params["change"] is append:
            bench_on(spark, Versions(spark.dialect, TABLES, ()), APPENDED)
    else:
        with duckdb.connect() as connection:
            other = Other(connection)
            yield bench_on(other, Versions(other.dialect, TABLES, ()))


def settled(bench: Bench) -> dict[str, Any]:
    columns = bench.columns()
    return {
        "delta": bench.beside["delta"],
        "spans": bench.beside["spans"],
        "keys": columns.keys,
        "columns": columns.compared,
        "member": columns.member,
        "outcomes": OUTCOMES,
    }


def begin(bench: Bench, *, full_refresh: bool = False) -> None:
    columns, dialect = bench.columns(), bench.dialect
    sent = [
        replace(column, length=3) if column.plain == "NAME" else column for column in columns.sent
    ]
    bench.run("change_runs", columns=list(RUN), values={"status": dialect.literal("cut off")},
        condition="run.status = 'running'")  # fmt: skip
    bench.run(
        "begin",
        delta=bench.beside["delta"],
        keys=columns.keys,
        columns=sent,
        forgotten=() if full_refresh else [dialect.literal("removed")],
        tables=["snapshot", "doubt", "rejected", "invalid", "adopted"],
        invalid=True,
        full_refresh=full_refresh,
        seen=in_sql(dialect, NOW, "time"),
        keyless=[dialect.literal("CODE"), dialect.literal(KEYLESS), 2],
    )
    bench.run("note", notes=[(dialect.literal("run"), dialect.literal("it's \\"))])
    bench.run("unnote", names=[dialect.literal("target"), dialect.literal("nothing")])
    run = {"run_id": "r1", "started_at": NOW, "status": "running"}
    values = [in_sql(dialect, run.get(name), family) for name, family in RUN.items()]
    bench.run("add_run", columns=list(RUN), values=values)


def begin_whole(bench: Bench) -> None:
    begin(bench, full_refresh=True)


def settle(bench: Bench) -> None:
    tables = ["snapshot", "doubt", "rejected", "adopted"]
    bench.run("settle", tables=tables, **settled(bench))
    bench.run("clear_log")


def settle_members(bench: Bench) -> None:
    bench.run("settle_members", **settled(bench))


def put_in_doubt(bench: Bench) -> None:
    columns = bench.columns()
    bench.run("put_in_doubt", verdicts=bench.beside["verdicts"], keys=columns.keys,
        columns=columns.compared, member=columns.member)  # fmt: skip


def adopt(bench: Bench) -> None:
    columns = bench.columns()
    bench.run("adopt", delta=bench.beside["delta"], keys=columns.keys,
        columns=(*columns.keys, *columns.fields), member=columns.member)  # fmt: skip


def reshape(bench: Bench) -> None:
    columns, before = bench.columns(NAME="integer"), bench.columns()
    own = {table: [*SHAPES[table]][len(KEYS) :] for table in ("doubt", "rejected", "invalid")}
    bench.run(
        "reshape_state",
        keys=columns.keys,
        columns=columns.compared,
        old={column.name: column for column in before.compared},
        tables={table: list(map(bench.dialect.quote, names)) for table, names in own.items()},
    )


def forget_members(bench: Bench) -> None:
    columns = bench.columns()
    bench.run("forget_members", columns=columns.compared, member=columns.member)


def append(bench: Bench) -> None:
    columns, dialect = bench.columns(), bench.dialect

    def said(number: int, code: str, *, missing: bool) -> str:
        texts = {"field": None, "code": code, "message": "it's \\"}
        typed = (f"{in_sql(dialect, text, 'text')} as {name}" for name, text in texts.items())
        return f"select {number} as n, {', '.join(typed)}, {str(missing).lower()} as missing"

    bench.run(
        "reject",
        delta=bench.beside["delta"],
        keys=columns.keys,
        columns=columns.sent,
        said=f"{said(1, 'X', missing=False)} union all {said(5, 'NotFound', missing=True)}",
        seen=in_sql(dialect, NOW, "time"),
        hashed=True,
    )
    bench.run("doubt", delta=bench.beside["delta"], keys=columns.keys,
        numbers="select 1 as n union all select 4 as n")  # fmt: skip
    literal = dialect.literal
    bench.run("log", entries=f"select {literal('r1')}, 0, 1, 9, {literal('answered')}")


Change = Callable[[Bench], None]
CHANGES: Sequence[Change] = (
    begin,
    begin_whole,
    settle,
    settle_members,
    put_in_doubt,
    adopt,
    reshape,
    forget_members,
    append,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_state_changes_as_it_does_in_duckdb(
    in_duckdb: Bench, bench: Bench, change: Change
) -> None:
    before = in_duckdb.tables()
    assert bench.tables() == before
    change(in_duckdb)
    change(bench)

    assert in_duckdb.tables() != before
    assert bench.tables() == in_duckdb.tables()
