"""One list as it stands in memory: what a load, a delete, a segment or a search does to it.

Nothing here knows of HTTP. What Selligent does not publish is marked *assumed*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .config import MOST_KEY_FIELDS, FieldConfig, ListConfig, SegmentConfig
from .faults import as_written
from .refusal import invalid, missing
from .search import ID_FIELD, Search
from .values import Check, InvalidValueError, canonical, checker

Key = tuple[object, ...]


@dataclass(frozen=True)
class Bulk:
    """A load or delete as asked for: `rows` hold the values of `fields`, `keys` among them.

    `rejects` are (field, value as written) pairs that make a record invalid. `index_base` is what
    record_index counts from; a row of field names is not counted (assumed).
    """

    keys: tuple[str, ...]
    fields: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    first_match: bool = False
    option: str = "InsertAndUpdate"
    rejects: tuple[tuple[str, str], ...] = ()
    index_base: int = 0


@dataclass
class Outcome:
    """How a bulk request went. Every row sent is counted once, under one of these."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    duplicate: int = 0
    not_found: int = 0
    invalid: list[tuple[int, InvalidValueError]] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)

    @property
    def result_code(self) -> str:
        """Name the result: rows not found or doubled are no failures (assumed)."""
        if not self.invalid:
            return "Succeeded"
        return "PartiallySucceeded" if self.inserted + self.updated + self.deleted else "Failed"


@dataclass
class Segment:
    """A segment and the ids of its members, in the order in which they joined."""

    config: SegmentConfig
    members: dict[int, None] = field(default_factory=dict)


