"""What the state of one activation says, to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.errors import StateError
from dbt_selligent.migrations import VERSION, refuse_newer
from dbt_selligent.places import Identity
from dbt_selligent.tables import SCHEMA, Tables

# Rows that are taken as sent, and never were: the table is there where there are some.
ADOPTED = "adopted"


class StateView:
    """The open tables of one activation, whose file is ``path``."""

    def __init__(self, tables: Tables, path: Path) -> None:
        self.connection = tables.connection
        self._tables = tables
        self._path = path

    def is_current(self) -> bool:
        """Whether the tables are those of this version; a killed process may have left none.

        Raises StateError where they are of a newer one.
        """
        if not self._tables.columns("migrations"):
            return False
        [(version,)] = self._tables.rows(
            f"select coalesce(max(version), 0) from {SCHEMA}.migrations"
        )
        refuse_newer(version, self._path)
        return bool(version == VERSION)

    def is_settled(self) -> bool:
        """Whether no run was cut off that is still to be settled.

        Raises StateError where the delta of such a run is gone.
        """
        if not self._tables.rows(f"select 1 from {SCHEMA}.log limit 1"):
            return True
        self._tables.require_delta()
        return False

    def is_of(self, identity: Identity) -> bool:
        """Whether it is the state of this."""
        return self._tables.meta("identity") == identity_text(identity)

    def known_columns(self, identity: Identity) -> Columns:
        """The columns of the snapshot as they are; raises StateError if it is of something else."""
        if not self.is_of(identity):
            raise StateError(
                f"{self._path}: the last sync was of another list or matching key",
                "sync first: it starts anew",
            )
        return stored_columns(list(self._tables.columns("snapshot").items()), len(identity.keys))

    def meta(self, name: str) -> str | None:
        """A noted value."""
        return self._tables.meta(name)

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


def identity_text(identity: Identity) -> str:
    """An identity as it is noted."""
    return json.dumps(asdict(identity), sort_keys=True)


def differences(noted: Mapping[str, Any], now: Identity) -> list[str]:
    """In what an identity differs from one that was noted, in words."""
    return [
        f"{name} from {_shown(noted.get(name))} to {_shown(value)}"
        for name, value in json.loads(identity_text(now)).items()
        if noted.get(name) != value
    ]


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
