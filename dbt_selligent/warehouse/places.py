"""Where the state of an activation is kept in a schema of the warehouse."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import duckdb

from dbt_selligent.errors import StateError
from dbt_selligent.places import Delta, Place
from dbt_selligent.tables import Names, Row, Tables, note
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.history import SchemaHistory
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Entry, Schema
from dbt_selligent.warehouse.tables import SchemaTables, delta_table, drop_delta, groups_table

# How the names of tables go on, behind the prefix of their state, that are of one run alone.
PASSING = ("delta_", "groups_", "verdicts_", "scratch_")
OpenLocal = Callable[[], duckdb.DuckDBPyConnection]


class SchemaPlace(ABC):
    """The tables of one state; ``list_key`` tells its list from all others."""

    # How the names of tables go on that stay when the state is forgotten.
    staying: tuple[str, ...] = ()

    def __init__(
        self, schema: Schema, leases: Leases, destination: str, name: str, list_key: str = ""
    ) -> None:
        self.schema = schema
        self._leases = leases
        self._destination = destination
        self._name = name
        self._list_key = list_key

    @abstractmethod
    def table_names(self) -> Names:
        """The names of its tables."""

    @abstractmethod
    def copy(self, temporary: Path) -> SchemaPlace:
        """A copy of it, if there is one, that is gone with the command; to be changed there."""

    @abstractmethod
    def scratch(self, name: str) -> str:
        """The name in SQL of a table for what is between, which is to be dropped."""

    @abstractmethod
    def _opened(self, local: OpenLocal, temporary: Path) -> SchemaTables:
        """Its tables."""

    @property
    def name(self) -> str:
        """The activation."""
        return self._name

    @property
    def where(self) -> str:
        """The schema, and how the names of its tables begin."""
        return f"schema {self.schema.name}, tables {self.prefix}__*"

    @property
    def names(self) -> tuple[str, ...]:
        """Of all states of the destination."""
        there = self.schema.states()
        return tuple(entry.name for entry in there if entry.destination == self._destination)

    @property
    def list_key(self) -> Hashable:
        """Equal for activations of one list."""
        return self._list_key

    def exists(self) -> bool:
        """Whether there is a state."""
        return self._find() is not None

    def size(self) -> int | None:
        """The warehouse's own affair."""
        return None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The lock of the activation; raises LockedError that says who has it."""
        with self._leases.hold(self._key, f"activation {self._name}"):
            self.schema.look()
            yield

    def hold_list(
        self, name: str, stop: threading.Event, waits: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """The lock of the list ``name``, as soon as it is free.

        ``waits`` is told who has it; raises LockedError where it is told to ``stop`` before.
        """
        return self._leases.take_turn(self._list, f"list {name}", stop, waits)

    def release(self) -> None:
        """Closes the thread's own connection."""
        if threading.current_thread() is not threading.main_thread():
            self.schema.warehouse.release()

    def check(self) -> None:
        """Raises StateError where the lock was lost, or that of the list."""
        self._leases.check(self._key)
        self._leases.check(self._list)

    @contextmanager
    def open(self, temporary: Path, *, read_only: bool = False) -> Iterator[Tables]:
        """Its tables; they are registered if they are not there, to be written.

        Raises StateError.
        """
        if not self.exists():
            if read_only:
                raise StateError(f"{self._name} has no state any more", "run again")
            prefix = self.prefix
            self.schema.ensure()
            self._register(self._name, prefix)
        with ExitStack() as stack:
            try:
                yield self._opened(
                    lambda: stack.enter_context(engine.open_engine(temporary)), temporary
                )
            except duckdb.Error as error:
                raise engine.unwritable(temporary, error) from None

    def new_delta(self, temporary: Path, *, keep: bool) -> Delta:
        """Tables beside its own, where they are to be kept."""
        if not keep:
            return ""
        self.schema.ensure()
        self._drop_left()
        return uuid.uuid4().hex[:12]

    def delta_names(self, delta: str) -> tuple[str, str]:
        """A delta and its groups, in SQL."""
        if not delta:
            return self.scratch("delta"), self.scratch("groups")
        prefix, schema = self.prefix, self.schema
        return schema[delta_table(prefix, delta)], schema[groups_table(prefix, delta)]

    def take_delta(self, delta: Delta) -> None:
        """Notes which delta is that of the run, which has not begun."""
        with self.open(Path()) as tables, tables.transaction():
            # What the run before is still to say, too late, is not about this delta.
            note(tables, delta=str(delta), run="")

    def drop_delta(self, delta: Delta) -> None:
        """Drops it."""
        if delta:
            drop_delta(self.schema, self.prefix, str(delta))

    def tell(self, tables: Tables, batches: Sequence[Row]) -> None:
        """Tells it to tables beside the states'; raises RunError."""
        self._history.tell(tables, batches)

    def told_runs(self, most: int, temporary: Path) -> Sequence[Row]:
        """Those of a table; raises RunError."""
        return self._history.last_runs(most)

    def forget(self) -> None:
        """Registers its tables as nobody's, and drops them."""
        self._history.forget()
        prefix, stay = self.prefix, tuple(f"{self.prefix}__{name}" for name in self.staying)
        self._register("", prefix)
        there = self.schema.tables(f"{prefix}__")
        self.schema.drop([table for table in there if not table.startswith(stay)])
        self._leases.look(self._key)

    def rename(self, to: Place) -> None:
        """Its tables are registered under the other name: at once, or not at all."""
        assert isinstance(to, SchemaPlace)  # noqa: S101
        self.check()
        to._register(to.name, self.prefix)
        self._leases.look(self._key)

    def hand_over(self, to: Place, temporary: Path) -> None:
        """Its rows are the other's; raises RunError."""
        assert isinstance(to, SchemaPlace)  # noqa: S101
        self._history.hand_over(to._history)

    @property
    def _history(self) -> SchemaHistory:
        return SchemaHistory(self.schema, self._destination, self._name)

    @property
    def _key(self) -> str:
        return f"activation {self._destination} {self._name}"

    @property
    def _list(self) -> str:
        return f"list {self._list_key}"

    @property
    def prefix(self) -> str:
        """How the names of its tables begin, or would."""
        return self._find() or self._free_prefix()

    def _find(self) -> str | None:
        entry = self.schema.find(self._destination, self._name)
        return entry.prefix if entry else None

    def _free_prefix(self) -> str:
        """One that is like its name, and that of no other state; each time the same."""
        slug = re.sub(r"[^a-z0-9]+", "_", self._name.lower()).strip("_")[:20] or "state"
        digest = hashlib.sha256(f"{self._destination}\0{self._name}".encode()).hexdigest()
        taken = {entry.prefix for entry in self.schema.states()}
        # A state that was renamed keeps its tables, whose names begin like its name of before.
        ways = (f"{slug}_{digest[at : at + 8]}" for at in range(56))
        return next(way for way in ways if way not in taken)

    def _register(self, name: str, prefix: str) -> None:
        self.schema.register(Entry(self._destination, name, prefix))
        self._leases.look(self._key)

    def _drop_left(self) -> None:
        """Drops what runs left that were killed before it was of use."""
        self.check()
        prefix, schema = self.prefix, self.schema
        names = self.table_names()
        kept = None
        if self._has_meta(names):
            rows = schema.warehouse.rows(f"select value from {names['meta']} where name = 'delta'")
            kept = rows[0][0] if rows else None
        left = [
            table
            for table in schema.tables(f"{prefix}__")
            if self._is_left(table.removeprefix(f"{prefix}__"), names)
            and not (kept and table.endswith(f"_{kept}"))
            and table not in schema.passing
        ]
        if left:
            self._overrule()
        schema.drop(left)

    def _overrule(self) -> None:  # noqa: B027  (a transaction is over with its session)
        """What a dead run may still say of what it left is not to count."""

    @abstractmethod
    def _has_meta(self, names: Names) -> bool:
        """Whether there is a table of notes."""

    @abstractmethod
    def _is_left(self, table: str, names: Names) -> bool:
        """Whether a table, whose name goes on so, is of no use, unless it is of a delta."""
