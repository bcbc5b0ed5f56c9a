"""Step 3: an activation and its warehouse give a frozen `Plan`; no state changes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Columns
from dbt_selligent.groups import SENT, Done, Group, make_groups
from dbt_selligent.guards import Change, Verdict, judge
from dbt_selligent.places import Delta
from dbt_selligent.selligent.pace import Pace
from dbt_selligent.staging import INVALID, KEYLESS, Bench, Staging, query, stage_delta
from dbt_selligent.wording import counted

# Kinds of rows of which a plan has a sample, in this order.
SHOWN = ("new", "changed", "again", "held", "missing", *INVALID, "removed", "spared")


@dataclass(frozen=True)
class Counts:
    """Rows of a model by what is to be done with them.

    ``rows`` = unchanged + new + changed + invalid + held + not_found. Of the changed rows ``again``
    are sent again whole: their answer was lost, those ``in_doubt``, or, in a full refresh, they
    were sent before at all; ``removed`` rows are in the snapshot, and not in the model any more;
    ``joining`` rows become members of the segment; ``known`` records were sent before. ``spared``
    rows left the model too, and their records are not deleted: they were adopted, and never sent.
    Of ``invalid_in_doubt`` rows an answer was lost, and they cannot be sent again as they are now.
    """

    rows: int
    unchanged: int
    new: int
    changed: int
    invalid: int
    held: int
    not_found: int
    in_doubt: int
    removed: int
    joining: int = 0
    known: int = 0
    spared: int = 0
    invalid_in_doubt: int = 0
    again: int = 0

    @property
    def to_send(self) -> int:
        """Rows that a sync sends."""
        return self.new + self.changed

    @property
    def gone(self) -> tuple[str, ...]:
        """Kinds of rows that left the model, where there are some."""
        return (*(["removed"] if self.removed else []), *(["spared"] if self.spared else []))


@dataclass(frozen=True)
class Problem:
    """Rows that cannot be sent, by field and reason."""

    field: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Plan:
    """What a sync of one activation does; `plan` prints it, `sync` carries it out.

    ``pace`` is that of its first request, ``speed`` the rows a second that the list took when that
    was last measured, None if it never was. Where no more than ``limit`` rows are to be sent,
    ``upto`` is the number of the last of them, None if there are no more anyway. ``verdicts`` are
    those of gate and guards; if one of them has not passed, a sync has to be forced.
    ``left_behind`` records were sent before under another key, list or address, and stay there.
    ``unread`` is why the list could not be read, where what is remembered of it had to do;
    ``renamed`` is the name of a state that may be this activation's of before.
    """

    activation: Activation
    columns: Columns
    delta: Delta
    counts: Counts
    groups: tuple[Group, ...]
    changed_fields: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    first_sync: bool
    full_refresh: bool
    pace: Pace
    speed: float | None = None
    limit: int | None = None
    upto: int | None = None
    sample: tuple[dict[str, Any], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    left_behind: int = 0
    unread: str | None = None
    renamed: str | None = None

    @property
    def failing(self) -> tuple[Verdict, ...]:
        """What speaks against sending it."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def keyless(self) -> int:
        """Rows without a key, which are not in the delta."""
        return sum(problem.rows for problem in self.problems if problem.reason == KEYLESS)

    @property
    def to_remove(self) -> int:
        """Rows that left the model, and of which more is to be done than to forget them."""
        return sum(group.rows for group in self.groups if group.done is Done.REMOVAL)

    @property
    def expected_rows(self) -> int:
        """Rows that a sync sends or removes."""
        rows = self.counts.to_send + self.to_remove
        return rows if self.limit is None else min(rows, self.limit)

    @property
    def expected_seconds(self) -> float | None:
        """How long that takes at the speed that was measured, None if none was."""
        return self.expected_rows / self.speed if self.speed else None

    @property
    def expected_requests(self) -> int:
        """Bulk requests, where no row is refused and bodies are small: of the size that the list
        was seen to take, or, where that is not known, if answers are quick.
        """
        return sum(forms * requests for forms, requests in self._requests())

    @property
    def expected_word(self) -> Literal["", "about", "at least"]:
        """How sure that number is: more than one request of a kind are as large as answers let
        them be, unless their size is given.
        """
        if self.pace.strict or all(requests <= 1 for _, requests in self._requests()):
            return ""
        return "about" if self.speed else "at least"

    def _requests(self) -> Iterator[tuple[int, int]]:
        """Of each group, how many calls it takes, and how many requests each of them."""
        left = math.inf if self.limit is None else self.limit
        for group in self.groups:
            rows = int(min(group.rows, left))
            yield len(group.forms), self.pace.expect(rows, grows=not self.speed)
            left -= rows if group.done is not Done.MEMBER else 0


