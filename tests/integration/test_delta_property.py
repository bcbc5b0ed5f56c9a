"""The delta against a model in Python: random tables, several rounds, some rows refused or lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import Row, Workbench

from dbt_selligent.planning import Plan
from dbt_selligent.selligent.answer import Rejected
from dbt_selligent.spans import Outcome, Span
from dbt_selligent.state import open_state

keys = st.one_of(st.none(), st.sampled_from(["a", "A", "a ", "b", "c", "d", "e", "f", " a"]))
values = st.one_of(st.none(), st.sampled_from(["x", "y", "X", "", "x "]))
numbers = st.one_of(st.none(), st.sampled_from([0.1 + 0.2, 0.3, 1.0, float("nan"), 2.5, -0.0, 0.0]))
rows = st.lists(st.tuples(keys, values, numbers), max_size=8)
# What becomes of each row that is sent, by its place.
fates = st.lists(
    st.sampled_from(
        ["confirmed", "rejected", "taken and rejected", "missing", "in doubt", "unsent"]
    ),
    max_size=8,
)
retries = st.sampled_from([(), ("held",), ("missing",), ("held", "missing")])
rounds = st.lists(st.tuples(rows, fates, st.booleans(), retries), min_size=1, max_size=5)


@dataclass
class Known:
    """The state as Python sees it, by canonical key."""

    snapshot: dict[str, Row] = field(default_factory=dict)
    doubt: set[str] = field(default_factory=set)
    held: dict[str, tuple[str, Row]] = field(default_factory=dict)  # held or missing


def canonical(key: str) -> str:
    return key.lower().rstrip(" ")


def settled(row: Row) -> Row:
    key, text, number = row
    if number is not None and number == number:  # not NaN
        number = float(f"{number:.12g}") + 0.0
    return key, text, number


def same(one: Row, other: Row) -> bool:
    """Equal but for the key, by which the two were found."""
    return one[1:] == other[1:]


def expected(
    known: Known, table: list[Row], full: bool, retried: tuple[str, ...]
) -> dict[str, Any]:
    """Kind by key, and the counts, by the words of the design."""
    there = Counter(canonical(row[0]) for row in table if row[0] is not None)
    kinds: dict[str, str] = {}
    invalid = sum(row[0] is None for row in table)
    for row in map(settled, table):
        if row[0] is None:
            continue
        key = canonical(row[0])
        if there[key] > 1:
            invalid += 1
            continue
        if row[2] is not None and row[2] != row[2]:
            kinds[key] = "invalid"
            invalid += 1
        elif full:
            kinds[key] = "again" if key in known.snapshot or key in known.doubt else "new"
        elif (
            key in known.held
            and known.held[key][0] not in retried
            and repr(known.held[key][1]) == repr(row)
        ):
            kinds[key] = known.held[key][0]
        elif key in known.doubt:
            kinds[key] = "again"
        elif key in known.snapshot:
            kinds[key] = "unchanged" if same(known.snapshot[key], row) else "changed"
        else:
            kinds[key] = "new"
    removed = sorted(key for key in {*known.snapshot, *known.doubt} if key not in there)
    return {"kinds": kinds, "invalid": invalid, "removed": removed}


def carry_out(bench: Workbench, plan: Plan, fates: list[str], known: Known) -> None:
    """Gives each row its fate in the log, and leaves the settling to the next round."""
    group_of = {member: group.number for group in plan.groups for member in group.members}
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        with ledger.expecting(all_of_it=True):
            pass  # a first sync whose rows are all confirmed takes what is written here
        known.held = {
            canonical(row[3]): (row[1], (row[3], row[4], row[5]))
            for row in bench.staged()
            if row[1] in ("held", "missing")
        }
        if bench.activation.removed == "keep":
            for key in expected_removed(bench.staged()):
                known.snapshot.pop(key, None)
                known.doubt.discard(key)
        if plan.full_refresh:
            kinds = ("invalid", "doubled")  # as they were confirmed
            stay = {canonical(row[3]) for row in bench.staged() if row[1] in kinds}
            known.doubt |= set(known.snapshot) - stay
            known.snapshot = {key: known.snapshot[key] for key in set(known.snapshot) & stay}
        sent = [row for row in bench.staged() if (row[1], row[2]) in group_of]
        for place, (number, kind, mask, key, text, value) in enumerate(sent):
            fate = fates[place] if place < len(fates) else "confirmed"
            removal = kind == "removed"
            span = Span(group_of[kind, mask], number, number)
            ledger.note(span, Outcome.SENT)
            name, row = canonical(key), (key, text, value)
            was_there = known.snapshot.pop(name, None) if fate != "unsent" else None
            if fate == "unsent":
                ledger.note(span, Outcome.UNSENT)
            elif fate == "in doubt":
                known.doubt.add(name)
            else:
                ledger.note(span, Outcome.ANSWERED)
            if fate == "confirmed":
                if not removal:
                    known.snapshot[name] = row
                known.doubt.discard(name)
                known.held.pop(name, None)
            elif fate == "missing":
                ledger.set_apart([number])
                known.doubt.discard(name)
                known.held[name] = "missing", row
            elif fate.endswith("rejected"):
                taken = fate.startswith("taken")
                ledger.refuse([number], [Rejected("Unknown")], taken=taken)
                known.held[name] = "held", row
                if was_there is not None or taken:
                    known.doubt.add(name)
        ledger.flush()


def expected_removed(staged: list[tuple[Any, ...]]) -> list[str]:
    return [canonical(row[3]) for row in staged if row[1] == "removed"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds, st.sampled_from(["table", "view"]), st.sampled_from(["keep", "delete"]))
def test_delta_agrees_with_python(
    tmp_path_factory: pytest.TempPathFactory,
    rounds: list[tuple[list[Row], list[str], bool, tuple[str, ...]]],
    materialized: str,
    removed: str,
) -> None:
    bench = Workbench(tmp_path_factory.mktemp("state"), materialized, removed=removed)
    known = Known()
    for place, (table, fate, full, retried) in enumerate(rounds):
        bench.fill(table)
        want = expected(known, table, full, retried)
        plan = bench.plan(full=full, retried=retried)
        staged = bench.staged()
        kinds = {canonical(row[3]): row[1] for row in staged if row[3] and row[1] != "removed"}
        doubled = {k for k, n in Counter(canonical(r[0]) for r in table if r[0]).items() if n > 1}
        wanted = {key: kind for key, kind in want["kinds"].items() if kind != "unchanged"}
        assert {key: kind for key, kind in kinds.items() if key not in doubled} == wanted
        assert sorted(expected_removed(staged)) == want["removed"]
        counts = plan.counts
        tally = Counter(want["kinds"].values())
        assert counts.rows == len(table)
        assert counts.invalid == want["invalid"]
        assert (counts.new, counts.held, counts.not_found, counts.unchanged) == (
            tally["new"], tally["held"], tally["missing"], tally["unchanged"],
        )  # fmt: skip
        assert counts.changed == tally["changed"] + tally["again"]
        assert counts.again == tally["again"]
        again = {key for key, kind in want["kinds"].items() if kind == "again"}
        assert counts.in_doubt == len(again & known.doubt)
        assert counts.removed == len(want["removed"])
        assert counts.known == (len(known.snapshot) + len(known.doubt) if place else 0)
        for _, kind, mask, key, text, number in staged:
            if kind == "changed":
                before = known.snapshot[canonical(key)]
                bits = [str(int(a != b)) for a, b in zip((text, number), before[1:], strict=True)]
                assert mask == "".join(bits), json.dumps([key, text])
        carry_out(bench, plan, fate, known)
