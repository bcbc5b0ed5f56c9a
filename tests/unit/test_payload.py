"""Rows as batches and bodies: nothing lost, doubled or out of order, whatever the chunks."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.groups import WRITES, Absent, Form
from dbt_selligent.payload import Batch, Parts, Rows, cut
from dbt_selligent.selligent.calls import Call
from dbt_selligent.spans import Span

FORM = Form(Call.UPDATE, (), Absent.AGAIN, WRITES)
OTHER = replace(FORM, call=Call.UPSERT)
TEXTS = st.text(max_size=12) | st.sampled_from(['"', "\\", "],[", "\u2028", "😀", "é,", "\x00"])
VALUES = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXTS
Row = list[Any]


def render(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + ","


def make_rows(rows: list[Row], first: int = 0, step: int = 1, skip: int = 0) -> Rows:
    """Rendered rows; ``skip`` of others lie before and behind them in Arrow's buffers."""
    others = [["left out"]] * skip
    numbers = [first + step * place for place in range(-skip, len(rows) + skip)]
    texts = [render(row) for row in [*others, *rows, *others]]
    whole = Rows(pa.array(numbers, pa.int64()), pa.array(texts, pa.string()))
    return whole.slice(skip, len(rows))


@st.composite
def chunked(draw: st.DrawFn) -> tuple[list[Row], list[Rows]]:
    rows = draw(st.lists(st.lists(VALUES, min_size=1, max_size=3), max_size=30))
    chunks: list[Rows] = []
    start = 0
    while start < len(rows):
        part = rows[start : start + draw(st.integers(1, 9))]
        chunks.append(make_rows(part, first=10 * start, step=10, skip=draw(st.integers(0, 3))))
        start += len(part)
    return rows, chunks


def batches(
    chunks: Sequence[Rows], *, most_rows: int = 1000, most_bytes: int = 10**6
) -> list[Batch]:
    """The requests that one group's chunks are cut into."""
    return cut_all([Batch(3, FORM, (chunk,)) for chunk in chunks], most_rows, most_bytes)


def cut_all(chunks: Sequence[Batch], most_rows: int, most_bytes: int) -> list[Batch]:
    waiting, made = deque(chunks), []
    while waiting:
        made.append(cut(waiting, most_rows, most_bytes))
    return made


def rows_of(batch: Batch) -> list[Row]:
    rows: list[Row] = json.loads(batch.body())
    return rows


def numbers_of(batch: Batch) -> list[int]:
    return [number for part in batch.parts for number in part.numbers.to_pylist()]


@given(chunked(), st.integers(1, 12), st.integers(1, 120))
def test_batches_joined_are_the_rows(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int, most_bytes: int
) -> None:
    rows, chunks = given_rows

    made = batches(chunks, most_rows=most_rows, most_bytes=most_bytes)

    assert [row for batch in made for row in rows_of(batch)] == rows
    assert [n for batch in made for n in numbers_of(batch)] == [10 * n for n in range(len(rows))]


@given(chunked(), st.integers(1, 12), st.integers(1, 120))
def test_batches_are_as_large_as_the_limits_allow(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int, most_bytes: int
) -> None:
    rows, chunks = given_rows

    made = batches(chunks, most_rows=most_rows, most_bytes=most_bytes)

    assert [len(batch) for batch in made if not 1 <= len(batch) <= most_rows] == []
    assert [len(batch) for batch in made if len(batch) > 1 and len(batch.body()) > most_bytes] == []
    start = 0
    for batch in made[:-1]:
        start += len(batch)
        with_one_more = len(batch.body()) + len(render(rows[start]).encode())
        assert len(batch) == most_rows or with_one_more > most_bytes


