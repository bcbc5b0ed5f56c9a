"""Step 6: snapshot, doubt, rejected rows and runs of one activation; the only writer of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.errors import StateError
from dbt_selligent.ledger import RunLedger, settle
from dbt_selligent.migrations import VERSION, migrate
from dbt_selligent.places import Files, Identity
from dbt_selligent.tables import DELTA, SCHEMA, Tables
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import literal, render_sql

TABLES = ("snapshot", "doubt", "rejected", "invalid", "adopted")
# Rows that are taken as sent, and never were: the table is there where there are some.
ADOPTED = "adopted"


@dataclass(frozen=True)
class Anew:
    """Why an activation starts anew, and how many records were sent as it was before."""

    why: str
    left_behind: int


class StateStore:
    """The open tables of one activation, to read and write."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Files) -> None:
        self.connection = connection
        self._files = files
        self._tables = Tables(connection, files.delta)

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""
        migrate(self._tables, self._files.state)

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
        if noted is not None and noted != _text(identity):
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
                self._tables.note_meta("identity", _text(identity))
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

    def is_current(self) -> bool:
        """Whether the tables are those of this version; a killed process may have left none."""
        if not self._tables.columns("migrations"):
            return False
        [(version,)] = self._tables.rows(f"select max(version) from {SCHEMA}.migrations")
        return bool(version == VERSION)

    def ready(self, identity: Identity, columns: Columns, segment: str | None = None) -> bool:
        """Whether `prepare` would have nothing to do."""
        wanted = {column.name: column.type for column in columns.compared}
        return (
            self.is_current()
            and self.is_of(identity)
            and self._tables.quoted_columns("snapshot") == wanted
            and self._tables.meta("segment") == (segment or "")
            and not self._tables.rows(f"select 1 from {SCHEMA}.log limit 1")
        )

    def is_of(self, identity: Identity) -> bool:
        """Whether it is the state of this."""
        return self._tables.meta("identity") == _text(identity)

    def known_columns(self, identity: Identity) -> Columns:
        """The columns of the snapshot as they are; raises StateError if it is of something else."""
        if not self.is_of(identity):
            raise StateError(
                f"{self._files.state}: the last sync was of another list or matching key",
                "sync first: it starts anew",
            )
        return stored_columns(list(self._tables.columns("snapshot").items()), len(identity.keys))

    def put_in_doubt(self, verdicts: str, columns: Columns) -> None:
        """Moves rows from the snapshot to doubt by a table of verdicts (macros/verify.sql)."""
        with self._tables.transaction():
            self._tables.run(
                "put_in_doubt", verdicts=verdicts, keys=columns.keys, member=columns.member
            )

    def meta(self, name: str) -> str | None:
        """A noted value."""
        return self._tables.meta(name)

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

    def describe(self) -> dict[str, Any]:
        """What it is the state of, and its rows, in figures."""
        noted, tables = self._tables.meta("identity"), self.has_tables()
        [last] = [*self.history(1), None][:1]
        return {
            "version": VERSION,
            "identity": json.loads(noted) if noted else None,
            "segment": self._tables.meta("segment") or None,
            "target": self._tables.meta("target"),
            "complete": self.synced,
            "confirmed": self.count("snapshot") if tables else 0,
            "in_doubt": self.count("doubt") if tables else 0,
            "held": self.count("rejected", "not _selligent_missing") if tables else 0,
            "not_found": self.count("rejected", "_selligent_missing") if tables else 0,
            "adopted": self.count(ADOPTED) if self.adopted else 0,
            "last_run": f"{last['started_at']}" if last else None,
        }

    def history(self, most: int = 10) -> list[dict[str, Any]]:
        """The last runs, newest first."""
        rows = self._tables.rows(
            f"select run_id, started_at, finished_at, status, dbt_target, counts, error, forced "
            f"from {SCHEMA}.runs order by started_at desc limit {int(most)}"
        )
        names = (
            *("run_id", "started_at", "finished_at", "status", "target"),
            *("counts", "error", "forced"),
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def listed(self, table: str, most: int, where: str = "true") -> list[dict[str, Any]]:
        """Rows of ``rejected`` or ``invalid``, each with its matching key and what is wrong."""
        done = self.connection.execute(
            f"select * from {SCHEMA}.{table} where {where} limit {int(most)}"
        )
        names = [column[0].removeprefix("_selligent_") for column in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def bytes_per_row(self) -> int:
        """Of the staged delta, about; where it has few rows, more."""
        rows, size = self._tables.delta_size()
        return max(1, size // max(1, rows))

    def count(self, table: str, where: str = "true") -> int:
        """How many rows a table of the state has."""
        return self._tables.count(table, where)

    @property
    def synced(self) -> bool:
        """Whether a sync of what is activated has come to its end."""
        return self._tables.meta("complete") is not None

    @property
    def adopted(self) -> bool:
        """Whether rows were taken as sent that never were, some of them perhaps since."""
        return bool(self._tables.columns(ADOPTED))

    @property
    def begun(self) -> bool:
        """Whether a sync has ever been let through to send something."""
        return self._tables.meta("target") is not None

    @property
    def known_before(self) -> int:
        """Records that had been sent when the run began that did not come to its end; else 0.

        What that run forgot or removed, and those it did not find, are no records any more: they
        count still, so that a guard that let it begin lets the rest of it pass.
        """
        return int(self._tables.meta("known_before") or 0)

    def has_tables(self) -> bool:
        """Whether a first sync has been here."""
        return bool(self._tables.columns("snapshot"))


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
            raise _unusable(files.state, error) from None
        store = StateStore(connection, files)
        try:
            if not read_only:
                store.migrate()
            yield store
        except duckdb.Error as error:
            mend = "make room" if engine.no_room(error) else "mend it"
            raise StateError(
                f"{files.state}: {engine.words(error)}", f"nothing was lost: {mend} and run again"
            ) from None


@contextmanager
def open_current(files: Files, temporary: Path) -> Iterator[StateStore]:
    """The state, to read; one of an earlier version is brought up to this one first."""
    with open_state(files, temporary, read_only=True) as store:
        if store.is_current():
            yield store
            return
    with open_state(files, temporary) as store:
        yield store


def _unusable(path: Path, error: duckdb.Error) -> StateError:
    words = engine.words(error)
    if "lock" in words.lower():
        return StateError(f"{path}: held by another program", "close it and run again")
    return StateError(
        f"{path}: not a usable state file: {words}",
        "put back a copy, or delete it: then everything is sent again",
    )


def _what_changed(before: dict[str, Any], now: Identity, stay: int) -> Anew:
    changed = [
        f"{name} from {_shown(before.get(name))} to {_shown(value)}"
        for name, value in json.loads(_text(now)).items()
        if before.get(name) != value
    ]
    why = f"starts anew: {', '.join(changed)}; {stay:,} records stay as they were sent before"
    return Anew(why, stay)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(identity: Identity) -> str:
    return json.dumps(asdict(identity), sort_keys=True)


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
