"""Which rows a partial answer refuses: never a row that it does not, whatever it counts from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.partial import MOST_ALONE, Located, Suspects, resolve_partial
from dbt_selligent.selligent.answer import Partial, Rejected


def named(index: int | None) -> Rejected:
    return Rejected("InvalidType", f"F{index}", names_row=True, index=index)


def partial(*indices: int | None, accounted: bool = True, listed: bool = True) -> Partial:
    return Partial(tuple(map(named, indices)), 0, accounted, listed)


@st.composite
def refused(draw: st.DrawFn) -> tuple[int, set[int], int]:
    """Rows of a batch, the positions of those that are refused, and what an index counts from."""
    rows = draw(st.integers(2, 30))
    bad = draw(st.sets(st.integers(0, rows - 1), min_size=1))
    return rows, bad, draw(st.sampled_from([0, 1]))


def shuffled(data: st.DataObject, positions: set[int], base: int) -> list[int]:
    order: list[int] = data.draw(st.permutations(sorted(positions)))
    return [position + base for position in order]


@given(refused(), st.booleans(), st.data())
def test_with_a_known_base_exactly_the_refused_rows_are_located(
    found: tuple[int, set[int], int], may_probe: bool, data: st.DataObject
) -> None:
    rows, bad, base = found

    located = resolve_partial(partial(*shuffled(data, bad, base)), rows, base, may_probe=may_probe)

    assert isinstance(located, Located)
    assert list(located.positions) == sorted(bad)
    assert [each.index for each in located.why] == [position + base for position in sorted(bad)]


@given(refused(), st.booleans(), st.booleans(), st.data())
def test_with_an_unknown_base_a_row_that_is_refused_is_among_the_suspects(
    found: tuple[int, set[int], int], accounted: bool, listed: bool, data: st.DataObject
) -> None:
    rows, bad, base = found
    answer = partial(*shuffled(data, bad, base), accounted=accounted, listed=listed)

    suspects = resolve_partial(answer, rows, None, may_probe=True)

    if suspects is None:  # a batch as small as its suspects is halved
        assert rows == 2
        return
    assert isinstance(suspects, Suspects)
    assert bad & set(suspects.positions)
    assert list(suspects.positions) == sorted(set(suspects.positions))
    assert [place for place in suspects.positions if not 0 <= place < rows] == []
    assert len(suspects.positions) in (1, 2)
    assert len(suspects.positions) < rows


@given(refused(), st.data())
def test_with_an_unknown_base_no_row_is_ever_located(
    found: tuple[int, set[int], int], data: st.DataObject
) -> None:
    """Not even where one base alone is possible: the server may count from elsewhere altogether."""
    rows, bad, _ = found
    answer = partial(*shuffled(data, bad, data.draw(st.integers(0, 3))))

    assert not isinstance(resolve_partial(answer, rows, None, may_probe=True), Located)
    assert resolve_partial(answer, rows, None, may_probe=False) is None


@given(refused(), st.booleans(), st.data())
def test_of_a_short_listing_no_more_is_located_than_it_names(
    found: tuple[int, set[int], int], listed: bool, data: st.DataObject
) -> None:
    """Which is never taken for all that is refused: it is not accounted for."""
    rows, bad, base = found
    told = data.draw(st.sets(st.sampled_from(sorted(bad)), min_size=1))
    answer = partial(*shuffled(data, told, base), accounted=False, listed=listed)

    located = resolve_partial(answer, rows, base, may_probe=True)

    if len(told) > min(MOST_ALONE, rows - 1):
        assert located is None
    else:
        assert isinstance(located, Located)
        assert list(located.positions) == sorted(told)
        assert len(located.positions) < rows  # others are left, to be sent without them


@given(st.integers(2, 30), st.sampled_from([0, 1]), st.sets(st.integers(-3, 40), min_size=1))
def test_an_index_outside_the_batch_tells_that_nothing_is_understood(
    rows: int, base: int, indices: set[int]
) -> None:
    inside = all(base <= index < rows + base for index in indices)

    found = resolve_partial(partial(*indices), rows, base, may_probe=True)

    assert (found is not None) is inside


@pytest.mark.parametrize(
    "indices", [(None,), (0, None), (0, 0), (1, 2, 1)], ids=["none", "one", "twice", "again"]
)
@pytest.mark.parametrize("base", [None, 0, 1])
def test_an_answer_that_names_no_row_or_one_twice(
    indices: tuple[int | None, ...], base: int | None
) -> None:
    assert resolve_partial(partial(*indices), 9, base, may_probe=True) is None


@pytest.mark.parametrize(
    ("indices", "rows", "base", "positions"),
    [
        ((0,), 5, None, [0]),  # counts from 0, or from nothing that is known
        ((5,), 5, None, [4]),
        ((3,), 5, None, [2, 3]),
        ((1, 4), 5, None, [0, 1]),
        ((2, 5), 5, None, [1]),
        ((0, 5), 5, None, None),
        ((6,), 5, None, None),
        ((1,), 2, None, None),
        ((0,), 2, None, [0]),
    ],
)
def test_the_suspects(
    indices: tuple[int, ...], rows: int, base: int | None, positions: list[int] | None
) -> None:
    found: Any = resolve_partial(partial(*indices), rows, base, may_probe=True)

    assert found == (None if positions is None else Suspects(positions))


def test_at_most_so_many_are_sent_alone() -> None:
    def found(count: int) -> object:
        return resolve_partial(partial(*range(count), accounted=False), 30, 0, may_probe=True)

    assert isinstance(found(MOST_ALONE), Located)
    assert found(MOST_ALONE + 1) is None