@given(chunked(), st.integers(1, 12))
def test_size_and_spans_are_those_of_the_rows(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int
) -> None:
    rows, chunks = given_rows

    made = batches(chunks, most_rows=most_rows)

    start = 0
    for batch in made:
        mine = rows[start : start + len(batch)]
        assert batch.size == sum(len(render(row).encode()) for row in mine)
        assert batch.spans == [
            Span(3, numbers[0], numbers[-1])
            for part in batch.parts
            if (numbers := part.numbers.to_pylist())
        ]
        assert numbers_of(batch) == [10 * n for n in range(start, start + len(batch))]
        assert (batch.group, batch.form, batch.resent) == (3, FORM, False)
        start += len(batch)
    assert start == len(rows)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([FORM, OTHER]), st.integers(1, 5)), max_size=12
    ),
    st.integers(1, 8),
    st.integers(1, 60),
)
def test_a_request_is_of_one_group_and_one_form(
    given_chunks: list[tuple[int, Form, int]], most_rows: int, most_bytes: int
) -> None:
    chunks, first = [], 0
    for group, form, rows in given_chunks:
        chunks.append(Batch(group, form, (make_rows([[n] for n in range(rows)], first),)))
        first += rows

    made = cut_all(chunks, most_rows, most_bytes)

    told = [(b.group, b.form.call, n) for b in made for n in numbers_of(b)]
    assert told == [(b.group, b.form.call, n) for b in chunks for n in numbers_of(b)]
    # No boundary but those of group, form and the limits: a run of chunks is cut as if it were one.
    for (group, form), run in groupby(chunks, key=lambda batch: (batch.group, batch.form)):
        together = list(run)
        alone = cut_all(together, most_rows, most_bytes)
        wanted = [numbers_of(batch) for batch in alone]
        mine = [numbers_of(b) for b in made if (b.group, b.form) == (group, form)]
        place = mine.index(wanted[0])
        assert mine[place : place + len(wanted)] == wanted


def test_what_is_left_stays_in_order() -> None:
    waiting = deque(
        Batch(0, FORM, (make_rows([[n], [n + 1], [n + 2]], first=n),)) for n in (0, 3, 6)
    )

    taken = cut(waiting, 4, 1000)

    assert numbers_of(taken) == [0, 1, 2, 3]
    assert [numbers_of(batch) for batch in waiting] == [[4, 5], [6, 7, 8]]
    assert [len(batch.parts) for batch in waiting] == [1, 1]


def test_the_size_of_a_request_may_change_between_two() -> None:
    waiting = deque([Batch(0, FORM, (make_rows([[n] for n in range(10)]),))])

    sizes = [len(cut(waiting, most, 1000)) for most in (3, 1, 5, 2)]

    assert sizes == [3, 1, 5, 1]
    assert not waiting


@given(chunked(), st.integers(1, 9), st.integers(2, 60))
def test_parts_are_taken_in_order_within_the_limits(
    whole: tuple[list[Row], list[Rows]], most_rows: int, most_bytes: int
) -> None:
    rows, chunks = whole
    of_one = [Batch(3, FORM, tuple(chunks))] if chunks else []
    parts, made = Parts(), []
    parts.put_first(of_one)
    while batch := parts.take(lambda _: most_rows, most_bytes):
        made.append(batch)

    assert not parts
    assert [row for batch in made for row in rows_of(batch)] == rows
    assert all(len(batch) <= most_rows for batch in made)
    assert all(len(batch) == 1 or len(batch.body()) <= most_bytes for batch in made)


def test_parts_that_are_put_first_come_before_those_that_are_left() -> None:
    parts = Parts()
    parts.put_first(Batch(0, FORM, (make_rows([[n], [n + 1]], first=n),)) for n in (0, 2))

    first = parts.take(lambda _: 1, 1000)
    parts.put_first([Batch(0, OTHER, (make_rows([[9]], first=9),))])
    rest = list(iter(lambda: parts.take(lambda left: left, 1000), None))

    assert first is not None
    assert [numbers_of(batch) for batch in (first, *rest)] == [[0], [9], [1], [2, 3]]


def test_halving_ends_with_each_row_alone() -> None:
    rows: list[Row] = [[n, "x" * n] for n in range(11)]
    (whole,) = batches([make_rows(rows[:4]), make_rows(rows[4:], 4)])
    parts, alone = [whole], []
    while parts:
        part = parts.pop(0)
        if len(part) > 1:
            parts[:0] = part.halves()
        else:
            alone.append(rows_of(part))

    assert alone == [[row] for row in rows]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_larger_than_the_limit_goes_alone(place: int) -> None:
    rows: list[Row] = [[1, "a"], [2, "b"], [3, "c"]]
    rows[place] = [place + 1, "x" * 100]

    bodies = [rows_of(batch) for batch in batches([make_rows(rows)], most_rows=10, most_bytes=50)]

    assert [body for body in bodies if rows[place] in body] == [[rows[place]]]
    assert [row for body in bodies for row in body] == rows


def test_the_limit_of_bytes_is_that_of_the_body() -> None:
    rows: list[Row] = [[1, "é"], [2, "b"], [3, "c"]]
    body = json.dumps(rows[:2], ensure_ascii=False, separators=(",", ":")).encode()

    fits = batches([make_rows(rows)], most_rows=9, most_bytes=len(body))
    fits_not = batches([make_rows(rows)], most_rows=9, most_bytes=len(body) - 1)

    assert fits[0].body() == body
    assert [len(batch) for batch in fits] == [2, 1]
    assert [len(batch) for batch in fits_not] == [1, 2]


