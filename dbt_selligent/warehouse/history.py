"""The history in tables of the schema, which have rows of all its states."""

from __future__ import annotations

from collections.abc import Sequence

from dbt_selligent.historytables import BATCH, BATCHES, HISTORY, told_anew
from dbt_selligent.tables import Row, Tables
from dbt_selligent.warehouse.exchange import as_literals
from dbt_selligent.warehouse.schema import Schema


class SchemaHistory:
    """The rows of one activation."""

    def __init__(self, schema: Schema, destination: str, activation: str) -> None:
        self._schema = schema
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
            for query in as_literals(self._schema.dialect, tuple(BATCH.items()), batches):
                self._run("tell", BATCHES, columns=list(BATCH), query=query)

    def forget(self, *, batches: bool = True) -> None:
        """Nothing is told of the activation any more."""
        there = self._schema.tables("selligent_")
        for table in HISTORY:
            if table in there and (batches or table != BATCHES):
                self._run("untell", table)

    def leave(self) -> None:
        """Its state is another's, which tells the same runs as its own; the batches stay."""
        self.forget(batches=False)

    def _run(self, macro: str, table: str, **arguments: object) -> None:
        self._schema.run(macro, target=self._schema[table], owner=self._owner, **arguments)
