"""What is synced: models whose rows come, change, go back and leave, and what feeds from them.

Everything is decided by a `random.Random` that is handed in, so that a seed says it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any
from zlib import crc32

import duckdb
import pyarrow as pa
from functional.conftest import Shop, exposure

Key = tuple[Any, ...]
Row = dict[str, Any]  # of a model, by column
Stored = dict[str, Any]  # of a list, by field

# In every text of every row and key: wherever it shows, a value has leaked.
MARK = "qzvalue"
SECRET = "qzsecret"
REFUSED = f"{MARK} refused"
GONE = "left the model"  # the user's own words, no value of a row
LONGEST = 60
TEXT = {"data_type": "Text", "length": LONGEST}

FIELDS = {
    "WORD": "word",
    "NOTE": "note",
    "NUM": "num",
    "AMOUNT": "amount",
    "FLAG": "flag",
    "AT": "moment",
}
TYPES = {
    "word": ("varchar",),
    "note": ("varchar",),
    "num": ("bigint", "varchar", "integer"),
    "amount": ("double", "decimal(12,2)"),
    "flag": ("boolean",),
    "moment": ("timestamp", "date"),
    "score": ("bigint", "integer"),
}
_FIELDS = {
    "WORD": TEXT,
    "NOTE": TEXT,
    "NUM": TEXT,
    "AMOUNT": {"data_type": "Float"},
    "FLAG": {"data_type": "Boolean"},
    "AT": {"data_type": "DateTime"},
    "SCORE": {"data_type": "Long"},
}
LISTS: dict[str, Any] = {
    "PEOPLE": {
        "business_key": ["NAME"],
        "fields": {"NAME": {**TEXT, "allow_null": False}, **_FIELDS},
        "segments": [{"api_name": "HERE", "type": "Static"}],
    },
    "ORDERS": {
        "business_key": ["STORE", "NUMBER"],
        "fields": {
            "STORE": {**TEXT, "allow_null": False},
            "NUMBER": {"data_type": "Long", "allow_null": False},
            **_FIELDS,
        },
    },
}
KEYS = {
    "PEOPLE": (("NAME", "id"),),
    "ORDERS": (("STORE", "store"), ("NUMBER", "number")),
}
KEY_TYPES = {"id": "varchar", "store": "varchar", "number": "bigint"}


@dataclass(frozen=True)
class Feed:
    """One activation: a model of its name, and what becomes of it in a list."""

    name: str
    list: str
    fields: Mapping[str, str] = field(default_factory=lambda: dict(FIELDS))
    mode: str = "upsert"
    removed: str = "keep"  # or delete, set
    nulls: str = "send"
    segment: str | None = None
    once: tuple[str, ...] = ()
    send: str = "changed"
    batch: int = 200
    max_groups: int = 4

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        return KEYS[self.list]

    @property
    def deletes(self) -> bool:
        return self.mode == "mirror" or self.removed == "delete"

    @property
    def exposure(self) -> dict[str, Any]:
        """As a user writes it."""
        meta: dict[str, Any] = {
            "list": self.list,
            "matching_key": dict(self.keys),
            "fields": {
                name: {"column": column, "only": "insert"} if name in self.once else column
                for name, column in self.fields.items()
            },
            "mode": self.mode,
            "nulls": self.nulls,
            "send": self.send,
            "batch": {"rows": self.batch},
            "max_groups": self.max_groups,
        }
        if self.mode != "mirror":
            removed = {"set": {"WORD": GONE}} if self.removed == "set" else self.removed
            meta["removed"] = removed
        if self.segment:
            meta["segment"] = self.segment
        return exposure(self.name, self.name, meta)


def key_of(list_name: str, number: int) -> Key:
    """The key of the row of this number."""
    if list_name == "ORDERS":
        return (f"{MARK}s{number % 7}", number)
    return (f"{MARK}k{number:05d}",)


def new_row(random: Random) -> Row:
    """Values of few kinds, so that rows often go back to what they were."""
    return {
        "word": f"{MARK} word {random.randrange(5)}",
        "note": random.choice([None, f"{MARK} note {random.randrange(4)}"]),
        "num": random.randrange(5),
        "amount": random.randrange(9) / 4,
        "flag": random.choice([True, False, None]),
        "moment": datetime(2024, 1, 1 + random.randrange(5)),  # noqa: DTZ001
        "score": random.randrange(6),
    }


def is_valid(row: Row) -> bool:
    """Whether the list takes it."""
    return len(row["word"]) <= LONGEST


def stored(value: object) -> Any:
    """A value of a model, or of a snapshot, as a list holds it; numbers in text fields apart."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000")
    if isinstance(value, Decimal):
        return float(value)
    return value


def as_field(name: str, value: object) -> Any:
    """A value as a field of this name holds it."""
    if name == "NUM" and value is not None:
        return str(value)
    if name == "AMOUNT" and value is not None:
        return float(str(value))
    return stored(value)


