"""Step 6: snapshot, doubt, rejected rows and runs of one activation; the only writer of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.columns import Columns
from dbt_selligent.errors import LockedError, StateError
from dbt_selligent.ledger import RunLedger, settle
from dbt_selligent.migrations import migrate
from dbt_selligent.places import Files, Identity, copy_state
from dbt_selligent.stateview import ADOPTED, StateView, differences, identity_text
from dbt_selligent.tables import DELTA, SCHEMA, Tables
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import literal, render_sql

TABLES = ("snapshot", "doubt", "rejected", "invalid", ADOPTED)


@dataclass(frozen=True)
class Anew:
    """Why an activation starts anew, and how many records were sent as it was before."""

    why: str
    left_behind: int


class StateStore(StateView):
    """The open tables of one activation, to read and write."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Files) -> None:
        super().__init__(Tables(connection, files.delta), files.state)

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""
        migrate(self._tables, self._path)

    def prepare(
        self, identity: Identity, columns: Columns, segment: str | None = None
    ) -> Anew | None:
        """Settles a run that was cut off, and gives the tables the columns of the mapping.

        Returns why the activation starts anew, where it does. Of another ``segment`` than before it
        is not known who its members are.
        """
        self.settle()
        noted = self._tables.meta("identity")
        anew = None
        if noted is not None and noted != identity_text(identity):
            anew = _what_changed(json.loads(noted), identity, self._tables.count("snapshot"))
            with self._tables.transaction():
                for table in TABLES:
                    self.connection.execute(f"drop table if exists {SCHEMA}.{table}")
                self.connection.execute(
                    f"delete from {SCHEMA}.meta "
                    "where name in ('identity', 'complete', 'known_before')"
                )
        there = self._tables.quoted_columns("snapshot")
        wanted = {column.name: column.type for column in columns.compared}
        if not there:
            with self._tables.transaction():
                self._tables.run("create_state", keys=columns.keys, columns=columns.compared)
                self._tables.note_meta("identity", identity_text(identity))
        elif there != wanted:
            with self._tables.transaction():
                self._tables.run(
                    "reshape_state",
                    keys=columns.keys,
                    columns=columns.compared,
                    old=there,
                    tables=["doubt", "rejected", "invalid", *([ADOPTED] * self.adopted)],
                )
        if self._tables.meta("segment") != (segment or ""):
            with self._tables.transaction():
                if columns.member:
                    self._tables.run("forget_members", member=columns.member)
                self._tables.note_meta("segment", segment or "")
        return anew

    def ready(self, identity: Identity, columns: Columns, segment: str | None = None) -> bool:
        """Whether `prepare` would have nothing to do."""
        wanted = {column.name: column.type for column in columns.compared}
        return (
            self.is_current()
            and self.is_settled()
            and self.is_of(identity)
            and self._tables.quoted_columns("snapshot") == wanted
            and self._tables.meta("segment") == (segment or "")
        )

    def put_in_doubt(self, verdicts: str, columns: Columns) -> None:
        """Moves rows from the snapshot to doubt by a table of verdicts (macros/verify.sql)."""
        with self._tables.transaction():
            self._tables.run(
                "put_in_doubt", verdicts=verdicts, keys=columns.keys, member=columns.member
            )

    def begin(
        self,
        run_id: str,
        target: str,
        columns: Columns,
        *,
        forgotten: Sequence[str],
        full_refresh: bool,
        known: int = 0,
        forced: Sequence[str] = (),
    ) -> RunLedger:
        """Opens a run: its delta is attached; ``forgotten`` are kinds of rows that left the model.
        ``known`` records were sent before; ``forced`` is what spoke against it.
        """
        self._tables.attach_delta()
        engine.limit_memory(self.connection, engine.memory_to_render(self.bytes_per_row()))
        self.connection.execute(
            f"update {SCHEMA}.runs set status = 'cut off' where status = 'running'"
        )
        with self._tables.transaction():
            self._tables.run(
                "begin",
                delta=DELTA,
                keys=columns.keys,
                columns=columns.sent,
                forgotten=[literal(kind) for kind in forgotten],
                tables=["snapshot", "doubt", *([ADOPTED] * self.adopted)],
                full_refresh=full_refresh,
            )
            self.connection.execute(render_sql("touch_held", state=SCHEMA), {"seen": _now()})
            self._tables.note_meta("run", run_id)
            self._tables.note_meta("target", target)
            self._tables.note_meta("known_before", str(max(known, self.known_before)))
            self._tables.note_meta("mapping", json.dumps([column.field for column in columns.sent]))
            self.connection.execute(
                f"insert into {SCHEMA}.runs values (?, ?, null, 'running', ?, null, null, ?)",
                [run_id, _now(), target, "; ".join(forced) or None],
            )
        return RunLedger(self._tables, run_id, columns)

    def settle(self) -> None:
        """Moves the snapshot by what the last run's ledger says; at its end, or after a crash."""
        settle(self._tables)

    def finish(
        self, run_id: str, status: str, counts: object, error: str | None, *, complete: bool
    ) -> None:
        """Closes a run, and lets go of its delta; ``complete`` if it came to its end."""
        with self._tables.transaction():
            if complete:
                self._tables.note_meta("complete", run_id)
                self.connection.execute(f"delete from {SCHEMA}.meta where name = 'known_before'")
            self.connection.execute(
                f"update {SCHEMA}.runs set finished_at = ?, status = ?, counts = ?, error = ? "
                "where run_id = ?",
                [_now(), status, json.dumps(counts), error, run_id],
            )
        self._tables.forget_delta()

    def adopt(self, run_id: str, target: str, columns: Columns) -> int:
        """Takes the rows of the staged delta as sent; gives their number."""
        self._tables.attach_delta()
        with self._tables.transaction():
            self._tables.run(
                "adopt",
                delta=DELTA,
                keys=columns.keys,
                columns=(*columns.keys, *columns.fields),
                member=columns.member,
            )
            rows = self._tables.count(ADOPTED)
            self._tables.note_meta("target", target)
            self._tables.note_meta("complete", run_id)
            self.record(run_id, target, "adopted", {"adopted": rows}, None)
        self._tables.forget_delta()
        return rows

    def record(
        self, run_id: str, target: str, status: str, counts: object, error: str | None
    ) -> None:
        """Keeps a run that was stopped before it began."""
        now = _now()
        self.connection.execute(
            f"insert into {SCHEMA}.runs values (?, ?, ?, ?, ?, ?, ?, null)",
            [run_id, now, now, status, target, json.dumps(counts), error],
        )


