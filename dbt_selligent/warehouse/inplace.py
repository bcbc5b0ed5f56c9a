"""States of an engine that changes tables in place, in transactions that hold whatever is made."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbt_selligent.places import Place
from dbt_selligent.tables import Names
from dbt_selligent.warehouse.places import PASSING, OpenLocal, SchemaPlace
from dbt_selligent.warehouse.schema import Schema
from dbt_selligent.warehouse.tables import SchemaTables

TABLES = (
    *("migrations", "meta", "log", "runs"),
    *("snapshot", "doubt", "rejected", "invalid", "adopted"),
)


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

    def __init__(self, *given: Any, copy: bool) -> None:
        super().__init__(*given)
        self._copy = copy

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        try:
            with self._schema.warehouse.transaction():
                self._schema.fence(self._prefix)
                yield
                self._check()
        except BaseException:
            self._forget_known()
            raise

    appending = transaction

    def there(self) -> Container[str]:
        """Those of the schema; of a copy, those that were copied."""
        if self._copy:
            return [table for table in TABLES if self.columns(table)]
        beginning = f"{self._prefix}__"
        return [name.removeprefix(beginning) for name in self._schema.tables(beginning)]

    def passing(self, name: str) -> str:
        """A table of the session."""
        return f"pg_temp._selligent_{name}"

    def passed(self, table: str) -> None:
        """Drops such a table."""
        self._schema.warehouse.run(f"drop table {table}")

    def _described(self, table: str) -> list[tuple[str, str]]:
        name = f"{self._prefix}__{table}"
        return self._schema.warehouse.columns(self.names[table], self._schema.name, name)


class TransactionalPlace(SchemaPlace):
    """Tables that are changed in place; a copy, and what is between, are of the session."""

    copied = False

    def table_names(self) -> InPlace:
        """The names of its tables."""
        return InPlace(self.schema, self.prefix, copy=self.copied)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The lock of the activation, once whoever lost it has committed, or cannot any more."""
        with super().hold():
            self.schema.fence(self.prefix)
            self.schema.look()
            yield

    def exists(self) -> bool:
        """Whether there is a state."""
        return self.copied or super().exists()

    def copy(self, temporary: Path) -> SchemaPlace:
        """A copy of the tables that are there, in tables of the session; to be changed there."""
        schema, prefix, own = self.schema, self.prefix, self.table_names()
        copied = TransactionalPlace(
            schema, self._leases, self._destination, self._name, self._list_key
        )
        copied.copied = True
        names = copied.table_names()
        there = schema.tables(f"{prefix}__") if self.exists() else []
        with schema.warehouse.transaction():
            for table in TABLES:
                schema.warehouse.run(f"drop table if exists {names[table]}")
                if f"{prefix}__{table}" in there:
                    schema.warehouse.run(
                        f"create table {names[table]} as select * from {own[table]}"
                    )
        return copied

    def forget(self) -> None:
        """Registers its tables as nobody's, and drops them, at once."""
        with self._fenced():
            super().forget()

    def rename(self, to: Place) -> None:
        """Its tables are registered under the other name, at once."""
        with self._fenced():
            super().rename(to)

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        """A transaction that the next one waits for; it counts if the lock is still held."""
        try:
            with self.schema.warehouse.transaction():
                self.schema.fence(self.prefix)
                yield
                self.check()
        finally:
            self.schema.look()

    def _drop_left(self) -> None:
        with self._fenced():
            super()._drop_left()

    def scratch(self, name: str) -> str:
        """A table of the session."""
        return f"pg_temp._selligent_{name}"

    def _opened(self, local: OpenLocal, temporary: Path) -> SchemaTables:
        return TransactionalTables(
            self.schema,
            self.table_names(),
            self.prefix,
            local,
            temporary,
            self.check,
            copy=self.copied,
        )

    def _has_meta(self, names: Names) -> bool:
        name = f"{self.prefix}__meta"
        return name in self.schema.tables(name)

    def _is_left(self, table: str, names: Names) -> bool:
        return table.startswith(PASSING)
