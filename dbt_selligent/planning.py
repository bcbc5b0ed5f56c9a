"""Step 3: an activation and its warehouse give a frozen `Plan`; no state changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns
from dbt_selligent.groups import Group, make_groups
from dbt_selligent.manifest import Model
from dbt_selligent.warehouse.engine import DELTA as DELTA_ALIAS
from dbt_selligent.warehouse.engine import STATE as STATE_ALIAS
from dbt_selligent.warehouse.macros import render_sql

ROWS_PER_BATCH = 2500
BYTES_PER_BATCH = 20_000_000

STATE = f"{STATE_ALIAS}.main"
DELTA = f"{DELTA_ALIAS}.main"


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
CANDIDATES = "temp.main._selligent_candidates"


def stage_delta(
    reader: Reader, model: Model, columns: Columns, *, full_refresh: bool, first_sync: bool
) -> dict[tuple[str, str, str | None, str | None], int]:
    """Fills the delta's table, and gives its figures: rows by kind, mask, field and reason.

    The figures hold two kinds that the delta has no rows of: ``model``, all rows of the model, and
    rows without a key.
    """
    delta, relation = f"{DELTA}.delta", model.relation_name or ""
    keys, fields = list(columns.keys), list(columns.fields)
    rows = keyed = 0
    if first_sync:
        reader.query(
            render_sql("first_delta", target=delta, relation=relation, keys=keys, fields=fields)
        )
        [(rows, keyed, different, new)] = reader.query(
            render_sql("first_figures", delta=delta, keys=keys)
        )
        if rows == keyed == different == new:
            return {("new", "", None, None): new, ("model", "", None, None): rows}
        if rows != keyed or keyed != different:
            reader.query(f"drop table {delta}")
            first_sync = False  # some rows have no key of their own: the long way finds them
    if not first_sync:
        rows, keyed, differs = _compare(reader, model, keys, columns.all, full_refresh)
        judge = render_sql(
            "delta",
            target=delta,
            candidates=CANDIDATES,
            state=STATE,
            keys=keys,
            fields=fields,
            full_refresh=full_refresh,
        )
        # Where nothing differs there is nothing to judge, and the snapshot is not read again.
        reader.query(judge if differs else f"{judge} limit 0")
        reader.query(f"drop table {CANDIDATES}")
    figures = {
        (kind, mask, field, reason): count
        for kind, mask, field, reason, count in reader.query(
            render_sql("delta_counts", delta=delta)
        )
    }
    figures["model", "", None, None] = rows
    if keyed < rows:
        figures["invalid", "", keys[0].field, "the matching key is null"] = rows - keyed
    return figures


def _compare(
    reader: Reader, model: Model, keys: list[Column], columns: list[Column], full_refresh: bool
) -> tuple[int, int, bool]:
    """Fills the table of candidates.

    Gives the model's rows, how many of them have a key, and whether anything differs.
    """
    relation = model.relation_name or ""
    reader.query(
        render_sql(
            "candidates",
            target=CANDIDATES,
            relation=relation,
            state=STATE,
            keys=keys,
            columns=columns,
            full_refresh=full_refresh,
            computed=model.materialized not in TABLES,
        )
    )
    [(rows, keyed, different)] = reader.query(
        "select _selligent_rows, _selligent_keyed, _selligent_different "
        f"from {CANDIDATES} where _selligent_kind = 'model'"
    )
    [(known,)] = reader.query(render_sql("known", state=STATE))
    [(candidates,)] = reader.query(f"select count(*) - 1 from {CANDIDATES}")
    new = 0
    if candidates:
        [(of_candidates, of_them_known)] = reader.query(
            render_sql("candidate_keys", candidates=CANDIDATES, state=STATE, keys=keys)
        )
        new = of_candidates - of_them_known
    doubled, removed = keyed != different, known != different - new
    if doubled:
        reader.query(render_sql("doubled", candidates=CANDIDATES, relation=relation, keys=keys))
    # Every key of the model is known or that of a candidate, so the known ones that it has are the
    # different ones less the new; what is known beyond them left the model.
    if removed:
        reader.query(
            render_sql("removed", candidates=CANDIDATES, relation=relation, state=STATE, keys=keys)
        )
    return rows, keyed, bool(candidates or doubled or removed)


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
        if kind == "invalid":
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
    invalid, held = by_kind.get("invalid", 0), by_kind.get("held", 0)
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
        "where _selligent_kind in ('new', 'changed', 'again', 'invalid', 'held') "
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
