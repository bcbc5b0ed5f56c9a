"""What differs between a model and its snapshot, staged as the table of the delta, by SQL alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dbt_selligent.columns import Columns
from dbt_selligent.manifest import Model
from dbt_selligent.tables import DELTA, SCHEMA
from dbt_selligent.warehouse.engine import SCRATCH
from dbt_selligent.warehouse.macros import literal, render_sql

# Gone as soon as the delta is staged.
MODEL, GONE, CAME, DOUBLED = (
    f"{SCRATCH}.main.{name}" for name in ("model", "gone", "came", "doubled")
)
# Materializations that keep their rows; of any other, reading is computing.
TABLES = ("table", "incremental", "snapshot", "seed")

Figures = dict[tuple[str, str, str | None, str | None], int]


class Reader(Protocol):
    """What planning may do with a warehouse: run SQL over it, and fill the delta's own file."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement."""


@dataclass(frozen=True)
class Staging:
    """What of a model is staged, and how.

    With ``skip``, a null counts as unchanged; with ``spared``, rows that left the model are told
    apart by whether they were adopted; ``retried`` are kinds of rows, held or missing, that
    are tried again.
    """

    model: Model
    columns: Columns
    skip: bool = False
    first_sync: bool = False
    full_refresh: bool = False
    spared: bool = False
    retried: tuple[str, ...] = ()


def stage_delta(reader: Reader, staging: Staging) -> Figures:
    """Fills the delta's table, and gives its figures: rows by kind, mask, field and reason.

    The figures hold kinds that the delta has no rows of: ``model``, all rows of the model,
    ``known``, the records that were sent before, and rows without a key.
    """
    columns = staging.columns
    staged = _stage_first(reader, staging) if staging.first_sync else None
    rows, keyed, known = (*staged, 0) if staged else _stage_difference(reader, staging)
    figures = {
        (kind, mask, field, reason): count
        for kind, mask, field, reason, count in reader.query(
            render_sql(
                "delta_counts",
                delta=DELTA,
                columns=columns.sent,
            )
        )
    }
    figures["model", "", None, None] = rows
    if known:
        figures["known", "", None, None] = known
    if keyed < rows:
        key = columns.keys[0].field
        figures["invalid", "", key, "the matching key is null"] = rows - keyed
    return figures


def _stage_first(reader: Reader, staging: Staging) -> tuple[int, int] | None:
    """Stages the model's rows as they are; gives their number, and that of those that have a key.

    None where some rows have no key of their own: nothing is staged then.
    """
    keys = staging.columns.keys
    _name_model(reader, staging, computed=False)
    reader.query(
        render_sql(
            "first_delta",
            target=DELTA,
            model=MODEL,
            skip=staging.skip,
            **staging.columns.parts,
        )
    )
    [(rows, keyed, different)] = reader.query(render_sql("first_sizes", delta=DELTA, keys=keys))
    if rows == keyed == different:
        return rows, keyed
    reader.query(f"drop table {DELTA}")
    reader.query(f"drop view {MODEL}")
    return None


def _stage_difference(reader: Reader, staging: Staging) -> tuple[int, int, int]:
    """Stages what differs from the snapshot; gives the model's rows, those of them that have a key,
    and the records that were sent before.
    """
    columns, full_refresh = staging.columns, staging.full_refresh
    keys = columns.keys
    compared: dict[str, Any] = {"model": MODEL, "state": SCHEMA, "keys": keys}
    _name_model(reader, staging, computed=staging.model.materialized not in TABLES)
    [(rows, keyed, confirmed, doubted)] = reader.query(render_sql("sizes", **compared))
    compared |= {"columns": columns.compared}
    if full_refresh:
        # Everything is sent again: every row that has a key came, and the whole snapshot is gone.
        gone, went = f"{SCHEMA}.snapshot", confirmed
    else:
        gone = GONE
        reader.query(render_sql("gone", target=gone, **compared))
        [(went,)] = reader.query(f"select count(*) from {gone}")
    came, doubled = gone, None
    if went or keyed != confirmed:
        came = CAME
        reader.query(
            render_sql(
                "came", target=came, once=columns.once, full_refresh=full_refresh, **compared
            )
        )
        [(arrived, different, confirmed_too)] = reader.query(
            render_sql("came_sizes", came=came, gone=gone, state=SCHEMA, keys=keys)
        )
        # Of each confirmed row that is not gone the model has one, and of each that came one.
        copies = keyed - (confirmed - went) - arrived
        if copies or confirmed_too or arrived != different:
            doubled = DOUBLED
            reader.query(render_sql("doubled", target=doubled, model=MODEL, keys=keys))
    elif columns.once:
        came = CAME
        reader.query(render_sql("none_came", target=came, model=MODEL, columns=columns.staged))
    reader.query(
        render_sql(
            "delta",
            target=DELTA,
            model=MODEL,
            came=came,
            gone=gone,
            doubled=doubled,
            state=SCHEMA,
            skip=staging.skip,
            full_refresh=full_refresh,
            spared=staging.spared,
            retried=[literal(kind) for kind in staging.retried],
            **columns.parts,
        )
    )
    return rows, keyed, confirmed + doubted


def _name_model(reader: Reader, staging: Staging, *, computed: bool) -> None:
    reader.query(
        render_sql(
            "model",
            target=MODEL,
            relation=staging.model.relation_name or "",
            columns=staging.columns.staged,
            computed=computed,
        )
    )
