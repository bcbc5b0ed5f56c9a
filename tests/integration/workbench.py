"""One activation over a table in memory, planned by the real parts, with its state in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Columns
from dbt_selligent.groups import Done
from dbt_selligent.ledger import RunLedger
from dbt_selligent.manifest import Model
from dbt_selligent.mapping import match_columns
from dbt_selligent.places import Files, Identity
from dbt_selligent.planning import Plan, build_plan
from dbt_selligent.staging import Bench, Staging
from dbt_selligent.state import StateStore, open_state
from dbt_selligent.warehouse.duckdb import DuckDBReader

MODEL = Model(
    "model.shop.people",
    "people",
    "model",
    "table",
    '"memory"."main"."people"',
    "memory",
    "main",
    "m.sql",
)
IDENTITY = Identity("https://acme.slgnt.eu", "ACME", "PEOPLE", ("KEY",))

Row = tuple[Any, ...]


class Workbench:
    """A list of people by KEY, with a TEXT and a NUMBER."""

    def __init__(self, folder: Path, materialized: str = "table", **more: Any) -> None:
        self.files = Files(folder, "people", "people")
        self.folder = folder
        self.warehouse = duckdb.connect()
        self.reader = DuckDBReader(self.warehouse.cursor(), ["memory"])
        model = replace(MODEL, materialized=materialized)
        self.activation = Activation(
            "people", "exposure.shop.people", "m.yml", (), model, "dev", "PEOPLE",
            (("KEY", "key"),), (("TEXT", "text"), ("NUMBER", "number")), **more,
        )  # fmt: skip

    def fill(self, table: Sequence[Row]) -> None:
        self.warehouse.execute(
            "create or replace table people (key varchar, text varchar, number double)"
        )
        for row in table:
            self.warehouse.execute("insert into people values (?, ?, ?)", list(row))

    def columns(self) -> Columns:
        there = self.reader.columns(MODEL) or []
        columns, faults = match_columns(self.activation, there, "UTC")
        assert columns is not None, faults
        return columns

    def plan(
        self,
        *,
        full: bool = False,
        watch: Callable[[Bench], Bench] | None = None,
        retried: Sequence[str] = (),
        limit: int | None = None,
    ) -> Plan:
        columns = self.columns()
        with open_state(self.files, self.folder) as store:
            first = not store.has_tables()
            store.prepare(IDENTITY, columns)
        staging = Staging(
            self.activation.model,
            columns,
            skip=self.activation.nulls == "skip",
            first_sync=first,
            full_refresh=full,
            retried=tuple(retried),
        )
        with self.reader.staging(MODEL, self.files.state, self.files.delta, 512) as bench:
            watched = watch(bench) if watch else bench
            return build_plan(watched, self.activation, staging, self.files.delta, limit=limit)

    def begin(self, store: StateStore, plan: Plan) -> RunLedger:
        """Opens a run as a sync does."""
        removals = any(group.done is Done.REMOVAL for group in plan.groups)
        return store.begin(
            "run",
            "dev",
            plan.columns,
            started=datetime.now(timezone.utc),
            forgotten=() if removals else ("removed",),
            invalid=plan.counts.invalid > 0,
            full_refresh=plan.full_refresh,
        )

    def staged(self) -> list[Row]:
        with duckdb.connect(str(self.files.delta), read_only=True) as delta:
            return delta.execute(
                'select rowid, _selligent_kind, _selligent_mask, "KEY", "TEXT", "NUMBER" '
                "from delta order by rowid"
            ).fetchall()
