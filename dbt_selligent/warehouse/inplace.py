"""States of an engine that changes tables in place, in transactions that hold whatever is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbt_selligent.warehouse.schema import Schema
from dbt_selligent.warehouse.tables import SchemaTables


class InPlace:
    """Names of tables that are changed as they are; those of a copy go with the session."""

    def __init__(self, schema: Schema, prefix: str, *, copy: bool) -> None:
        self._schema, self._prefix, self._copy = schema, prefix, copy

    def __getitem__(self, table: str) -> str:
        """The table as SQL names it."""
        name = f"{self._prefix}__{table}"
        return f"pg_temp.{self._schema.dialect.quote(name)}" if self._copy else self._schema[name]

    fresh = __getitem__

    def spare(self, table: str) -> str:
        """Where a table is written that is to take the place of this one."""
        return self[f"new_{table}"]

    def bare(self, table: str) -> str:
        """The name of a table alone."""
        return self._schema.dialect.quote(f"{self._prefix}__{table}")


class TransactionalTables(SchemaTables):
    """Tables that are changed in place, in transactions that hold whatever is made."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        try:
            with self._schema.warehouse.transaction():
                yield
                self._check()
        except BaseException:
            self._forget_known()
            raise

    appending = transaction

    def passing(self, name: str) -> str:
        """A table of the session."""
        return f"pg_temp._selligent_{name}"

    def passed(self, table: str) -> None:
        """Drops such a table."""
        self._schema.warehouse.run(f"drop table {table}")

    def _described(self, table: str) -> list[tuple[str, str]]:
        name = f"{self._prefix}__{table}"
        return self._schema.warehouse.columns(self.names[table], self._schema.name, name)
