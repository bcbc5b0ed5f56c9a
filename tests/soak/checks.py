"""The promises, as what can be seen of them: in the state, in the lists, in what was received."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from functional.conftest import Shop, check_counts

from dbt_selligent.columns import MEMBER
from dbt_selligent.errors import DbtSelligentError
from dbt_selligent.historytables import HISTORY, REJECTED
from dbt_selligent.places import Files
from dbt_selligent.sandbox import Sandbox
from dbt_selligent.state import open_state
from soak.world import GONE, MARK, SECRET, Feed, Key, Row, Stored, World, as_field, stored

# What a sync may end as with exit code 0.
FINE = ("in step", "limited", "rows tolerated")
MOST_TOLD = 3  # examples of one promise broken


class PromiseBrokenError(AssertionError):
    """A promise, by its number, and how it was seen to be broken."""

    def __init__(self, promise: str, why: Sequence[str]) -> None:
        more = len(why) - MOST_TOLD
        words = [*why[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
        super().__init__(f"{promise}: " + "; ".join(words))
        self.promise = promise


class Checks:
    """Looks at a shop and its world; every look raises PromiseBrokenError. ``rows`` counts what was
    compared.
    """

    def __init__(self, shop: Shop, world: World) -> None:
        self.rows = 0
        self._shop = shop
        self._world = world
        # By list, record and field, what a field that goes with a new record alone was at first.
        self._once: dict[tuple[str, int, str], object] = {}
        # By list, record and field, those that had a value, which no null may take.
        self._valued: set[tuple[str, int, str]] = set()
        list(self._overwritten())

    def confirmed_is_applied(self) -> None:
        """I1: every row that the state says is confirmed stands so in its list."""
        for feed in self._world.feeds.values():
            self._check_confirmed(feed)

    def in_step(self) -> None:
        """I2: the lists are as the models and what is configured say."""
        for feed in self._world.feeds.values():
            self._check_feed(feed)

    def strangers_untouched(self) -> None:
        """I3: what others put into a list is there, but for what a model has too."""
        wrong: list[str] = []
        for name, strangers in self._world.strangers.items():
            feeds = [feed for feed in self._world.feeds.values() if feed.list == name]
            ever = set().union(*(self._world.models[feed.name].ever for feed in feeds))
            there = records_by_key(self._shop.sandbox, feeds[0])
            for key, own in strangers.items():
                found = there.get(key)
                self.rows += 1
                if key not in ever and (found is None or not own.items() <= found.items()):
                    wrong.append(f"{name} {key} of others is {found}")
            unknown = set(there) - ever - set(strangers)
            wrong += [f"{name} {key} came from nowhere" for key in sorted(unknown)]
        _report("I3", [*wrong, *self._overwritten()])

    def _overwritten(self) -> Iterator[str]:
        """Fields that go with a new record alone, and changed while the record stayed the same, or
        lost their value to a null that is to be skipped.
        """
        for feed in self._world.feeds.values():
            for number, record in records_by_id(self._shop.sandbox, feed.list).items():
                for field in feed.once:
                    first = self._once.setdefault((feed.list, number, field), record[field])
                    if record[field] != first:
                        yield f"{feed.list} record {number}: {field} was {first}: {record}"
                for field in feed.fields if feed.nulls == "skip" else ():
                    if record[field] is not None:
                        self._valued.add((feed.list, number, field))
                    elif (feed.list, number, field) in self._valued:
                        yield f"{feed.list} record {number}: {field} had a value: {record}"

    def counts_add_up(self, code: int | None = None) -> None:
        """I4: the results file is whole, its counts add up, and so does the exit ``code`` of the
        command that wrote it.
        """
        found = self._shop.results()
        results: list[dict[str, Any]] = found["results"]
        if code is not None:
            due = int(any(one["status"] not in FINE for one in results))
            if (due, due) != (code, found["metadata"]["exit_code"]):
                told = {one["name"]: one["status"] for one in results}
                raise PromiseBrokenError("I4", [f"it ended with {code}: {told}"])
        for one in results:
            counts = SimpleNamespace(**one["counts"]) if one["counts"] else None
            try:
                check_counts(cast(Any, SimpleNamespace(**{**one, "counts": counts})))
            except AssertionError as error:
                raise PromiseBrokenError("I4", [f"{one}: {error}"]) from None

    def nothing_sent(self, since: int) -> None:
        """I5: no bulk request has come in since then."""
        sent = self._shop.sandbox.bulk()[since:]
        _report("I5", [f"{one.method} {one.path} {one.query}" for one in sent])

    def nothing_sent_twice(self, since: int) -> None:
        """I7: no call for one row came twice in a run that nothing disturbed."""
        seen: Counter[tuple[str, str, str]] = Counter()
        for one in self._shop.sandbox.bulk()[since:]:
            fields = one.query.get("fields", "").split(",")
            keys = one.query["keyFields"].split(",")
            places = [fields.index(key) for key in keys] if fields != [""] else range(len(keys))
            body = one.body if isinstance(one.body, list) else []
            what = f"{one.method} {one.path.split('/')[-3:]} {one.query.get('data_import_option')}"
            for row in body:
                seen[what, ",".join(fields), str([row[place] for place in places])] += 1
        _report("I7", [f"{call} sent {times} times" for call, times in seen.items() if times > 1])

    def nothing_leaks(self, *said: str) -> None:
        """I6: no value and no secret in what was said, nor in any file but the state's own."""
        wrong = [f"{name} is in what was said" for name in (MARK, SECRET) for text in said
                 if name in text]  # fmt: skip
        for path in self._files(self._shop.folder):
            inside = path.is_relative_to(self._shop.state)
            if path in (self._shop.warehouse, self._shop.folder / "profiles.yml"):
                continue
            content = path.read_bytes()
            holds_rows = ".duckdb" in path.name or path.parent.name == REJECTED
            told = (SECRET,) if inside and holds_rows else (MARK, SECRET)
            if inside and any(part.startswith(".temporary-") for part in path.parts):
                told = (SECRET,)
            wrong += [f"{word} is in {path}" for word in told if word.encode() in content]
        _report("I6", wrong)

    def modes_are_private(self) -> None:
        """I6: what is in the state's folder is its owner's alone, and kept out of git."""
        if not self._shop.state.exists():
            return
        wrong = []
        paths = [self._shop.state, *self._shop.state.rglob("*")]
        for path in paths:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                wrong.append(f"{path} has mode {mode:o}")
        _report("I6", wrong)

    def nothing_is_left(self) -> None:
        """I6: after a good sync there is the state, and what locks it, and nothing else."""
        ignored = self._shop.state / ".gitignore"
        wrong = [] if ignored.read_text() == "*\n" else [f"{ignored} does not keep git out"]
        expected = {".gitignore", "dev/destination.json"}
        for feed in self._world.feeds.values():
            expected |= {f"dev/{feed.name}.{end}" for end in ("duckdb", "lock")}
            expected |= {f"dev/history/{table}/{feed.name}.parquet" for table in HISTORY}
            expected.add(f"lists/{self._shop.list_lock(feed.name).name}")
        there = {str(path.relative_to(self._shop.state)) for path in self._files(self._shop.state)}
        _report("I6", [*wrong, *(f"{name} is left" for name in sorted(there - expected))])

    def _files(self, folder: Path) -> Iterator[Path]:
        return (path for path in sorted(folder.rglob("*")) if path.is_file())

    def _check_confirmed(self, feed: Feed) -> None:
        there = records_by_key(self._shop.sandbox, feed)
        members = member_keys(self._shop.sandbox, feed)
        wrong = []
        for key, row in settled_snapshot(self._shop, feed).items():
            self.rows += 1
            member = row.pop(MEMBER.field, None)
            found = there.get(key)
            if key in self._world.touched:
                continue
            if found is None:
                wrong.append(f"{feed.name} {key} is confirmed, and not in the list")
                continue
            if feed.mode != "insert":
                said = {
                    name: value
                    for name, value in row.items()
                    if value is not None or not self._world.is_silent(feed, key, name)
                }
                other = {name for name, value in said.items() if found[name] != value}
                if other:
                    wrong.append(f"{feed.name} {key} is confirmed as {said}, and is {found}")
            if member and key not in members:
                wrong.append(f"{feed.name} {key} is confirmed as a member, and is none")
        _report("I1", wrong)

    def _check_feed(self, feed: Feed) -> None:
        model = self._world.models[feed.name]
        strangers = self._world.strangers.get(feed.list, {})
        there = records_by_key(self._shop.sandbox, feed)
        members = member_keys(self._shop.sandbox, feed)
        valid = model.valid()
        wrong = []
        for key, row in valid.items():
            self.rows += 1
            wrong += self._check_row(feed, key, row, there.get(key), strangers)
            if feed.segment and (key in there) != (key in members):
                wrong.append(f"{feed.name} {key} is in the model, and a member: {key in members}")
        for key in model.stayed - set(there) - self._world.touched:
            wrong.append(f"{feed.name} {key} never left the model, and its record is gone")
        model.stayed = set(there) & set(model.rows)
        for key in model.ever - set(model.rows):
            self.rows += 1
            if key in strangers:
                continue
            if feed.deletes and key in there:
                wrong.append(f"{feed.name} {key} left the model, and is still there")
            elif feed.removed == "set" and key in there and there[key]["WORD"] != GONE:
                wrong.append(f"{feed.name} {key} left the model, and nothing was set: {there[key]}")
        wrong += [f"{feed.name} {key} is a member" for key in members - set(model.rows)]
        _report("I2", wrong)

    def _check_row(
        self,
        feed: Feed,
        key: Key,
        row: Row,
        found: Stored | None,
        strangers: Mapping[Key, Stored],
    ) -> list[str]:
        if found is None:
            # What was there, and left the model since, may have been deleted.
            if feed.mode == "update" and (key not in strangers or feed.deletes):
                return []
            return [f"{feed.name} {key} is not in the list"]
        if feed.mode == "insert":
            return []
        wanted = {
            name: as_field(name, row[column])
            for name, column in feed.fields.items()
            if name not in feed.once
            and (row[column] is not None or not self._world.is_silent(feed, key, name))
        }
        other = {name for name, value in wanted.items() if found[name] != value}
        for name in wanted.keys() - other:
            self._world.sent(feed, key, name)
        return [f"{feed.name} {key} is {found}, and the model says {wanted}"] if other else []


