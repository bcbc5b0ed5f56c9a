"""The history of one activation in Parquet files, which users' SQL reads by a pattern.

A file is replaced at once, and never written to: who reads it holds nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dbt_selligent.errors import StateError
from dbt_selligent.historytables import BATCH, BATCHES, HISTORY, RUNS, oldest_kept, told_anew
from dbt_selligent.naming import file_name
from dbt_selligent.tables import Row, Tables, as_parameters, in_sql, last_runs
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.dialects import DUCKDB
from dbt_selligent.warehouse.macros import literal, render_sql


class FileHistory:
    """One file for each table; ``folder`` is the destination's."""

    def __init__(self, folder: Path, destination: str, activation: str) -> None:
        self._owner = [literal(destination), literal(activation)]
        self._paths = {
            table: folder / "history" / table / f"{file_name(activation)}.parquet"
            for table in HISTORY
        }

    def tell(self, tables: Tables, batches: Sequence[Row]) -> None:
        """Writes what there is to be told; raises StateError where a file cannot be written."""
        try:
            for path in self._paths.values():
                _written(path).unlink(missing_ok=True)  # of a run that was killed in between
            for table, query in told_anew(tables).items():
                self._write(tables.local, table, query, {})
            if batches:
                query, given = as_parameters(tuple(BATCH.items()), batches)
                kept = self._kept_batches(tables.local)
                self._write(tables.local, BATCHES, kept + query, given)
        except (duckdb.Error, OSError) as error:
            raise self._unwritten(error) from None

    def last_runs(self, most: int, temporary: Path) -> Sequence[Row]:
        """The last runs that were told, newest first; raises StateError."""
        path = self._paths[RUNS]
        if not path.exists():
            return []
        query = last_runs(DUCKDB, f"read_parquet({literal(str(path))})", most)
        try:
            with engine.open_engine(temporary) as local:
                return local.execute(query).fetchall()
        except duckdb.Error as error:
            raise StateError(f"{path}: cannot be read: {engine.words(error)}") from None

    def forget(self) -> None:
        """Nothing is told of the activation any more."""
        for path in self._paths.values():
            for left in (path, _written(path)):
                left.unlink(missing_ok=True)

    def hand_over(self, to: FileHistory, temporary: Path) -> None:
        """Gives the files to another activation, whose they are from then on; raises StateError.

        Where it broke off, it can be done again.
        """
        try:
            with engine.open_engine(temporary) as local:
                for table, path in self._paths.items():
                    given = to._paths[table]
                    if path.exists():
                        path.replace(given)  # in place of what a state that is gone has left
                    if given.exists():
                        to._write(local, table, _content(table, given), {})
        except (duckdb.Error, OSError) as error:
            raise self._unwritten(error) from None

    def _unwritten(self, error: duckdb.Error | OSError) -> StateError:
        said = engine.words(error) if isinstance(error, duckdb.Error) else error.strerror
        where = self._paths[BATCHES].parents[1]
        return StateError(f"{where}: cannot be written: {said}", "make room there")

    def _write(
        self,
        local: duckdb.DuckDBPyConnection,
        table: str,
        query: str,
        given: dict[str, list[object]],
    ) -> None:
        path = self._paths[table]
        written = _written(path)
        sql = render_sql("with_owner", columns=list(HISTORY[table]), owner=self._owner, query=query)
        path.parent.mkdir(parents=True, exist_ok=True)
        local.execute(f"copy ({sql}) to {literal(str(written))} (format parquet)", given)
        written.replace(path)

    def _kept_batches(self, local: duckdb.DuckDBPyConnection) -> str:
        """Where there are some, the beginning of a query that goes on with those of this run."""
        there = self._paths[BATCHES]
        if not there.exists():
            return ""
        oldest = in_sql(DUCKDB, oldest_kept(), "time")
        kept = f"{_content(BATCHES, there)} where answered_at >= {oldest}"
        try:
            local.execute(f"select count(*) from ({kept})")
        except duckdb.Error:
            # Set aside, so that the next run finds none; a full disk is none of its faults.
            aside = there.with_suffix(".damaged")
            there.replace(aside)
            raise StateError(f"{there}: cannot be read", f"it is {aside.name} now") from None
        return f"{kept} union all "


def _content(table: str, path: Path) -> str:
    return f"select {', '.join(HISTORY[table])} from read_parquet({literal(str(path))})"


def _written(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")
