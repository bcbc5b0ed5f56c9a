"""Step 3: an activation and its warehouse give a frozen `Plan`; no state changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Columns
from dbt_selligent.groups import Group, make_groups
from dbt_selligent.manifest import Model
from dbt_selligent.warehouse.engine import DELTA as DELTA_ALIAS
from dbt_selligent.warehouse.engine import SCRATCH as SCRATCH_ALIAS
from dbt_selligent.warehouse.engine import STATE as STATE_ALIAS
from dbt_selligent.warehouse.macros import render_sql

ROWS_PER_BATCH = 2500
BYTES_PER_BATCH = 20_000_000

STATE = f"{STATE_ALIAS}.main"
DELTA = f"{DELTA_ALIAS}.main"
DELTA_TABLE = f"{DELTA}.delta"
# Gone as soon as the delta is staged.
MODEL, GONE, CAME, DOUBLED = (
    f"{SCRATCH_ALIAS}.main.{name}" for name in ("model", "gone", "came", "doubled")
)


class Reader(Protocol):
    """What planning may do with a warehouse: run SQL over it, and fill the delta's own file."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement."""


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


# Materializations that keep their rows; of any other, reading is computing.
TABLES = ("table", "incremental", "snapshot", "seed")

INVALID = ("invalid", "doubled")

Figures = dict[tuple[str, str, str | None, str | None], int]


def stage_delta(
    reader: Reader, model: Model, columns: Columns, *, full_refresh: bool, first_sync: bool
) -> Figures:
    """Fills the delta's table, and gives its figures: rows by kind, mask, field and reason.

    The figures hold two kinds that the delta has no rows of: ``model``, all rows of the model, and
    rows without a key.
    """
    staged = _stage_first(reader, model, columns) if first_sync else None
    rows, keyed = staged or _stage_difference(reader, model, columns, full_refresh)
    figures = {
        (kind, mask, field, reason): count
        for kind, mask, field, reason, count in reader.query(
            render_sql(
                "delta_counts",
                delta=DELTA_TABLE,
                keys=columns.keys,
                fields=columns.fields,
            )
        )
    }
    figures["model", "", None, None] = rows
    if keyed < rows:
        key = columns.keys[0].field
        figures["invalid", "", key, "the matching key is null"] = rows - keyed
    return figures


def _stage_first(reader: Reader, model: Model, columns: Columns) -> tuple[int, int] | None:
    """Stages the model's rows as they are; gives what `_stage_difference` gives.

    None where some rows have no key of their own: nothing is staged then.
    """
    keys = columns.keys
    _name_model(reader, model, columns, computed=False)
    reader.query(
        render_sql("first_delta", target=DELTA_TABLE, model=MODEL, keys=keys, fields=columns.fields)
    )
    [(rows, keyed, different)] = reader.query(
        render_sql("first_sizes", delta=DELTA_TABLE, keys=keys)
    )
    if rows == keyed == different:
        return rows, keyed
    reader.query(f"drop table {DELTA_TABLE}")
    reader.query(f"drop view {MODEL}")
    return None


def _stage_difference(
    reader: Reader, model: Model, columns: Columns, full_refresh: bool
) -> tuple[int, int]:
    """Stages what differs from the snapshot; gives the model's rows, and those that have a key."""
    keys = columns.keys
    compared: dict[str, Any] = {"model": MODEL, "state": STATE, "keys": keys}
    _name_model(reader, model, columns, computed=model.materialized not in TABLES)
    [(rows, keyed, confirmed)] = reader.query(render_sql("sizes", **compared))
    compared |= {"columns": columns.all}
    if full_refresh:
        # Everything is sent again: every row that has a key came, and the whole snapshot is gone.
        gone, went = f"{STATE}.snapshot", confirmed
    else:
        gone = GONE
        reader.query(render_sql("gone", target=gone, **compared))
        [(went,)] = reader.query(f"select count(*) from {gone}")
    came, doubled = gone, None
    if went or keyed != confirmed:
        came = CAME
        reader.query(render_sql("came", target=came, full_refresh=full_refresh, **compared))
        [(arrived, different, confirmed_too)] = reader.query(
            render_sql("came_sizes", came=came, gone=gone, state=STATE, keys=keys)
        )
        # Of each confirmed row that is not gone the model has one, and of each that came one.
        copies = keyed - (confirmed - went) - arrived
        if copies or confirmed_too or arrived != different:
            doubled = DOUBLED
            reader.query(render_sql("doubled", target=doubled, model=MODEL, keys=keys))
    reader.query(
        render_sql(
            "delta",
            target=DELTA_TABLE,
            model=MODEL,
            came=came,
            gone=gone,
            doubled=doubled,
            state=STATE,
            keys=keys,
            fields=columns.fields,
            full_refresh=full_refresh,
        )
    )
    return rows, keyed


def _name_model(reader: Reader, model: Model, columns: Columns, *, computed: bool) -> None:
    reader.query(
        render_sql(
            "model",
            target=MODEL,
            relation=model.relation_name or "",
            columns=columns.all,
            computed=computed,
        )
    )


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
        f"create table {DELTA}.groups "
        "(_selligent_group integer, _selligent_kind varchar, _selligent_mask varchar)"
    )
    for group in groups:
        for kind, mask in group.members:
            reader.query(f"insert into {DELTA}.groups values (?, ?, ?)", [group.number, kind, mask])
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
    rows = reader.query(
        f"select _selligent_kind, _selligent_mask, {names} from {DELTA}.delta as delta "
        "where _selligent_kind in ('new', 'changed', 'again', 'invalid', 'doubled', 'held') "
        f"qualify row_number() over (partition by _selligent_kind) <= {int(most)}"
    )
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
