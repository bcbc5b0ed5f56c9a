"""Step 6: snapshot, doubt, rejected rows and runs of one activation; the only writer of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.folders import private_folder
from dbt_selligent.groups import SENT
from dbt_selligent.ledger import RunLedger, settle
from dbt_selligent.places import Identity, Place
from dbt_selligent.staging import KEYLESS
from dbt_selligent.stateview import (
    ADOPTED,
    BEGUN,
    CUT_OFF,
    RUNNING,
    StateView,
    differences,
    identity_text,
)
from dbt_selligent.tables import add_run, change_run, filled, in_sql, note, now, quoted_columns
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import literal

TABLES = (*BEGUN, ADOPTED)


@dataclass(frozen=True)
class Anew:
    """Why an activation starts anew, and how many records were sent as it was before."""

    why: str
    left_behind: int


class StateStore(StateView):
    """The open tables of one activation, to read and write."""

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""
        self.tables.migrate()

    def prepare(
        self, identity: Identity, columns: Columns, segment: str | None = None
    ) -> Anew | None:
        """Settles a run that was cut off, and gives the tables the columns of the mapping.

        Returns why the activation starts anew, where it does. Of another ``segment`` than before it
        is not known who its members are.
        """
        self.settle()
        tables = self.tables
        noted = tables.meta("identity")
        anew = None
        if noted is not None and noted != identity_text(identity):
            anew = _what_changed(json.loads(noted), identity, self.count("snapshot"))
            with tables.transaction():
                for table in TABLES:
                    tables.run("forget", table=table)
                self._unnote("identity", "complete", "known_before")
        there = quoted_columns(tables, "snapshot")
        wanted = {column.name: column.type for column in columns.compared}
        if not there:
            with tables.transaction():
                tables.run(
                    "create_state",
                    keys=columns.keys,
                    columns=columns.compared,
                    types=tables.dialect.types,
                )
                note(tables, identity=identity_text(identity))
        elif there != wanted:
            keys = [key.name for key in columns.keys]
            old = stored_columns(
                list(tables.columns("snapshot").items()), len(keys), tables.dialect
            )
            beside = ["doubt", "rejected", "invalid", *([ADOPTED] * self.adopted)]
            with tables.transaction():
                tables.run(
                    "reshape_state",
                    keys=columns.keys,
                    columns=columns.compared,
                    old={column.name: column for column in old.compared},
                    tables={
                        name: [each for each in quoted_columns(tables, name) if each not in keys]
                        for name in beside
                    },
                )
        if tables.meta("segment") != (segment or ""):
            with tables.transaction():
                if columns.member:
                    tables.run("forget_members", columns=columns.compared, member=columns.member)
                note(tables, segment=segment or "")
        return anew

    def ready(self, identity: Identity, columns: Columns, segment: str | None = None) -> bool:
        """Whether `prepare` would have nothing to do."""
        wanted = {column.name: column.type for column in columns.compared}
        return (
            self.is_current()
            and self.is_settled()
            and self.is_of(identity)
            and quoted_columns(self.tables, "snapshot") == wanted
            and self.tables.meta("segment") == (segment or "")
        )

    def put_in_doubt(self, verdicts: str, columns: Columns) -> None:
        """Moves rows from the snapshot to doubt by a table of verdicts (macros/verify.sql)."""
        there = list(self.tables.columns("snapshot").items())
        compared = stored_columns(there, len(columns.keys), self.tables.dialect)
        with self.tables.upload(verdicts, compared.keys) as told, self.tables.transaction():
            self.tables.run(
                "put_in_doubt",
                verdicts=told,
                keys=compared.keys,
                columns=compared.compared,
                member=compared.member if columns.member else (),
            )

    def begin(
        self,
        run_id: str,
        target: str,
        columns: Columns,
        *,
        started: datetime,
        forgotten: Sequence[str],
        invalid: bool,
        full_refresh: bool,
        keyless: int = 0,
        upto: int | None = None,
        known: int = 0,
        forced: Sequence[str] = (),
    ) -> RunLedger:
        """Opens a run that ``started``, in UTC, before its model was read: its delta is attached.

        ``forgotten`` are kinds of rows that left the model, ``invalid`` if there are some that
        cannot be sent; ``keyless`` have no key. None is sent of a number above ``upto``. ``known``
        records were sent before; ``forced`` is what spoke against it.
        """
        tables, quoted = self.tables, self.tables.dialect.literal
        tables.attach_delta()
        tables.copy_delta(columns, SENT, upto)
        engine.limit_memory(self.connection, engine.memory_to_render(self.bytes_per_row()))
        with tables.transaction():
            change_run(tables, f"run.status = {quoted(RUNNING)}", {"status": CUT_OFF})
            tables.run(
                "begin",
                delta=tables.delta,
                keys=columns.keys,
                columns=columns.sent,
                forgotten=[literal(kind) for kind in forgotten],
                tables=filled(tables, *TABLES),
                invalid=invalid,
                keyless=[quoted(columns.keys[0].field), quoted(KEYLESS), keyless]
                if keyless
                else (),
                full_refresh=full_refresh,
                seen=in_sql(tables.dialect, now(), "time"),
            )
            note(
                tables,
                run=run_id,
                target=target,
                known_before=str(max(known, self.known_before)),
                mapping=json.dumps([column.field for column in columns.sent]),
            )
            add_run(
                tables,
                {
                    "run_id": run_id,
                    "started_at": started.replace(tzinfo=None),
                    "status": RUNNING,
                    "dbt_target": target,
                    "forced": "; ".join(forced) or None,
                },
            )
        return RunLedger(tables, run_id, columns)

    def settle(self) -> None:
        """Moves the snapshot by what the last run's ledger says; at its end, or after a crash."""
        settle(self.tables)

    def finish(
        self, run_id: str, status: str, counts: object, error: str | None, *, complete: bool
    ) -> None:
        """Closes a run, and lets go of its delta; ``complete`` if it came to its end."""
        tables = self.tables
        with tables.transaction():
            if complete:
                note(tables, complete=run_id)
            self._unnote("delta", "run", *(["known_before"] * complete))
            change_run(
                tables,
                f"run.run_id = {tables.dialect.literal(run_id)}",
                {
                    "finished_at": now(),
                    "status": status,
                    "counts": json.dumps(counts),
                    "error": error,
                },
            )
        tables.forget_delta()

    def adopt(self, run_id: str, target: str, columns: Columns) -> int:
        """Takes the rows of the staged delta as sent; gives their number."""
        tables = self.tables
        tables.attach_delta()
        with tables.transaction():
            tables.run(
                "adopt",
                delta=tables.delta,
                keys=columns.keys,
                columns=(*columns.keys, *columns.fields),
                member=columns.member,
            )
            rows = self.count(ADOPTED)
            note(tables, target=target, complete=run_id)
            self._unnote("delta")
            self._add_stopped(run_id, target, "adopted", {"adopted": rows}, None)
        tables.forget_delta()
        return rows

    def record(
        self, run_id: str, target: str, status: str, counts: object, error: str | None
    ) -> None:
        """Keeps a run that was stopped before it began."""
        with self.tables.transaction():
            self._add_stopped(run_id, target, status, counts, error)

    def _add_stopped(
        self, run_id: str, target: str, status: str, counts: object, error: str | None
    ) -> None:
        at = now()
        told = {"started_at": at, "finished_at": at, "status": status, "dbt_target": target}
        run = {"run_id": run_id, **told, "counts": json.dumps(counts), "error": error}
        add_run(self.tables, run)

    def _unnote(self, *names: str) -> None:
        self.tables.run("unnote", names=[literal(name) for name in names])


