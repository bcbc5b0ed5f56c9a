"""The history in tables of the schema, which have rows of all its states."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from dbt_selligent.historytables import BATCH, BATCHES, HISTORY, RUNS, oldest_kept, told_anew
from dbt_selligent.tables import Row, Tables, in_sql, last_runs
from dbt_selligent.warehouse.exchange import as_literals
from dbt_selligent.warehouse.schema import Schema

# Batches are taken out a month at a time: an engine may write all of them anew.
DAYS_TO_SPARE = 30


class SchemaHistory:
    """The rows of one activation."""

    def __init__(self, schema: Schema, destination: str, activation: str) -> None:
        self._schema = schema
        digest = hashlib.sha256(f"{destination}\0{activation}".encode()).hexdigest()
        self._passing = f"selligent_kept_{digest[:12]}"
        literal = schema.dialect.literal
        self._owner = [literal(destination), literal(activation)]

    def tell(self, tables: Tables, batches: Sequence[Row]) -> None:
        """Tells what there is to be told, within a transaction; raises RunError."""
        told = told_anew(tables)
        there = self._schema.tables("selligent_")
        for table in (*told, *([BATCHES] if batches else [])):
            if table not in there:
                self._schema.create(table, "create_history", columns=HISTORY[table])
        with tables.transaction():
            for table, query in told.items():
                self._run("retell", table, columns=list(HISTORY[table]), query=query)
            if batches:
                self._prune()
            for query in as_literals(self._schema.dialect, tuple(BATCH.items()), batches):
                self._run("tell", BATCHES, columns=list(BATCH), query=query)

    def last_runs(self, most: int) -> Sequence[Row]:
        """The last runs that were told, newest first; raises RunError."""
        if RUNS not in self._schema.tables(RUNS):
            return []
        self._schema.refresh([RUNS])
        owned = f"destination = {self._owner[0]} and activation = {self._owner[1]}"
        query = last_runs(self._schema.dialect, self._schema[RUNS], most, owned)
        return self._schema.warehouse.rows(query)

    def forget(self) -> None:
        """Nothing is told of the activation any more."""
        for table in self._there():
            self._run("untell", table)

    def hand_over(self, to: SchemaHistory) -> None:
        """Gives the rows to another activation, whose they are from then on; raises RunError.

        Where it broke off, it can be done again.
        """
        there = self._there()
        self._schema.refresh(there)
        with self._schema.warehouse.transaction():
            for table in there:
                if self._has_rows(table):
                    to._run("untell", table)  # of a state that is gone
                    self._run("hand_over", table, to=to._owner)

    def _there(self) -> list[str]:
        there = self._schema.tables("selligent_")
        return [table for table in HISTORY if table in there]

    def _prune(self) -> None:
        oldest, dialect = oldest_kept(), self._schema.dialect
        self._schema.refresh([BATCHES])
        early = in_sql(dialect, oldest - timedelta(days=DAYS_TO_SPARE), "time")
        if self._has_rows(BATCHES, f"answered_at < {early}"):
            self._run(
                "prune",
                BATCHES,
                columns=list(BATCH),
                kept=f"answered_at >= {in_sql(dialect, oldest, 'time')}",
                passing=self._schema[self._passing],
            )

    def _has_rows(self, table: str, condition: str = "") -> bool:
        given = {"target": self._schema[table], "owner": self._owner, "condition": condition}
        return bool(self._schema.rows("owned", **given))

    def _run(self, macro: str, table: str, **arguments: object) -> None:
        self._schema.run(macro, target=self._schema[table], owner=self._owner, **arguments)
