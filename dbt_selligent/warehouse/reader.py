"""Models read, and deltas staged, by the warehouse itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dbt_selligent.errors import WarehouseError
from dbt_selligent.manifest import Model
from dbt_selligent.places import Delta, Place
from dbt_selligent.staging import Bench, Result
from dbt_selligent.warehouse.adapter import Warehouse, split
from dbt_selligent.warehouse.dialects import Dialect
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.places import SchemaPlace

READS = ("select", "with")


class AdapterBench:
    """Where a delta is staged: in one transaction, which sees everything as it was at its begin, or
    from a copy of the model.
    """

    def __init__(self, warehouse: Warehouse, place: SchemaPlace, delta: str) -> None:
        self._warehouse = warehouse
        self._place = place
        self._between: dict[str, str] = {}
        self.dialect: Dialect = warehouse.dialect
        self.fleeting = not warehouse.dialect.transactional
        self.state = place.table_names()
        self.delta, self.groups = place.delta_names(delta)

    def scratch(self, name: str) -> str:
        """A table for what is between."""
        if name not in self._between:
            self._between[name] = self._place.scratch(name)
        return self._between[name]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement, or of the last one of several; raises WarehouseError."""
        *before, last = split(sql, self.dialect)
        for statement in before:
            self._warehouse.run(statement)
        if last.lstrip("( \n").lower().startswith(READS):
            return self._warehouse.rows(last)
        self._warehouse.run(last)
        return []


class AdapterReader:
    """Reads models and stages deltas; writes nothing but the delta's own tables."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.dialect: Dialect = warehouse.dialect

    def columns(self, model: Model) -> list[tuple[str, str]] | None:
        """Name and type of the model's columns in order, or None where it is not there.

        Raises WarehouseError.
        """
        relation = model.relation_name or ""
        return self._warehouse.columns(relation, model.schema, model.alias) or None

    def longest(self, model: Model, columns: Sequence[str]) -> list[int | None]:
        """UTF-16 units of the longest text of each of these columns, None where there is none."""
        quoted = [self.dialect.quote(name) for name in columns]
        sql = render_sql("longest", self.dialect, relation=model.relation_name, columns=quoted)
        [lengths] = self._warehouse.rows(sql)
        return list(lengths)

    def stage(
        self,
        model: Model,
        state: Place,
        delta: Delta,
        build: Callable[[Bench], Result],
        *,
        comparing: bool,
    ) -> Result:
        """Gives ``build`` a bench over the tables of a state and a new delta.

        Raises WarehouseError.
        """
        assert isinstance(state, SchemaPlace)  # noqa: S101
        try:
            bench = AdapterBench(self._warehouse, state, str(delta))
            with self._warehouse.transaction(frozen=True):
                return build(bench)
        except WarehouseError as error:
            step = f"`dbt show --select {model.name}` says more"
            raise WarehouseError(f"the model cannot be read: {error.message}", step) from None
        finally:
            state.schema.drop_passing()
            self._warehouse.release()  # with all that is of the session
