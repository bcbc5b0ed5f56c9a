"""Generated values, many in one statement: on every engine they come out as in DuckDB."""

from __future__ import annotations

import math
import struct
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dbt_selligent.selligent.lists import Field

from .cases import BIGINT, DATE, DOUBLE, REAL, TEXT, TIME, ZONED, decimal
from .engines import Engine

# Few examples of many values each: a statement costs much more than a value.
FEW = settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=100, max_size=200)


def agree(
    duck: Engine,
    other: Engine,
    types: dict[str, str],
    texts: list[str],
    field: Field | None = None,
    zone: str = "UTC",
) -> None:
    wanted, given = (
        engine.outcomes(types[engine.name], texts, field, zone) for engine in (duck, other)
    )
    for text, there, here in zip(texts, wanted, given, strict=True):
        assert here.reason == there.reason, text
        assert here.reason or here == there, text


def in_the_middle(value: float, digits: int) -> bool:
    """Whether its shortest decimal has a 5, and no more, behind so many digits.

    Java rounds it up where others look at the double: see `test_differences`.
    """
    shown = Decimal(repr(value)).normalize().as_tuple().digits
    return len(shown) == digits + 1 and shown[-1] == 5


def in_full(settled: float, real: float) -> bool:
    """Whether it is a large whole real with all its digits.

    DuckDB writes some of them so, one in three hundred, though fewer digits would do.
    """
    return settled == real and real.is_integer() and abs(real) >= 2**24


FLOATS = (
    st.floats(allow_nan=True, allow_infinity=True)
    | st.floats(-1e6, 1e6)
    | st.floats(1e11, 1e16)
    | st.floats(1e-12, 1e-6)
    | st.integers(-(2**53), 2**53).map(float)
    | st.integers(-(10**12), 10**12).map(lambda cents: cents / 100)
    | st.integers(-(10**15), 10**15).map(lambda mills: mills / 1000)
)


@FEW
@given(many(FLOATS))
def test_floats(duck: Engine, other: Engine, values: list[float]) -> None:
    agree(duck, other, DOUBLE, [repr(each) for each in values if not in_the_middle(each, 12)])


# As many digits as any real holds.
@FEW
@given(many(st.decimals(-999_999, 999_999, places=0) | st.decimals(-9999, 9999, places=2)))
def test_reals(duck: Engine, other: Engine, values: list[Decimal]) -> None:
    agree(duck, other, REAL, list(map(str, values)))


@FEW
@given(many(st.floats(width=32, allow_subnormal=False, allow_nan=False)))
def test_a_settled_real_is_the_real_that_it_was(engine: Engine, values: list[float]) -> None:
    """Which of two equally short and equally near decimals it is, is the engine's own affair."""
    outcomes = engine.outcomes(REAL[engine.name], list(map(repr, values)))

    for value, outcome in zip(values, outcomes, strict=True):
        assert (outcome.reason is None) is math.isfinite(value)
        if math.isfinite(value):
            settled = float(outcome.settled)
            assert float(f"{settled:.9g}") == settled or in_full(settled, value)
            assert struct.unpack("f", struct.pack("f", settled)) == (value,)


@FEW
@given(many(st.integers(-(10**18), 10**18)))
def test_whole_numbers_as_floats(duck: Engine, other: Engine, values: list[int]) -> None:
    texts = [str(each) for each in values if not in_the_middle(float(each), 15)]
    agree(duck, other, BIGINT, texts, Field("F", "Float"))


@FEW
@given(many(st.decimals(-(10**15) + 1, 10**15 - 1, places=3)))
def test_decimals_as_floats(duck: Engine, other: Engine, values: list[Any]) -> None:
    agree(duck, other, decimal(18, 3), list(map(str, values)), Field("F", "Float"))


@FEW
@given(many(st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-(2**64), 2**64)))
def test_whole_decimals(duck: Engine, other: Engine, values: list[int]) -> None:
    texts = list(map(str, values))
    agree(duck, other, decimal(38, 0), texts, Field("F", "Long"))
    agree(duck, other, decimal(38, 0), texts, Field("F", "Text"))


# What lower() makes of letters whose cases are not one to one is the engine's own affair.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn", "Lu", "Lt", "Ll", "So", "Nl"]) | (
    st.sampled_from("aAzZéÉßÖöЖжΑα😀👩€ \t\n'\"\\`$")
)


@FEW
@given(many(st.text(CHARACTERS, max_size=9).map(lambda text: text.replace("\0", ""))))
def test_texts(duck: Engine, other: Engine, values: list[str]) -> None:
    agree(duck, other, TEXT, values, Field("F", "Text", length=5))


MOMENTS = st.datetimes() | st.datetimes(
    datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2037-01-01")
)
ZONES = ["UTC", "Europe/Brussels", "America/St_Johns", "Asia/Kolkata", "Pacific/Apia"]


@pytest.mark.parametrize("zone", ZONES)
@settings(FEW, max_examples=2)
@given(many(MOMENTS))
def test_times(duck: Engine, other: Engine, zone: str, values: list[datetime]) -> None:
    agree(duck, other, TIME, [str(each) for each in values], zone=zone)


@FEW
@given(many(MOMENTS))
def test_zoned_times(duck: Engine, other: Engine, values: list[datetime]) -> None:
    agree(duck, other, ZONED, [f"{each}+00:00" for each in values])


@FEW
@given(many(st.dates(date(1, 1, 1), date(9999, 12, 31))))
def test_dates(duck: Engine, other: Engine, values: list[date]) -> None:
    agree(duck, other, DATE, list(map(str, values)))
    agree(duck, other, DATE, list(map(str, values)), Field("F", "DateTime"), "Europe/Brussels")