@contextmanager
def open_state(files: Files, temporary: Path, *, read_only: bool = False) -> Iterator[StateStore]:
    """The state of an activation, made if it is not there; the caller holds its lock.

    Raises StateError where the file is damaged, or held by another program.
    """
    with engine.open_engine(temporary) as connection:
        files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            engine.attach(connection, files.state, engine.STATE, read_only=read_only)
        except duckdb.Error as error:
            raise _unusable(files, error) from None
        store = StateStore(connection, files)
        try:
            if not read_only:
                store.migrate()
            yield store
        except duckdb.Error as error:
            if engine.is_damaged(error):
                raise _unusable(files, error) from None
            mend = "make room" if engine.no_room(error) else "mend it"
            raise StateError(
                f"{files.state}: {engine.words(error)}", f"nothing was lost: {mend} and run again"
            ) from None


@contextmanager
def open_settled(files: Files, temporary: Path) -> Iterator[StateView]:
    """The state as the next sync finds it, to read; it stays as it is.

    What is of an earlier version, or was left by a run that was cut off, is read from a copy.
    """
    with open_state(files, temporary, read_only=True) as store:
        if store.is_current() and store.is_settled():
            yield store
            return
    with open_state(copy_state(files, temporary), temporary) as store:
        store.settle()
        yield store


def _unusable(files: Files, error: duckdb.Error) -> StateError:
    path, words = files.state, engine.words(error)
    if "could not set lock" in words.lower():
        return LockedError(f"{path}: held by another program", "close it and run again")
    if "cannot open file" in words.lower():
        return StateError(f"{path}: {words}", "give its owner access, then run again")
    return StateError(
        f"{path}: not a usable state file: {words}",
        "put back a copy, without the `.wal` that lies beside this one, or forget it with "
        f"`dbt-selligent state reset {files.name} --yes`: then everything is sent again",
    )


def _what_changed(before: dict[str, Any], now: Identity, stay: int) -> Anew:
    changed = ", ".join(differences(before, now))
    why = f"starts anew: {changed}; {stay:,} records stay as they were sent before"
    return Anew(why, stay)


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
