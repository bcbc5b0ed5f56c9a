"""The columns of an activation: which field each feeds, and in what type its values are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbt_selligent.activation import Activation
from dbt_selligent.errors import Fault, nearest
from dbt_selligent.warehouse.macros import literal, quote

# DuckDB's types by family; what is not here cannot be sent as it is.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "boolean": ("BOOLEAN",),
    "integer": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    "huge": ("UBIGINT", "HUGEINT"),
    "real": ("FLOAT",),
    "float": ("DOUBLE",),
    "text": ("VARCHAR", "UUID", "JSON"),
    "date": ("DATE",),
    "time": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
    "zoned_time": ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
}
TYPES: Mapping[str, str] = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "huge": "HUGEINT",
    "real": "DOUBLE",
    "float": "DOUBLE",
    "text": "VARCHAR",
    "date": "DATE",
    "time": "TIMESTAMP",
    "zoned_time": "TIMESTAMP",
}


@dataclass(frozen=True)
class Column:
    """One field and the model's column that feeds it, as the macros take it (macros/columns.sql).

    ``name``, ``source`` are quoted identifiers, ``label``, ``zone`` quoted SQL strings; ``type`` is
    the SQL type of the value as it is sent.
    """

    field: str
    name: str
    source: str
    family: str
    type: str
    label: str
    zone: str


@dataclass(frozen=True)
class Columns:
    """The columns of an activation, keys first."""

    keys: tuple[Column, ...]
    fields: tuple[Column, ...]

    @property
    def all(self) -> list[Column]:
        """Keys, then fields: the order of the columns in every table and body."""
        return [*self.keys, *self.fields]


def family_of(sql_type: str) -> tuple[str, str] | None:
    """Family and settled type of a type as DuckDB writes it, or None if it cannot be sent."""
    upper = sql_type.upper()
    if re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)", upper):
        return "decimal", upper.replace(" ", "")
    if upper.startswith("ENUM(") and upper.endswith(")"):
        return "text", TYPES["text"]
    for family, names in FAMILIES.items():
        if upper in names:
            return family, TYPES[family]
    return None


def match_columns(
    activation: Activation, there: Sequence[tuple[str, str]], timezone: str
) -> tuple[Columns | None, list[Fault]]:
    """The activation's columns among those of its model (name, type), or every fault of them."""
    faults: list[Fault] = []
    types = {name.casefold(): (name, sql_type) for name, sql_type in there}

    def column(field: str, source: str, where: str) -> Column | None:
        key = f"{where}.{field}"
        if source.casefold() not in types:
            like = nearest(source, [name for name, _ in there])
            names = ", ".join(name for name, _ in there)
            faults.append(
                activation.fault(
                    key,
                    f"model {activation.model.name} has no column {source}",
                    f"did you mean {like}?" if like else f"it has {names}",
                )
            )
            return None
        name, sql_type = types[source.casefold()]
        found = family_of(sql_type)
        if found is None:
            shown = sql_type if len(sql_type) <= 40 else sql_type[:37] + "..."
            faults.append(
                activation.fault(
                    key,
                    f"column {name} is of type {shown}, which no field takes",
                    "cast it in the model, e.g. to varchar",
                )
            )
            return None
        family, settled = found
        if where == "matching_key" and family in ("float", "real", "boolean"):
            faults.append(
                activation.fault(
                    key,
                    f"column {name} is of type {sql_type}, by which no record is found again",
                    "cast it in the model to bigint or varchar",
                )
            )
            return None
        return Column(
            field, quote(field), quote(name), family, settled, literal(field), literal(timezone)
        )

    keys = [column(field, source, "matching_key") for field, source in activation.keys]
    fields = [column(field, source, "fields") for field, source in activation.fields]
    if faults:
        return None, faults
    return Columns(tuple(filter(None, keys)), tuple(filter(None, fields))), []


def stored_columns(there: Sequence[tuple[str, str]], keys: int) -> Columns:
    """The columns of a table of the state, whose values are settled: (name, type), keys first."""
    stored = []
    for name, sql_type in there:
        family, settled = family_of(sql_type) or ("text", sql_type)
        stored.append(
            Column(name, quote(name), quote(name), family, settled, literal(name), literal("UTC"))
        )
    return Columns(tuple(stored[:keys]), tuple(stored[keys:]))
