"""A list as it is, compared with the snapshot of it: pages into tables, and the rest by SQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from dbt_selligent.columns import Columns
from dbt_selligent.errors import RefusedError
from dbt_selligent.state import StateStore
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import render_sql

# Selligent's own id of a record: one that was read twice is not two of one key.
RECORD_ID = "SYSTEM.SELLIGENTID"
LISTED, KEYS, MEMBERS, DOUBLED, VERDICTS = "listed", "keys", "members", "doubled", "verdicts"
MASK = "***"

Page = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Figures:
    """What a comparison found.

    ``records`` are those of the list, ``unexpected`` those of them that the state knows nothing of,
    ``doubled`` keys that several of them have. Of the rows of the snapshot, each is in step,
    missing, different (by field: ``different_fields``) or of a doubled key; one that is there may
    be no member of the segment though it should, or in doubt about it. ``members`` is None where no
    segment was compared; ``strangers`` are members that the state knows nothing of,
    ``unexpected_members`` all that nobody joined. ``in_doubt`` is what the next sync sends again
    anyway, but for ``invalid_in_doubt``, which it cannot; ``wrong`` are the rows of the snapshot
    that a repair puts in doubt.
    """

    records: int = 0
    in_step: int = 0
    missing: int = 0
    different: int = 0
    different_fields: tuple[tuple[str, int], ...] = ()
    unexpected: int = 0
    doubled: int = 0
    members: int | None = None
    not_members: int = 0
    unexpected_members: int = 0
    strangers: int = 0
    in_doubt: int = 0
    invalid_in_doubt: int = 0
    wrong: int = 0

    @property
    def differs(self) -> bool:
        """Whether Selligent holds anything else than what it confirmed."""
        return bool(self.wrong or self.doubled or self.strangers)


class Comparison:
    """The tables of one comparison, temporary ones beside the state's.

    ``columns`` are those of the snapshot that are compared; with ``skip`` its nulls say nothing.
    """

    def __init__(self, store: StateStore, columns: Columns, *, skip: bool) -> None:
        self._store = store
        self._connection = store.connection
        self._columns = columns
        self._shared: dict[str, Any] = {
            "state": store.tables.copy_state(columns),
            "keys": columns.keys,
        }
        self._skip = skip

    def read_records(self, pages: Iterable[Page]) -> None:
        """Takes the pages of the list: keys, fields and id of each record."""
        self._read(LISTED, self._columns.fields, pages)

    def read_keys(self, pages: Iterable[Page]) -> None:
        """Takes the pages of the list: keys and id of each record."""
        self._read(KEYS, (), pages)

    def read_members(self, pages: Iterable[Page]) -> None:
        """Takes those of the segment: keys and id of each member."""
        self._read(MEMBERS, (), pages)

    def judge(self) -> Figures:
        """Compares; what was read before is as it was, and so is the state."""
        columns, member = self._columns, self._columns.member
        self._run("listed_doubled", target=DOUBLED, listed=LISTED, keys=columns.keys)
        self._run_in_enough_memory(
            render_sql(
                "verdicts",
                target=VERDICTS,
                listed=LISTED,
                doubled=DOUBLED,
                members=MEMBERS if member else None,
                fields=columns.fields,
                member=member,
                skip=self._skip,
                **self._shared,
            )
        )
        rows, fields = self._rows("verdict_counts", verdicts=VERDICTS), Counter[str]()
        verdicts, memberships, in_step, wrong = Counter[str](), Counter[str](), 0, 0
        for verdict, mask, membership, count in rows:
            verdicts[verdict] += count
            memberships[membership] += count
            in_step += count * ((verdict, membership) == ("same", "right"))
            repaired = verdict in ("missing", "different") or membership in ("absent", "unexpected")
            wrong += count * repaired
            for column, bit in zip(columns.fields, mask, strict=False):
                fields[column.field] += count * (bit == "1")
        strangers = self._count_foreign(MEMBERS) if member else 0
        [(doubts,)] = self._rows("open_doubts", **self._shared)
        return Figures(
            records=self._count(LISTED),
            in_step=in_step,
            missing=verdicts["missing"],
            different=verdicts["different"],
            different_fields=tuple((name, count) for name, count in fields.items() if count),
            unexpected=self._count_foreign(LISTED),
            doubled=self._count(DOUBLED),
            members=self._count(MEMBERS) if member else None,
            not_members=memberships["absent"],
            unexpected_members=memberships["unexpected"] + strangers,
            strangers=strangers,
            in_doubt=doubts + memberships["doubt"],
            invalid_in_doubt=self._store.count_doubts(invalid=True),
            wrong=wrong,
        )

    def sample(self, most: int, *, show_values: bool) -> tuple[dict[str, Any], ...]:
        """The first ``most`` rows of each kind, by their keys: ``kind``, ``keys`` and ``fields``.

        Of a field that differs, the value as it was sent and as it is in the list, as texts; masked
        unless ``show_values``.
        """
        found: list[dict[str, Any]] = []

        def add(kind: str, rows: Iterable[Sequence[Any]]) -> None:
            names = [column.field for column in self._columns.keys]
            for row in rows:
                keys = dict(zip(names, (_shown(each, show_values) for each in row), strict=False))
                found.append({"kind": kind, "keys": keys, "fields": {}})

        def keys_of(table: str, where: str = "") -> list[tuple[Any, ...]]:
            return self._rows(
                "key_sample", table=table, where=where, keys=self._columns.keys, most=most
            )

        add("missing", keys_of(VERDICTS, "where _selligent_verdict = 'missing'"))
        for row in self._differing(most):
            add("different", [row])
            found[-1]["fields"] = self._values(row, show_values)
        add("doubled", keys_of(DOUBLED))
        add("unexpected", self._foreign_keys(LISTED, most))
        if self._columns.member:
            where = "where _selligent_membership = '{}'"
            add("not a member", keys_of(VERDICTS, where.format("absent")))
            strangers = self._foreign_keys(MEMBERS, most)
            known = keys_of(VERDICTS, where.format("unexpected"))
            add("unexpected member", [*known, *strangers][:most])
        return tuple(found)

    def put_in_doubt(self) -> None:
        """Puts in doubt what is wrong."""
        self._store.put_in_doubt(VERDICTS, self._columns)

    def _read(self, target: str, fields: Sequence[Any], pages: Iterable[Page]) -> None:
        keys = self._columns.keys
        shape: dict[str, Any] = {"target": target, "keys": keys, "fields": tuple(fields)}
        width = len(keys) + len(fields) + 1
        self._run("listed", **shape)
        insert = render_sql("listed_page", page="page", **shape)
        for page in pages:
            self._connection.register("page", as_texts(page, width))
            self._connection.execute(insert)
            self._connection.unregister("page")
        [(twice,)] = self._rows("listed_twice", listed=target)
        if twice:
            self._run("listed_once", listed=target)

    def _differing(self, most: int) -> list[tuple[Any, ...]]:
        return self._rows(
            "different_sample",
            verdicts=VERDICTS,
            listed=LISTED,
            fields=self._columns.fields,
            most=most,
            **self._shared,
        )

    def _values(self, row: Sequence[Any], show_values: bool) -> dict[str, Any]:
        keys = len(self._columns.keys)
        mask, values = row[keys], row[keys + 1 :]
        return {
            column.field: {
                "sent": _shown(values[2 * place], show_values),
                "found": _shown(values[2 * place + 1], show_values),
            }
            for place, column in enumerate(self._columns.fields)
            if mask[place] == "1"
        }

    def _foreign_keys(self, table: str, most: int) -> list[tuple[Any, ...]]:
        return self._rows("foreign_sample", listed=table, most=most, **self._shared)

    def _count_foreign(self, table: str) -> int:
        [(count,)] = self._rows("foreign_count", listed=table, **self._shared)
        return int(count)

    def _count(self, table: str) -> int:
        [(count,)] = self._connection.execute(f"select count(*) from {table}").fetchall()
        return int(count)

    def _rows(self, macro: str, **arguments: Any) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(render_sql(macro, **arguments)).fetchall())

    def _run(self, macro: str, **arguments: Any) -> None:
        self._run_in_enough_memory(render_sql(macro, **arguments))

    def _run_in_enough_memory(self, sql: str) -> None:
        *limits, last = engine.memory_limits(comparing=True)
        for megabytes in limits:
            engine.limit_memory(self._connection, megabytes)
            with suppress(duckdb.OutOfMemoryException):
                self._connection.execute(sql)
                return
        engine.limit_memory(self._connection, last)
        self._connection.execute(sql)


def as_texts(page: Page, width: int) -> pa.Table:
    """A page as columns of texts; raises RefusedError where its records are not that wide."""
    if any(len(record) != width for record in page):
        raise RefusedError(
            "Selligent told records with other fields than those asked for",
            "run `dbt-selligent debug`",
        )
    arrays = [_array(values) for values in zip(*page, strict=True)]
    return pa.table(arrays, names=[f"column{place}" for place in range(width)])


def _array(values: Sequence[object]) -> pa.Array:
    texts = [each if each is None or isinstance(each, str) else json.dumps(each) for each in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        # Half an emoji, cut off at the field's length: no text of the model is like that.
        whole = [
            each if each is None else each.encode("utf-8", "replace").decode() for each in texts
        ]
        return pa.array(whole, pa.string())


def _shown(value: object, show_values: bool) -> object:
    return value if show_values or value is None else MASK