class RecordList:
    """One list: its fields, its records by Selligent's own id (from 1, in order), its segments."""

    def __init__(self, api_name: str, number: int, config: ListConfig) -> None:
        self.api_name, self.number, self.config = api_name, number, config
        self.business_key = tuple(config.business_key)
        self.fields: dict[str, FieldConfig] = {}
        self.records: dict[int, dict[str, object]] = {}
        self.segments: dict[str, Segment] = {}
        self._checks: dict[str, Check] = {}
        self._last_id = 0
        # Loads of one list mostly share their keys: the index of the last ones is kept.
        self._index: tuple[tuple[str, ...], dict[Key, int]] = ((), {})
        self.add_fields(config.fields)
        for entry in config.segments:
            self.add_segment(SegmentConfig(api_name=entry) if isinstance(entry, str) else entry)

    def add_fields(self, fields: Mapping[str, FieldConfig]) -> None:
        """Add fields at the end, all or none; the records there are get null in them."""
        for name, config in fields.items():
            if name in self.fields:
                raise invalid(f"Field {name} exists already")
            if self.records and not config.allow_null:
                raise invalid(f"Field {name} must allow null: the list holds records")
        self.fields.update(fields)
        self._checks.update({name: checker(name, config) for name, config in fields.items()})
        for record in self.records.values():
            record.update(dict.fromkeys(fields))

    def add_segment(self, config: SegmentConfig) -> Segment:
        """Add a segment without members."""
        if config.api_name in self.segments:
            raise invalid(f"Segment {config.api_name} exists already")
        self.segments[config.api_name] = segment = Segment(config)
        return segment

    def segment(self, api_name: str, takes_members: bool = False) -> Segment:
        """Return a segment, one that takes members if so asked; it is refused if there is none."""
        if api_name not in self.segments:
            raise missing("The segment")
        segment = self.segments[api_name]
        if takes_members and segment.config.type != "Static":
            raise invalid("Only static segments take members")
        return segment

    def set_business_key(self, keys: tuple[str, ...]) -> None:
        """Give the list its unique index over one to three fields that exist."""
        self._check_fields(Bulk(keys, tuple(self.fields), ()), writes=False)
        if not keys or len(self._indexed(keys)) < len(self.records):
            raise invalid("The business key is empty, or records share it")
        self.business_key = keys

    def load(self, bulk: Bulk) -> Outcome:
        """Insert and update records, each whole or not at all; an update keeps what is not sent.

        With OnlyInsert, records that are there already count as duplicates (assumed).
        """
        outcome, rows, index = self._prepare(bulk, writes=True)
        unset = [n for n, f in self.fields.items() if not (f.allow_null or f.computed)]
        unset = [name for name in unset if name not in bulk.fields]
        for key, (number, values) in rows.items():
            record_id = index.get(key)
            if record_id is None and bulk.option == "OnlyUpdate":
                outcome.not_found += 1
            elif record_id is None and unset:
                error = InvalidValueError("Unknown", "The field does not allow null", unset[0])
                outcome.invalid.append((number, error))
            elif record_id is None:
                self._last_id = index[key] = record_id = self._last_id + 1
                record = self.records[record_id] = dict.fromkeys(self.fields)
                record.update(zip(bulk.fields, values, strict=True))
                outcome.inserted += 1
                outcome.touched.append(record_id)
            elif bulk.option == "OnlyInsert":
                outcome.duplicate += 1
            else:
                self.records[record_id].update(zip(bulk.fields, values, strict=True))
                outcome.updated += 1
                outcome.touched.append(record_id)
        outcome.invalid.sort(key=lambda entry: entry[0])
        return outcome

    def delete(self, bulk: Bulk, segment: Segment | None = None) -> Outcome:
        """Delete records with their memberships; from a segment, end the memberships alone."""
        outcome = self._find(bulk, None if segment is None else segment.members)
        outcome.deleted, gone = len(outcome.touched), set(outcome.touched)
        if segment is None:
            self.drop(gone)
        else:
            segment.members = dict.fromkeys(i for i in segment.members if i not in gone)
        return outcome

    def join(self, segment: Segment, bulk: Bulk) -> Outcome:
        """Make records members of a segment; one that is a member already counts as updated."""
        outcome = self._find(bulk)
        outcome.updated = sum(record_id in segment.members for record_id in outcome.touched)
        outcome.inserted = len(outcome.touched) - outcome.updated
        segment.members.update(dict.fromkeys(outcome.touched))
        return outcome

    def drop(self, ids: Iterable[int]) -> None:
        """Delete records by id."""
        for record_id in ids:
            del self.records[record_id]
            for segment in self.segments.values():
                segment.members.pop(record_id, None)
        self._index = ((), {})

    def search(self, search: Search, ids: Iterable[int] | None = None) -> list[list[object]]:
        """Return the values of the fields asked for, of all records or of those with these ids."""
        found = self.records if ids is None else ids
        return search.run(self.fields, [{ID_FIELD: i, **self.records[i]} for i in found])

    def _check_fields(self, bulk: Bulk, writes: bool) -> None:
        faults = ["There are too many key fields"] if len(bulk.keys) > MOST_KEY_FIELDS else []
        for name in dict.fromkeys((*bulk.fields, *bulk.keys)):
            config = self.fields.get(name)
            if config is None:
                faults.append(f"Field {name} does not exist")
            elif name not in bulk.fields:
                faults.append(f"Key field {name} is not among the fields")
            elif bulk.fields.count(name) > 1 or bulk.keys.count(name) > 1:
                faults.append(f"Field {name} stands there twice")
            elif config.computed and writes:
                faults.append(f"Field {name} is computed and cannot be written")
            elif config.data_type in ("Json", "Unknown") and name in bulk.keys:
                faults.append(f"Field {name} cannot be a key")
        if faults:
            raise invalid(*faults)

    def _find(self, bulk: Bulk, among: Collection[int] | None = None) -> Outcome:
        outcome, rows, index = self._prepare(bulk)
        among = self.records if among is None else among
        outcome.touched = [index[key] for key in rows if index.get(key) in among]
        outcome.not_found = len(rows) - len(outcome.touched)
        return outcome

    def _prepare(
        self, bulk: Bulk, writes: bool = False
    ) -> tuple[Outcome, dict[Key, tuple[int, list[object]]], dict[Key, int]]:
        # Returns the valid rows that are left of doubled keys, and the ids of the records by key.
        self._check_fields(bulk, writes)
        outcome = Outcome()
        checks = [self._checks[name] for name in bulk.fields]
        places = [bulk.fields.index(name) for name in bulk.keys]
        rejects = [(n, bulk.fields.index(n), v) for n, v in bulk.rejects if n in bulk.fields]
        rows: dict[Key, tuple[int, list[object]]] = {}
        for number, row in enumerate(bulk.rows, bulk.index_base):
            values = _checked(row, checks, rejects)
            if isinstance(values, InvalidValueError):
                outcome.invalid.append((number, values))
                continue
            key = tuple([canonical(values[place]) for place in places])
            outcome.duplicate += key in rows
            if None in key:
                error = InvalidValueError(
                    "Unknown", "A key cannot be null", bulk.keys[key.index(None)]
                )
                outcome.invalid.append((number, error))
            elif key not in rows or not bulk.first_match:
                rows.pop(key, None)
                rows[key] = (number, values)
        return outcome, rows, self._indexed(bulk.keys)

    def _indexed(self, keys: tuple[str, ...]) -> dict[Key, int]:
        # A key that several records share stands for the first of them; no keys match no record.
        if not keys or self._index[0] != keys:
            index: dict[Key, int] = {}
            for record_id, record in self.records.items() if keys else ():
                index.setdefault(tuple([canonical(record[name]) for name in keys]), record_id)
            self._index = (keys, index)
        return self._index[1]


def _checked(
    row: Sequence[object], checks: list[Check], rejects: list[tuple[str, int, str]]
) -> list[object] | InvalidValueError:
    if len(row) != len(checks):
        message = f"The record has {len(row)} values for {len(checks)} fields"
        return InvalidValueError("InvalidFieldCount", message)
    try:
        values = [check(value) for check, value in zip(checks, row, strict=True)]
    except InvalidValueError as error:
        return error
    for name, place, refused in rejects:
        if as_written(row[place]) == refused:
            return InvalidValueError("Unknown", "The value is refused by a fault", name)
    return values
