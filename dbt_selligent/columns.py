"""The columns of an activation: which field each feeds, and in what type its values are sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbt_selligent.fieldtypes import SENT_AS
from dbt_selligent.grammar import OWN_PREFIX
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect


@dataclass(frozen=True)
class Column:
    """One field and the model's column that feeds it, as the macros take it (macros/columns.sql).

    ``plain`` is the field's name as it is written; ``name``, ``source`` are SQL expressions,
    ``label``, ``zone`` quoted SQL strings. ``origin`` is the family of the model's column,
    ``family`` and ``type`` those of the value as it is sent. ``length`` to ``options`` are what the
    field takes: UTF-16 units, the bits of a whole number, whether it takes no null, and, in
    canonical form and quoted, the options that it takes.
    """

    field: str
    name: str
    source: str
    origin: str
    family: str
    type: str
    label: str
    zone: str
    length: int | None = None
    bits: int = 64
    required: bool = False
    options: tuple[str, ...] | None = None
    plain: str = ""


@dataclass(frozen=True)
class Columns:
    """The columns of an activation.

    ``once`` are sent with inserts alone: neither compared nor in the snapshot. ``member``, none or
    one, says whether the record is a member of the segment. ``constants`` are the fields that are
    set where a row left the model; their names are the values, in SQL.
    """

    keys: tuple[Column, ...]
    fields: tuple[Column, ...]
    once: tuple[Column, ...] = ()
    member: tuple[Column, ...] = ()
    constants: tuple[Column, ...] = ()
    dialect: Dialect = DUCKDB

    @property
    def local(self) -> Columns:
        """The same in the tool's own DuckDB, where rows are rendered: settled values by type."""
        if self.dialect is DUCKDB:
            return self
        return replace(
            self,
            dialect=DUCKDB,
            **{
                part: tuple(_in_duckdb(column) for column in columns)
                for part, columns in self.parts.items()
            },
        )

    @property
    def sent(self) -> tuple[Column, ...]:
        """All that are sent of a row, in the order in which they stand in a body."""
        return (*self.keys, *self.fields, *self.once)

    @property
    def compared(self) -> tuple[Column, ...]:
        """The columns of the snapshot, in order."""
        return (*self.keys, *self.fields, *self.member)

    @property
    def staged(self) -> tuple[Column, ...]:
        """The columns of a delta, in order."""
        return (*self.compared, *self.once)

    @property
    def parts(self) -> dict[str, Any]:
        """The parts, by the names under which macros take them."""
        return {
            "keys": self.keys,
            "fields": self.fields,
            "member": self.member,
            "once": self.once,
        }


def member_column(dialect: Dialect) -> Column:
    """Whether a record is a member of the segment."""
    name = f"{OWN_PREFIX}member"
    return Column(
        field=name,
        name=dialect.quote(name),
        source="true",
        origin="boolean",
        family="boolean",
        type=dialect.types["boolean"],
        label=dialect.literal(name),
        zone=dialect.literal("UTC"),
        plain=name,
    )


MEMBER = member_column(DUCKDB)


def _in_duckdb(column: Column) -> Column:
    decimal = re.search(r"\((\d+), ?(\d+)\)", column.type)
    settled = DUCKDB.types.get(column.family) or f"DECIMAL({decimal[1]},{decimal[2]})"  # type: ignore[index]
    return replace(
        column,
        name=DUCKDB.quote(column.plain),
        source=DUCKDB.quote(column.plain),
        type=settled,
        label=DUCKDB.literal(column.plain),
        zone=DUCKDB.literal("UTC"),
    )


def stored_columns(
    there: Sequence[tuple[str, str]], keys: int, dialect: Dialect = DUCKDB
) -> Columns:
    """The columns of a table of the state, whose values are settled: (name, type), keys first."""
    stored = []
    for name, sql_type in there:
        family, settled = dialect.family_of(sql_type) or ("text", sql_type)
        sent = SENT_AS.get(family, family)
        quoted, label = dialect.quote(name), dialect.literal(name)
        utc = dialect.literal("UTC")
        stored.append(Column(name, quoted, quoted, sent, sent, settled, label, utc, plain=name))
    fields = [column for column in stored[keys:] if column.plain != MEMBER.plain]
    member = [column for column in stored[keys:] if column.plain == MEMBER.plain]
    return Columns(tuple(stored[:keys]), tuple(fields), member=tuple(member), dialect=dialect)
