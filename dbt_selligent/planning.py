"""Step 3: an activation and its warehouse give a frozen `Plan`; no state changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Columns
from dbt_selligent.groups import Group, make_groups
from dbt_selligent.staging import Reader, stage_delta
from dbt_selligent.tables import DELTA, GROUPS

ROWS_PER_BATCH = 2500
BYTES_PER_BATCH = 20_000_000

INVALID = ("invalid", "doubled")
# Kinds of rows of which a plan has a sample, in this order.
SHOWN = ("new", "changed", "again", "held", *INVALID)


@dataclass(frozen=True)
class Counts:
    """Rows of a model by what is to be done with them.

    ``rows`` = unchanged + new + changed + invalid + held. ``in_doubt`` of the changed rows are sent
    whole; ``removed`` rows are in the snapshot, and not in the model any more.
    """

    rows: int
    unchanged: int
    new: int
    changed: int
    invalid: int
    held: int
    in_doubt: int
    removed: int

    @property
    def to_send(self) -> int:
        """Rows that a sync sends."""
        return self.new + self.changed


@dataclass(frozen=True)
class Problem:
    """Rows that cannot be sent, by field and reason."""

    field: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Plan:
    """What a sync of one activation does; `plan` prints it, `sync` carries it out."""

    activation: Activation
    columns: Columns
    delta: Path
    counts: Counts
    groups: tuple[Group, ...]
    changed_fields: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    first_sync: bool
    full_refresh: bool
    sample: tuple[dict[str, Any], ...] = ()

    @property
    def expected_requests(self) -> int:
        """Bulk requests, where no row is refused and no batch reaches the limit of bytes."""
        return sum(math.ceil(group.rows / ROWS_PER_BATCH) for group in self.groups)


def build_plan(
    reader: Reader,
    activation: Activation,
    columns: Columns,
    delta: Path,
    *,
    first_sync: bool,
    full_refresh: bool,
    notes: Sequence[str] = (),
    sample: int = 0,
) -> Plan:
    """The plan of an activation whose state and delta file are attached to the reader.

    ``sample`` rows are read back for showing; they hold values as they are.
    """
    figures = stage_delta(
        reader, activation.model, columns, full_refresh=full_refresh, first_sync=first_sync
    )
    by_kind: dict[str, int] = {}
    masks: dict[str, int] = {}
    problems = []
    for (kind, mask, field, reason), rows in figures.items():
        by_kind[kind] = by_kind.get(kind, 0) + rows
        if kind == "changed":
            masks[mask] = rows
        if kind in INVALID:
            problems.append(Problem(field or "", reason or "", rows))
    counts = _count(by_kind)
    fields = [column.field for column in columns.fields]
    groups, folded = make_groups(activation, fields, by_kind, masks)
    reader.query(
        f"create table {GROUPS} "
        "(_selligent_group integer, _selligent_kind varchar, _selligent_mask varchar)"
    )
    for group in groups:
        for kind, mask in group.members:
            reader.query(f"insert into {GROUPS} values (?, ?, ?)", [group.number, kind, mask])
    said = list(notes)
    if folded:
        said.append(
            f"{folded} rows in the rarest sets of changed fields go whole (max_groups: "
            f"{activation.max_groups})"
        )
    return Plan(
        activation=activation,
        columns=columns,
        delta=delta,
        counts=counts,
        groups=groups,
        changed_fields=_changed_fields(fields, masks),
        problems=tuple(problems),
        notes=tuple(said),
        first_sync=first_sync,
        full_refresh=full_refresh,
        sample=_sample(reader, columns, sample) if sample else (),
    )


def _count(by_kind: Mapping[str, int]) -> Counts:
    new, again = by_kind.get("new", 0), by_kind.get("again", 0)
    changed = by_kind.get("changed", 0) + again
    invalid, held = sum(by_kind.get(kind, 0) for kind in INVALID), by_kind.get("held", 0)
    rows = by_kind.get("model", 0)
    return Counts(
        rows=rows,
        unchanged=rows - new - changed - invalid - held,
        new=new,
        changed=changed,
        invalid=invalid,
        held=held,
        in_doubt=again,
        removed=by_kind.get("removed", 0),
    )


def _changed_fields(fields: Sequence[str], masks: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    totals = dict.fromkeys(fields, 0)
    for mask, rows in masks.items():
        for field, bit in zip(fields, mask, strict=True):
            totals[field] += rows if bit == "1" else 0
    changed = [(field, rows) for field, rows in totals.items() if rows]
    return tuple(sorted(changed, key=lambda each: -each[1]))


def _sample(reader: Reader, columns: Columns, most: int) -> tuple[dict[str, Any], ...]:
    names = ", ".join(f"delta.{column.name}" for column in columns.all)
    rows = [
        row
        for kind in SHOWN
        for row in reader.query(
            f"select _selligent_kind, _selligent_mask, {names} from {DELTA} as delta "
            f"where _selligent_kind = ? order by {names} limit {int(most)}",
            [kind],
        )
    ]
    fields = [column.field for column in columns.all]
    return tuple(
        {
            "kind": kind,
            "changed": [
                field
                for field, bit in zip(fields[len(columns.keys) :], mask, strict=False)
                if bit == "1"
            ],
            "values": dict(zip(fields, values, strict=True)),
        }
        for kind, mask, *values in rows
    )
