"""Models and states in one warehouse, of whatever kind, by the user's own dbt adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.errors import UnopenedError
from dbt_selligent.filetold import BackedMemories, FileMemories
from dbt_selligent.naming import list_key
from dbt_selligent.places import Place
from dbt_selligent.profiles import Destination
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Reader
from dbt_selligent.told import Memories
from dbt_selligent.warehouse.adapter import Warehouse
from dbt_selligent.warehouse.inplace import TransactionalPlace
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.places import SchemaPlace
from dbt_selligent.warehouse.reader import AdapterReader
from dbt_selligent.warehouse.schema import Schema
from dbt_selligent.warehouse.told import SchemaMemories
from dbt_selligent.warehouse.versions import VersionedPlace


class AdapterStorage:
    """The user's warehouse, and in it a schema of the tool's own for states."""

    apart = False

    def __init__(self, settings: Settings) -> None:
        self._warehouse = Warehouse(settings)
        self._schemas: dict[str, tuple[Schema, Leases]] = {}

    @contextmanager
    def open_reader(self, temporary: Path) -> Iterator[Reader]:
        """The warehouse; raises WarehouseError."""
        try:
            self._require_letters()
            yield AdapterReader(self._warehouse)
        finally:
            self._warehouse.release()

    def place(self, activation: Activation, destination: Destination) -> Place:
        """Tables of the schema."""
        key = list_key(destination.url, destination.organization, activation.list)
        return self._place(destination, activation.name, key)

    def named(self, destination: Destination, name: str) -> Place:
        """Tables of the schema."""
        return self._place(destination, name, "")

    def memories(self, destination: Destination) -> Memories:
        """A table of the schema; a file, as long as that cannot be reached."""
        schema = self._schema_of(destination)
        place = SchemaMemories(schema, self._schemas[schema.name][1], destination.name)
        return BackedMemories(place, FileMemories(destination))

    def close(self) -> None:
        """Lets go of locks and connections."""
        for schema, leases in self._schemas.values():
            schema.drop_passing()
            leases.close()
        self._warehouse.close()

    def _require_letters(self) -> None:
        """Selligent compares keys without regard to case: so is the warehouse to."""
        dialect = self._warehouse.dialect
        [(knows,)] = self._warehouse.rows(render_sql("knows_letters", dialect))
        if not knows:
            raise UnopenedError(
                "the database knows no capital letters but those of ASCII: keys that differ in "
                "another are one in Selligent, and would be two here",
                "use a database with another locale than C, or a macro "
                f"{dialect.name}__selligent_folded of your own: docs/warehouses.md",
            )

    def rehearse(self, destination: Destination) -> str:
        """A schema in which tables can be made; raises StateError, WarehouseError."""
        schema = self._schema_of(destination)
        schema.rehearse()
        return f"schema {schema.name}"

    def _place(self, destination: Destination, name: str, key: str) -> SchemaPlace:
        schema = self._schema_of(destination)
        kind = TransactionalPlace if self._warehouse.dialect.transactional else VersionedPlace
        return kind(schema, self._schemas[schema.name][1], destination.name, name, key)

    def _schema_of(self, destination: Destination) -> Schema:
        # Developers have each a schema of their own for models, and do not share a state.
        wanted = destination.state_schema or f"{self._warehouse.schema}_dbt_selligent"
        if wanted not in self._schemas:
            schema = Schema(self._warehouse, wanted)
            self._schemas[wanted] = schema, Leases(schema)
        return self._schemas[wanted][0]
