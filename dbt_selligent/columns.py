"""The columns of an activation: which field each feeds, and in what type its values are sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.constants import field_fault, read_constants
from dbt_selligent.errors import Fault, nearest
from dbt_selligent.fieldtypes import BITS, CASTS, COLLATED, FEEDS, KEYLESS, SENT_AS
from dbt_selligent.grammar import OWN_PREFIX
from dbt_selligent.naming import find_named
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect
from dbt_selligent.warehouse.macros import literal


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


def match_columns(
    activation: Activation,
    there: Sequence[tuple[str, str]],
    timezone: str,
    listing: Listing | None = None,
    dialect: Dialect = DUCKDB,
) -> tuple[Columns | None, list[Fault]]:
    """The activation's columns among those of its model (name, type), or every fault of them.

    ``listing`` is the list that they feed, None where it is not known: then any field of any type
    may be there.
    """
    matcher = _Matcher(activation, there, timezone, listing, dialect)
    keys = [matcher.column(*pair, "matching_key") for pair in activation.keys]
    fields = [matcher.column(*pair, "fields") for pair in activation.fields]
    constants, wrong = read_constants(activation, listing)
    faults = [*matcher.faults, *wrong]
    if faults:
        return None, faults
    found = [
        (column, name in activation.once)
        for column, (name, _) in zip(fields, activation.fields, strict=True)
        if column
    ]
    return Columns(
        keys=tuple(column for column in keys if column),
        fields=tuple(column for column, once in found if not once),
        once=tuple(column for column, once in found if once),
        member=(member_column(dialect),) if activation.segment else (),
        constants=tuple(
            Column(name, value, value, "text", "text", "VARCHAR", literal(name), literal("UTC"))
            for name, value in constants
        ),
        dialect=dialect,
    ), []


class _Matcher:
    """Matches field by field, and gathers what is wrong."""

    def __init__(
        self,
        activation: Activation,
        there: Sequence[tuple[str, str]],
        timezone: str,
        listing: Listing | None,
        dialect: Dialect,
    ) -> None:
        self.faults: list[Fault] = []
        self._activation = activation
        self._there = there
        self._timezone = timezone
        self._listing = listing
        self._dialect = dialect

    def column(self, name: str, source: str, where: str) -> Column | None:
        """The column that feeds a field; None, and a fault, if none can."""
        key = f"{where}.{name}"
        field, known = self._find_field(name, key)
        found = self._find_source(source, key)
        if found is None or not known:
            return None
        source, sql_type, family, settled = found
        if where == "matching_key" and family in KEYLESS:
            self._fault(
                key,
                f"column {source} is of type {_shown(sql_type)}, by which no record is found again",
                "cast it in the model to bigint or varchar",
                in_yaml=False,
            )
            return None
        if field is None or field.data_type not in FEEDS:
            sent = SENT_AS.get(family, family)
        elif family in FEEDS[field.data_type]:
            sent = FEEDS[field.data_type][family]
            settled = self._dialect.types.get(sent, settled)
        else:
            self._fault(
                key,
                f"column {source} is of type {_shown(sql_type)}, which a field of type "
                f"{field.data_type} does not take",
                f"cast it in the model to {CASTS[field.data_type]}",
                in_yaml=False,
            )
            return None
        if sent == "decimal" and "(" not in settled:
            # Of any precision: there is no type to keep it in, and none to send it in.
            sent, settled = "float", self._dialect.types["float"]
        takes = {} if field is None else self._what_it_takes(field)
        if where == "fields" and (self._activation.mode, self._activation.nulls) == (
            "update",
            "skip",
        ):
            takes |= {"required": False}  # its null is never sent
        return Column(
            field=field.name if field else name,
            name=self._dialect.quote(name),
            source=self._bare(source, sql_type),
            origin=family,
            family=sent,
            type=settled,
            label=self._dialect.literal(name),
            zone=self._dialect.literal(self._timezone),
            plain=name,
            **takes,
        )

    def _find_field(self, name: str, key: str) -> tuple[Field | None, bool]:
        """The field, None where it is not known; and whether it may be sent."""
        if self._listing is None:
            return None, True
        fault = field_fault(self._listing, name)
        if fault is not None:
            self._fault(key, *fault)
        return self._listing.find(name), fault is None

    def _find_source(self, source: str, key: str) -> tuple[str, str, str, str] | None:
        """Name, type, family and settled type of a column of the model."""
        column = find_named(source, self._there, lambda pair: pair[0])
        if column is None:
            like = nearest(source, [name for name, _ in self._there])
            names = ", ".join(name for name, _ in self._there)
            self._fault(
                key,
                f"model {self._activation.model.name} has no column {source}",
                f"did you mean {like}?" if like else f"it has {names}",
            )
            return None
        name, sql_type = column
        found = self._dialect.family_of(sql_type)
        if found is None:
            self._fault(
                key,
                f"column {name} is of type {_shown(sql_type)}, which no field takes",
                "cast it in the model, e.g. to varchar",
                in_yaml=False,
            )
            return None
        return name, sql_type, *found

    def _bare(self, source: str, sql_type: str) -> str:
        """The column, less a collation by which values that differ may be the same."""
        quoted = self._dialect.quote(source)
        return f"decode(encode({quoted}))" if sql_type.startswith(COLLATED) else quoted

    def _what_it_takes(self, field: Field) -> dict[str, Any]:
        choices = field.choices
        return {
            "length": field.length if field.data_type == "Text" else None,
            "bits": BITS.get(field.data_type, 64),
            "required": not field.allow_null,
            "options": None if choices is None else tuple(map(self._dialect.literal, choices)),
        }

    def _fault(self, key: str, problem: str, mend: str, *, in_yaml: bool = True) -> None:
        self.faults.append(self._activation.fault(key, problem, mend, in_yaml=in_yaml))


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


def _shown(sql_type: str) -> str:
    """A type without the values that an enum lists, and not at any length."""
    shown = re.sub(r"ENUM\(.*\)", "ENUM", sql_type, flags=re.DOTALL)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
