"""Which column of the model feeds which field, as what it is sent, and every fault of that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns, member_column
from dbt_selligent.constants import field_fault, read_constants
from dbt_selligent.errors import Fault, nearest
from dbt_selligent.fieldtypes import BITS, CASTS, COLLATED, FEEDS, KEYLESS, SENT_AS
from dbt_selligent.naming import find_named
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect
from dbt_selligent.warehouse.macros import literal


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


def _shown(sql_type: str) -> str:
    """A type without the values that an enum lists, and not at any length."""
    shown = re.sub(r"ENUM\(.*\)", "ENUM", sql_type, flags=re.DOTALL)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
