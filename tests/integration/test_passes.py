"""How often a plan reads the model and its snapshot, by the plans of the engine's own optimizer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from workbench import Row, Workbench

from dbt_selligent.planning import Counts
from dbt_selligent.spans import Outcome, Span
from dbt_selligent.staging import Bench
from dbt_selligent.state import open_state

PEOPLE: list[Row] = [(f"k{n}", "x", n / 7) for n in range(5000)]


class Recording:
    """Counts how often the statements on a bench scan each table."""

    def __init__(self) -> None:
        self.scans: Counter[str] = Counter()

    def __call__(self, bench: Bench) -> Bench:
        query = bench.query

        def recorded(sql: str) -> list[tuple[Any, ...]]:
            if not sql.startswith("drop") and "insert into" not in sql:
                [(_, explained)] = query(f"explain (format json) {sql}")
                for operator in operators(json.loads(explained)):
                    if "SCAN" in operator["name"]:
                        table = operator["extra_info"].get("Table", "")
                        self.scans[table.rpartition(".")[2].strip('"')] += 1
            return query(sql)

        setattr(bench, "query", recorded)  # noqa: B010  (the type checker forbids the other way)
        return bench


def operators(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in plan:
        yield operator
        yield from operators(operator["children"])


def counted(
    rows: int, unchanged: int, new: int, changed: int, invalid: int, held: int, removed: int
) -> Counts:
    """Of records that were sent before, of which none is in doubt or without a record."""
    return Counts(rows, unchanged, new, changed, invalid, held, 0, 0, removed, known=5000)


def in_step(folder: Path) -> Workbench:
    bench = Workbench(folder)
    bench.warehouse.execute("create table people (key varchar, text varchar, number double)")
    bench.warehouse.executemany("insert into people values (?, ?, ?)", PEOPLE)
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        ledger.note(Span(0, 0, len(PEOPLE)), Outcome.ANSWERED)
        ledger.flush()
    return bench


def test_an_unchanged_model_and_its_snapshot_are_read_once(tmp_path: Path) -> None:
    bench = in_step(tmp_path)
    recording = Recording()

    counts = bench.plan(watch=recording).counts

    assert (counts.rows, counts.unchanged) == (5000, 5000)
    assert (recording.scans["people"], recording.scans["snapshot"]) == (1, 1)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("insert into people values (null, 'x', 1)", counted(5001, 5000, 0, 0, 1, 0, 0)),
        ("insert into people values ('new', 'x', 1)", counted(5001, 5000, 1, 0, 0, 0, 0)),
        ("update people set text = 'y' where key = 'k7'", counted(5000, 4999, 0, 1, 0, 0, 0)),
        ("delete from people where key = 'k7'", counted(4999, 4999, 0, 0, 0, 0, 1)),
        # A key stands twice: in rows alike, in another row beside the one that is confirmed, in two
        # other rows; and where another key left, so that there are as many rows as before.
        (
            "insert into people select * from people where key = 'k7'",
            counted(5001, 4999, 0, 0, 2, 0, 0),
        ),
        ("insert into people values ('K7 ', 'y', 1)", counted(5001, 4999, 0, 0, 2, 0, 0)),
        (
            "insert into people values ('new', 'x', 1), ('new', 'y', 1)",
            counted(5002, 5000, 0, 0, 2, 0, 0),
        ),
        (
            "update people set key = 'k8', number = 8 / 7 where key = 'k7'",
            counted(5000, 4998, 0, 0, 2, 0, 1),
        ),
        (
            "update people set key = 'k8' where key = 'k7'",
            counted(5000, 4998, 0, 0, 2, 0, 1),
        ),
    ],
)
def test_what_differs_is_looked_at_again(tmp_path: Path, change: str, counts: Counts) -> None:
    bench = in_step(tmp_path)
    bench.warehouse.execute(change)
    recording = Recording()

    assert bench.plan(watch=recording).counts == counts
    assert recording.scans["people"] > 1


def test_a_row_in_doubt_that_left_the_model_is_removed(tmp_path: Path) -> None:
    bench = in_step(tmp_path)
    bench.warehouse.execute("insert into people values ('new', 'x', 1)")
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        ledger.note(Span(0, 0, 0), Outcome.SENT)
        ledger.flush()
    bench.warehouse.execute("delete from people where key = 'new'")

    assert bench.plan().counts == replace(counted(5000, 5000, 0, 0, 0, 0, 1), known=5001)


def test_a_view_is_computed_once(tmp_path: Path) -> None:
    bench = in_step(tmp_path)
    bench.warehouse.execute("alter table people rename to base")
    bench.warehouse.execute("create view people as select * from base")
    model = replace(bench.activation.model, materialized="view")
    bench.activation = replace(bench.activation, model=model)
    recording = Recording()

    assert bench.plan(watch=recording).counts.unchanged == 5000
    assert recording.scans["base"] == 1

    bench.warehouse.execute("update base set text = 'y' where key = 'k7'")
    recording = Recording()

    assert bench.plan(watch=recording).counts.changed == 1
    assert recording.scans["base"] == 1