def test_a_batch_reaches_over_chunks() -> None:
    made = batches([make_rows([[n]], first=n) for n in range(7)], most_rows=3)

    assert [rows_of(batch) for batch in made] == [[[0], [1], [2]], [[3], [4], [5]], [[6]]]


# parts of a batch, to be sent once more


@st.composite
def batch_and_positions(draw: st.DrawFn) -> tuple[list[Row], Batch, list[int]]:
    """Rows, the batch of all of them in one part or several, and some positions that rise."""
    rows, chunks = draw(chunked().filter(lambda found: found[0]))
    [batch] = batches(chunks)
    positions = draw(st.sets(st.integers(0, len(rows) - 1)))
    return rows, batch, sorted(positions)


def check_part(part: Batch, whole: Batch, positions: Sequence[int], rows: list[Row]) -> None:
    """That a part is exactly those rows of the whole, and its spans are of no other."""
    numbers = numbers_of(whole)
    assert numbers_of(part) == [numbers[position] for position in positions]
    assert rows_of(part) == [rows[position] for position in positions]
    assert (part.group, part.form, part.resent) == (whole.group, whole.form, True)
    inside = [n for n in numbers for span in part.spans if span.first <= n <= span.last]
    assert inside == numbers_of(part)


@given(chunked())
def test_halves_are_the_batch(given_rows: tuple[list[Row], list[Rows]]) -> None:
    rows, chunks = given_rows
    for batch in batches(chunks, most_rows=30):
        if len(batch) < 2:
            continue

        first, second = batch.halves()

        assert rows_of(first) + rows_of(second) == rows
        assert numbers_of(first) + numbers_of(second) == numbers_of(batch)
        assert len(first) - len(second) in (0, 1)
        assert [half.resent for half in (first, second)] == [True, True]
        assert [(half.group, half.form) for half in (first, second)] == [(3, FORM)] * 2
        assert first.spans[-1].last < second.spans[0].first


@given(batch_and_positions(), st.data())
def test_a_slice_is_its_rows(
    found: tuple[list[Row], Batch, list[int]], data: st.DataObject
) -> None:
    rows, batch, _ = found
    start = data.draw(st.integers(0, len(rows) - 1))
    length = data.draw(st.integers(1, len(rows) - start))

    check_part(batch.slice(start, length), batch, range(start, start + length), rows)


@given(batch_and_positions())
def test_only_and_without_part_the_batch(found: tuple[list[Row], Batch, list[int]]) -> None:
    rows, batch, positions = found
    others = [place for place in range(len(rows)) if place not in positions]

    if positions:
        check_part(batch.only(positions), batch, positions, rows)
    if others:
        check_part(batch.without(positions), batch, others, rows)
    assert (len(batch.only(positions)), len(batch.without(positions))) == (
        len(positions),
        len(others),
    )


@given(batch_and_positions(), st.data())
def test_parts_of_parts_are_rows_of_the_batch(
    found: tuple[list[Row], Batch, list[int]], data: st.DataObject
) -> None:
    """As rows are sent again and again, each time fewer."""
    rows, batch, positions = found
    left = [place for place in range(len(rows)) if place not in positions]
    part = batch.without(positions)
    for _ in range(5):
        if len(left) < 2:
            break
        start = data.draw(st.integers(0, len(left) - 1))
        length = data.draw(st.integers(1, len(left) - start))
        part, left = part.slice(start, length), left[start : start + length]
        check_part(part, batch, left, rows)
        some = sorted(data.draw(st.sets(st.integers(0, len(left) - 1), max_size=len(left) - 1)))
        part = part.without(some)
        left = [place for at, place in enumerate(left) if at not in some]
        check_part(part, batch, left, rows)


@given(batch_and_positions(), st.sets(st.integers(-20, 400)))
def test_numbers_and_positions_are_inverse(
    found: tuple[list[Row], Batch, list[int]], strangers: set[int]
) -> None:
    _, batch, positions = found
    numbers = numbers_of(batch)

    assert batch.numbers(positions) == [numbers[place] for place in positions]
    assert batch.positions_of(batch.numbers(positions)) == positions
    some = strangers | set(batch.numbers(positions))
    assert batch.positions_of(some) == [at for at, n in enumerate(numbers) if n in some]


def test_a_resent_batch_is_cut_as_one_that_was_sent_before() -> None:
    chunk = replace(Batch(0, FORM, (make_rows([[1], [2]]),)), resent=True)

    assert [batch.resent for batch in cut_all([chunk], 1, 99)] == [True, True]
