"""The user's DuckDB warehouse, opened as dbt-duckdb opens it, to read and nothing else.

One DuckDB serves all activations of a command, and is closed as soon as the last delta is staged.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.errors import MemoryLimitError, StateError, UnopenedError, WarehouseError
from dbt_selligent.fieldtypes import COLLATED
from dbt_selligent.grammar import OWN_PREFIX
from dbt_selligent.manifest import Model
from dbt_selligent.places import Delta, Files, Place
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Bench, Result
from dbt_selligent.tables import DELTA, GROUPS, InSchema, Names
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.dialects import DUCKDB
from dbt_selligent.warehouse.macros import quote, render_sql
from dbt_selligent.warehouse.plainfile import open_plain
from dbt_selligent.warehouse.profile import read_output

# Threads of one process take turns: its lock on a file is gone as soon as any of them closes it,
# and dbt could write to what another still reads.
_turn = threading.RLock()
_PROBE = f"{OWN_PREFIX}probe"


class DuckDBBench:
    """Where deltas are staged: a state to read, the delta's own file to fill, room for between."""

    dialect = DUCKDB
    state: Names = InSchema(f"{engine.STATE}.main")
    delta, groups = DELTA, GROUPS
    fleeting = False  # whoever writes to the file waits until it is let go

    def __init__(self, cursor: Any, model: Model) -> None:
        self._cursor = cursor
        self._model = model

    def scratch(self, name: str) -> str:
        """A table in memory."""
        return f"{engine.SCRATCH}.main.{name}"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement.

        Raises MemoryLimitError, or WarehouseError with DuckDB's words, less any value.
        """
        try:
            return list(self._cursor.execute(sql).fetchall())
        except duckdb.OutOfMemoryException as error:
            raise _too_little(error) from None
        except duckdb.Error as error:
            if engine.no_room(error):
                raise _not_staged(error) from None
            raise WarehouseError(
                f"the model cannot be read: {engine.words(error)}",
                f"`dbt show --select {self._model.name}` says more",
            ) from None


class DuckDBReader:
    """Reads models and stages deltas; writes nothing but the delta's own file."""

    dialect = DUCKDB

    def __init__(self, cursor: Any, databases: Sequence[str]) -> None:
        self._cursor = cursor
        self._databases = {name.casefold() for name in databases}

    def columns(self, model: Model) -> list[tuple[str, str]] | None:
        """Name and type of the model's columns in order, or None where it is not there.

        Raises WarehouseError where it is in a database that this command cannot see.
        """
        relation, database = model.relation_name or "", model.database
        if database.casefold() not in self._databases:
            raise WarehouseError(
                f"{relation} is in a database that ends with dbt's own process"
                if database.casefold() == "memory"
                else f"{relation}: the profile attaches no database {database!r}",
                "build the model into a file: `path:` in profiles.yml must not be :memory:",
            )
        try:
            rows = self._cursor.execute(f"describe {relation}").fetchall()
            types = {str(name): str(sql_type) for name, sql_type, *_ in rows}
            return list((types | self._collated(relation, types)).items())
        except duckdb.CatalogException:
            return None
        except duckdb.Error as error:
            raise WarehouseError(
                f"{relation}: {engine.words(error)}",
                f"does `dbt show --select {model.name}` read it?",
            ) from None

    def _collated(self, relation: str, types: Mapping[str, str]) -> dict[str, str]:
        """The types of those columns that have a collation of their own, which `describe` omits."""
        texts = [name for name, sql_type in types.items() if sql_type == "VARCHAR"]
        if not texts:
            return {}
        chosen = ", ".join(f"{quote(name)} as c{at}" for at, name in enumerate(texts))
        made = f"temp table {_PROBE} as select {chosen} from {relation} limit 0"
        self._cursor.execute(f"create or replace {made}")
        there = "select sql from duckdb_tables() where temporary and table_name = ?"
        [(shape,)] = self._cursor.execute(there, [_PROBE]).fetchall()
        self._cursor.execute(f"drop table {_PROBE}")
        found = re.findall(r"\bc(\d+) VARCHAR COLLATE ([\w.]+)", shape)
        return {texts[int(at)]: f"{COLLATED}{collation}" for at, collation in found}

    def longest(self, model: Model, columns: Sequence[str]) -> list[int | None]:
        """UTF-16 units of the longest text of each of these columns, None where there is none."""
        sql = render_sql(
            "longest", relation=model.relation_name, columns=[quote(name) for name in columns]
        )
        [lengths] = DuckDBBench(self._cursor, model).query(sql)
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
        """Gives ``build`` a bench over the files of a state and a new delta.

        Where rows are too wide for the memory that is taken, more is taken.
        """
        assert isinstance(state, Files)  # noqa: S101
        assert isinstance(delta, Path)  # noqa: S101
        *limits, last = engine.memory_limits(comparing=comparing)
        for megabytes in limits:
            with (
                suppress(MemoryLimitError),
                self.staging(model, state.state, delta, megabytes) as bench,
            ):
                return build(bench)
        with self.staging(model, state.state, delta, last) as bench:
            return build(bench)

    @contextmanager
    def staging(
        self, model: Model, state: Path, delta: Path, megabytes: int
    ) -> Iterator[DuckDBBench]:
        """Attaches the state to read, the delta's file, a new one, to write, and room for between.

        Memory is limited to ``megabytes``: see `engine.memory_limits`.
        """
        try:
            engine.limit_memory(self._cursor, megabytes)
            with self._attached(state, delta):
                yield DuckDBBench(self._cursor, model)
        except WarehouseError as error:
            if isinstance(error.__context__, duckdb.Error) and engine.is_damaged(error.__context__):
                raise _damaged(model, state) from None
            raise
        except duckdb.OutOfMemoryException as error:
            raise _too_little(error) from None
        except duckdb.Error as error:  # of attaching and detaching: queries have their own
            raise _not_staged(error) from None

    @contextmanager
    def _attached(self, state: Path, delta: Path) -> Iterator[None]:
        for suffix in ("", ".wal"):
            delta.with_name(delta.name + suffix).unlink(missing_ok=True)
        with ExitStack() as attached:
            for alias, path, read_only in (
                (engine.STATE, state, True),
                (engine.DELTA, delta, False),
                (engine.SCRATCH, Path(":memory:"), False),
            ):
                engine.attach(self._cursor, path, alias, read_only=read_only)
                attached.callback(engine.detach, self._cursor, alias)
            # It lives for one run: written as it is, it is there in half the time.
            self._cursor.execute("set force_compression = 'uncompressed'")
            yield


