"""What a run's log comes to, against a model that looks at each row alone."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.spans import Outcome, Settled, Span, resolve

Log = list[tuple[Span, Outcome]]


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[int, list[int]], Log]:
    """The row numbers of each group, and the log of a run over them, in any order."""
    places = draw(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=40))
    groups: dict[int, list[int]] = {}
    for number, group in enumerate(places):
        if group is not None:
            groups.setdefault(group, []).append(number)
    log: Log = []
    for group, numbers in groups.items():
        start = 0
        while start < len(numbers) and draw(st.integers(0, 9)):  # at 0 the run was cut off
            batch = numbers[start : start + draw(st.integers(1, 8))]
            start += len(batch)
            log.append((Span(group, batch[0], batch[-1]), Outcome.SENT))
            log += _told(draw, group, batch)
    return groups, draw(st.permutations(log))


def _told(draw: st.DrawFn, group: int, rows: list[int]) -> Log:
    """What answers said of a batch: of all of it, of parts of it, or nothing."""
    said = draw(st.sampled_from(["answered", "unsent", "open", "halved", "halved"]))
    if said == "open":
        return []
    span = Span(group, rows[0], rows[-1])
    if said == "halved" and len(rows) > 1:
        middle = (len(rows) + 1) // 2
        return _told(draw, group, rows[:middle]) + _told(draw, group, rows[middle:])
    return [(span, Outcome.ANSWERED if said == "halved" else Outcome(said))]


def row_by_row(log: Log, group: int, number: int) -> str | None:
    """The outcome of one row, unless it was never sent."""
    said = [
        outcome
        for span, outcome in log
        if span.group == group and span.first <= number <= span.last
    ]
    told = [outcome.value for outcome in said if outcome is not Outcome.SENT]
    if told:
        assert len(told) == 1, "the generated log contradicts itself"
        return None if told == ["unsent"] else told[0]
    return "in doubt" if said else None


@given(runs())
def test_each_row_has_the_outcome_that_the_log_gives_it(
    run: tuple[dict[int, list[int]], Log],
) -> None:
    groups, log = run

    settled = resolve(iter(log))

    for group, numbers in groups.items():
        wanted = [
            [outcome] if (outcome := row_by_row(log, group, number)) else [] for number in numbers
        ]
        found = [
            [
                each.outcome
                for each in settled
                if each.group == group and each.first <= n <= each.last
            ]
            for n in numbers
        ]
        assert found == wanted


@given(runs())
def test_spans_come_sorted_and_disjoint(run: tuple[dict[int, list[int]], Log]) -> None:
    settled = resolve(run[1])

    assert list(settled) == sorted(settled)
    assert all(each.first <= each.last for each in settled)
    assert [
        (one, other)
        for one, other in pairwise(settled)
        if one.group == other.group and one.last >= other.first
    ] == []


@given(runs())
def test_a_log_told_twice_says_no_more(run: tuple[dict[int, list[int]], Log]) -> None:
    assert resolve(run[1] * 2) == resolve(run[1])


def test_neighbours_are_joined() -> None:
    spans = [Span(0, first, first + 8) for first in range(0, 1000, 10)]
    log = [(span, outcome) for span in spans for outcome in (Outcome.SENT, Outcome.ANSWERED)]

    assert resolve(log) == (Settled(0, 0, 998, "answered"),)


def test_groups_are_kept_apart() -> None:
    log = [
        (Span(0, 0, 8), Outcome.SENT),
        (Span(0, 0, 8), Outcome.ANSWERED),
        (Span(1, 1, 9), Outcome.SENT),
    ]

    assert resolve(log) == (Settled(0, 0, 8, "answered"), Settled(1, 1, 9, "in doubt"))


def test_what_is_unsent_is_neither_answered_nor_in_doubt() -> None:
    log = [
        (Span(0, 0, 9), Outcome.SENT),
        (Span(0, 0, 4), Outcome.ANSWERED),
        (Span(0, 6, 6), Outcome.ANSWERED),
        (Span(0, 10, 19), Outcome.SENT),
        (Span(0, 10, 19), Outcome.UNSENT),
    ]

    assert resolve(log) == (
        Settled(0, 0, 4, "answered"),
        Settled(0, 5, 5, "in doubt"),
        Settled(0, 6, 6, "answered"),
        Settled(0, 7, 9, "in doubt"),
    )


def test_what_was_answered_in_parts_and_what_was_never_sent_are_no_neighbours() -> None:
    """A row between the two that did not reach Selligent parts them."""
    log = [
        (Span(0, 0, 9), Outcome.SENT),
        (Span(0, 0, 3), Outcome.ANSWERED),
        (Span(0, 4, 5), Outcome.UNSENT),
        (Span(0, 6, 9), Outcome.ANSWERED),
    ]

    assert resolve(log) == (Settled(0, 0, 3, "answered"), Settled(0, 6, 9, "answered"))


def test_a_span_that_was_answered_twice_is_answered_once() -> None:
    """A group may take two calls, and rows of a batch may be sent again one by one."""
    log = [
        (Span(0, 0, 9), Outcome.SENT),
        (Span(0, 3, 3), Outcome.ANSWERED),
        (Span(0, 0, 9), Outcome.ANSWERED),
    ]

    assert resolve(log) == (Settled(0, 0, 9, "answered"),)


def test_an_empty_log() -> None:
    assert resolve([]) == ()


def test_what_was_sent_twice_is_in_doubt_once() -> None:
    log = [(Span(0, 0, 9), Outcome.SENT), (Span(0, 2, 3), Outcome.SENT)]

    assert resolve(log) == (Settled(0, 0, 9, "in doubt"),)
    assert resolve([*log, (Span(0, 2, 3), Outcome.ANSWERED)]) == (
        Settled(0, 0, 1, "in doubt"),
        Settled(0, 2, 3, "answered"),
        Settled(0, 4, 9, "in doubt"),
    )
