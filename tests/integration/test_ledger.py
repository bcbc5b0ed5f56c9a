"""The snapshot that a first sync is expected to come to: taken if all was confirmed, else never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from workbench import Row, Workbench

from dbt_selligent.filetables import SCHEMA
from dbt_selligent.ledger import RunLedger
from dbt_selligent.selligent.answer import Rejected
from dbt_selligent.spans import Outcome, Span
from dbt_selligent.state import StateStore, open_state

PEOPLE: list[Row] = [(f"k{n}", f"x{n}", n / 7) for n in range(10)]
WHOLE = Span(0, 0, 9)


def confirm(ledger: RunLedger, *spans: Span) -> None:
    for span in spans:
        ledger.note(span, Outcome.SENT)
        ledger.note(span, Outcome.ANSWERED)


def refuse(ledger: RunLedger) -> None:
    """One row of those that are answered."""
    confirm(ledger, WHOLE)
    ledger.refuse([4], [Rejected("Unknown")], taken=False)


def set_apart(ledger: RunLedger) -> None:
    confirm(ledger, WHOLE)
    ledger.set_apart([4])


def lose_the_first(ledger: RunLedger) -> None:
    ledger.note(Span(0, 0, 0), Outcome.SENT)
    confirm(ledger, Span(0, 1, 9))


def give_up(ledger: RunLedger) -> None:
    confirm(ledger, Span(0, 0, 5))
    ledger.note(Span(0, 6, 9), Outcome.SENT)
    ledger.note(Span(0, 6, 9), Outcome.UNSENT)


def stop_at_the_last(ledger: RunLedger) -> None:
    confirm(ledger, Span(0, 0, 8))


def sync(bench: Workbench, say: Callable[[RunLedger], None], *, settle: bool = True) -> bool:
    """A run in which what is expected is marked: TEXT tells which rows became the snapshot.

    Returns whether anything was expected.
    """
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        with ledger.expecting(all_of_it=True):
            pass
        expected = expects(store)
        if expected:
            store.connection.execute(f"update {SCHEMA}.incoming set \"TEXT\" = 'expected'")
        say(ledger)
        ledger.flush()
        if settle:
            store.settle()
    return expected


def expects(store: StateStore) -> bool:
    found = store.connection.execute(
        "select count(*) from duckdb_tables() where table_name = 'incoming'"
    ).fetchall()
    return found == [(1,)]


def snapshot(bench: Workbench) -> list[Row]:
    with open_state(bench.files, bench.folder) as store:
        store.settle()
        assert not expects(store)
        return store.connection.execute(
            f'select "KEY", "TEXT" from {SCHEMA}.snapshot order by "KEY"'
        ).fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.fill(PEOPLE)
    return bench


@pytest.mark.parametrize(
    "parts", [(WHOLE,), (Span(0, 0, 4), Span(0, 5, 9)), (Span(0, 5, 9), Span(0, 0, 4))]
)
@pytest.mark.parametrize("settle", [True, False], ids=["at the end", "after a crash"])
def test_it_is_taken_where_every_row_was_confirmed(
    bench: Workbench, parts: tuple[Span, ...], settle: bool
) -> None:
    sync(bench, lambda ledger: confirm(ledger, *parts), settle=settle)

    assert snapshot(bench) == [(row[0], "expected") for row in PEOPLE]


def test_it_has_the_rows_that_are_sent_and_no_other(bench: Workbench) -> None:
    bench.fill([("a", "x", 1.0), ("b", "x", float("nan")), ("c", "x", 1.0)])
    sync(bench, lambda ledger: confirm(ledger, Span(0, 0, 2)))

    assert snapshot(bench) == [("a", "expected"), ("c", "expected")]


@pytest.mark.parametrize(
    ("say", "kept"),
    [
        (refuse, [0, 1, 2, 3, 5, 6, 7, 8, 9]),
        (set_apart, [0, 1, 2, 3, 5, 6, 7, 8, 9]),
        (lose_the_first, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (give_up, [0, 1, 2, 3, 4, 5]),
        (stop_at_the_last, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_it_is_forgotten_where_a_row_was_not(
    bench: Workbench, say: Callable[[RunLedger], None], kept: list[int]
) -> None:
    sync(bench, say)

    assert snapshot(bench) == [(f"k{n}", f"x{n}") for n in kept]


def test_that_of_a_run_that_sent_nothing_is_not_taken_by_the_next(bench: Workbench) -> None:
    sync(bench, lambda ledger: None, settle=False)
    bench.fill([(f"new{n}", "y", 1.0) for n in range(10)])
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        confirm(ledger, WHOLE)
        ledger.flush()

    assert snapshot(bench) == [(f"new{n}", "y") for n in range(10)]


def test_that_of_a_run_that_sent_nothing_is_forgotten_at_its_end(bench: Workbench) -> None:
    assert sync(bench, lambda ledger: None)

    assert snapshot(bench) == []


def test_a_later_sync_expects_nothing(bench: Workbench) -> None:
    assert sync(bench, lambda ledger: confirm(ledger, WHOLE))
    assert not sync(bench, lambda ledger: None)


@pytest.mark.parametrize(("narrow", "always", "expected"), [(1, 0, False), (1, 10**9, True)])
def test_rows_too_wide_to_be_written_while_others_are_rendered_are_merged_later(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, narrow: int, always: int, expected: bool
) -> None:
    monkeypatch.setattr("dbt_selligent.filetables.NARROW", narrow)
    monkeypatch.setattr("dbt_selligent.filetables.ALWAYS_EXPECTED", always)

    assert sync(bench, lambda ledger: confirm(ledger, WHOLE)) is expected
    assert [row[0] for row in snapshot(bench)] == [row[0] for row in PEOPLE]


@pytest.mark.parametrize("say", [refuse, set_apart, lose_the_first])
def test_nor_does_one_that_knows_of_rows_in_doubt_or_refused(
    bench: Workbench, say: Callable[[RunLedger], None]
) -> None:
    sync(bench, say)
    with open_state(bench.files, bench.folder) as store:
        store.connection.execute(f"delete from {SCHEMA}.snapshot")

    assert not sync(bench, lambda ledger: None)


def test_nothing_is_expected_of_a_run_that_sends_a_part(bench: Workbench) -> None:
    plan = bench.plan(limit=5)
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        with ledger.expecting(all_of_it=False):
            confirm(ledger, Span(0, 0, 4))
            ledger.flush()
        assert not expects(store)

    assert snapshot(bench) == [(f"k{n}", f"x{n}") for n in range(5)]


# refused rows


def tables(bench: Workbench) -> dict[str, list[Row]]:
    with open_state(bench.files, bench.folder) as store:
        return {
            table: store.connection.execute(
                f'select "KEY" from {SCHEMA}.{table} order by 1'
            ).fetchall()
            for table in ("snapshot", "doubt", "rejected")
        }


def in_step(bench: Workbench) -> None:
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        confirm(ledger, WHOLE)
        ledger.flush()


def change_and_say(bench: Workbench, say: Callable[[RunLedger], None]) -> dict[str, list[Row]]:
    """A run in which two rows changed, numbers 0 and 1 of group 0."""
    in_step(bench)
    bench.fill([(key, "new" if key in ("k1", "k2") else x, n) for key, x, n in PEOPLE])
    plan = bench.plan()
    assert [group.rows for group in plan.groups] == [2]
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        confirm(ledger, Span(0, 0, 1))
        say(ledger)
        ledger.flush()
        store.settle()
    return tables(bench)


def test_a_row_that_was_refused_is_in_doubt_and_kept_with_its_reason(bench: Workbench) -> None:
    why = Rejected("InvalidType", "TEXT", "not so", names_row=True, index=1)
    found = change_and_say(bench, lambda ledger: ledger.refuse([1], [why], taken=False))

    [(refused,)] = found["rejected"]
    assert refused in ("k1", "k2")
    assert found["doubt"] == [(refused,)]
    assert [key for (key,) in found["snapshot"]] == [k for k, _, _ in PEOPLE if k != refused]
    with open_state(bench.files, bench.folder) as store:
        [row] = store.connection.execute(
            "select _selligent_field, _selligent_code, _selligent_message, _selligent_missing "
            f"from {SCHEMA}.rejected"
        ).fetchall()
    assert row == ("TEXT", "InvalidType", "not so", False)


def test_a_row_that_was_not_found_is_neither_known_nor_in_doubt(bench: Workbench) -> None:
    found = change_and_say(bench, lambda ledger: ledger.set_apart([1]))

    [(missing,)] = found["rejected"]
    assert found["doubt"] == []
    assert [key for (key,) in found["snapshot"]] == [k for k, _, _ in PEOPLE if k != missing]


def test_a_new_row_of_which_another_call_was_taken_is_in_doubt(bench: Workbench) -> None:
    """Its record may be there, with a part of its values."""
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        confirm(ledger, WHOLE)
        ledger.refuse([4, 5], [Rejected("Unknown")] * 2, taken=True)
        ledger.refuse([6], [Rejected("Unknown")], taken=False)
        ledger.flush()
        store.settle()

    found = tables(bench)
    assert found["doubt"] == [("k4",), ("k5",)]
    assert found["rejected"] == [("k4",), ("k5",), ("k6",)]
    assert len(found["snapshot"]) == 7


def test_a_changed_row_of_which_another_call_was_taken_is_in_doubt_once(bench: Workbench) -> None:
    """Twice, it would be staged twice, and sent twice."""
    found = change_and_say(bench, lambda ledger: ledger.refuse([1], [Rejected("X")], taken=True))

    assert found["doubt"] == found["rejected"]
    assert len(found["doubt"]) == 1
    bench.fill([(key, "third", n) for key, _, n in PEOPLE])
    counts = bench.plan().counts
    assert (counts.changed, counts.in_doubt, counts.known) == (10, 1, 10)


def test_many_rows_are_refused_in_one_transaction_each_with_its_own_reason(
    bench: Workbench,
) -> None:
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)
        confirm(ledger, WHOLE)
        ledger.refuse([7, 2], [Rejected("A", "F", "m"), Rejected("B")], taken=False)
        ledger.set_apart([3])
        ledger.flush()
        ledger.flush()  # what was said is said once
        rows = store.connection.execute(
            'select "KEY", _selligent_code, _selligent_field, _selligent_message, '
            f'_selligent_missing from {SCHEMA}.rejected order by "KEY"'
        ).fetchall()

    assert rows == [
        ("k2", "B", None, None, False),
        ("k3", "NotFound", None, None, True),
        ("k7", "A", "F", "m", False),
    ]


def test_a_run_that_breaks_does_not_wait_for_it(bench: Workbench) -> None:
    bench.warehouse.execute(
        "create or replace table people as "
        "select 'k' || range as key, md5(range::varchar) as text, 1.0 as number from range(2000000)"
    )
    plan = bench.plan()
    with open_state(bench.files, bench.folder) as store:
        ledger = bench.begin(store, plan)

        def break_off() -> None:
            with ledger.expecting(all_of_it=True):
                confirm(ledger, Span(0, 0, 2499))
                ledger.flush()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            break_off()
        assert not expects(store)
        store.settle()
        assert store.count("snapshot") == 2500
