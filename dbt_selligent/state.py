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
from dbt_selligent.places import Files, Identity
from dbt_selligent.tables import DELTA, SCHEMA, Tables
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import render_sql

TABLES = ("snapshot", "doubt", "rejected", "invalid")

# Each is applied with its record in one transaction; the last number is the state's version.
MIGRATIONS: Sequence[tuple[int, str]] = (
    (
        1,
        f"""
        create table {SCHEMA}.meta (name varchar primary key, value varchar);
        create table {SCHEMA}.log (
            run_id varchar, _selligent_group integer, first_n bigint, last_n bigint,
            outcome varchar);
        create table {SCHEMA}.runs (
            run_id varchar, started_at timestamp, finished_at timestamp, status varchar,
            dbt_target varchar, counts json, error varchar)
        """,
    ),
    (
        2,
        f"""
        alter table if exists {SCHEMA}.rejected
            add column if not exists _selligent_missing boolean default false;
        update {SCHEMA}.log set outcome = 'sent' where outcome <> 'unsent'
        """,
    ),
    (
        3,
        f"""
        alter table {SCHEMA}.runs add column forced varchar;
        insert into {SCHEMA}.meta
            select 'complete', run_id from {SCHEMA}.runs
            where status in ('in step', 'rows refused') order by started_at limit 1
        """,
    ),
)
VERSION = MIGRATIONS[-1][0]


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
        self.connection.execute(
            f"create table if not exists {SCHEMA}.migrations "
            "(version integer, applied_at timestamp)"
        )
        [(there,)] = self._tables.rows(f"select coalesce(max(version), 0) from {SCHEMA}.migrations")
        if there > VERSION:
            raise StateError(
                f"{self._files.state}: state of version {there}, newer than version {VERSION}, "
                "which this dbt-selligent knows",
                "upgrade dbt-selligent to the version that wrote it; nothing was changed",
            )
        for version, sql in MIGRATIONS:
            if version > there:
                with self._tables.transaction():
                    for statement in sql.split(";"):
                        self.connection.execute(statement)
                    self.connection.execute(
                        f"insert into {SCHEMA}.migrations values (?, ?)", [version, _now()]
                    )

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
                    f"delete from {SCHEMA}.meta where name in ('identity', 'complete')"
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
                    "reshape_state", keys=columns.keys, columns=columns.compared, old=there
                )
        if self._tables.meta("segment") != (segment or ""):
            with self._tables.transaction():
                if columns.member:
                    self._tables.run("forget_members", member=columns.member)
                self._tables.note_meta("segment", segment or "")
        return anew

    def is_current(self) -> bool:
        """Whether the tables are those of this version."""
        [(version,)] = self._tables.rows(f"select max(version) from {SCHEMA}.migrations")
        return bool(version == VERSION)

    def ready(self, identity: Identity, columns: Columns, segment: str | None = None) -> bool:
        """Whether `prepare` would have nothing to do."""
        wanted = {column.name: column.type for column in columns.compared}
        return (
            self.is_current()
            and self._tables.meta("identity") == _text(identity)
            and self._tables.quoted_columns("snapshot") == wanted
            and self._tables.meta("segment") == (segment or "")
            and not self._tables.rows(f"select 1 from {SCHEMA}.log limit 1")
        )

    def known_columns(self, identity: Identity) -> Columns:
        """The columns of the snapshot as they are; raises StateError if it is of something else."""
        if self._tables.meta("identity") != _text(identity):
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
        forget: bool,
        full_refresh: bool,
        forced: Sequence[str] = (),
    ) -> RunLedger:
        """Opens a run: its delta is attached; ``forget`` the rows that left the model. ``forced``
        is what spoke against it.
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
                forget=forget,
                full_refresh=full_refresh,
            )
            self.connection.execute(render_sql("touch_held", state=SCHEMA), {"seen": _now()})
            self._tables.note_meta("run", run_id)
            self._tables.note_meta("target", target)
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
            self.connection.execute(
                f"update {SCHEMA}.runs set finished_at = ?, status = ?, counts = ?, error = ? "
                "where run_id = ?",
                [_now(), status, json.dumps(counts), error, run_id],
            )
        self._tables.forget_delta()

    def record(self, run_id: str, target: str, status: str, counts: object, error: str) -> None:
        """Keeps a run that was stopped before it began."""
        now = _now()
        self.connection.execute(
            f"insert into {SCHEMA}.runs values (?, ?, ?, ?, ?, ?, ?, null)",
            [run_id, now, now, status, target, json.dumps(counts), error],
        )

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
            raise StateError(
                f"{files.state}: {engine.words(error)}", "nothing was lost: mend it and run again"
            ) from None


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
