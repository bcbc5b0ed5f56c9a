"""The engines side by side: one column of values, and what the macros make of it on each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dbt_selligent.columns import Column
from dbt_selligent.fieldtypes import BITS, FEEDS, SENT_AS
from dbt_selligent.selligent.lists import Field
from dbt_selligent.warehouse.dialects import Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql


@dataclass(frozen=True)
class Outcome:
    """One value: as it is sent, its canonical key, and why it cannot be sent."""

    settled: Any
    canonical: Any
    reason: str | None


class Engine:
    """A connection to an engine, and how the tests look at its values."""

    name: str
    # A date as days, and a time as microseconds, since 1970; none where it is infinite.
    days: str
    micros: str

    @property
    def dialect(self) -> Dialect:
        return dialect_of(self.name)

    def run(self, sql: str) -> None:
        raise NotImplementedError

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def render(self, name: str, /, **arguments: Any) -> str:
        return render_sql(name, self.dialect, **arguments)

    def stored(self, family: str) -> str:
        """The type of a settled value, as the engine tells it of a table's column."""
        return self.dialect.types[family]

    def replace(self, name: str, query: str) -> None:
        """A temporary table with the rows of a query, in place of the one that was there."""
        self.run(f"drop table if exists {name}")
        self.run(f"create temp table {name} as {query}")

    def values(self, sql_type: str, texts: Sequence[str | None]) -> str:
        """Rows of `place` and `x`, a value of the type for each of its texts."""
        rows = ", ".join(
            f"({place}, {'null' if text is None else self.dialect.literal(text)})"
            for place, text in enumerate(texts)
        )
        return f"select place, cast(x as {sql_type}) as x from (values {rows}) as given (place, x)"

    def shown(self, family: str, value: str) -> str:
        """A settled value in a form that is the same on all engines."""
        forms = {"date": self.days, "time": self.micros}
        return forms.get(family, "{0}").format(value)

    def column(
        self, sql_type: str, field: Field | None = None, zone: str = "UTC", source: str = "x"
    ) -> Column:
        """The column that feeds a field, of which nothing is known where none is given."""
        found = self.dialect.family_of(sql_type)
        assert found is not None, sql_type
        origin, settled = found
        family = SENT_AS.get(origin, origin)
        if field is not None:
            family = FEEDS[field.data_type][origin]
            settled = self.dialect.types[family]
        literal = self.dialect.literal
        return Column(
            field="F",
            name="f",
            source=source,
            origin=origin,
            family=family,
            type=settled,
            label=literal("F"),
            zone=literal(zone),
            length=field.length if field and field.data_type == "Text" else None,
            bits=BITS.get(field.data_type, 64) if field else 64,
            required=bool(field and not field.allow_null),
            options=None
            if field is None or field.choices is None
            else tuple(map(literal, field.choices)),
        )

    def outcomes(
        self,
        sql_type: str,
        texts: Sequence[str | None],
        field: Field | None = None,
        zone: str = "UTC",
        written: str | None = None,
    ) -> list[Outcome]:
        """What becomes of a column of values; `written` is the type as a statement has it."""
        column = self.column(sql_type, field, zone)
        # From a table, as in the tool, so that nothing is worked out ahead of the run.
        self.replace("model", self.values(written or sql_type, texts))
        canonical = self.render("canonical", column=column, value="f")
        cases = [
            f"case when false then '' {branches} end"
            for branches in (
                self.render("unsendable", column=column, value="f", told=told)
                for told in ("reason", "field")
            )
        ]
        rows = self.rows(
            f"with settled as (select place, {self.render('settled', column=column)} as f "
            "from model) "
            f"select {self.shown(column.family, 'f')}, {self.shown(column.family, canonical)}, "
            f"{', '.join(cases)} from settled order by place"
        )
        assert len(rows) == len(texts)
        assert all(label == (reason and "F") for *_, reason, label in rows)
        return [Outcome(same(row[0]), same(row[1]), row[2]) for row in rows]


def same(value: Any) -> Any:
    """NaN is equal to itself, and -0 not to 0; a whole number to one in another type."""
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)
    if isinstance(value, float):
        return repr(value) if math.isnan(value) or value == 0 else value
    return value


class Duck(Engine):
    name = "duckdb"
    days = "case when isfinite({0}) then {0} - date '1970-01-01' end"
    micros = "case when isfinite({0}) then epoch_us({0}) end"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(sql).fetchall())


class Postgres(Engine):
    name = "postgres"
    days = "case when isfinite({0}) then {0} - date '1970-01-01' end"
    micros = "case when isfinite({0}) then cast(extract(epoch from {0}) * 1000000 as bigint) end"

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def run(self, sql: str) -> None:
        self.cursor.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql)
        return list(self.cursor.fetchall())


class Spark(Engine):
    name = "spark"
    days = "datediff({0}, date '1970-01-01')"
    micros = "unix_micros({0})"

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, sql: str) -> None:
        self._session.sql(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._session.sql(sql).collect()]

    def replace(self, name: str, query: str) -> None:
        self.run(f"create or replace temp view {name} as {query}")


class Snowflake(Engine):
    """Snowflake's SQL, as fakesnow puts it into DuckDB's: what is right here may be wrong there."""

    name = "snowflake"
    days = "datediff(day, date '1970-01-01', {0})"
    micros = "date_part(epoch_microsecond, {0})"

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()
        connection._duck_conn.execute("create temp macro octet_length(x) as strlen(x::varchar)")

    def stored(self, family: str) -> str:
        return "NUMBER(38,0)" if family == "integer" else super().stored(family)

    def run(self, sql: str) -> None:
        self._cursor.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._cursor.execute(sql).fetchall()]
