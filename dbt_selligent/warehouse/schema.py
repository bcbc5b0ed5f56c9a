"""The tool's own schema of a warehouse: its tables, and which of them belong to which state."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dbt_selligent.errors import StateError, WarehouseError
from dbt_selligent.warehouse.adapter import Warehouse, split
from dbt_selligent.warehouse.dialects import Dialect
from dbt_selligent.warehouse.macros import render_sql

REGISTRY = "selligent_states"


@dataclass(frozen=True)
class Entry:
    """A state: the names of destination and activation, and how those of its tables begin."""

    destination: str
    name: str
    prefix: str


class _UndoneError(Exception):
    """Ends a transaction that is to leave nothing."""


class Schema:
    """A schema; it is made when something is first written to it."""

    def __init__(self, warehouse: Warehouse, name: str) -> None:
        self.warehouse = warehouse
        self.name = name
        self._there = False
        self._ensured = False
        self._states: list[Entry] | None = None
        self._appending = threading.Lock()
        # Tables that are of use within this command alone.
        self.passing: list[str] = []

    @property
    def dialect(self) -> Dialect:
        """What SQL has to be like."""
        return self.warehouse.dialect

    def __getitem__(self, table: str) -> str:
        """A table of the schema as SQL names it."""
        return self.warehouse.relation(self.name, table)

    def run(self, macro: str, /, **arguments: Any) -> None:
        """Runs the statements of a macro; raises WarehouseError."""
        for statement in split(render_sql(macro, self.dialect, **arguments), self.dialect):
            self.warehouse.run(statement)

    def refresh(self, tables: Sequence[str]) -> None:
        """Has tables read anew that others may have written; raises WarehouseError.

        A Spark remembers the files of a table, and hears nothing of what another Spark adds.
        """
        if self.dialect.name == "spark":
            for table in tables:
                self.warehouse.run(f"refresh table {self[table]}")

    def fence(self, name: str) -> None:
        """Goes on when no other transaction of this name is open; those of this thread end it.

        Raises WarehouseError.
        """
        self.rows("fence", name=self.dialect.literal(f"{self.name} {name}"))

    def append(self, macro: str, /, **arguments: Any) -> None:
        """Adds something by a statement, while no other thread does; raises WarehouseError."""
        with self._appending:
            self.run(macro, **arguments)

    def rows(self, macro: str, /, **arguments: Any) -> list[tuple[Any, ...]]:
        """All rows of a macro's statement; raises WarehouseError."""
        return self.warehouse.rows(render_sql(macro, self.dialect, **arguments))

    def columns(self, table: str) -> list[tuple[str, str]]:
        """Name and type of a table's columns, in order; none where it is not there."""
        return self.warehouse.columns(self[table], self.name, table)

    def tables(self, prefix: str) -> list[str]:
        """Names of its tables that begin so, in order; none where there is no such schema."""
        literal = self.dialect.literal
        name = literal(self.name)
        self._there = self._there or bool(self.rows("find_schema", schema=name))
        if not self._there:
            return []
        named = self.dialect.quote(self.name)
        found = self.rows("tables", named=named, schema=name, prefix=literal(prefix))
        # Where an engine has no table of tables, it tells (schema, name, whether it is temporary).
        return sorted(str(row[-2:][0]) for row in found if len(row) == 1 or not row[2])

    def ensure(self) -> None:
        """Makes the schema, and its tables that are of no single state, where they are not there.

        Raises StateError, WarehouseError.
        """
        if self._ensured:
            return
        there = self.tables("")
        if not self._there:
            try:
                self.warehouse.create_schema(self.name)
            except WarehouseError as error:
                # Another one may have made it meanwhile.
                if not self.rows("find_schema", schema=self.dialect.literal(self.name)):
                    raise StateError(
                        f"schema {self.name}, for the state, cannot be made: {error.message}",
                        "make it, with the right to make tables in it, or name another that there "
                        "is: `state_schema` of the output in profiles.yml",
                    ) from None
        if REGISTRY not in there:
            self.create(REGISTRY, "create_registry")
        self._ensured = True

    def rehearse(self) -> None:
        """Makes what a sync makes, as far as rights go, and takes it back.

        Raises StateError where it may not, WarehouseError.
        """
        registered = REGISTRY in self.tables("")
        probe = f"selligent_probe_{uuid.uuid4().hex[:12]}"
        try:
            if self.dialect.transactional:
                with suppress(_UndoneError), self.warehouse.transaction():
                    self._probe(probe, registered=registered)
                    raise _UndoneError  # nobody ever sees what was made
            else:
                try:
                    self._probe(probe, registered=False)
                finally:
                    self._take_back(probe)
        except WarehouseError as error:
            raise StateError(
                f"schema {self.name}, for the state: {error.message}",
                f"{error.next_step}; or name another schema: `state_schema` of the output in "
                "profiles.yml",
            ) from None

    def _probe(self, probe: str, *, registered: bool) -> None:
        if not self._there:
            self.warehouse.create_schema(self.name)
        self.run("create_registry", target=self[probe], types=self.dialect.types)
        if self.dialect.transactional:
            self.warehouse.run(f"create temporary table {probe}_scratch (one integer)")
        if registered:
            there = self[REGISTRY]
            self.warehouse.run(f"insert into {there} select * from {there} where 1 = 0")

    def _take_back(self, probe: str) -> None:
        with suppress(WarehouseError):
            self.drop([probe])
            if not self._there:  # one that another sync has filled meanwhile stays
                self.warehouse.run(f"drop schema {self.dialect.quote(self.name)} restrict")

    def create(self, table: str, macro: str, /, **arguments: Any) -> None:
        """Makes a table by a macro, if it is not there; raises WarehouseError."""
        if table not in self.tables(table):
            try:
                self.run(macro, target=self[table], types=self.dialect.types, **arguments)
            except WarehouseError:
                if table not in self.tables(table):  # another one made it meanwhile
                    raise

    def look(self) -> None:
        """Has what others may have changed meanwhile read again."""
        self._states = None

    def states(self) -> list[Entry]:
        """All states, in the order of their names."""
        found = self._states  # another thread may have it read again
        if found is None:
            found = self._registered() if REGISTRY in self.tables(REGISTRY) else []
            self._states = found
        return found

    def _registered(self) -> list[Entry]:
        self.refresh([REGISTRY])
        newest: dict[str, tuple[int, Entry]] = {}
        columns = "prefix, destination, name, line"
        for prefix, destination, name, line in self.warehouse.rows(
            f"select {columns} from {self[REGISTRY]}"
        ):
            if prefix not in newest or newest[prefix][0] < line:
                newest[prefix] = line, Entry(destination, name, prefix)
        return sorted(
            (entry for _, entry in newest.values() if entry.name),
            key=lambda entry: (entry.destination, entry.name),
        )

    def find(self, destination: str, name: str) -> Entry | None:
        """The state of a name, None where there is none."""
        found = [e for e in self.states() if (e.destination, e.name) == (destination, name)]
        return found[0] if found else None

    def register(self, entry: Entry) -> None:
        """Says whose tables begin so from now on; of no name, nobody's.

        Raises StateError where it cannot be read afterwards.
        """
        literal = self.dialect.literal
        self.look()
        taken = self.find(entry.destination, entry.name) if entry.name else None
        if taken and taken.prefix != entry.prefix:
            raise StateError(f"{entry.name} has a state already", "run again")
        [(last,)] = self.warehouse.rows(
            f"select max(line) from {self[REGISTRY]} where prefix = {literal(entry.prefix)}"
        )
        self.append(
            "register",
            target=self[REGISTRY],
            prefix=literal(entry.prefix),
            destination=literal(entry.destination),
            name=literal(entry.name),
            line=(last or 0) + 1,
        )
        self.look()
        # Where an engine has no transactions, two that insert at once may undo each other.
        there = [each.name for each in self.states() if each.prefix == entry.prefix]
        if there != [entry.name] * bool(entry.name):
            raise StateError(f"{self[REGISTRY]}: the state could not be registered", "run again")

    def drop_passing(self) -> None:
        """Drops what is of use no more; what cannot be dropped, the next sync drops."""
        while self.passing:
            with suppress(WarehouseError):
                self.drop([self.passing.pop()])

    def drop(self, tables: Sequence[str]) -> None:
        """Drops tables of the schema, as far as they are there."""
        for table in tables:
            self.warehouse.run(f"drop table if exists {self[table]}")
