"""What was told of a destination's activations, in a table of the schema of their states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from dbt_selligent.locks import later
from dbt_selligent.told import SECONDS_TO_WAIT, UNREADABLE, Memory, Renew, read_memory
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Schema

TABLE = "selligent_warnings"
MEMORY = {"memory": "text"}  # JSON; destination and activation follow


class SchemaMemories:
    """Those of one destination, a row of each activation."""

    def __init__(self, schema: Schema, leases: Leases, destination: str) -> None:
        self._schema = schema
        self._leases = leases
        self._destination = destination

    @property
    def where(self) -> str:
        """The schema."""
        return f"schema {self._schema.name}"

    def recall(self) -> dict[str, Memory]:
        """What is remembered, by activation; raises RunError."""
        if TABLE not in self._schema.tables(TABLE):
            return {}
        with self._turn():
            return self._read()

    def remember(self, renew: Renew) -> None:
        """Keeps what ``renew`` makes of the newest memories, and all others; raises RunError."""
        literal = self._schema.dialect.literal
        self._schema.ensure()
        self._schema.create(TABLE, "create_history", columns=MEMORY)
        with self._turn():
            before = self._read()
            for name, memory in renew(before).items():
                owner = [literal(self._destination), literal(name)]
                if memory is None:
                    self._run("untell", owner=owner)
                elif memory != before.get(name):
                    text = literal(json.dumps(asdict(memory), default=str))
                    query = f"select {text} as memory"
                    self._run("retell", owner=owner, columns=list(MEMORY), query=query)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Meanwhile nobody else writes the table: all or nothing, where the engine can do that.

        Raises RunError, as where nobody lets go of the lock.
        """
        key = f"warnings {self._destination}"
        if self._schema.dialect.transactional:
            with self._schema.warehouse.transaction():
                self._schema.fence(key)
                yield
        else:
            with (
                later(SECONDS_TO_WAIT) as enough,
                self._leases.take_turn(key, "the warnings", enough, lambda _: None),
            ):
                yield

    def _read(self) -> dict[str, Memory]:
        self._schema.refresh([TABLE])
        owned = f"destination = {self._schema.dialect.literal(self._destination)}"
        found: dict[str, Memory] = {}
        for name, text in self._schema.warehouse.rows(
            f"select activation, memory from {self._schema[TABLE]} where {owned}"
        ):
            with suppress(*UNREADABLE):
                found[str(name)] = read_memory(json.loads(text))
        return found

    def _run(self, macro: str, **arguments: object) -> None:
        self._schema.run(macro, target=self._schema[TABLE], **arguments)