def records_by_key(sandbox: Sandbox, feed: Feed) -> dict[Key, Stored]:
    """The records of the feed's list; two of one key break I3."""
    fields = [field for field, _ in feed.keys]
    records = sandbox.records(feed.list)
    found = {tuple(record[field] for field in fields): record for record in records}
    if len(found) < len(records):
        raise PromiseBrokenError("I3", [f"{feed.list}: {len(records)} records, {len(found)} keys"])
    return found


def records_by_id(sandbox: Sandbox, api_name: str) -> dict[int, Stored]:
    """The records of a list; one that was deleted and is made again has another id."""
    with sandbox._lock:  # ids of records are the sandbox's own affair
        return {number: dict(each) for number, each in sandbox._lists[api_name].records.items()}


def member_keys(sandbox: Sandbox, feed: Feed) -> set[Key]:
    """The keys of the records that are members of the feed's segment."""
    if not feed.segment:
        return set()
    fields = [field for field, _ in feed.keys]
    with sandbox._lock:
        records = records_by_id(sandbox, feed.list)
        ids = sandbox.segment(feed.list, feed.segment)
        return {tuple(records[number][field] for field in fields) for number in ids}


def files_of(shop: Shop, feed: Feed) -> Files:
    """Where the state of a feed lies."""
    return Files(shop.state / "dev", feed.name, feed.list.casefold())


def settled_snapshot(shop: Shop, feed: Feed) -> dict[Key, Stored]:
    """What the state of a feed confirms, by a copy that is settled as the next sync would.

    Raises PromiseBrokenError where it does not open.
    """
    files = files_of(shop, feed)
    if not files.state.exists():
        return {}
    folder = Path(tempfile.mkdtemp(prefix="settled-"))
    try:
        with open_state(files.copy(folder), folder) as store:
            store.settle()
            if not store.has_tables():
                return {}
            done = store.connection.execute("select * from _selligent_state.main.snapshot")
            names = [column[0] for column in done.description or ()]
            rows = [dict(zip(names, map(stored, row), strict=True)) for row in done.fetchall()]
    except DbtSelligentError as error:
        raise PromiseBrokenError("I7", [f"the state of {feed.name}: {error}"]) from None
    finally:
        shutil.rmtree(folder)
    keys = [field for field, _ in feed.keys]
    return {
        tuple(row[key] for key in keys): {
            name: value if name == MEMBER.field else as_field(name, value)
            for name, value in row.items()
            if name not in keys
        }
        for row in rows
    }


def _report(promise: str, wrong: Sequence[str]) -> None:
    if wrong:
        raise PromiseBrokenError(promise, wrong)
