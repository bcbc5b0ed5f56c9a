"""A bulk request as asked for, how it went, and what is left of its rows once they are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .values import Checker, InvalidValueError, as_written, canonical

Key = tuple[object, ...]
Numbered = tuple[int, Sequence[object]]


@dataclass(frozen=True)
class Bulk:
    """A load or delete as asked for: `rows` hold the values of `fields`, `keys` among them.

    `rejects` are (field, value as written) pairs that make a record invalid. With `stop_on_error`
    one invalid record is enough for nothing to be applied. `index_base` is what record_index counts
    from; a row of field names is not counted (assumed).
    """

    keys: tuple[str, ...]
    fields: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    first_match: bool = False
    option: str = "InsertAndUpdate"
    rejects: tuple[tuple[str, str], ...] = ()
    stop_on_error: bool = False
    index_base: int = 0


@dataclass
class Outcome:
    """How a bulk request went. Every row sent is counted once, under one of the first six.

    `unchanged` says how many of those updated kept all their values, `existing` how many of the
    duplicates are records that OnlyInsert found there. `touched` are ids of records.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    duplicate: int = 0
    not_found: int = 0
    invalid: list[tuple[int, InvalidValueError]] = field(default_factory=list)
    unchanged: int = 0
    existing: int = 0
    touched: list[int] = field(default_factory=list)

    @property
    def result_code(self) -> str:
        """Name the result: rows not found or doubled are no failures (assumed)."""
        if not self.invalid:
            return "Succeeded"
        return "PartiallySucceeded" if self.inserted + self.updated + self.deleted else "Failed"


def prepare(bulk: Bulk, checkers: Mapping[str, Checker]) -> tuple[Outcome, dict[Key, Numbered]]:
    """Check the rows; return what is wrong with them, and the ones left of doubled keys by key."""
    outcome = Outcome()
    places = [bulk.fields.index(name) for name in bulk.keys]
    rows: dict[Key, Numbered] = {}
    for number, values in _valid(bulk, [checkers[name] for name in bulk.fields], outcome):
        key = tuple([canonical(values[place]) for place in places])
        if None in key:
            name = bulk.keys[key.index(None)]
            error = InvalidValueError("Unknown", "A key cannot be null", name)
            outcome.invalid.append((number, error))
        elif key not in rows:
            rows[key] = (number, values)
        else:
            outcome.duplicate += 1
            if not bulk.first_match:
                del rows[key]
                rows[key] = (number, values)
    return outcome, rows


def _valid(bulk: Bulk, checkers: Sequence[Checker], outcome: Outcome) -> Iterator[Numbered]:
    columns = None if bulk.rejects else _columns(bulk, checkers)
    if columns is not None:
        yield from enumerate(zip(*columns, strict=True), bulk.index_base)
        return
    rejects = [(n, bulk.fields.index(n), v) for n, v in bulk.rejects if n in bulk.fields]
    for number, row in enumerate(bulk.rows, bulk.index_base):
        try:
            yield number, _checked(row, checkers, rejects)
        except InvalidValueError as error:
            outcome.invalid.append((number, error))


def _columns(bulk: Bulk, checkers: Sequence[Checker]) -> list[list[object]] | None:
    # Most bodies are valid, and a column at a time is checked in half the time of its values.
    if any(len(row) != len(checkers) for row in bulk.rows):
        return None
    try:
        return [
            check.column([row[place] for row in bulk.rows]) for place, check in enumerate(checkers)
        ]
    except InvalidValueError:
        return None


def _checked(
    row: Sequence[object], checkers: Sequence[Checker], rejects: list[tuple[str, int, str]]
) -> list[object]:
    if len(row) != len(checkers):
        message = f"The record has {len(row)} values for {len(checkers)} fields"
        raise InvalidValueError("InvalidFieldCount", message)
    values = [check(value) for check, value in zip(checkers, row, strict=True)]
    for name, place, refused in rejects:
        if as_written(row[place]) == refused:
            raise InvalidValueError("Unknown", "The value is refused by a fault", name)
    return values
