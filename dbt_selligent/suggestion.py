"""The fields that a list lacks for a model, and the fields that may be its matching key: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbt_selligent.errors import ConfigurationError, nearest
from dbt_selligent.fieldtypes import KEYLESS
from dbt_selligent.matching import Hints, Pair, Source, column_fault, field_fault, match_names
from dbt_selligent.naming import find_named
from dbt_selligent.selligent.lists import Field

# Steps of the length of a text field, in UTF-16 units; a longer text is a LongText.
LENGTHS = (50, 100, 255, 500, 1000, 2000, 4000)
LENGTH_UNKNOWN = 255
# Of a mail address, as RFC 5321 limits it: those of tomorrow are no longer than that.
LONGEST_MAIL = 254
HEADROOM = 1.5  # the longest text of tomorrow, in those of today
LONGEST_WHOLE = 18  # digits of a decimal that 64 bits surely hold
MOST_KEYS = 3
# How names of keys end, the likeliest first.
KEY_ENDINGS = ("ID", "KEY", "CODE", "NUMBER", "MAIL")
# Types by which no list is indexed, or no record found again.
NO_KEYS = ("LongText", "Json", "Float", "Boolean")
_MADE = {
    "boolean": "Boolean",
    "integer": "Long",
    "huge": "Long",
    "real": "Float",
    "float": "Float",
    "decimal": "Float",
    "date": "Date",
    "time": "DateTime",
    "zoned_time": "DateTime",
}


@dataclass(frozen=True)
class Key:
    """What may be a matching key, and why; ``tested`` if a test of the model says so."""

    pairs: tuple[Pair, ...]
    why: str
    tested: bool = False

    @property
    def name(self) -> str:
        """Its fields, to be told."""
        return ", ".join(pair.field.name for pair in self.pairs)


def new_fields(
    columns: Sequence[Source], there: Sequence[Field], keys: Sequence[str], hints: Hints
) -> list[Field]:
    """The fields that would hold columns which have none; those of ``keys`` take no null.

    A column of a type that no field takes, or whose name would be that of a field, gets none. Where
    an exposure declares fields, they alone are made.
    """
    made: list[Field] = []
    known = {each.name.casefold() for each in there}
    wanted = {key.casefold() for key in keys}
    left = match_names(columns, there, hints).columns
    named = [(re.sub(r"\W", "_", column.name.upper()), column.name) for column in left]
    for name, source in hints.declared or named:
        column = find_named(source, columns, lambda each: each.name)
        able = column and not column_fault(column.name) and re.search(r"[^\W_]", column.name)
        kind = _made_for(column) if column and able else None
        if kind is None or name.casefold() in known or field_fault(name):
            continue
        known.add(name.casefold())
        data_type, length = kind
        made.append(Field(name, data_type, length, allow_null=name.casefold() not in wanted))
    return made


def choose_keys(
    pairs: Sequence[Pair],
    asked: Sequence[str],
    why: str,
    uniques: Sequence[Sequence[str]] = (),
) -> tuple[list[Pair], str]:
    """The pairs of the matching key, and, where it is guessed, what the guess is; else "".

    ``why`` says where ``asked`` stands; ``uniques`` are the columns that tests of the model say are
    unique together. Raises ConfigurationError that lists what could be the key, where one that is
    asked for cannot be, or where there is nothing to go by.
    """
    able = [pair for pair in pairs if can_be_key(pair)]
    names = [pair.field.name for pair in able]
    listed = ", ".join(names) or "none"
    if asked:
        found = {}
        for name in asked:
            pair = find_named(name, able, lambda each: each.field.name)
            if pair is None:
                like = nearest(name, names)
                raise ConfigurationError(
                    f"{why} {name}: no field that a column feeds and that can be a key",
                    f"did you mean {like}?" if like else f"fields that can: {listed}",
                )
            found[pair.field.name] = pair
        if len(found) > MOST_KEYS:
            raise ConfigurationError(
                f"{why}: {len(found)} fields", f"a matching key has {MOST_KEYS} at most"
            )
        return list(found.values()), ""
    sure = _sure(able)
    first = next(iter(possible_keys(pairs, uniques)), None)
    if first and first.tested:
        return list(first.pairs), first.why
    if not sure or (len(sure) > 1 and _rank(sure[0].field.name) == len(KEY_ENDINGS)):
        some = "several fields take" if sure else "no field that a column feeds takes"
        raise ConfigurationError(
            f"the matching key cannot be guessed: {some} no null",
            f"name it with --key FIELD, one to three times; fields that can be: {listed}",
        )
    others = ", ".join(pair.field.name for pair in sure[1:])
    guess = "a guess: it takes no null" + (f", and so do {others}" if others else "")
    return [sure[0]], guess


def possible_keys(pairs: Sequence[Pair], uniques: Sequence[Sequence[str]] = ()) -> list[Key]:
    """What may be the matching key, the likeliest first, each once.

    First what tests of the model say is unique, if the list has a field of it that takes no null;
    then fields that take no null, each and together; then what else tests say is unique, and fields
    that are called as keys are.
    """
    found: dict[frozenset[str], Key] = {}
    able = [pair for pair in pairs if can_be_key(pair)]
    tested = _tested(able, uniques)
    surely = [key for key in tested if any(not pair.field.allow_null for pair in key.pairs)]
    for key in (*surely, *_by_nulls(able), *tested, *_by_names(able)):
        found.setdefault(frozenset(pair.field.name for pair in key.pairs), key)
    return list(found.values())


def _tested(able: Sequence[Pair], uniques: Sequence[Sequence[str]]) -> list[Key]:
    keys = []
    for columns in uniques:
        fed = [find_named(name, able, lambda each: each.column.name) for name in columns]
        some = tuple(pair for pair in fed if pair is not None)
        if len(some) == len(columns) <= MOST_KEYS:
            together = "unique together" if len(some) > 1 else "unique"
            keys.append(Key(some, f"{together} by a test of the model", tested=True))
    return sorted(keys, key=lambda key: _rank(key.pairs[0].field.name))


def _by_nulls(able: Sequence[Pair]) -> Iterator[Key]:
    sure = _sure(able)
    yield from (Key((pair,), "takes no null") for pair in sure)
    if 1 < len(sure) <= MOST_KEYS:
        in_order = tuple(pair for pair in able if pair in sure)
        yield Key(in_order, "take no null, as one key")


def _by_names(able: Sequence[Pair]) -> Iterator[Key]:
    named = [pair for pair in able if _rank(pair.field.name) < len(KEY_ENDINGS)]
    for pair in sorted(named, key=lambda pair: _rank(pair.field.name)):
        yield Key((pair,), "")


def _sure(able: Sequence[Pair]) -> list[Pair]:
    """Those that take no null, the likeliest first."""
    sure = [pair for pair in able if not pair.field.allow_null]
    return sorted(sure, key=lambda pair: _rank(pair.field.name))


def can_be_key(pair: Pair) -> bool:
    """Whether records can be found by the field, and rows by the column."""
    family = pair.column.settled
    return family is not None and family[0] not in KEYLESS and pair.field.data_type not in NO_KEYS


def written_type(field: Field) -> str:
    """The type of a field as it is told: Text of 100."""
    return f"{field.data_type} of {field.length}" if field.length else field.data_type


def _rank(name: str) -> int:
    endings = enumerate(KEY_ENDINGS)
    return next((at for at, end in endings if name.upper().endswith(end)), len(KEY_ENDINGS))


def _made_for(column: Source) -> tuple[str, int | None] | None:
    """Type and length of the field for a column, None where no field takes its type."""
    found = column.settled
    if found is None:
        return None
    family, settled = found
    if family == "whole":
        digits = int(settled.removeprefix("DECIMAL(").partition(",")[0])
        return ("Long" if digits <= LONGEST_WHOLE else "Float"), None
    if family != "text":
        return _MADE[family], None
    if column.sql_type.upper() == "JSON" or (column.length or 0) > LENGTHS[-1]:
        return "LongText", None
    if not column.length:
        return "Text", LENGTH_UNKNOWN
    wanted = min(column.length * HEADROOM, LENGTHS[-1])
    if "mail" in column.name.casefold():
        wanted = max(wanted, LONGEST_MAIL)
    return "Text", next(each for each in LENGTHS if each >= wanted)
