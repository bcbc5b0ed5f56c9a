"""Which type of the warehouse feeds which type of field, and as what its values are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
# The type of a settled value by its family; a decimal keeps its own.
TYPES: Mapping[str, str] = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "huge": "HUGEINT",
    "float": "DOUBLE",
    "text": "VARCHAR",
    "date": "DATE",
    "time": "TIMESTAMP",
}
# As which family a value is sent where nothing is known of the field; others stay what they are.
SENT_AS: Mapping[str, str] = {"whole": "decimal", "real": "float", "zoned_time": "time"}

# Which families feed a field of a type, and as which family their values are sent. A `whole` is a
# decimal without decimal places.
_TEXTS = {"text": "text", "integer": "text", "huge": "text", "whole": "text"}
_WHOLES = {"integer": "integer", "huge": "huge", "whole": "huge"}
FEEDS: Mapping[str, Mapping[str, str]] = {
    "Boolean": {"boolean": "boolean"},
    "Numeric": {"boolean": "integer", **_WHOLES},
    "Long": {"boolean": "integer", **_WHOLES},
    "Float": dict.fromkeys(("float", "real", "decimal", "integer", "huge", "whole"), "float"),
    "Date": {"date": "date"},
    "DateTime": {"time": "time", "zoned_time": "time", "date": "time"},
    "Text": _TEXTS,
    "LongText": _TEXTS,
    "Json": {"text": "text"},
}
# What to cast a column to, so that it feeds a field of a type.
CASTS: Mapping[str, str] = {
    "Boolean": "boolean",
    "Numeric": "integer",
    "Long": "bigint",
    "Float": "decimal or double",
    "Date": "date",
    "DateTime": "timestamp",
    "Text": "varchar",
    "LongText": "varchar",
    "Json": "json",
}
MOST_DIGITS = 38  # of a decimal
BITS: Mapping[str, int] = {"Numeric": 32}
KEYLESS = ("float", "real", "boolean", "decimal")
COLLATED = "VARCHAR COLLATE "  # a type of DuckDB, as the tool writes it; which collation follows


def family_of(sql_type: str) -> tuple[str, str] | None:
    """Family and settled type of a type as DuckDB writes it, or None if it cannot be sent."""
    upper = sql_type.upper()
    if decimal := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", upper):
        digits, places = int(decimal[1]), int(decimal[2])
        if digits == places:
            # Without a digit before the point it would be written without one, which no JSON is.
            digits, places = min(digits + 1, MOST_DIGITS), min(places, MOST_DIGITS - 1)
        return "decimal" if places else "whole", f"DECIMAL({digits},{places})"
    if upper.startswith(COLLATED) or (upper.startswith("ENUM(") and upper.endswith(")")):
        return "text", TYPES["text"]
    for family, names in FAMILIES.items():
        if upper in names:
            return family, TYPES[SENT_AS.get(family, family)]
    return None
