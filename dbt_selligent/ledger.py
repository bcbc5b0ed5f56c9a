"""What the answers of a run say, durably, and how the snapshot moves by it.

A run leaves its outcome in a log, span by span, as answers come in; `settle` turns the log into
snapshot and doubt in one transaction, at the end of the run or, after a crash, before the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.selligent.answer import Rejected
from dbt_selligent.spans import Outcome, Settled, Span, resolve
from dbt_selligent.tables import Row, Tables, filled, in_sql, now

LOG = (
    ("run_id", "text"),
    ("_selligent_group", "integer"),
    ("first_n", "integer"),
    ("last_n", "integer"),
    ("outcome", "text"),
)
SAID = (
    ("n", "integer"),
    ("field", "text"),
    ("code", "text"),
    ("message", "text"),
    ("missing", "boolean"),
)
NUMBERS = (("n", "integer"),)
SPANS = (*LOG[1:],)


class RunLedger:
    """The ledger of one run, over its staged delta."""

    def __init__(self, tables: Tables, run_id: str, columns: Columns) -> None:
        # A row that is staged otherwise than the model has it is staged with its hash.
        self._hashed = "_selligent_hash" in tables.delta_columns()
        self._tables = tables
        self._run_id = run_id
        self._columns = columns
        self._notes: list[Row] = []
        self._refusals: list[Row] = []
        self._doubts: list[int] = []

    def note(self, span: Span, outcome: Outcome) -> None:
        """Says something of a span; durable with the next `flush`."""
        self._notes.append((self._run_id, span.group, span.first, span.last, outcome.value))

    def refuse(self, numbers: Sequence[int], why: Sequence[Rejected], *, taken: bool) -> None:
        """Keeps rows that were refused, with the reasons; durable with the next `flush`.

        ``taken`` if another call took them before: their records are in doubt.
        """
        self._refusals += [
            (number, each.field, each.code, each.message, False)
            for number, each in zip(numbers, why, strict=True)
        ]
        self._doubts += numbers if taken else ()

    def set_apart(self, numbers: Sequence[int]) -> None:
        """Keeps rows that have no record, as not found; durable with the next `flush`."""
        self._refusals += [(number, None, "NotFound", None, True) for number in numbers]

    def flush(self) -> None:
        """Makes durable what was said since the last time."""
        if not self._notes and not self._refusals:
            return
        tables, columns = self._tables, self._columns
        with tables.appending():
            # What was refused comes before the word that it was answered.
            if self._refusals:
                tables.append(
                    "reject",
                    "said",
                    SAID,
                    self._refusals,
                    delta=tables.delta,
                    keys=columns.keys,
                    columns=columns.sent,
                    seen=in_sql(tables.dialect, now(), "time"),
                    hashed=self._hashed,
                )
            if self._doubts:
                numbers = [(number,) for number in self._doubts]
                tables.append(
                    "doubt", "numbers", NUMBERS, numbers, delta=tables.delta, keys=columns.keys
                )
            if self._notes:
                tables.append("log", "entries", LOG, self._notes)
        self._notes.clear()
        self._refusals.clear()
        self._doubts.clear()

    @contextmanager
    def expecting(self, *, all_of_it: bool) -> Iterator[None]:
        """Prepares meanwhile for the case that ``all_of_it`` is confirmed."""
        with self._tables.expecting(self._columns, all_of_it=all_of_it):
            yield


def entries(tables: Tables) -> list[Row]:
    """What the last run said, as `SPANS`.

    Not what another one said too late, of rows of its own, when its lock was another's already.
    """
    names, run = ", ".join(name for name, _ in SPANS), tables.meta("run") or ""
    whose = f"run_id = {tables.dialect.literal(run)}"
    return tables.rows(f"select {names} from {tables.names['log']} where {whose}")


def settle(tables: Tables) -> None:
    """Moves the snapshot by what the log confirms, and puts in doubt what it leaves open."""
    log = entries(tables)
    if not log:
        # Nothing was sent: what was expected of it is of no use, and wrong for the next delta.
        tables.take_expected(())
        return
    tables.attach_delta()
    spans = resolve((Span(g, a, b), Outcome(outcome)) for g, a, b, outcome in log)
    with tables.transaction():
        if tables.take_expected(spans):
            _merge(tables, [span for span in spans if span.group], members_alone=True)
        else:
            _merge(tables, spans, members_alone=False)
        tables.run("clear_log")


def _merge(tables: Tables, spans: Sequence[Settled], *, members_alone: bool) -> None:
    # A run that an earlier version left cut off wrote records and nothing else.
    told = "_selligent_done" in tables.group_columns()
    rows = [(span.group, span.first, span.last, span.outcome) for span in spans]
    with tables.scratch(
        "spans",
        "spans",
        SPANS,
        rows,
        groups=tables.groups,
        done="member._selligent_done" if told else "'record'",
    ) as table:
        # The tables still have the columns that the run was staged with: they change after this.
        known = json.loads(tables.meta("identity") or "{}").get("keys", [])
        there = list(tables.columns("snapshot").items())
        columns = stored_columns(there, len(known), tables.dialect)
        found = tables.rows(f"select distinct outcome from {table}")
        shared = {
            "delta": tables.delta,
            "spans": table,
            "keys": columns.keys,
            "columns": columns.compared,
            "member": columns.member,
            "outcomes": {str(name) for (name,) in found},
        }
        if members_alone:
            tables.run("settle_members", **shared)
            return
        tables.run(
            "settle",
            tables=filled(tables, "snapshot", "doubt", "rejected", "adopted"),
            **shared,
        )
