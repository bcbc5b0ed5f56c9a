"""Random models, changes, modes, removals and refusals through several syncs: at the end list,
segment, snapshot and model agree, and every row that is not in step is listed with a reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox.conformance import assert_conforms

from dbt_selligent.results import ActivationResult
from dbt_selligent.sandbox.values import canonical

from .conftest import Shop, empty, exposure, new_sandbox

# The columns of the model, and the fields that they feed.
FIELDS = {"WORD": "word", "NO": "no", "AMOUNT": "amount", "FLAG": "flag", "AT": "moment"}
LISTS = {
    "THINGS": {
        "business_key": ["NAME"],
        "fields": {
            "NAME": {"data_type": "Text", "length": 6, "allow_null": False},
            "WORD": {"data_type": "Text", "length": 4},
            "NO": {"data_type": "Numeric"},
            "AMOUNT": {"data_type": "Float"},
            "FLAG": {"data_type": "Boolean"},
            "AT": {"data_type": "DateTime"},
        },
    }
}
REFUSED = "bad"  # a word that the fault of the sandbox refuses
FAULTS: tuple[list[str], ...] = (
    [],
    ["load:short=1"],
    ["load:no-index"],
    ["load:unlisted"],
    ["load:stop-on-error"],
    ["load:uncounted"],
    ["load:as-duplicate", "load:uncounted-existing"],
    ["load:503@2", "segment-load:reset-after@1", "delete:reset-after@1"],
)

names = st.sampled_from(["a", "A ", "b", "c", "d", "e", "f", "g", "h", "toolong"])
words = st.sampled_from(["", "x", "X", "y ", REFUSED, "\U0001f600\U0001f600", "12345", None])
numbers = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, None])
amounts = st.sampled_from([0.0, -0.0, 0.1 + 0.2, 0.3, 1e15, float("nan"), None])
times = st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:00.0004", "0001-01-01", None])
rows = st.tuples(names, words, numbers, amounts, st.sampled_from([True, False, None]), times)
models = st.lists(rows, min_size=1, max_size=9)


@dataclass(frozen=True)
class Case:
    """An activation, and the models that it meets one after the other."""

    mode: str
    removed: Any
    nulls: str
    segment: str | None
    once: bool
    batch: int | str
    faults: Sequence[str]
    index_base: int
    models: Sequence[Sequence[tuple[Any, ...]]]
    there: Sequence[str]  # keys of records that others made before
    by_hand: Sequence[str]  # keys of records that others delete before the last sync

    @property
    def meta(self) -> dict[str, Any]:
        fields: dict[str, Any] = dict(FIELDS)
        if self.once and self.mode != "update":
            fields["FLAG"] = {"column": "flag", "only": "insert"}
        meta = {
            "list": "THINGS",
            "matching_key": {"NAME": "name"},
            "fields": fields,
            "mode": self.mode,
            "nulls": self.nulls,
            "batch": {"rows": self.batch},
        }
        if self.mode != "mirror":
            meta["removed"] = self.removed
        if self.segment:
            meta["segment"] = self.segment
        return meta

    @property
    def deletes(self) -> bool:
        return self.mode == "mirror" or self.removed == "delete"


cases = st.builds(
    Case,
    mode=st.sampled_from(["upsert", "insert", "update", "mirror"]),
    removed=st.sampled_from(["keep", "delete", {"set": {"WORD": "gone"}}]),
    nulls=st.sampled_from(["send", "skip"]),
    segment=st.sampled_from([None, "VIP"]),
    once=st.booleans(),
    batch=st.sampled_from(["auto", 1, 2, 3]),
    faults=st.sampled_from(FAULTS),
    index_base=st.sampled_from([0, 1]),
    models=st.lists(models, min_size=1, max_size=3),
    there=st.lists(st.sampled_from(["a", "b", "z"]), max_size=2, unique=True),
    by_hand=st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=3, unique=True),
)


def fill(shop: Shop, model: Sequence[tuple[Any, ...]]) -> None:
    shop.write(
        "create or replace table things (name varchar, word varchar, no bigint, amount double, "
        "flag boolean, moment timestamp)"
    )
    with duckdb.connect(str(shop.warehouse)) as connection:
        for row in model:
            connection.execute("insert into things values (?, ?, ?, ?, ?, ?)", row)


def is_valid(row: tuple[Any, ...]) -> bool:
    """By what the list's fields take, not by what the tool says of it."""
    name, word, no, amount, _, _ = row
    return (
        len(name) <= 6
        and (word is None or len(word.encode("utf-16-le")) // 2 <= 4)
        and (no is None or -(2**31) <= no < 2**31)
        and (amount is None or math.isfinite(amount))
    )


def stored(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of the model as the list is to hold it."""
    name, word, no, amount, flag, at = row
    moment = None
    if at is not None:
        day, _, clock = at.partition(" ")
        moment = f"{day}T{clock.split('.')[0] or '00:00:00'}.000"
    rounded = None if amount is None else float(f"{amount:.12g}")
    return {"NAME": name, "WORD": word, "NO": no, "AMOUNT": rounded, "FLAG": flag, "AT": moment}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases)
def test_list_segment_snapshot_and_model_agree(parsed_folder: Path, case: Case) -> None:
    faults = [f"load:reject:WORD={REFUSED}", *case.faults]
    sandbox = new_sandbox(faults=faults, index_base=case.index_base, lists=LISTS)
    empty(parsed_folder)
    with sandbox.running() as url:
        shop = Shop(parsed_folder, sandbox, url)
        shop.profile()
        run(case, shop)
    assert_conforms(sandbox)


def run(case: Case, shop: Shop) -> None:
    """Syncs model after model, and checks what has become of the list."""
    shop.declare(exposure("things", "things", case.meta))
    shop.sandbox.put("THINGS", [{"NAME": name, "WORD": "own"} for name in case.there])
    ever: set[object] = set()
    before: dict[object, tuple[Any, ...]] = {}
    for number, model in enumerate(case.models, 1):
        if 1 < number == len(case.models):
            before = read_state(shop, "snapshot")
            for name in case.by_hand:
                shop.sandbox.remove("THINGS", {"NAME": name})
        fill(shop, model)
        result = sync_to_the_end(shop)
        ever |= {canonical(row[0]) for row in model}
    check(case, shop, result.counts, case.models[-1], ever, before)
    shop.sent()
    again = shop.sync_one("things", force=True)
    assert (again.confirmed, again.rejected, again.not_found, again.not_sent) == (0, 0, 0, 0)
    assert (again.removed, again.not_removed) == (0, 0)
    assert shop.sent() == []


def sync_to_the_end(shop: Shop) -> ActivationResult:
    """Syncs until nothing ends the run before its end: a fault may, and the next goes on."""
    for _ in range(4):
        result = shop.sync_one("things", force=True)
        if result.status != "failed":
            break
    assert result.status != "failed", result.error
    return result


def check(
    case: Case,
    shop: Shop,
    counts: Any,
    model: Any,
    ever: set[object],
    before: dict[object, tuple[Any, ...]],
) -> None:
    """Compares the list, and the segment, with what the model says, row by row.

    What the snapshot says as ``before``, when records were deleted by hand, was not sent since.
    """
    by_hand = {canonical(name) for name in case.by_hand}
    by_key = Counter(canonical(row[0]) for row in model)
    there = {canonical(record["NAME"]): record for record in shop.sandbox.records("THINGS")}
    assert len(there) == len(shop.sandbox.records("THINGS"))
    snapshot = read_state(shop, "snapshot")
    listed = {**read_state(shop, "rejected"), **read_state(shop, "invalid")}
    members = find_members(shop) if case.segment else set()
    for row in model:
        key = canonical(row[0])
        if by_key[key] > 1 or not is_valid(row):
            if case.mode == "insert" and key in snapshot:
                continue  # nothing of it is ever sent again
            assert key in listed, (row, "is not in step, and not listed")
            continue
        wanted = stored(row)
        if key in snapshot:
            if key in by_hand - set(there) and snapshot[key] == before.get(key):
                continue
            assert key in there
            check_record(case, there[key], wanted)
            if case.segment:
                assert key in members
        else:
            assert key in listed, (row, "is not in step, and not listed")
            refused = row[1] == REFUSED
            missing = case.mode == "update" and key not in there
            assert refused or missing
            if case.segment and missing:
                assert key not in members
    gone = set(there) - set(by_key)
    assert not members - set(by_key)
    for key in gone & ever - {canonical(name) for name in case.there}:
        assert not case.deletes, (key, "left the model, and is still there")
    assert set(map(canonical, case.there)) - ever - by_hand <= set(there)
    assert set(snapshot) <= set(by_key)
    assert counts.rows == len(model)


def check_record(case: Case, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert canonical(found["NAME"]) == canonical(wanted["NAME"])
    if case.mode == "insert":
        return
    for field, value in wanted.items():
        if field == "NAME" or (field == "FLAG" and case.once and case.mode != "update"):
            continue
        if value is None and case.nulls == "skip":
            continue
        assert found[field] == value or (value == 0 and found[field] == 0), (field, found, wanted)


def find_members(shop: Shop) -> set[object]:
    """The keys of the segment's members, as the API tells them; none before there is a segment."""
    url = f"{shop.url}/Portal/Api/organizations/DEMO/lists/THINGS/segments/VIP/data/search"
    answer = requests.post(
        url, json={"fields": ["NAME"]}, headers={"X-ApiKey": "demo:demo"}, timeout=10
    )
    return {canonical(name) for (name,) in answer.json().get("data", ())}


def read_state(shop: Shop, table: str) -> dict[object, tuple[Any, ...]]:
    """Rows of a table of the state, by canonical key."""
    path = shop.state / "dev" / "things.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(f"select * from {table}").fetchall()
    return {canonical(row[0]): row for row in found}
