"""One list as it stands in memory: what a load, a delete, a segment or a search does to it.

Nothing here knows of HTTP. What Selligent does not publish is marked *assumed*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .bulk import Bulk, Key, Numbered, Outcome, prepare
from .config import MOST_KEY_FIELDS, FieldConfig, ListConfig, SegmentConfig
from .orders import Order
from .refusal import invalid, missing
from .search import ID_FIELD, Search
from .values import Checker, InvalidValueError, canonical, checker


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
        self._checkers: dict[str, Checker] = {}
        self._last_id = 0
        # Loads of one list mostly share their keys: the index of the last ones is kept.
        self._index: tuple[tuple[str, ...], dict[Key, int]] = ((), {})
        # Pages of a search mostly share their order: those asked for are kept until a write.
        self._orders: dict[tuple[str, bool], Order] = {}
        self.add_fields(config.fields)
        for entry in config.segments:
            self.add_segment(SegmentConfig(api_name=entry) if isinstance(entry, str) else entry)

    @property
    def holds_options(self) -> bool:
        """Whether it is an option list, whose records no request may change (assumed)."""
        return self.config.type == "Optionlist"

    def add_fields(self, fields: Mapping[str, FieldConfig]) -> None:
        """Add fields at the end, all or none; the records there are get null in them."""
        for name, config in fields.items():
            if name in self.fields:
                raise invalid(f"Field {name} exists already")
            if self.records and not config.allow_null:
                raise invalid(f"Field {name} must allow null: the list holds records")
        self.fields.update(fields)
        self._checkers.update({name: checker(name, config) for name, config in fields.items()})
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
        blank = dict.fromkeys(self.fields)
        for key, (_, values) in rows.items():
            record_id, sent = index.get(key), dict(zip(bulk.fields, values, strict=True))
            if record_id is None and bulk.option == "OnlyUpdate":
                outcome.not_found += 1
            elif record_id is None:
                self._last_id = index[key] = record_id = self._last_id + 1
                self.records[record_id] = {**blank, **sent}
                outcome.inserted += 1
                outcome.touched.append(record_id)
            elif bulk.option == "OnlyInsert":
                outcome.duplicate += 1
                outcome.existing += 1
            else:
                record = self.records[record_id]
                outcome.unchanged += sent.items() <= record.items()
                record.update(sent)
                outcome.updated += 1
                outcome.touched.append(record_id)
        if outcome.touched:
            self._orders.clear()
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
        outcome.unchanged = outcome.updated
        segment.members.update(dict.fromkeys(outcome.touched))
        return outcome

    def drop(self, ids: Collection[int]) -> None:
        """Delete records by id."""
        keys, index = self._index
        # Where records share a key, the next one of them would have to be found.
        shared = not keys or len(index) != len(self.records)
        for record_id in ids:
            record = self.records.pop(record_id)
            if not shared:
                del index[_key(record, keys)]
            for segment in self.segments.values():
                segment.members.pop(record_id, None)
        if ids:
            self._orders.clear()
        if shared:
            self._index = ((), {})

    def search(self, search: Search, among: Collection[int] | None = None) -> list[list[object]]:
        """Return the values of the fields asked for, of all records or of those with these ids."""
        return search.run(self.fields, self.records, self._order, among)

    def _order(self, name: str, descending: bool) -> Order:
        if (name, descending) not in self._orders:
            pairs = ((i if name == ID_FIELD else r[name], i) for i, r in self.records.items())
            self._orders[name, descending] = Order(pairs, descending)
        return self._orders[name, descending]

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
    ) -> tuple[Outcome, dict[Key, Numbered], dict[Key, int]]:
        # Returns the valid rows that are left of doubled keys, and the ids of the records by key.
        self._check_fields(bulk, writes)
        outcome, rows = prepare(bulk, self._checkers)
        index = self._indexed(bulk.keys)
        unset = [n for n, f in self.fields.items() if not (f.allow_null or f.computed)]
        unset = [name for name in unset if name not in bulk.fields]
        if writes and unset and bulk.option != "OnlyUpdate":
            error = InvalidValueError("Unknown", "The field does not allow null", unset[0])
            for key in [key for key in rows if key not in index]:
                outcome.invalid.append((rows.pop(key)[0], error))
        outcome.invalid.sort(key=lambda entry: entry[0])
        if bulk.stop_on_error and outcome.invalid:
            return Outcome(invalid=outcome.invalid), {}, index
        return outcome, rows, index

    def _indexed(self, keys: tuple[str, ...]) -> dict[Key, int]:
        # A key that several records share stands for the first of them; no keys match no record.
        if not keys or self._index[0] != keys:
            index: dict[Key, int] = {}
            for record_id, record in self.records.items() if keys else ():
                index.setdefault(_key(record, keys), record_id)
            self._index = (keys, index)
        return self._index[1]


def _key(record: Mapping[str, object], keys: tuple[str, ...]) -> Key:
    return tuple([canonical(record[name]) for name in keys])
