"""What the state of one activation says, to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import duckdb

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.errors import StateError
from dbt_selligent.ledger import entries
from dbt_selligent.migrations import VERSION, missing, refuse_newer
from dbt_selligent.places import Identity
from dbt_selligent.tables import RUN, Tables, count, last_runs, quoted_columns
from dbt_selligent.warehouse.macros import render_sql

# Rows that are taken as sent, and never were: the table is there where there are some.
ADOPTED = "adopted"
# The tables of every state, and those of one that a sync was let through to.
BASE = ("meta", "log", "runs")
BEGUN = ("snapshot", "doubt", "rejected", "invalid")
# What is said of a run that has not ended, and of one that never will.
RUNNING, CUT_OFF = "running", "cut off"


class StateView:
    """The open tables of one activation, which lie at ``where``."""

    def __init__(self, tables: Tables, where: str) -> None:
        self.tables = tables
        self._where = where
        self._current = False

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB in which rows are rendered, and what is read from a list is compared."""
        return self.tables.local

    def is_current(self) -> bool:
        """Whether the tables are those of this version; a killed process may have left none.

        Raises StateError where they are of a newer one.
        """
        if not self._current:
            version = self.tables.version()
            refuse_newer(version, self._where)
            self._current = version == VERSION
        return self._current

    def require_whole(self) -> None:
        """Raises StateError where one of the tables, which are of this version, is gone."""
        there = self.tables.there()
        lacks = [table for table in BASE if table not in there]
        if not lacks and self.tables.meta("identity"):
            lacks = [table for table in BEGUN if table not in there]
        for table in lacks:
            raise missing(self._where, table)

    def is_settled(self) -> bool:
        """Whether no run was cut off that is still to be settled.

        Raises StateError where the delta of such a run is gone.
        """
        if not entries(self.tables):
            return True
        self.tables.require_delta()
        return False

    def is_of(self, identity: Identity) -> bool:
        """Whether it is the state of this."""
        return self.tables.meta("identity") == identity_text(identity)

    def known_columns(self, identity: Identity) -> Columns:
        """The columns of the snapshot as they are; raises StateError if it is of something else."""
        if not self.is_of(identity):
            raise StateError(
                f"{self._where}: the last sync was of another list or matching key",
                "sync first: it starts anew",
            )
        return stored_columns(
            list(self.tables.columns("snapshot").items()), len(identity.keys), self.tables.dialect
        )

    def meta(self, name: str) -> str | None:
        """A noted value."""
        return self.tables.meta(name)

    def describe(self) -> dict[str, Any]:
        """What it is the state of, and its rows, in figures."""
        noted, tables = self.tables.meta("identity"), self.has_tables()
        [last] = [*self.history(1), None][:1]
        return {
            "version": VERSION,
            "identity": json.loads(noted) if noted else None,
            "segment": self.tables.meta("segment") or None,
            "target": self.tables.meta("target"),
            "complete": self.synced,
            "confirmed": self.count("snapshot") if tables else 0,
            "in_doubt": self.count_doubts() if tables else 0,
            "invalid_in_doubt": self.count_doubts(invalid=True) if tables else 0,
            "held": self.count("rejected", "not _selligent_missing") if tables else 0,
            "not_found": self.count("rejected", "_selligent_missing") if tables else 0,
            "adopted": self.count(ADOPTED) if self.adopted else 0,
            "last_run": f"{last['started_at']}" if last else None,
        }

    def history(self, most: int = 10) -> list[dict[str, Any]]:
        """The last runs, newest first."""
        query = last_runs(self.tables.dialect, self.tables.names["runs"], most)
        return [as_run(row) for row in self.tables.rows(query)]

    def unlike(self, identity: Identity) -> str:
        """In what the state is not of this, in words; empty where it is, or is of nothing yet."""
        noted = json.loads(self.tables.meta("identity") or "{}")
        return ", ".join(differences(noted, identity)) if noted else ""

    def last_success(self) -> datetime | None:
        """When the run began, in UTC, that was the last to come to its end; None without one."""
        run = self.tables.dialect.literal(self.tables.meta("complete") or "")
        text = self.tables.dialect.types["text"]
        found = self.tables.rows(
            f"select cast(started_at as {text}) from {self.tables.names['runs']} "
            f"where run_id = {run}"
        )
        return read_utc(found[0][0]) if found else None

    def listed(self, table: str, most: int, where: str = "true") -> list[dict[str, Any]]:
        """Rows of ``rejected`` or ``invalid``, each with its matching key and what is wrong."""
        types = self.tables.dialect.types
        # Drivers may have no type for a date or time that is far away.
        shown = [
            f"cast({name} as {types['text']})"
            if sql_type in (types["date"], types["time"])
            else name
            for name, sql_type in quoted_columns(self.tables, table).items()
        ]
        rows = self.tables.rows(
            f"select {', '.join(shown)} from {self.tables.names[table]} where {where} "
            f"limit {int(most)}"
        )
        names = [name.removeprefix("_selligent_") for name in self.tables.columns(table)]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def count_doubts(self, *, invalid: bool = False) -> int:
        """Rows in doubt, but for held ones, which no sync sends again before they change; of these,
        those that were ``invalid`` when a sync last looked, of which the same is true.
        """
        noted = json.loads(self.tables.meta("identity") or "{}")
        if not noted:
            return 0
        there = list(self.tables.columns("snapshot").items())
        columns = stored_columns(there, len(noted["keys"]), self.tables.dialect)
        sql = render_sql(
            "open_doubts",
            self.tables.dialect,
            state=self.tables.names,
            keys=columns.keys,
            invalid=invalid,
        )
        [(found,)] = self.tables.rows(sql)
        return int(found)

    def bytes_per_row(self) -> int:
        """Of the staged delta, about; where it has few rows, more."""
        rows, size = self.tables.delta_size()
        return max(1, size // max(1, rows))

    def count(self, table: str, where: str = "true") -> int:
        """How many rows a table of the state has."""
        return count(self.tables, table, where)

    @property
    def synced(self) -> bool:
        """Whether a sync of what is activated has come to its end."""
        return self.tables.meta("complete") is not None

    @property
    def adopted(self) -> bool:
        """Whether rows were taken as sent that never were, some of them perhaps since."""
        return bool(self.tables.columns(ADOPTED))

    @property
    def begun(self) -> bool:
        """Whether a sync has ever been let through to send something."""
        return self.tables.meta("target") is not None

    @property
    def known_before(self) -> int:
        """Records that had been sent when the run began that did not come to its end; else 0.

        What that run forgot or removed, and those it did not find, are no records any more: they
        count still, so that a guard that let it begin lets the rest of it pass.
        """
        return int(self.tables.meta("known_before") or 0)

    def has_tables(self) -> bool:
        """Whether a first sync has been here."""
        return bool(self.tables.columns("snapshot"))


def identity_text(identity: Identity) -> str:
    """An identity as it is noted."""
    return json.dumps(asdict(identity), sort_keys=True)


def read_time(text: str) -> datetime:
    """A time as engines write it, without zeros at its end, which Python 3.10 does not read."""
    whole, _, fraction = text.partition(".")
    return datetime.fromisoformat(whole).replace(microsecond=int(fraction.ljust(6, "0")))


def read_utc(text: str) -> datetime:
    """A time of a state, which is in UTC and does not say so."""
    return read_time(text).replace(tzinfo=timezone.utc)


def differences(noted: Mapping[str, Any], now: Identity) -> list[str]:
    """In what an identity differs from one that was noted, in words."""
    return [
        f"{name} from {_shown(noted.get(name))} to {_shown(value)}"
        for name, value in json.loads(identity_text(now)).items()
        if noted.get(name) != value
    ]


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def as_run(row: Sequence[Any]) -> dict[str, Any]:
    """A run, of its values as `last_runs` gives them; its times are in UTC."""
    found = dict(zip(RUN, row, strict=True))
    for name, family in RUN.items():
        if family == "time" and found[name] is not None:
            found[name] = read_utc(found[name])
    found["target"] = found.pop("dbt_target")
    if found["status"] == RUNNING:  # nobody works on it: who reads it has the lock
        found["status"] = CUT_OFF
    return found