@dataclass
class Model:
    """The rows of one feed's model, all that it ever had, and the types of its columns."""

    api_name: str  # of the list
    rows: dict[Key, Row] = field(default_factory=dict)
    past: list[dict[Key, Row]] = field(default_factory=list)
    ever: set[Key] = field(default_factory=set)
    types: dict[str, str] = field(
        default_factory=lambda: {column: types[0] for column, types in TYPES.items()}
    )
    next_number: int = 0
    # Rows that the list had when it was last in step, and that never left the model since.
    stayed: set[Key] = field(default_factory=set)

    def valid(self) -> dict[Key, Row]:
        """The rows that the list takes."""
        return {key: row for key, row in self.rows.items() if is_valid(row)}

    def remember(self) -> None:
        """Keeps the rows as they are, to go back to."""
        self.past = [*self.past[-3:], {key: dict(row) for key, row in self.rows.items()}]

    def add(self, random: Random, count: int) -> None:
        for _ in range(count):
            self.rows[key_of(self.api_name, self.next_number)] = new_row(random)
            self.next_number += 1
        self.ever |= set(self.rows)

    def change(self, random: Random, share: float) -> None:
        """Other values in some rows: of one field, or of several."""
        for key in self._some(random, share):
            fresh = new_row(random)
            columns = random.sample(list(fresh), random.choice([1, 1, 2, 6]))
            self.rows[key] = {**self.rows[key], **{name: fresh[name] for name in columns}}

    def turn(self, random: Random, share: float) -> None:
        """Other values in so many rows, of one field, and in every third of another too."""
        for number, key in enumerate(self._some(random, share)):
            row = self.rows[key]
            other = 1 + int(row["word"][-1]) % 5
            self.rows[key] = {**row, "word": f"{MARK} word {other}"}
            if number % 3 == 0:
                self.rows[key]["amount"] = row["amount"] + 0.25

    def lose(self, random: Random, share: float) -> None:
        for key in self._some(random, share):
            del self.rows[key]

    def regain(self, random: Random, share: float) -> None:
        """Some of the rows that left come back, as they were or otherwise."""
        gone = sorted(self.ever - set(self.rows))
        for key in random.sample(gone, int(len(gone) * share)):
            old = [version[key] for version in self.past if key in version]
            self.rows[key] = dict(random.choice(old)) if old else new_row(random)

    def spoil(self, random: Random, count: int) -> None:
        """Some rows become ones that the list does not take."""
        for key in random.sample(sorted(self.rows), min(count, len(self.rows) // 2)):
            self.rows[key] = {**self.rows[key], "word": f"{MARK} {'x' * LONGEST}"}

    def refuse(self, random: Random, count: int) -> None:
        """Some rows become ones that a fault of the sandbox refuses."""
        for key in random.sample(sorted(self.rows), min(count, len(self.rows) // 2)):
            self.rows[key] = {**self.rows[key], "word": REFUSED}

    def go_back(self, random: Random) -> None:
        """The model as it was some time before."""
        if self.past:
            self.rows = {key: dict(row) for key, row in random.choice(self.past).items()}

    def wander(self, random: Random) -> str:
        """Something of all that, as happens between two syncs; says what."""
        before = random.random()
        self.remember()
        if before < 0.3 and len(self.past) > 1:
            self.go_back(random)
            return "went back"
        if before < 0.38:
            return "unchanged"
        self.change(random, random.choice([0.0, 0.02, 0.3, 1.0]))
        self.lose(random, random.choice([0.0, 0.0, 0.03, 0.3]))
        self.regain(random, random.choice([0.0, 0.5, 1.0]))
        self.add(random, random.choice([0, 0, 7, 150]))
        if random.random() < 0.2:
            self.spoil(random, 3)
        if random.random() < 0.2:
            self.refuse(random, 3)
        if not self.rows:
            self.add(random, 10)
        return f"{len(self.rows)} rows"

    def write(self, shop: Shop, name: str) -> None:
        """The table, as a run of dbt would have left it."""
        self.stayed &= set(self.rows)
        keys = [column for _, column in KEYS[self.api_name]]
        # In no order of their keys, as of a table that was built by many threads.
        rows = sorted(self.rows.items(), key=lambda each: crc32(str(each[0]).encode()))
        table = {
            **{column: [key[at] for key, _ in rows] for at, column in enumerate(keys)},
            **{column: [row[column] for _, row in rows] for column in TYPES},
        }
        types = {**{key: KEY_TYPES[key] for key in keys}, **self.types}
        arrow = pa.table({name: pa.array(table[name], _ARROW[name]) for name in types})
        chosen = ", ".join(f"{name}::{sql_type} as {name}" for name, sql_type in types.items())
        with duckdb.connect(str(shop.warehouse)) as connection:
            connection.register("fresh", arrow)
            connection.execute(f"create or replace table {name} as select {chosen} from fresh")

    def _some(self, random: Random, share: float) -> list[Key]:
        return random.sample(sorted(self.rows), int(len(self.rows) * share))


_ARROW = {
    "id": pa.string(),
    "store": pa.string(),
    "number": pa.int64(),
    "word": pa.string(),
    "note": pa.string(),
    "num": pa.int64(),
    "amount": pa.float64(),
    "flag": pa.bool_(),
    "moment": pa.timestamp("us"),
    "score": pa.int64(),
}


@dataclass
class World:
    """The feeds with their models, and the records that others put into the lists."""

    feeds: dict[str, Feed]
    models: dict[str, Model]
    strangers: dict[str, dict[Key, Stored]] = field(default_factory=dict)  # by list
    touched: set[Key] = field(default_factory=set)  # deleted by hand, and not yet mended
    # By feed and field, the rows that were known when it was mapped anew, and have had no value of
    # it in a list since: their null is not sent, whatever the list has.
    unsent: dict[tuple[str, str], set[Key]] = field(default_factory=dict)

    def populate(self, shop: Shop, random: Random, count: int) -> None:
        """First rows, and records of others: some of their keys are the model's too."""
        for name, feed in self.feeds.items():
            model = self.models[name]
            model.add(random, count)
            ours = sorted(model.rows)
            half = feed.mode == "update"
            shared = random.sample(ours, len(ours) // 2 if half else min(10, len(ours)))
            foreign = [key_of(feed.list, 90_000 + number) for number in range(25)]
            there = self.strangers.setdefault(feed.list, {})
            there |= {key: self._strange(feed.list, key) for key in (*shared, *foreign)}
        for list_name, records in self.strangers.items():
            shop.sandbox.put(list_name, records.values())

    def write(self, shop: Shop) -> None:
        """The tables, and the activations."""
        for name, model in self.models.items():
            model.write(shop, name)
        shop.declare(*(feed.exposure for feed in self.feeds.values()))

    def remap(self, random: Random) -> str:
        """A field is mapped or unmapped, or a column changes its type; says what."""
        name = random.choice(sorted(set(self.feeds) - {"scores"}))
        feed, model = self.feeds[name], self.models[name]
        if random.random() < 0.5:
            column = random.choice(sorted(each for each, types in TYPES.items() if types[1:]))
            model.types[column] = random.choice(TYPES[column])
            return f"{name}.{column} is {model.types[column]}"
        kept = {"WORD", *feed.once}
        changed = random.choice(sorted(set(FIELDS) - kept))
        fields = {
            each: column
            for each, column in FIELDS.items()
            if (each in feed.fields) != (each == changed)
        }
        self.feeds[name] = replace(feed, fields=fields)
        if changed in fields:
            self.unsent[name, changed] = set(model.ever)
        return f"{name}.{changed} is {'' if changed in fields else 'not '}mapped"

    def is_silent(self, feed: Feed, key: Key, name: str) -> bool:
        """Whether a null of this row and field says nothing of the list."""
        return feed.nulls == "skip" or key in self.unsent.get((feed.name, name), ())

    def sent(self, feed: Feed, key: Key, name: str) -> None:
        """The list has a value of this row and field: a null will be sent from now on."""
        self.unsent.get((feed.name, name), set()).discard(key)

    @staticmethod
    def _strange(list_name: str, key: Key) -> Stored:
        keys = {name: value for (name, _), value in zip(KEYS[list_name], key, strict=True)}
        return {**keys, "WORD": f"{MARK} own", "NOTE": f"{MARK} own", "FLAG": True}


def random_world(random: Random) -> World:
    """One to three activations of all kinds."""
    mode = random.choice(["upsert", "upsert", "mirror", "update", "insert"])
    removed = "keep" if mode == "mirror" else random.choice(["keep", "delete", "set"])
    once = ("FLAG",) if mode == "upsert" and random.random() < 0.3 else ()
    people = Feed(
        "people",
        "PEOPLE",
        mode=mode,
        removed=removed,
        nulls=random.choice(["send", "send", "skip"]),
        segment=random.choice([None, "HERE"]),
        once=once,
        send=random.choice(["changed", "changed", "all"]),
        batch=random.choice([100, 200, 400]),
    )
    feeds = [people]
    if mode == "upsert" and removed == "keep" and random.random() < 0.5:
        feeds.append(Feed("scores", "PEOPLE", {"SCORE": "score"}, batch=200))
    if random.random() < 0.6:
        removed = random.choice(["keep", "delete", "set"])
        feeds.append(Feed("orders", "ORDERS", removed=removed, batch=random.choice([100, 300])))
    return World({feed.name: feed for feed in feeds}, {f.name: Model(f.list) for f in feeds})


def summary(feeds: Sequence[Feed]) -> str:
    """The feeds in a line."""
    return "; ".join(
        " ".join(
            [feed.name, feed.mode, feed.removed, f"nulls {feed.nulls}", f"send {feed.send}"]
            + [f"segment {feed.segment}"] * bool(feed.segment)
            + ["only insert"] * bool(feed.once)
        )
        for feed in feeds
    )
