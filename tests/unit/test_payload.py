"""Rows as batches and bodies: nothing lost, doubled or out of order, whatever the chunks."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.payload import Batch, Form, Rows, batches
from dbt_selligent.spans import Span

FORM = Form(("ID", "NAME"), only_update=True)
TEXTS = st.text(max_size=12) | st.sampled_from(['"', "\\", "],[", "\u2028", "😀", "é,", "\x00"])
VALUES = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXTS
Row = list[Any]
LARGE: dict[str, Any] = {"most_rows": 1000, "most_bytes": 10**6}


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
        part = rows[start : start + draw(st.integers(0, 9))]
        chunks.append(make_rows(part, first=10 * start, step=10, skip=draw(st.integers(0, 3))))
        start += len(part)
    return rows, chunks


def numbers_of(batch: Batch) -> list[int]:
    return [number for part in batch.parts for number in part.numbers.to_pylist()]


@given(chunked(), st.integers(1, 12), st.integers(1, 120))
def test_batches_joined_are_the_rows(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int, most_bytes: int
) -> None:
    rows, chunks = given_rows

    made = list(batches(3, FORM, chunks, most_rows=most_rows, most_bytes=most_bytes))

    assert [row for batch in made for row in json.loads(batch.body())] == rows
    assert [n for batch in made for n in numbers_of(batch)] == [10 * n for n in range(len(rows))]


@given(chunked(), st.integers(1, 12), st.integers(1, 120))
def test_batches_are_as_large_as_the_limits_allow(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int, most_bytes: int
) -> None:
    rows, chunks = given_rows

    made = list(batches(3, FORM, chunks, most_rows=most_rows, most_bytes=most_bytes))

    assert [len(batch) for batch in made if not 1 <= len(batch) <= most_rows] == []
    assert [len(batch) for batch in made if len(batch) > 1 and len(batch.body()) > most_bytes] == []
    start = 0
    for batch in made[:-1]:
        start += len(batch)
        with_one_more = len(batch.body()) + len(render(rows[start]).encode())
        assert len(batch) == most_rows or with_one_more > most_bytes


@given(chunked(), st.integers(1, 12))
def test_size_and_span_are_those_of_the_rows(
    given_rows: tuple[list[Row], list[Rows]], most_rows: int
) -> None:
    rows, chunks = given_rows

    made = list(batches(3, FORM, chunks, most_rows=most_rows, most_bytes=10**6))

    start = 0
    for batch in made:
        mine = rows[start : start + len(batch)]
        assert batch.size == sum(len(render(row).encode()) for row in mine)
        assert batch.span == Span(3, 10 * start, 10 * (start + len(batch) - 1))
        assert (batch.group, batch.form, batch.resent) == (3, FORM, False)
        start += len(batch)
    assert start == len(rows)


@given(chunked())
def test_halves_are_the_batch(given_rows: tuple[list[Row], list[Rows]]) -> None:
    rows, chunks = given_rows
    made = list(batches(3, FORM, chunks, most_rows=30, most_bytes=10**6))
    for batch in made:
        if len(batch) < 2:
            continue

        first, second = batch.halves()

        assert json.loads(first.body()) + json.loads(second.body()) == rows
        assert numbers_of(first) + numbers_of(second) == numbers_of(batch)
        assert len(first) - len(second) in (0, 1)
        assert [half.resent for half in (first, second)] == [True, True]
        assert [(half.group, half.form) for half in (first, second)] == [(3, FORM)] * 2
        assert first.span.last < second.span.first


def test_halving_ends_with_each_row_alone() -> None:
    rows: list[Row] = [[n, "x" * n] for n in range(11)]
    (whole,) = batches(0, FORM, [make_rows(rows[:4]), make_rows(rows[4:], 4)], **LARGE)
    parts, alone = [whole], []
    while parts:
        part = parts.pop(0)
        if len(part) > 1:
            parts[:0] = part.halves()
        else:
            alone.append(json.loads(part.body()))

    assert alone == [[row] for row in rows]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_larger_than_the_limit_goes_alone(place: int) -> None:
    rows: list[Row] = [[1, "a"], [2, "b"], [3, "c"]]
    rows[place] = [place + 1, "x" * 100]
    chunks = [make_rows(rows)]

    made = list(batches(0, FORM, chunks, most_rows=10, most_bytes=50))

    bodies = [json.loads(batch.body()) for batch in made]
    assert [body for body in bodies if rows[place] in body] == [[rows[place]]]
    assert [row for body in bodies for row in body] == rows


def test_the_limit_of_bytes_is_that_of_the_body() -> None:
    rows: list[Row] = [[1, "é"], [2, "b"], [3, "c"]]
    body = json.dumps(rows[:2], ensure_ascii=False, separators=(",", ":")).encode()

    fits = list(batches(0, FORM, [make_rows(rows)], most_rows=9, most_bytes=len(body)))
    fits_not = list(batches(0, FORM, [make_rows(rows)], most_rows=9, most_bytes=len(body) - 1))

    assert fits[0].body() == body
    assert [len(batch) for batch in fits] == [2, 1]
    assert [len(batch) for batch in fits_not] == [1, 2]


def test_a_batch_reaches_over_chunks() -> None:
    chunks = [make_rows([[n]], first=n) for n in range(7)]

    made = list(batches(0, FORM, chunks, most_rows=3, most_bytes=10**6))

    assert [json.loads(batch.body()) for batch in made] == [[[0], [1], [2]], [[3], [4], [5]], [[6]]]


def test_resent_rows_say_so() -> None:
    made = list(batches(0, FORM, [make_rows([[1], [2]])], resent=True, most_rows=1, most_bytes=99))

    assert [batch.resent for batch in made] == [True, True]


def test_nothing_gives_no_batch() -> None:
    assert list(batches(0, FORM, [], **LARGE)) == []
    assert list(batches(0, FORM, [make_rows([]), make_rows([])], **LARGE)) == []


def test_batches_are_made_as_they_are_drawn() -> None:
    drawn = []

    def chunks() -> Any:
        for n in range(5):
            drawn.append(n)
            yield make_rows([[n]], first=n)

    made = batches(0, FORM, chunks(), most_rows=1, most_bytes=99)
    next(made)

    assert drawn == [0, 1]