def build_plan(
    bench: Bench,
    activation: Activation,
    staging: Staging,
    delta: Delta,
    *,
    pace: Pace | None = None,
    speed: float | None = None,
    limit: int | None = None,
    notes: Sequence[str] = (),
    verdicts: Sequence[Verdict] = (),
    sample: int = 0,
    synced: bool = False,
    known_before: int = 0,
    left_behind: int = 0,
    renamed: str | None = None,
) -> Plan:
    """The plan of an activation over its bench; ``delta`` is what the bench stages.

    ``sample`` rows are read back for showing; they hold values as they are. ``synced`` if a sync
    has come to its end before, ``known_before`` if one was cut off: see the state. ``verdicts`` are
    those that were made without the delta.
    """
    columns = staging.columns
    figures = stage_delta(bench, staging)
    by_kind: dict[str, int] = defaultdict(int)
    masks: dict[tuple[str, str], int] = defaultdict(int)
    problems = []
    for (kind, mask, field, reason), rows in figures.items():
        by_kind[kind] += rows
        if kind in SENT:
            masks[kind, mask] += rows
        if kind in INVALID:
            problems.append(Problem(field or "", reason or "", rows))
    groups, folded = make_groups(activation, columns.local, masks)
    _write_groups(bench, groups)
    said = list(notes)
    if folded:
        said.append(
            f"{folded} rows in the rarest sets of changed fields go whole (max_groups: "
            f"{activation.max_groups})"
        )
    if staging.full_refresh and activation.guard.max_changed is not None:
        said.append("max_changed is not judged: in a full refresh every row is sent anyway")
    by_values = sum(group.done is Done.RECORD for group in groups)
    if staging.skip and by_values > activation.max_groups:
        said.append(
            f"{by_values} groups of rows by the values they have: with nulls: skip no row goes "
            f"whole (max_groups: {activation.max_groups})"
        )
    counts = _count(by_kind, groups)
    known = max(counts.known, known_before)
    change = Change(
        name=activation.model.name,
        rows=counts.rows,
        changed=counts.to_send - counts.again,
        removed=counts.removed,
        known=known,
        removal=activation.removed,
        whole=staging.full_refresh or not synced or not known,
        invalid=counts.invalid,
        commonest=_commonest(problems),
    )
    upto = None
    if limit is not None:
        kinds = [bench.dialect.literal(kind) for kind in SENT]
        last = query(bench, "limit", delta=bench.delta, kinds=kinds, most=limit)
        upto = last[0][0] if last else None
    return Plan(
        activation=activation,
        columns=columns,
        delta=delta,
        counts=counts,
        groups=groups,
        changed_fields=_changed_fields(columns, masks),
        problems=tuple(problems),
        notes=tuple(said),
        first_sync=staging.first_sync,
        full_refresh=staging.full_refresh,
        pace=pace or Pace(),
        speed=speed,
        limit=limit,
        upto=upto,
        sample=_sample(bench, columns, sample) if sample else (),
        verdicts=(*verdicts, *judge(activation.guard, change)),
        left_behind=left_behind,
        renamed=renamed,
    )


def _write_groups(bench: Bench, groups: Sequence[Group]) -> None:
    quote = bench.dialect.literal
    rows = [
        (str(group.number), *map(quote, (group.done.value, kind, mask)))
        for group in groups
        for kind, mask in group.members
    ]
    query(bench, "groups", target=bench.groups, rows=rows, types=bench.dialect.types)


def _count(by_kind: Mapping[str, int], groups: Sequence[Group]) -> Counts:
    new, again = by_kind.get("new", 0), by_kind.get("again", 0)
    changed = by_kind.get("changed", 0) + again
    invalid, held = sum(by_kind.get(kind, 0) for kind in INVALID), by_kind.get("held", 0)
    missing, rows = by_kind.get("missing", 0), by_kind.get("model", 0)
    return Counts(
        rows=rows,
        unchanged=rows - new - changed - invalid - held - missing,
        new=new,
        changed=changed,
        invalid=invalid,
        held=held,
        not_found=missing,
        in_doubt=by_kind.get("doubted", 0),
        again=again,
        removed=by_kind.get("removed", 0),
        known=by_kind.get("known", 0),
        spared=by_kind.get("spared", 0),
        invalid_in_doubt=by_kind.get("stuck", 0),
        joining=sum(group.rows for group in groups if group.done is Done.MEMBER),
    )


def _commonest(problems: Sequence[Problem]) -> str:
    """Why most of the invalid rows are not sent."""
    if not problems:
        return ""
    most = max(problems, key=lambda each: each.rows)
    return f"{most.field}: {most.reason}, {counted(most.rows, 'row')}"


def _changed_fields(
    columns: Columns, masks: Mapping[tuple[str, str], int]
) -> tuple[tuple[str, int], ...]:
    totals = {column.field: 0 for column in columns.fields}
    for (kind, mask), rows in masks.items():
        if kind == "changed":
            for field, bit in zip(totals, mask, strict=False):
                totals[field] += rows if bit == "1" else 0
    changed = [(field, rows) for field, rows in totals.items() if rows]
    return tuple(sorted(changed, key=lambda each: -each[1]))


def _sample(bench: Bench, columns: Columns, most: int) -> tuple[dict[str, Any], ...]:
    rows = [
        row
        for kind in SHOWN
        for row in query(
            bench,
            "sample",
            delta=bench.delta,
            columns=columns.sent,
            kind=bench.dialect.literal(kind),
            most=most,
            text=bench.dialect.types["text"],
        )
    ]
    fields = [column.field for column in columns.sent]
    return tuple(
        {
            "kind": kind,
            "changed": [
                field
                for field, bit in zip(fields[len(columns.keys) :], mask, strict=False)
                if kind == "changed" and bit == "1"
            ],
            "values": dict(zip(fields, values, strict=True)),
        }
        for kind, mask, *values in rows
    )
