"""What the answers of a run say, durably, and how the snapshot moves by it.

A run leaves its outcome in a log, span by span, as answers come in; `settle` turns the log into
snapshot and doubt in one transaction, at the end of the run or, after a crash, before the next.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

import duckdb

from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.selligent.answer import Rejected
from dbt_selligent.spans import Outcome, Settled, Span, resolve
from dbt_selligent.tables import DELTA, GROUPS, SCHEMA, Tables
from dbt_selligent.warehouse.macros import render_sql

# Bytes of a row, up to which there is memory to write a snapshot while rows are rendered; and of a
# delta for which there always is.
NARROW = 1000
ALWAYS_EXPECTED = 16_000_000


class RunLedger:
    """The ledger of one run, over its staged delta."""

    def __init__(self, tables: Tables, run_id: str, columns: Columns) -> None:
        # A row that is staged otherwise than the model has it is staged with its hash.
        self._hashed = ("_selligent_hash",) in tables.rows(
            f"select column_name from (describe {DELTA})"
        )
        self._tables = tables
        self._run_id = run_id
        self._columns = columns
        self._notes: list[tuple[object, ...]] = []
        self._refusals: list[tuple[object, ...]] = []
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
        """Makes durable, in one transaction, what was said since the last time."""
        if not self._notes and not self._refusals:
            return
        columns = self._columns
        with self._tables.transaction():
            self._tables.connection.execute(
                f"insert into {SCHEMA}.log select unnest(?::varchar[]), unnest(?::integer[]), "
                "unnest(?::bigint[]), unnest(?::bigint[]), unnest(?::varchar[])",
                [list(column) for column in zip(*self._notes, strict=True)] or [[]] * 5,
            )
            if self._refusals:
                names = ("n", "field", "code", "message", "missing")
                said = dict(zip(names, map(list, zip(*self._refusals, strict=True)), strict=True))
                seen = datetime.now(timezone.utc).replace(tzinfo=None)
                self._tables.connection.execute(
                    render_sql(
                        "reject",
                        state=SCHEMA,
                        delta=DELTA,
                        keys=columns.keys,
                        columns=columns.sent,
                        hashed=self._hashed,
                    ),
                    {**said, "seen": seen},
                )
            if self._doubts:
                self._tables.connection.execute(
                    render_sql("doubt", state=SCHEMA, delta=DELTA, keys=columns.keys),
                    {"n": self._doubts},
                )
        self._notes.clear()
        self._refusals.clear()
        self._doubts.clear()

    @contextmanager
    def expecting(self, *, all_of_it: bool) -> Iterator[None]:
        """Writes meanwhile the snapshot that a first sync comes to if every row is confirmed.

        It is no snapshot before `settle` finds that they were; else it is forgotten. It is not
        written unless ``all_of_it`` is to be sent.
        """
        rows, size = self._tables.delta_size()
        too_wide = size > max(NARROW * rows, ALWAYS_EXPECTED)
        if (
            not all_of_it
            or too_wide
            or any(map(self._tables.count, ("snapshot", "doubt", "rejected")))
        ):
            yield
            return
        sql = render_sql("incoming", state=SCHEMA, delta=DELTA, columns=self._columns.compared)
        with self._tables.connection.cursor() as cursor:

            def write() -> None:
                # Whatever hinders it, `settle` has another way.
                with suppress(duckdb.Error):
                    cursor.execute(sql)

            writing = threading.Thread(target=write, name="incoming")
            writing.start()
            try:
                yield
            except BaseException:
                while writing.is_alive():  # also where it has not begun
                    cursor.interrupt()
                    writing.join(0.05)
                raise
            writing.join()


def settle(tables: Tables) -> None:
    """Moves the snapshot by what the log confirms, and puts in doubt what it leaves open."""
    log = tables.rows(f"select _selligent_group, first_n, last_n, outcome from {SCHEMA}.log")
    if not log:
        # Nothing was sent: what was expected of it is of no use, and wrong for the next delta.
        tables.connection.execute(f"drop table if exists {SCHEMA}.incoming")
        return
    tables.attach_delta()
    spans = resolve((Span(g, a, b), Outcome(outcome)) for g, a, b, outcome in log)
    with tables.transaction():
        if tables.columns("incoming") and _all_answered(tables, spans):
            tables.run("take_incoming")
            _merge(tables, [span for span in spans if span.group], "settle_members")
        else:
            _merge(tables, spans, "settle")
            tables.connection.execute(f"drop table if exists {SCHEMA}.incoming")
        tables.connection.execute(f"delete from {SCHEMA}.log")


def _all_answered(tables: Tables, spans: Sequence[Settled]) -> bool:
    """Whether the rows of a first sync are, from the first to the last, and none is refused."""
    [(first, last)] = tables.rows(render_sql("incoming_span", delta=DELTA))
    records = [span for span in spans if not span.group]
    return records == [Settled(0, first, last, Outcome.ANSWERED.value)] and not tables.count(
        "rejected"
    )


def _merge(tables: Tables, spans: Sequence[Settled], macro: str) -> None:
    tables.connection.execute(
        "create or replace temp table spans (_selligent_kind varchar, "
        "_selligent_mask varchar, first_n bigint, last_n bigint, outcome varchar)"
    )
    # A run that an earlier version left cut off wrote records and nothing else.
    groups = tables.rows(f"select column_name from (describe {GROUPS})")
    done = "_selligent_done" if ("_selligent_done",) in groups else "'record'"
    for span in spans:
        tables.connection.execute(
            "insert into temp.spans select _selligent_kind, _selligent_mask, ?, ?, "
            f"{done} || ' ' || ? from {GROUPS} where _selligent_group = ?",
            [span.first, span.last, span.outcome, span.group],
        )
    # The tables still have the columns that the run was staged with: they change after this.
    known = json.loads(tables.meta("identity") or "{}").get("keys", [])
    columns = stored_columns(list(tables.columns("snapshot").items()), len(known))
    outcomes = {str(name) for (name,) in tables.rows("select distinct outcome from temp.spans")}
    shared = {"delta": DELTA, "spans": "temp.spans", "keys": columns.keys, "outcomes": outcomes}
    if macro == "settle_members":
        tables.run(macro, member=columns.member, **shared)
        return
    tables.run(
        macro,
        member=columns.member,
        columns=columns.compared,
        tables=[
            name
            for name in ("snapshot", "doubt", "rejected", "adopted")
            if tables.columns(name) and tables.count(name)
        ],
        **shared,
    )
