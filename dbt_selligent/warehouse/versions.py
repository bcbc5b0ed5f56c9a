"""States of an engine without transactions over tables: a change makes the next version of a table.

Which versions count is said by a pointer, which is made, at once and whole, when all of them are
there: until then the one before counts. A command counts on from the last pointer that it found,
and the last one counts: what a command that is dead, or lost its lock, has yet to say is of a
number that is taken, or is behind. No version is changed once it counts, but for rows that are
appended.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dbt_selligent.errors import RunError
from dbt_selligent.migrations import missing
from dbt_selligent.tables import Names
from dbt_selligent.warehouse.places import OpenLocal, SchemaPlace
from dbt_selligent.warehouse.schema import Schema
from dbt_selligent.warehouse.tables import SchemaTables

_POINTER = re.compile(r".+__pointer_(?P<number>\d+)")
APPENDED = ("log", "doubt", "rejected")  # without a version of their own
# Tables that are written to one file: they have some rows for each run, and no more.
SMALL = ("migrations", "meta", "log", "runs")


class Versions:
    """Which version of each table is meant, in SQL: by its changes, within a transaction.

    ``counting`` maps tables to the names of their versions that count, in the schema; ``pointers``
    are the names of those that are there by number, of which the last one says so.
    """

    def __init__(
        self,
        schema: Schema,
        prefix: str,
        counting: Mapping[str, str],
        pointers: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.schema = schema
        self.prefix = prefix
        self.counting = dict(counting)
        self.pointers = dict(pointers)
        self.number = max(pointers, default=0)
        self.views: list[str] = []
        self.made: list[str] = []
        self.gone: list[str] = []  # of those that count, found when the lock was taken
        self.shapes: dict[str, list[tuple[str, str]]] = {}  # columns of what was written
        self._meant: dict[str, str] = {}
        self.begin()

    def __getitem__(self, table: str) -> str:
        """The table as SQL names it."""
        return self._meant[table]

    def __contains__(self, table: object) -> bool:
        """Whether there is such a table."""
        return table in self._meant

    def begin(self) -> None:
        """What counts is meant."""
        self._meant = {table: self.schema[name] for table, name in self.counting.items()}
        self.views, self.made = [], []

    def next(self, table: str) -> str:
        """The name of the next version, which is meant from now on."""
        if not self.schema.dialect.views:
            return self.fresh(table)
        name = f"_selligent_{self.prefix}_{table}_{len(self.views)}"
        self._meant[table] = self.schema.dialect.quote(name)
        self.views.append(self._meant[table])
        return self._meant[table]

    def fresh(self, table: str) -> str:
        """The name of a version that is a table from the beginning."""
        name = f"{self.prefix}__{table}_{uuid.uuid4().hex[:8]}"
        self.made.append(name)
        self._meant[table] = self.schema[name]
        return self._meant[table]

    def leave(self, table: str) -> str:
        """There is no such table from now on; nothing is to be run for it."""
        self._meant.pop(table, None)
        return ""

    def changed(self) -> dict[str, str]:
        """What is meant and is not what counts: tables, and their versions in SQL."""
        return {
            table: meant
            for table, meant in self._meant.items()
            if table not in self.counting or meant != self.schema[self.counting[table]]
        }

    def finished(self) -> dict[str, str]:
        """What is meant, as it is to count, where all of it is tables."""
        names = {self.schema[name]: name for name in (*self.counting.values(), *self.made)}
        return {table: names[meant] for table, meant in self._meant.items()}


class VersionedTables(SchemaTables):
    """The tables of one state; those of a ``copy`` count for as long as it is used."""

    names: Versions

    def __init__(self, schema: Schema, names: Versions, *given: Any, copy: bool) -> None:
        super().__init__(schema, names, *given)
        self._copy = copy
        self._passing: list[str] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        names, before = self.names, dict(self.names.counting)
        pointing = False
        try:
            yield
            for table, meant in names.changed().items():
                if meant in names.views:
                    self._schema.run(
                        "write", target=names.fresh(table), version=meant, small=table in SMALL
                    )
            after = names.finished()
            self._check()
            if after != before and not self._copy:
                pointing = True
                point(names, after)
                self._check()  # else what it is to drop may be another's
        except BaseException:
            # A pointer may be there though the answer was lost: what it names is kept then.
            if not pointing:
                self._drop(names.made)
            names.begin()
            self._forget_known()
            raise
        made = names.made
        names.counting = after
        names.begin()
        left = [name for name in (*before.values(), *made) if name not in after.values()]
        if self._copy:
            # What a copy began with counts for others.
            left = [name for name in left if name in self._schema.passing]
            self._schema.passing += [name for name in made if name in after.values()]
        self._drop([*left, *self._passing])
        self._passing.clear()

    def there(self) -> Container[str]:
        """Those that are meant."""
        return self.names

    @contextmanager
    def appending(self) -> Iterator[None]:
        """What is appended within is durable at once."""
        self._check()
        yield

    def passing(self, name: str) -> str:
        """A table of the schema."""
        table = f"{self._prefix}__scratch_{name}_{uuid.uuid4().hex[:8]}"
        self._passing.append(table)
        return self._schema[table]

    def passed(self, table: str) -> None:
        """It is dropped when the transaction is over: a version may be planned on it."""

    def _drop(self, tables: list[str]) -> None:
        with suppress(RunError):  # they are of no use, and dropped by the next sync
            self._schema.drop(tables)

    def _described(self, table: str) -> list[tuple[str, str]]:
        if table not in self.names:
            return []
        meant, shapes = self.names[table], self.names.shapes
        if meant in shapes:
            return shapes[meant]
        found = self._schema.warehouse.columns(meant, self._schema.name, meant)
        if meant not in self.names.views:
            shapes[meant] = found
        return found


class VersionedPlace(SchemaPlace):
    """Tables that are written anew; those of a copy, and what is between, go with the command."""

    staying = ("pointer_",)
    copied: Versions | None = None

    def table_names(self) -> Versions:
        """The names of its tables."""
        # Nobody else makes a pointer while the lock is held.
        return self.copied or self._leases.once(
            self._key, lambda: read_pointer(self.schema, self.prefix)
        )

    def exists(self) -> bool:
        """Whether there is a state."""
        return self.copied is not None or super().exists()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The lock of the activation; what another Spark appended is heard of from then on."""
        with super().hold():
            counting = self.table_names().counting
            there = self.schema.tables(f"{self.prefix}__") if counting else []
            appended = [counting[table] for table in APPENDED if table in counting]
            self.schema.refresh([name for name in appended if name in there])
            gone = [name for name in counting.values() if name not in there]
            self.table_names().gone += gone
            yield

    def copy(self, temporary: Path) -> SchemaPlace:
        """The same tables, whose next versions are nobody else's."""
        copied = VersionedPlace(
            self.schema, self._leases, self._destination, self._name, self._list_key
        )
        self.schema.ensure()
        copied.copied = Versions(self.schema, self.prefix, self._complete().counting)
        return copied

    def forget(self) -> None:
        """Has a pointer say that there is nothing; it stays, so that what is late is behind it."""
        self.check()
        point(self.table_names(), {})
        super().forget()

    def scratch(self, name: str) -> str:
        """A table of the schema, which is dropped at the end of the command."""
        table = f"{self.prefix}__scratch_{name}_{uuid.uuid4().hex[:8]}"
        self.schema.ensure()
        self.schema.passing.append(table)
        return self.schema[table]

    def _opened(self, local: OpenLocal, temporary: Path) -> SchemaTables:
        return VersionedTables(
            self.schema,
            self._complete(),
            self.prefix,
            local,
            temporary,
            self.check,
            copy=self.copied is not None,
        )

    def _complete(self) -> Versions:
        """The names of its tables, which are there; raises StateError where one is not."""
        names = self.table_names()
        for name in names.gone:
            raise missing(self.where, self.schema[name])
        return names

    def _overrule(self) -> None:
        """What a dead run may be about to say of its tables is behind another pointer then."""
        names = self.table_names()
        point(names, names.counting)

    def _has_meta(self, names: Names) -> bool:
        return "meta" in self.table_names()

    def _is_left(self, table: str, names: Names) -> bool:
        assert isinstance(names, Versions)  # noqa: S101
        counting = names.counting.values()
        return not table.startswith(self.staying) and f"{self.prefix}__{table}" not in counting


