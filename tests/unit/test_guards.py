"""Guards on figures alone: over and not equal, exact percent, which of them are on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.errors import GateError, GuardError
from dbt_selligent.guards import UNGUARDED, Change, Guard, Limit, Verdict, judge, stop

CHANGE = Change(
    name="customers", rows=100, changed=0, removed=0, known=100, removal="delete", whole=False
)
FINE = Verdict("gate", True, "model customers and its tests passed in dbt")
GATE = Verdict("gate", False, "model customers failed", "mend it")
INVALID = "no row of model customers can be accepted, all 100 invalid (MAIL: too long, 60 rows)"
EMPTY = Verdict("empty", False, "model customers has no rows", "force it")
REMOVED = Verdict("max_removed", False, "2 of 9 left", "mean it")


@pytest.mark.parametrize(
    ("written", "number", "percent", "shown"),
    [
        (0, Fraction(0), False, "0"),
        (2500, Fraction(2500), False, "2,500"),
        ("0%", Fraction(0), True, "0%"),
        ("10%", Fraction(10), True, "10%"),
        ("0.5%", Fraction(1, 2), True, "0.5%"),
        ("12.50%", Fraction(25, 2), True, "12.5%"),
        ("150%", Fraction(150), True, "150%"),
    ],
)
def test_a_limit_as_it_is_written(
    written: int | str, number: Fraction, percent: bool, shown: str
) -> None:
    assert Limit.read(written) == Limit(number, percent=percent)
    assert str(Limit.read(written)) == shown


@pytest.mark.parametrize("written", ["10 %", "1e1%", "%", "-1%", "01%", ".5%", "10%\n", "ten"])
def test_what_is_no_limit(written: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Limit.read(written)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_number_of_rows_passes_up_to_it_and_equal(most: int, of: int) -> None:
    limit = Limit.read(most)

    assert limit.allows(most, of)
    assert not limit.allows(most + 1, of)
    assert most == 0 or limit.allows(most - 1, of)


@given(st.integers(0, 20_000), st.integers(0, 99), st.integers(1, 10**12))
def test_percent_pass_up_to_the_last_row_that_is_not_over(
    whole: int, hundredths: int, of: int
) -> None:
    """Exactly, whatever a float would make of it."""
    limit = Limit.read(f"{whole}.{hundredths:02}%")
    most = (whole * 100 + hundredths) * of // 10_000

    assert limit.allows(most, of)
    assert not limit.allows(most + 1, of)


def test_percent_that_no_float_has_are_exact() -> None:
    assert 0.07 * 100 > 7  # what a float says of 7 of 100 rows
    assert [Limit.read("7%").allows(found, 100) for found in (7, 8)] == [True, False]
    assert [Limit.read("0.1%").allows(found, 3000) for found in (3, 4)] == [True, False]


def test_of_no_rows_none_may_be_over_any_percent() -> None:
    assert Limit.read("10%").allows(0, 0)
    assert not Limit.read("10%").allows(1, 0)


def test_nothing_is_judged_of_an_activation_without_guards_but_an_empty_model() -> None:
    assert judge(UNGUARDED, replace(CHANGE, changed=100, removed=100)) == ()
    [empty] = judge(UNGUARDED, replace(CHANGE, rows=0))
    assert (empty.guard, empty.passed) == ("empty", False)
    assert empty.said == "model customers has no rows"
    assert "--force" in empty.mend
    assert judge(UNGUARDED, replace(CHANGE, rows=0, whole=True)) == (empty,)
    assert judge(UNGUARDED, replace(CHANGE, rows=1)) == ()


@pytest.mark.parametrize(("written", "last"), [("50%", 1000), (1000, 1000), ("0%", 0), (0, 0)])
def test_changed_rows_pass_at_the_limit_and_stop_over_it(written: int | str, last: int) -> None:
    guard = Guard(max_changed=Limit.read(written))
    [at] = judge(guard, replace(CHANGE, known=2000, changed=last))
    [over] = judge(guard, replace(CHANGE, known=2000, changed=last + 1))

    shown = f"{written:,}" if isinstance(written, int) else written
    assert (at.guard, at.passed, at.mend) == ("max_changed", True, "")
    assert at.said == f"{last:,} of 2,000 rows are new or changed, no more than {shown}"
    assert (over.guard, over.passed) == ("max_changed", False)
    assert over.said == f"{last + 1:,} of 2,000 rows are new or changed, more than {shown}"
    assert over.mend == "if that is meant, sync with --force, or set guard.max_changed"


def test_where_everything_is_sent_anyway_what_changed_is_no_question() -> None:
    guard = Guard(max_changed=Limit.read(0), max_removed=Limit.read(0))

    said = judge(guard, replace(CHANGE, changed=100, removed=1, whole=True))

    assert [(verdict.guard, verdict.passed) for verdict in said] == [("max_removed", False)]


@pytest.mark.parametrize(
    ("removal", "what"),
    [
        ("delete", "records would be deleted"),
        ("set", "records would be set as removed"),
        ("keep", "rows left the model"),
    ],
)
def test_removed_rows_pass_at_the_limit_and_stop_over_it(
    removal: Literal["keep", "delete", "set"], what: str
) -> None:
    guard = Guard(max_removed=Limit.read("10%"))
    [at] = judge(guard, replace(CHANGE, removal=removal, removed=10))
    [over] = judge(guard, replace(CHANGE, removal=removal, removed=11))

    assert (at.guard, at.passed) == ("max_removed", True)
    assert at.said == f"10 of 100 {what}, no more than 10%"
    assert (over.guard, over.passed) == ("max_removed", False)
    assert over.said == f"11 of 100 {what}, more than 10%"
    assert "set guard.max_removed" in over.mend


def test_all_that_speaks_against_it_is_said_in_one_order() -> None:
    guard = Guard(max_changed=Limit.read(1), max_removed=Limit.read(1))

    said = judge(guard, replace(CHANGE, rows=0, changed=2, removed=2))

    assert [(verdict.guard, verdict.passed) for verdict in said] == [
        ("empty", False),
        ("max_changed", False),
        ("max_removed", False),
    ]


def test_nothing_stops_where_all_passed() -> None:
    stop([], force=False)
    stop([FINE, replace(EMPTY, passed=True)], force=False)


def test_a_guard_stops_with_all_that_was_said_and_each_mend_once() -> None:
    with pytest.raises(GuardError) as caught:
        stop([FINE, EMPTY, REMOVED], force=False)

    assert caught.value.message == ("model customers has no rows; 2 of 9 left: nothing was sent")
    assert caught.value.next_step == "force it; mean it"


def test_force_overrides_guards() -> None:
    stop([FINE, EMPTY, REMOVED], force=True)


@pytest.mark.parametrize("force", [False, True])
def test_the_gate_comes_first_and_cannot_be_forced(force: bool) -> None:
    with pytest.raises(GateError) as caught:
        stop([EMPTY, GATE], force=force)

    assert caught.value.message == "model customers failed: nothing was sent"
    assert caught.value.next_step == "mend it"


@given(
    st.integers(1, 10_000),
    st.integers(1, 100),
    st.data(),
)
def test_what_passed_passes_when_some_of_it_was_done(known: int, percent: int, data: Any) -> None:
    """Of a removal that was cut off, also where the records there were are those left."""
    guard = Guard(max_removed=Limit.read(f"{percent}%"))
    removed = data.draw(st.integers(0, known * percent // 100))
    done = data.draw(st.integers(0, removed))

    [verdict] = judge(guard, replace(CHANGE, removed=removed - done, known=known - done))

    assert verdict.passed


@pytest.mark.parametrize("invalid", [0, 1, 99])
def test_some_invalid_rows_stop_nothing(invalid: int) -> None:
    assert judge(UNGUARDED, replace(CHANGE, invalid=invalid)) == ()


def test_where_no_row_is_valid_nothing_is_sent() -> None:
    [verdict] = judge(UNGUARDED, replace(CHANGE, invalid=100, commonest="MAIL: too long, 60 rows"))

    assert (verdict.guard, verdict.passed, verdict.said) == ("invalid", False, INVALID)
    assert verdict.mend.startswith("`dbt-selligent plan --show-values` shows some")
    with pytest.raises(GuardError, match="can be accepted"):
        stop([verdict], force=False)
    stop([verdict], force=True)


def test_an_empty_model_has_no_invalid_rows() -> None:
    assert [each.guard for each in judge(UNGUARDED, replace(CHANGE, rows=0))] == ["empty"]