def _not_staged(error: duckdb.Error) -> StateError:
    return StateError(
        f"the delta cannot be staged: {engine.words(error)}",
        "make room in the folder of the state, then run again: nothing was sent",
    )


def _damaged(model: Model, state: Path) -> WarehouseError:
    return WarehouseError(
        f"the model, or its state {state}, cannot be read: a file of them is damaged",
        f"`dbt show --select {model.name}` says whether it is the model; a state is put back from "
        "a copy without the `.wal` beside it, or forgotten with `dbt-selligent state reset`",
    )


def _too_little(error: duckdb.OutOfMemoryException) -> MemoryLimitError:
    return MemoryLimitError(f"the model cannot be read: {engine.words(error)}")


@contextmanager
def open_warehouse(settings: Settings, temporary: Path) -> Iterator[DuckDBReader]:
    """The warehouse of the dbt target, read-only, for as long as the context lasts.

    Raises ProfileError where the profile is not one of DuckDB, UnopenedError where its file is
    missing, or locked by a running dbt.
    """
    output = read_output(settings)
    with _turn:
        opened = open_plain(output)
        if opened is None:
            from dbt_selligent.warehouse.dbtduckdb import open_by_dbt  # and with it, much of dbt

            opened = open_by_dbt(settings, output)
        try:
            engine.limit(opened.cursor, temporary)
            _require_no_collation(opened.cursor)
            with engine.interruptible(opened.cursor):
                yield DuckDBReader(opened.cursor, opened.databases)
        finally:
            opened.close()


def _require_no_collation(cursor: Any) -> None:
    """Of another one, values that differ would be the same, of which a change is never sent."""
    [(collation,)] = cursor.execute("select current_setting('default_collation')").fetchall()
    if collation:
        raise UnopenedError(
            f"default_collation is {collation}: a value that changes its case alone would be taken "
            "for unchanged",
            "take it out of the settings in profiles.yml",
        )