def read_pointer(schema: Schema, prefix: str) -> Versions:
    """The versions that count; none where there is no state."""
    found = [_POINTER.fullmatch(name) for name in schema.tables(f"{prefix}__pointer_")]
    pointers = {int(one["number"]): one[0] for one in found if one}
    if not pointers:
        return Versions(schema, prefix, {})
    newest = pointers[max(pointers)]
    [said] = schema.rows("pointed", target=schema[newest])
    try:
        return Versions(schema, prefix, json.loads(bytes.fromhex(said[-1])), pointers)
    except ValueError:
        unread = Versions(schema, prefix, {}, pointers)
        unread.gone.append(newest)
        return unread


def point(versions: Versions, counting: Mapping[str, str]) -> None:
    """Says which versions count from now on; raises WarehouseError where another has said so."""
    schema = versions.schema
    # An answer may be lost: the number is taken whatever comes of it.
    versions.number += 1
    name = f"{versions.prefix}__pointer_{versions.number}"
    tables = json.dumps(counting, sort_keys=True).encode().hex()
    schema.run("point", target=schema[name], tables=schema.dialect.literal(tables))
    with suppress(RunError):  # they are behind, and dropped by the next command
        schema.drop(list(versions.pointers.values()))
    versions.pointers = {versions.number: name}
