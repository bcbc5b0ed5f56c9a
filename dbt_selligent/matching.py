"""Which column of a model feeds which field of a list, as far as names and types tell: pure.

Columns and fields of one name, whatever its case, blanks and underscores, are a pair where the
field takes the column's type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default

from dbt_selligent.fieldtypes import CASTS, FEEDS
from dbt_selligent.grammar import OWN_PREFIX, YAML_WORDS
from dbt_selligent.naming import find_named
from dbt_selligent.selligent.lists import Field
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect

SYSTEM = "system."  # how the names of Selligent's own fields begin, casefolded
JINJA = ("{{", "{%", "{#")  # dbt would render what these begin


@dataclass(frozen=True)
class Source:
    """A column of a model. ``length``: of its longest text, in UTF-16 units; None if unknown."""

    name: str
    sql_type: str
    length: int | None = None
    dialect: Dialect = DUCKDB

    @property
    def settled(self) -> tuple[str, str] | None:
        """Family and type of its values as they are sent, None if they cannot be."""
        return self.dialect.family_of(self.sql_type)


@dataclass(frozen=True)
class Pair:
    """A field and the column that feeds it."""

    field: Field
    column: Source


@dataclass(frozen=True)
class Mismatch:
    """A field and a column of one name that cannot be mapped, and why, with the mend."""

    field: Field
    column: Source
    why: str


@dataclass(frozen=True)
class Matching:
    """Pairs in the order of the columns, what does not fit, and what is left on either side."""

    pairs: tuple[Pair, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    columns: tuple[Source, ...] = ()
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Hints:
    """What is known beside the names.

    ``declared`` are the fields and columns that an exposure maps already; ``taken`` are exposures
    by the casefolded field that they write.
    """

    declared: Sequence[tuple[str, str]] = ()
    taken: Mapping[str, str] = default(default_factory=dict)


def match_names(columns: Sequence[Source], fields: Sequence[Field], hints: Hints) -> Matching:
    """Matches columns with fields: as declared, then by the same name, then by a like one."""
    matcher = _Matcher(columns, fields)
    for field, column in hints.declared:
        matcher.declare(field, column)
    matcher.match(lambda column, field: column == field)
    matcher.match(lambda column, field: column.lower() == field.lower())
    matcher.match(lambda column, field: bool(_plain(column)) and _plain(column) == _plain(field))
    return matcher.done()


class _Matcher:
    """Takes columns and fields from those that are left, and puts them together."""

    def __init__(self, columns: Sequence[Source], fields: Sequence[Field]) -> None:
        self._columns = columns
        self._left = list(columns)
        self._free = list(fields)
        self._pairs: list[Pair] = []
        self._mismatches: list[Mismatch] = []

    def declare(self, field: str, column: str) -> None:
        """Puts these two together, if they are there; a column may feed several fields."""
        source = find_named(column, self._columns, lambda each: each.name)
        found = find_named(field, self._free, lambda each: each.name)
        if source and found:
            self._put(source, found)

    def match(self, same: Callable[[str, str], bool]) -> None:
        """Puts together what is left and of the same name."""
        for column in tuple(self._left):
            found = next((each for each in self._free if same(column.name, each.name)), None)
            if found:
                self._put(column, found)

    def _put(self, column: Source, field: Field) -> None:
        if column in self._left:
            self._left.remove(column)
        self._free.remove(field)
        why = why_not(field) or column_fault(column.name) or _type_fault(column, field)
        if why:
            self._mismatches.append(Mismatch(field, column, why))
        else:
            self._pairs.append(Pair(field, column))

    def done(self) -> Matching:
        """What came of it, in the order of the columns."""
        pairs = sorted(self._pairs, key=lambda pair: self._columns.index(pair.column))
        return Matching(tuple(pairs), tuple(self._mismatches), tuple(self._left), tuple(self._free))


def why_not(field: Field) -> str | None:
    """Why a field is never mapped, whatever the model has; None if it may be."""
    if field.computed:
        return "computed by Selligent"
    if field.name.casefold().startswith(SYSTEM):
        return "filled by Selligent"
    return field_fault(field.name)


def needed(field: Field) -> bool:
    """Whether no record can be made without a value for the field."""
    return not (field.allow_null or field.computed or field.name.casefold().startswith(SYSTEM))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _type_fault(column: Source, field: Field) -> str | None:
    family = column.settled
    if family is None:
        return "no field takes the column's type; cast it in the model, e.g. to varchar"
    if field.data_type in FEEDS and family[0] not in FEEDS[field.data_type]:
        cast = CASTS[field.data_type]
        return f"the field does not take the column's type; cast it in the model to {cast}"
    return None


def column_fault(name: str) -> str | None:
    """Why a column cannot stand in an activation, whatever the quotes around its name."""
    if not name or name != name.strip() or any(sign in name for sign in JINJA):
        return "a name that YAML or dbt would not leave as it is; rename it"
    return None


def field_fault(name: str) -> str | None:
    """Why a field cannot stand in an activation, whatever the quotes around its name."""
    reserved = name.casefold() == "rowid" or name.casefold().startswith(OWN_PREFIX)
    if reserved or "," in name or name in YAML_WORDS:
        return "a name that no activation can hold; rename it"
    return column_fault(name)
