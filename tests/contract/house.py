"""A warehouse: what dbt would have left in it, written once for all engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from soak.steps import Steps

SCHEMA = "shop"
STATE_SCHEMA = f"{SCHEMA}_dbt_selligent"  # where the tool keeps its state, but for DuckDB
ZONE = "America/New_York"  # of every session, so that it is seen to be of no importance


class House(ABC):
    """A warehouse, empty at first; its models are all in one schema, and made from neutral types.

    ``beyond`` are values outside of the years 1 to 9999, by neutral type. ``stride`` is how many
    steps lie between two at which a sync is killed.
    """

    name: ClassVar[str]
    types: ClassVar[Mapping[str, str]] = {}  # where the name differs from the neutral one
    beyond: ClassVar[Mapping[str, str]]
    stride: ClassVar[int] = 1
    collated: ClassVar[str] = ""  # a text with a collation, where such are taken
    dropping: ClassVar[str] = ""  # what follows on `drop table`, and on a new table's name
    storing: ClassVar[str] = ""

    @abstractmethod
    def profile(self) -> dict[str, Any]:
        """The output of profiles.yml."""

    def outside(self) -> dict[str, Any]:
        """The same, for a process that is to be killed."""
        return self.profile()

    @abstractmethod
    def run(self, *statements: str) -> None:
        """Runs statements, each durable by itself."""

    @abstractmethod
    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    @abstractmethod
    def forget(self) -> None:
        """Leaves an empty warehouse: no model, and no state."""

    def quote(self, name: str) -> str:
        """A name, whatever it contains."""
        return '"' + name.replace('"', '""') + '"'

    def literal(self, text: str) -> str:
        """A text, whatever it contains."""
        return "'" + text.replace("'", "''") + "'"

    @staticmethod  # noqa: B027  (of DuckDB they are steps already)
    def listen(steps: Steps) -> None:
        """In a process that is to be killed: makes steps of the statements of this engine."""

    def end_sessions(self) -> None:  # noqa: B027  (a file has none)
        """Of a process that was killed nothing is left, as a server will find out by itself."""

    def relation(self, name: str) -> str:
        """A model, for SQL of a test's own."""
        return f"{self.quote(SCHEMA)}.{self.quote(name)}"

    def fill(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]] = ()
    ) -> None:
        """Writes a model's table anew, of columns by neutral type."""
        names = [f"c{number}" for number in range(len(columns))]
        chosen = ", ".join(
            f"cast({at} as {self.types.get(neutral, neutral)}) as {self.quote(name)}"
            for at, (name, neutral) in zip(names, columns.items(), strict=True)
        )
        values = ", ".join(f"({', '.join(map(self._value, row))})" for row in rows)
        nothing = f"({', '.join('null' for _ in columns)})"
        source = f"(values {values or nothing}) as t({', '.join(names)})"
        where = "" if rows else " where 1 = 0"
        relation = self.relation(table)
        self.run(
            f"drop table if exists {relation}{self.dropping}",
            f"create table {relation}{self.storing} as select {chosen} from {source}{where}",
        )

    def collate(self, table: str, columns: Mapping[str, str]) -> None:
        """Writes a model's table anew, its texts with a collation of their own."""
        types = {**self.types, "text": self.collated}
        shape = ", ".join(
            f"{self.quote(name)} {types.get(neutral, neutral)}" for name, neutral in columns.items()
        )
        relation, before = self.relation(table), self.relation("uncollated")
        self.run(
            f"create table {before}{self.storing} as select * from {relation}",
            f"drop table {relation}",
            f"create table {relation} ({shape}){self.storing}",
            f"insert into {relation} select * from {before}",
            f"drop table {before}",
        )

    def view(self, name: str, table: str) -> None:
        """Writes a model that is a view of another."""
        source = self.relation(table)
        self.run(f"create or replace view {self.relation(name)} as select * from {source}")

    def _value(self, value: object) -> str:
        """Everything goes by text: then there is one way to write it, and a cast reads it."""
        return "null" if value is None else self.literal(str(value))
