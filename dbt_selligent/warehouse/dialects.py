"""What the SQL of one warehouse looks like beneath the macros: names, texts, and types.

A type is read as the warehouse writes it where `selligent_relation_columns` asks for it: Postgres
as `format_type`, Spark as `describe`, Snowflake and BigQuery as their information schemas. Families
and their meaning are those of `fieldtypes`. Snowflake, BigQuery, Redshift and Databricks follow
their manuals, and were never tried on the engine itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dbt_selligent.fieldtypes import MOST_DIGITS, SENT_AS, TYPES, family_of


@dataclass(frozen=True)
class Dialect:
    """One warehouse's SQL.

    ``name`` is the type of the dbt adapter, ``parents`` are those whose macros it takes where it
    has none. ``types`` are the SQL types of settled values by family; a decimal keeps its own.
    ``families`` are names of types by family, in lower case and without what stands in parentheses.
    ``decimals`` are the names of exact numbers with precision and places; ``bare`` is what one
    without them is: its family, and what its settled type has behind the name. ``mark`` stands
    around a name, and in it ``doubled``, or behind a backslash. ``escapes`` are the pairs that make
    a text a literal, in order. ``transactional`` if transactions hold whatever is made or dropped;
    else ``views`` if changes are planned as temporary views, and written once. ``as_text`` are
    families of which drivers give each another kind of value, so that they are fetched as text.
    ``macros`` are a project's own, in place of the package's: names, and their text.
    """

    name: str
    parents: tuple[str, ...]
    types: Mapping[str, str] = field(hash=False)
    families: Mapping[str, tuple[str, ...]] = field(repr=False, hash=False)
    decimals: tuple[str, ...] = ()
    bare: tuple[str, str] = ("decimal", "")
    mark: str = '"'
    doubled: bool = True
    escapes: tuple[tuple[str, str], ...] = (("'", "''"),)
    transactional: bool = False
    views: bool = False
    as_text: tuple[str, ...] = ()
    macros: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def escaped(self) -> bool:
        """Whether a backslash in a text is the beginning of an escape."""
        return any(found == "\\" for found, _ in self.escapes)

    def quote(self, identifier: str) -> str:
        """An identifier in the engine's marks, whatever it contains."""
        within = self.mark * 2 if self.doubled else f"\\{self.mark}"
        if not self.doubled:
            identifier = identifier.replace("\\", "\\\\")
        return self.mark + identifier.replace(self.mark, within) + self.mark

    def literal(self, text: str) -> str:
        """A text in single quotes, for any text that the engine can hold."""
        # Postgres reads a backslash as its settings say, but where E stands before the quote.
        prefix = "E" if self.name == "postgres" and "\\" in text else ""
        escapes = (("\\", "\\\\"), *self.escapes) if prefix else self.escapes
        for found, written in escapes:
            text = text.replace(found, written)
        return f"{prefix}'{text}'"

    def family_of(self, sql_type: str) -> tuple[str, str] | None:
        """Family and settled type of a type as the engine writes it; None if it cannot be sent."""
        if not self.families:  # DuckDB
            return family_of(sql_type)
        parts = _TYPE.fullmatch(sql_type.strip().lower())
        if parts is None:
            return None
        name = " ".join(f"{parts['name']} {parts['more'] or ''}".split())
        if name in self.decimals:
            return self._decimal(name, parts["digits"], parts["places"])
        for family, names in self.families.items():
            if name in names:
                return family, self.types[SENT_AS.get(family, family)]
        return None

    def _decimal(self, name: str, precision: str | None, scale: str | None) -> tuple[str, str]:
        if precision is None:
            return self.bare[0], name + self.bare[1]
        digits, places = int(precision), max(0, int(scale or 0))
        family = "decimal" if places else "whole"
        if digits > MOST_DIGITS:  # Of Postgres or BigQuery alone.
            return family, name
        if digits <= places:
            # A digit before the point, as in DuckDB, where rows are rendered.
            digits, places = min(places + 1, MOST_DIGITS), min(places, MOST_DIGITS - 1)
        return family, f"{name}({digits},{places})"


# `timestamp(3) without time zone`, `character varying(20)`, `numeric(10,2)`, `string collate X`
_TYPE = re.compile(
    r"(?P<name>[a-z_][\w. ]*?)\s*"
    r"(?:\(\s*(?P<digits>\d+)\s*(?:,\s*(?P<places>-?\d+)\s*)?\)(?P<more>[a-z ]*))?"
)

# Engines that take a backslash in a text for the beginning of an escape.
_BACKSLASH = ("\\", "\\\\")

DUCKDB = Dialect("duckdb", (), TYPES, {})

