"""What differs between a model and its snapshot, staged as the table of the delta, by SQL alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from dbt_selligent.columns import Columns
from dbt_selligent.manifest import Model
from dbt_selligent.places import Delta, Place
from dbt_selligent.tables import Names
from dbt_selligent.warehouse.dialects import Dialect
from dbt_selligent.warehouse.macros import render_sql

# Materializations that keep their rows; of any other, reading is computing.
TABLES = ("table", "incremental", "snapshot", "seed")

# Kinds of rows that cannot be sent.
INVALID = ("invalid", "doubled")

# What is wrong with a row without a key; the delta has none of these.
KEYLESS = "the matching key is null"

Figures = dict[tuple[str, str, str | None, str | None], int]
Result = TypeVar("Result")


class Bench(Protocol):
    """Where a delta is staged: the model and a state to read, the delta's own tables to fill, and
    room for what is between. All in SQL's names.
    """

    @property
    def dialect(self) -> Dialect:
        """What SQL has to be like."""

    @property
    def state(self) -> Names:
        """The tables of the state."""

    @property
    def delta(self) -> str:
        """The table to be filled."""

    @property
    def groups(self) -> str:
        """The table of its groups."""

    @property
    def fleeting(self) -> bool:
        """Whether the model may change between two statements."""

    def scratch(self, name: str) -> str:
        """A table for what is between, which is gone afterwards."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement, or of the last one of several; raises WarehouseError."""


class Reader(Protocol):
    """What planning may do with a warehouse: read models, and stage deltas; nothing else."""

    @property
    def dialect(self) -> Dialect:
        """What SQL has to be like."""

    def columns(self, model: Model) -> list[tuple[str, str]] | None:
        """Name and type of the model's columns in order, or None where it is not there.

        Raises WarehouseError.
        """

    def longest(self, model: Model, columns: Sequence[str]) -> list[int | None]:
        """UTF-16 units of the longest text of each of these columns, None where there is none."""

    def stage(
        self,
        model: Model,
        state: Place,
        delta: Delta,
        build: Callable[[Bench], Result],
        *,
        comparing: bool,
    ) -> Result:
        """Gives ``build`` a bench over a model, its state and a new delta; ``comparing`` if it
        compares.

        It may be called again, with more memory. Raises WarehouseError, StateError.
        """


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


def stage_delta(bench: Bench, staging: Staging) -> Figures:
    """Fills the delta's table, and gives its figures: rows by kind, mask, field and reason.

    The figures hold kinds that the delta has no rows of: ``model``, all rows of the model,
    ``known``, the records that were sent before, ``stuck``, those in doubt that are invalid now,
    ``doubted``, those in doubt that are sent again, and rows without a key.
    """
    columns = staging.columns
    staged = _stage_first(bench, staging) if staging.first_sync else None
    rows, keyed, confirmed, doubted = (
        (*staged, 0, 0) if staged else _stage_difference(bench, staging)
    )
    figures = {
        (kind, mask, field, reason): count
        for kind, mask, field, reason, count in query(
            bench, "delta_counts", delta=bench.delta, keys=columns.keys, columns=columns.sent
        )
    }
    figures["model", "", None, None] = rows
    if known := confirmed + doubted:
        figures["known", "", None, None] = known
    if doubted:
        for name, kinds in (("stuck", INVALID), ("doubted", ("again",))):
            [(found,)] = query(
                bench,
                "doubted",
                state=bench.state,
                delta=bench.delta,
                keys=columns.keys,
                kinds=[bench.dialect.literal(kind) for kind in kinds],
            )
            figures[name, "", None, None] = found
    if keyed < rows:
        key = columns.keys[0].field
        figures["invalid", "", key, KEYLESS] = rows - keyed
    return figures


def query(bench: Bench, macro: str, **arguments: Any) -> list[tuple[Any, ...]]:
    """All rows that a macro's statement gives; raises WarehouseError."""
    return bench.query(render_sql(macro, bench.dialect, **arguments))


def _stage_first(bench: Bench, staging: Staging) -> tuple[int, int] | None:
    """Stages the model's rows as they are; gives their number, and that of those that have a key.

    None where some rows have no key of their own: nothing is staged then.
    """
    keys = staging.columns.keys
    model = bench.scratch("model")
    computed = bench.fleeting
    _name_model(bench, staging, computed=computed)
    query(
        bench,
        "first_delta",
        target=bench.delta,
        model=model,
        skip=staging.skip,
        **staging.columns.parts,
    )
    [(rows, keyed, different)] = query(bench, "first_sizes", delta=bench.delta, keys=keys)
    if rows == keyed == different:
        return rows, keyed
    bench.query(f"drop table {bench.delta}")
    query(bench, "drop", target=model, table=computed)
    return None


def _stage_difference(bench: Bench, staging: Staging) -> tuple[int, int, int, int]:
    """Stages what differs from the snapshot; gives the model's rows, those of them that have a key,
    and the records that were sent before, those that were confirmed and those in doubt.
    """
    columns, full_refresh = staging.columns, staging.full_refresh
    keys, model = columns.keys, bench.scratch("model")
    compared: dict[str, Any] = {"model": model, "state": bench.state, "keys": keys}
    computed = bench.fleeting or staging.model.materialized not in TABLES
    _name_model(bench, staging, computed=computed)
    [(rows, keyed, confirmed, doubted)] = query(bench, "sizes", **compared)
    compared |= {"columns": columns.compared}
    if full_refresh:
        # Everything is sent again: every row that has a key came, and the whole snapshot is gone.
        gone, went = bench.state["snapshot"], confirmed
    else:
        gone = bench.scratch("gone")
        query(bench, "gone", target=gone, **compared)
        [(went,)] = bench.query(f"select count(*) from {gone}")
    came, doubled = gone, None
    if went or keyed != confirmed:
        came = bench.scratch("came")
        query(bench, "came", target=came, once=columns.once, full_refresh=full_refresh, **compared)
        [(arrived, different, confirmed_too)] = query(
            bench, "came_sizes", came=came, gone=gone, state=bench.state, keys=keys
        )
        # Of each confirmed row that is not gone the model has one, and of each that came one.
        copies = keyed - (confirmed - went) - arrived
        if copies or confirmed_too or arrived != different:
            doubled = bench.scratch("doubled")
            query(bench, "doubled", target=doubled, model=model, keys=keys)
    elif columns.once:
        came = bench.scratch("came")
        query(bench, "none_came", target=came, model=model, columns=columns.staged)
    query(
        bench,
        "delta",
        target=bench.delta,
        model=model,
        came=came,
        gone=gone,
        doubled=doubled,
        state=bench.state,
        skip=staging.skip,
        full_refresh=full_refresh,
        spared=staging.spared,
        retried=[bench.dialect.literal(kind) for kind in staging.retried],
        **columns.parts,
    )
    return rows, keyed, confirmed, doubted


def _name_model(bench: Bench, staging: Staging, *, computed: bool) -> None:
    query(
        bench,
        "model",
        target=bench.scratch("model"),
        relation=staging.model.relation_name or "",
        columns=staging.columns.staged,
        computed=computed,
    )
