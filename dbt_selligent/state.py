"""Step 6: snapshot, doubt, rejected rows and runs of one activation; the only writer of them.

A run leaves its outcome in a log, span by span, as answers come in; `settle` turns the log into
snapshot and doubt in one transaction, at the end of the run or, after a crash, before the next.
"""

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
from dbt_selligent.places import Files, Identity
from dbt_selligent.spans import Outcome, Span, resolve
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import literal, quote, render_sql, statements

SCHEMA = f"{engine.STATE}.main"
DELTA = f"{engine.DELTA}.main.delta"
GROUPS = f"{engine.DELTA}.main.groups"
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
)
VERSION = MIGRATIONS[-1][0]


@dataclass(frozen=True)
class Rejection:
    """Why Selligent refused a row; ``message`` may quote the row's values."""

    code: str
    field: str | None = None
    message: str | None = None


class StateStore:
    """The open tables of one activation, to read and write."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Files) -> None:
        self.connection = connection
        self._files = files
        self._notes: list[tuple[object, ...]] = []
        self._rejections: list[tuple[str, dict[str, object]]] = []
        self._delta_attached = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        self.connection.execute("begin")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def migrate(self) -> None:
        """Brings the tables up to this version; raises StateError where they are newer."""
        self.connection.execute(
            f"create table if not exists {SCHEMA}.migrations "
            "(version integer, applied_at timestamp)"
        )
        [(there,)] = self._rows(f"select coalesce(max(version), 0) from {SCHEMA}.migrations")
        if there > VERSION:
            raise StateError(
                f"{self._files.state}: state of version {there}, newer than version {VERSION}, "
                "which this dbt-selligent knows",
                "upgrade dbt-selligent to the version that wrote it; nothing was changed",
            )
        for version, sql in MIGRATIONS:
            if version > there:
                with self.transaction():
                    for statement in sql.split(";"):
                        self.connection.execute(statement)
                    self.connection.execute(
                        f"insert into {SCHEMA}.migrations values (?, ?)", [version, _now()]
                    )

    def prepare(self, identity: Identity, columns: Columns) -> str | None:
        """Settles a run that was cut off, and gives the tables the columns of the mapping.

        Returns why the activation starts anew, where it does.
        """
        self.settle()
        noted = self.meta("identity")
        anew = None
        if noted is not None and noted != _text(identity):
            anew = _what_changed(json.loads(noted), identity)
            with self.transaction():
                for table in TABLES:
                    self.connection.execute(f"drop table if exists {SCHEMA}.{table}")
                self.connection.execute(f"delete from {SCHEMA}.meta where name = 'identity'")
        there = self._columns()
        wanted = {column.name: column.type for column in columns.all}
        if not there:
            with self.transaction():
                self._run("create_state", keys=columns.keys, columns=columns.all)
                self._note("identity", _text(identity))
        elif there != wanted:
            with self.transaction():
                self._run("reshape_state", keys=columns.keys, columns=columns.all, old=there)
        return anew

    def ready(self, identity: Identity, columns: Columns) -> bool:
        """Whether `prepare` would have nothing to do."""
        wanted = {column.name: column.type for column in columns.all}
        [(version,)] = self._rows(f"select max(version) from {SCHEMA}.migrations")
        return (
            version == VERSION
            and self.meta("identity") == _text(identity)
            and self._columns() == wanted
            and not self._rows(f"select 1 from {SCHEMA}.log limit 1")
        )

    def meta(self, name: str) -> str | None:
        """A noted value."""
        rows = self._rows(f"select value from {SCHEMA}.meta where name = ?", [name])
        return rows[0][0] if rows else None

    def begin(self, run_id: str, target: str, columns: Columns, *, full_refresh: bool) -> None:
        """Opens a run: its delta is attached, rows that left the model are forgotten."""
        self.attach_delta()
        self.connection.execute(
            f"update {SCHEMA}.runs set status = 'cut off' where status = 'running'"
        )
        with self.transaction():
            self._run(
                "begin",
                delta=DELTA,
                keys=columns.keys,
                fields=columns.fields,
                full_refresh=full_refresh,
            )
            self.connection.execute(render_sql("touch_held", state=SCHEMA), {"seen": _now()})
            self._note("run", run_id)
            self._note("target", target)
            self._note("mapping", json.dumps([column.field for column in columns.all]))
            self.connection.execute(
                f"insert into {SCHEMA}.runs values (?, ?, null, 'running', ?, null, null)",
                [run_id, _now(), target],
            )

    def attach_delta(self) -> None:
        """Attaches the staged delta, to read."""
        if not self._delta_attached:
            engine.attach(self.connection, self._files.delta, engine.DELTA, read_only=True)
            self._delta_attached = True

    def note(self, run_id: str, span: Span, outcome: Outcome) -> None:
        """Says something of a span; durable with the next `flush`."""
        self._notes.append((run_id, span.group, span.first, span.last, outcome.value))

    def reject(self, number: int, rejection: Rejection, columns: Columns) -> None:
        """Keeps a row that was refused alone, with the reason; durable with the next `flush`."""
        sql = render_sql(
            "reject", state=SCHEMA, delta=DELTA, keys=columns.keys, columns=columns.all
        )
        values: dict[str, object] = {**asdict(rejection), "n": number, "seen": _now()}
        self._rejections.append((sql, values))

    def flush(self) -> None:
        """Makes durable, in one transaction, what was said since the last time."""
        if not self._notes:
            return
        columns = [list(column) for column in zip(*self._notes, strict=True)]
        with self.transaction():
            self.connection.execute(
                f"insert into {SCHEMA}.log select unnest(?::varchar[]), unnest(?::integer[]), "
                "unnest(?::bigint[]), unnest(?::bigint[]), unnest(?::varchar[])",
                columns,
            )
            for sql, parameters in self._rejections:
                self.connection.execute(sql, parameters)
        self._notes.clear()
        self._rejections.clear()

    def settle(self) -> None:
        """Moves the snapshot by what the log confirms, and puts in doubt what it leaves open."""
        log = self._rows(f"select _selligent_group, first_n, last_n, outcome from {SCHEMA}.log")
        if not log:
            return
        if not self._files.delta.is_file():
            raise StateError(
                f"{self._files.delta}: missing, though a run that was cut off needs it",
                "put it back, or delete the state beside it: everything is then sent again",
            )
        self.attach_delta()
        known = json.loads(self.meta("identity") or "{}").get("keys", [])
        # The tables still have the columns that the run was staged with: `prepare` comes after.
        columns = stored_columns(self._fields(), len(known))
        spans = resolve((Span(g, a, b), Outcome(outcome)) for g, a, b, outcome in log)
        self.connection.execute(
            "create or replace temp table spans (_selligent_kind varchar, "
            "_selligent_mask varchar, first_n bigint, last_n bigint, outcome varchar)"
        )
        for span in spans:
            self.connection.execute(
                "insert into temp.spans select _selligent_kind, _selligent_mask, ?, ?, ? "
                f"from {GROUPS} where _selligent_group = ?",
                [span.first, span.last, span.outcome, span.group],
            )
        tables = [name for name in ("snapshot", "doubt", "rejected") if self.count(name)]
        with self.transaction():
            self._run(
                "settle",
                delta=DELTA,
                spans="temp.spans",
                keys=columns.keys,
                columns=columns.all,
                tables=tables,
                outcomes={span.outcome for span in spans},
            )
            self.connection.execute(f"delete from {SCHEMA}.log")

    def finish(self, run_id: str, status: str, counts: object, error: str | None) -> None:
        """Closes a run, and lets go of its delta."""
        with self.transaction():
            self.connection.execute(
                f"update {SCHEMA}.runs set finished_at = ?, status = ?, counts = ?, error = ? "
                "where run_id = ?",
                [_now(), status, json.dumps(counts), error, run_id],
            )
        if self._delta_attached:
            engine.detach(self.connection, engine.DELTA)
            self._delta_attached = False
        self._files.delta.unlink(missing_ok=True)

    def history(self, most: int = 10) -> list[dict[str, Any]]:
        """The last runs, newest first."""
        rows = self._rows(
            f"select run_id, started_at, finished_at, status, dbt_target, counts, error "
            f"from {SCHEMA}.runs order by started_at desc limit {int(most)}"
        )
        names = ("run_id", "started_at", "finished_at", "status", "target", "counts", "error")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def listed(self, table: str, most: int) -> list[dict[str, Any]]:
        """Rows of ``rejected`` or ``invalid``, each with its matching key and what is wrong."""
        done = self.connection.execute(f"select * from {SCHEMA}.{table} limit {int(most)}")
        names = [column[0].removeprefix("_selligent_") for column in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def count(self, table: str) -> int:
        """How many rows a table of the state has."""
        [(found,)] = self._rows(f"select count(*) from {SCHEMA}.{table}")
        return int(found)

    def has_tables(self) -> bool:
        """Whether a first sync has been here."""
        return bool(self._columns())

    def _columns(self) -> dict[str, str]:
        return {quote(name): sql_type for name, sql_type in self._fields()}

    def _fields(self) -> list[tuple[str, str]]:
        rows = self._rows(
            "select column_name, data_type from duckdb_columns() "
            f"where database_name = {literal(engine.STATE)} and table_name = 'snapshot' "
            "order by column_index"
        )
        return [(str(name), str(sql_type)) for name, sql_type in rows]

    def _note(self, name: str, value: str) -> None:
        self.connection.execute(
            f"insert or replace into {SCHEMA}.meta values (?, ?)", [name, value]
        )

    def _run(self, macro: str, **arguments: Any) -> None:
        for statement in statements(macro, state=SCHEMA, **arguments):
            self.connection.execute(statement)

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql, list(parameters)).fetchall())


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


def _what_changed(before: dict[str, Any], now: Identity) -> str:
    changed = [
        f"{name} from {_shown(before.get(name))} to {_shown(value)}"
        for name, value in json.loads(_text(now)).items()
        if before.get(name) != value
    ]
    return "starts anew: " + ", ".join(changed)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(identity: Identity) -> str:
    return json.dumps(asdict(identity), sort_keys=True)


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