@contextmanager
def open_state(place: Place, temporary: Path, *, read_only: bool = False) -> Iterator[StateStore]:
    """The state of an activation, made if it is not there; the caller holds its lock.

    Raises StateError where it cannot be used, LockedError where another program holds it.
    """
    with place.open(temporary, read_only=read_only) as tables:
        store = StateStore(tables, place.where)
        if not read_only:
            store.migrate()
        if store.is_current():
            store.require_whole()
        yield store


@contextmanager
def open_settled(place: Place, temporary: Path) -> Iterator[StateView]:
    """The state as the next sync finds it, to read; it stays as it is.

    What is of an earlier version, or was left by a run that was cut off, is read from a copy.
    """
    with open_state(place, temporary, read_only=True) as store:
        if store.is_current() and store.is_settled():
            yield store
            return
    with open_state(place.copy(temporary), temporary) as store:
        store.settle()
        yield store


@contextmanager
def look_at(place: Place, folder: Path) -> Iterator[StateView | None]:
    """The same under the state's lock, with files in ``folder`` meanwhile; None without a state.

    Raises LockedError where another works on it, StateError.
    """
    with ExitStack() as stack:
        store: StateView | None = None
        if place.exists():
            stack.enter_context(place.hold())
            if place.exists():  # it may have been forgotten before
                temporary = stack.enter_context(private_folder(folder))
                store = stack.enter_context(open_settled(place, temporary))
        yield store


def _what_changed(before: dict[str, Any], current: Identity, stay: int) -> Anew:
    changed = ", ".join(differences(before, current))
    why = f"starts anew: {changed}; {stay:,} records stay as they were sent before"
    return Anew(why, stay)
