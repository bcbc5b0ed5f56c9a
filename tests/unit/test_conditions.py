"""When a message is due: at a change of state, and never while nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.conditions import KINDS, Change, Kind, Seen, Told, Wanted, change, read_duration

SOME = st.frozensets(st.sampled_from(KINDS))
ALL = frozenset(KINDS)
OLD, NOW = "2026-05-01T06:00:00+00:00", "2026-05-02T06:00:00+00:00"
SEEN = st.builds(
    lambda judged, holding, complete: Seen(judged, judged & holding, complete),
    SOME,
    SOME,
    st.booleans(),
)


def kinds(*names: Kind) -> frozenset[Kind]:
    return frozenset(names)


def seen(*holding: Kind) -> Seen:
    return Seen(ALL, frozenset(holding), complete=True)


def told_in(wanted: Wanted, looks: Sequence[Seen]) -> list[Change]:
    """What is told, look by look, where every message is delivered."""
    told: Told = {}
    changes = []
    for number, each in enumerate(looks):
        changes.append(change(wanted, told, each, f"{number:04}"))
        told = changes[-1].after
    return changes


@pytest.mark.parametrize(
    ("before", "now", "began", "over"),
    [
        ((), (), (), ()),
        ((), ("failed",), ("failed",), ()),
        (("failed",), ("failed",), (), ()),
        (("failed",), (), (), ("failed",)),
        (("failed",), ("guard",), ("guard",), ()),
        (("failed",), ("failed", "stale"), ("stale",), ()),
        (("failed", "stale"), ("stale",), (), ()),
        (("failed", "stale"), (), (), ("failed", "stale")),
    ],
)
def test_what_began_is_told_and_that_all_is_over(
    before: Sequence[Kind], now: Sequence[Kind], began: Sequence[Kind], over: Sequence[Kind]
) -> None:
    found = change(Wanted(ALL, recovered=True), dict.fromkeys(before, OLD), seen(*now), NOW)

    assert (found.began, tuple(found.over)) == (tuple(began), tuple(over))
    assert set(found.after) == set(now)
    assert {found.after[kind] for kind in began} <= {NOW}
    assert {found.after[kind] for kind in before if kind in now} <= {OLD}


def test_what_cannot_be_judged_stays_as_it_was() -> None:
    nothing = Seen(frozenset(), frozenset(), complete=False)

    assert change(Wanted(ALL, recovered=True), {"failed": OLD}, nothing, NOW) == Change(
        (), {}, {"failed": OLD}
    )


def test_what_is_not_wanted_any_more_is_forgotten_without_a_word() -> None:
    wanted = Wanted(kinds("stale"), recovered=True)

    assert change(wanted, {"failed": OLD}, seen("failed"), NOW) == Change((), {}, {})


def test_recovery_is_told_where_that_is_asked_for() -> None:
    assert not change(Wanted(ALL), {"failed": OLD}, seen(), NOW)
    assert change(Wanted(ALL, recovered=True), {"failed": OLD}, seen(), NOW)


@pytest.mark.parametrize(
    "troubled",
    [
        Seen(ALL, kinds("guard"), complete=False),
        Seen(ALL, kinds("rejected"), complete=True),
        Seen(ALL, kinds(), complete=False),
    ],
)
def test_what_is_over_is_told_once_nothing_is_wrong_that_was_not_asked_for_either(
    troubled: Seen,
) -> None:
    wanted = Wanted(kinds("failed"), recovered=True)
    looks = [seen("failed"), troubled, troubled, seen(), seen()]
    assert [(each.began, list(each.over)) for each in told_in(wanted, looks)] == [
        (("failed",), []),
        ((), []),
        ((), []),
        ((), ["failed"]),
        ((), []),
    ]
    again = told_in(wanted, [seen("failed"), troubled, seen("failed"), troubled, seen()])
    assert [(each.began, list(each.over)) for each in again] == [
        (("failed",), []),
        ((), []),
        (("failed",), []),
        ((), []),
        ((), ["failed"]),
    ]


@given(SOME, st.booleans(), st.lists(SEEN, max_size=12))
def test_over_any_sequence_each_change_is_told_once(
    wanted: frozenset[Kind], recovered: bool, looks: list[Seen]
) -> None:
    """Told is what an observer who knows all that was seen would have noted down."""
    holds: set[Kind] = set()
    owed = False
    for look, found in zip(looks, told_in(Wanted(wanted, recovered), looks), strict=True):
        before = set(holds)
        holds = (holds - look.judged) | (look.holding & wanted)
        assert list(found.began) == [kind for kind in KINDS if kind in holds - before]
        owed = recovered and not holds and (owed or bool(before))
        assert bool(found.over) == (owed and look.well)
        owed = owed and not look.well
        assert {mark for mark in found.after if mark in KINDS} == holds
        assert (set(found.after) != holds) == owed


@given(SOME, st.lists(SEEN, max_size=12))
def test_messages_alternate_and_none_is_repeated(
    wanted: frozenset[Kind], looks: list[Seen]
) -> None:
    """Of what began, none begins again before it, or all, was over; recoveries stand apart."""
    open_ones: set[Kind] = set()
    for look, found in zip(looks, told_in(Wanted(wanted, recovered=True), looks), strict=True):
        assert not (found.began and found.over)
        open_ones -= look.judged - look.holding
        assert not open_ones & set(found.began)
        open_ones |= set(found.began)
        assert not (found.over and open_ones)
        assert set(found.began) <= wanted


@given(SOME, SEEN)
def test_to_look_again_says_nothing(wanted: frozenset[Kind], look: Seen) -> None:
    assert [bool(each) for each in told_in(Wanted(wanted, recovered=True), [look] * 3)][1:] == [
        False,
        False,
    ]


@given(SOME, st.lists(st.tuples(SEEN, st.booleans()), max_size=12))
def test_what_was_not_delivered_is_told_later_or_was_over_before(
    wanted: frozenset[Kind], looks: list[tuple[Seen, bool]]
) -> None:
    """What is told moves only by what was delivered; at the end, one that is delivered says all."""
    asked, told = Wanted(wanted, recovered=True), dict[str, str]()
    for look, delivered in looks:
        found = change(asked, told, look, NOW)
        if delivered or not found:
            told = dict(found.after)
    last = seen("failed")
    assert set(change(asked, told, last, NOW).after) & ALL == wanted & {"failed"}
    assert bool(change(asked, told, seen(), NOW)) == bool(told)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90m", timedelta(minutes=90)),
        ("26h", timedelta(hours=26)),
        ("3d", timedelta(days=3)),
    ],
)
def test_a_duration(text: str, found: timedelta) -> None:
    assert read_duration(text) == found


@pytest.mark.parametrize("text", ["", "26", "0h", "26 h", "1.5h", "-1h", "26H", "26h\n", "1w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        read_duration(text)
