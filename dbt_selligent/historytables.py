"""The history that users' SQL reads: its tables, and what they are told after each run.

It is a copy: nothing that the tool does hangs on it, and what could not be told of a state is told
with the next run. The SQL is in `macros/history.sql`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dbt_selligent.payload import Batch
from dbt_selligent.selligent.answer import (
    Accepted,
    Missing,
    Partial,
    Rejected,
    Retry,
    Split,
    Stop,
)
from dbt_selligent.tables import RUN, Row, Tables, now
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.wire import Sent

RUNS, BATCHES, REJECTED = "selligent_runs", "selligent_batches", "selligent_rejected_rows"
BATCH = {
    "run_id": "text",
    "number": "integer",
    "answered_at": "time",
    "operation": "text",
    "row_count": "integer",
    "seconds": "float",
    "requests": "integer",
    "outcome": "text",
}
REJECTED_ROW = {
    **dict.fromkeys(("kind", "key_1", "key_2", "key_3", "field", "reason", "message"), "text"),
    "row_count": "integer",
    "first_seen": "time",
    "last_seen": "time",
}
# Columns of the tables, and the families of their values; destination and activation follow.
HISTORY: Mapping[str, Mapping[str, str]] = {
    RUNS: RUN,
    BATCHES: BATCH,
    REJECTED: REJECTED_ROW,
}
MOST_BATCHES = 10_000  # of a run, the last ones, are told
MOST_DAYS = 400  # for which a batch is kept
OUTCOMES: Mapping[type, str] = {
    Accepted: "accepted",
    Missing: "records not found",
    Partial: "partly rejected",
    Rejected: "rejected",
    Split: "to be halved",
    Retry: "no usable answer",
    Stop: "stopped",
}


class BatchLog:
    """The batches of one run, with their answers, as rows of `BATCH`."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._number = 0
        self._rows: deque[Row] = deque(maxlen=MOST_BATCHES)

    def add(self, batch: Batch, sent: Sent) -> None:
        """A batch was answered, or given up; ``requests`` are the attempts that it took."""
        self._number += 1
        outcome = OUTCOMES[type(sent.decision)]
        told = (batch.form.call.value, len(batch), round(sent.seconds, 3), sent.requests, outcome)
        self._rows.append((self._run_id, self._number, now(), *told))

    @property
    def rows(self) -> Sequence[Row]:
        """In the order of their answers."""
        return tuple(self._rows)


def oldest_kept() -> datetime:
    """In UTC; batches that were answered earlier are told no more."""
    return now() - timedelta(days=MOST_DAYS)


def told_anew(tables: Tables) -> dict[str, str]:
    """The tables of which all rows of an activation are told, and the queries that give them."""
    shared: dict[str, Any] = {"state": tables.names, "types": tables.dialect.types}
    told = {RUNS: render_sql("runs_to_tell", tables.dialect, columns=RUN, **shared)}
    noted = json.loads(tables.meta("identity") or "{}")
    if not tables.columns("rejected") or not noted:
        return told  # it was stopped before it had any
    named = list(tables.columns("rejected"))[: len(noted["keys"])]
    keys = [{"name": tables.dialect.quote(name)} for name in named]
    told[REJECTED] = render_sql("rejected_to_tell", tables.dialect, keys=keys, **shared)
    return told