_ANSI_TYPES: Mapping[str, str] = {
    "boolean": "boolean",
    "integer": "bigint",
    "huge": "numeric(38,0)",
    "float": "double precision",
    "text": "varchar",
    "date": "date",
    "time": "timestamp",
}
_ANSI_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "boolean": ("boolean", "bool"),
    "integer": ("smallint", "integer", "int", "bigint"),
    "real": ("real",),
    "float": ("double precision", "double", "float"),
    "text": ("character varying", "varchar", "character", "char", "text"),
    "date": ("date",),
    "time": ("timestamp", "timestamp without time zone"),
    "zoned_time": ("timestamp with time zone",),
}

POSTGRES = Dialect(
    "postgres",
    (),
    {**_ANSI_TYPES, "text": "text"},
    {
        "boolean": ("boolean",),
        "integer": ("smallint", "integer", "bigint"),
        "real": ("real",),
        "float": ("double precision",),
        "text": (
            "text",
            "character varying",
            "character",
            "bpchar",
            "name",
            "uuid",
            "json",
            "jsonb",
            "citext",
            "public.citext",
            # What `selligent_relation_columns` calls every enum.
            "enum",
        ),
        "date": ("date",),
        "time": ("timestamp without time zone", "timestamp"),
        "zoned_time": ("timestamp with time zone",),
    },
    decimals=("numeric",),
    transactional=True,
)

REDSHIFT = Dialect(
    "redshift",
    ("postgres",),
    {**_ANSI_TYPES, "text": "varchar(max)"},
    POSTGRES.families,
    decimals=("numeric",),
    bare=("whole", "(18,0)"),
    escapes=(_BACKSLASH, ("'", "''")),
    transactional=True,
)

SPARK = Dialect(
    "spark",
    (),
    {
        "boolean": "boolean",
        "integer": "bigint",
        "huge": "decimal(38,0)",
        "float": "double",
        "text": "string",
        "date": "date",
        "time": "timestamp",
    },
    {
        "boolean": ("boolean",),
        "integer": ("tinyint", "smallint", "int", "bigint"),
        "real": ("float",),
        "float": ("double",),
        "text": ("string", "varchar", "char"),
        "date": ("date",),
        "time": ("timestamp_ntz",),
        # An instant; shown in the session's time zone, which the tool sets to UTC.
        "zoned_time": ("timestamp",),
    },
    decimals=("decimal",),
    bare=("whole", "(10,0)"),
    mark="`",
    # `${name}` is replaced by a setting of that name, in literals too.
    escapes=(_BACKSLASH, ("'", "\\'"), ("${", "\\u0024{")),
    views=True,
    as_text=("date", "time"),
)

SNOWFLAKE = Dialect(
    "snowflake",
    (),
    {**_ANSI_TYPES, "huge": "number(38,0)", "float": "float", "time": "timestamp_ntz"},
    {
        "boolean": ("boolean",),
        "float": ("float",),  # 64 bits, also where it was declared as real
        "text": ("text", "varchar"),
        "date": ("date",),
        "time": ("timestamp_ntz",),
        "zoned_time": ("timestamp_ltz", "timestamp_tz"),
    },
    decimals=("number",),
    bare=("whole", "(38,0)"),
    escapes=(_BACKSLASH, ("'", "''")),
)

BIGQUERY = Dialect(
    "bigquery",
    (),
    {
        "boolean": "bool",
        "integer": "int64",
        "huge": "bignumeric(38,0)",
        "float": "float64",
        "text": "string",
        "date": "date",
        "time": "datetime",
    },
    {
        "boolean": ("bool",),
        "integer": ("int64",),
        "float": ("float64",),
        "text": ("string",),
        "date": ("date",),
        "time": ("datetime",),
        "zoned_time": ("timestamp",),
    },
    decimals=("bignumeric", "numeric"),
    mark="`",
    doubled=False,
    escapes=(_BACKSLASH, ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")),
)

DATABRICKS = replace(SPARK, name="databricks", parents=("spark",))

# DuckDB too: the tool's own copy of what was staged in a warehouse.
COPIED = replace(DUCKDB, name="copied", parents=("duckdb",))

KNOWN = {
    each.name: each
    for each in (DUCKDB, COPIED, POSTGRES, REDSHIFT, SPARK, DATABRICKS, SNOWFLAKE, BIGQUERY)
}


def dialect_of(adapter_type: str) -> Dialect:
    """The dialect of a dbt adapter; standard SQL where nothing is known of it."""
    return KNOWN.get(adapter_type) or Dialect(
        adapter_type,
        (),
        _ANSI_TYPES,
        _ANSI_FAMILIES,
        decimals=("numeric", "decimal"),
        bare=("decimal", "(38,9)"),
    )
