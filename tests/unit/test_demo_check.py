"""The demo's check can fail: each kind of difference between a model and its list is found."""

import importlib.util
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Row = tuple[object, ...]

FIELDS = {
    "ID": "id",
    "MAIL": "mail",
    "DAY": "day",
    "AT": "at",
    "SPEND": "spend",
    "AVG": "avg",
    "NEWS": "news",
}
FULL: Row = (
    1,
    "a@acme.example",
    date(1997, 1, 2),
    datetime(1997, 1, 3, 9),  # noqa: DTZ001  (the model's times have no zone)
    Decimal("89.00"),
    89 / 3,
    True,
)
EMPTY: Row = (2, None, None, None, None, None, None)
MODEL = [FULL, EMPTY]
FULL_IN_LIST: Row = (
    1,
    "a@acme.example",
    "1997-01-02",
    "1997-01-03T09:00:00.000Z",
    89,
    29.6666666666667,
    True,
)
LIST = [EMPTY, FULL_IN_LIST]


def load_demo() -> ModuleType:
    path = Path(__file__).parents[2] / "sample_project" / "demo.py"
    spec = importlib.util.spec_from_file_location("dbt_selligent_demo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


DEMO = load_demo()
ACTIVATION = DEMO.Activation("L", "m", '"m"', ("ID",), FIELDS)


def compare(model: list[Row], found: list[Row]) -> list[str]:
    differences: list[str] = DEMO.compare(ACTIVATION, model, found)
    return differences


def changed(row: Row, place: int, value: Any) -> Row:
    return (*row[:place], value, *row[place + 1 :])


def test_a_list_that_equals_its_model() -> None:
    assert compare(MODEL, LIST) == []
    assert compare(MODEL, [EMPTY, changed(FULL_IN_LIST, 5, 29.6666666667)]) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "1"),
        (1, "A@acme.example"),
        (1, ""),
        (1, None),
        (2, "1997-01-03"),
        (2, "1997-01-02T01:00:00"),
        (2, "junk"),
        (3, "1997-01-03T09:00:00.001Z"),
        (3, "1997-01-03T09:00:00+01:00"),
        (3, None),
        (4, 89.01),
        (4, "89.00"),
        (4, True),
        (5, 29.666666667),
        (5, None),
        (6, 1),
        (6, "true"),
        (6, False),
    ],
)
def test_a_value_that_differs(place: int, value: object) -> None:
    assert compare(MODEL, [EMPTY, changed(FULL_IN_LIST, place, value)]) != []


@pytest.mark.parametrize("value", [True, 1.0])
def test_a_key_of_another_type(value: object) -> None:
    """Such keys are equal in Python, so that the row is found, and its type is the difference."""
    [difference] = compare(MODEL, [EMPTY, changed(FULL_IN_LIST, 0, value)])

    assert difference == f"(1,) has ID {value!r} in the list and 1 in the model"


@pytest.mark.parametrize("place", range(1, 7))
def test_a_null_that_is_overwritten(place: int) -> None:
    assert len(compare(MODEL, [changed(EMPTY, place, ""), FULL_IN_LIST])) == 1


def test_rows_that_are_missing_doubled_or_foreign() -> None:
    foreign = changed(EMPTY, 0, 3)

    assert compare(MODEL, [EMPTY]) == ["(1,) is not in the list"]
    assert compare(MODEL, [*LIST, foreign]) == ["(3,) is not in the model"]
    assert compare(MODEL, [*LIST, EMPTY]) == ["(2,) stands twice in the list"]
    assert compare([*MODEL, FULL], LIST) == ["(1,) stands twice in the model"]
    assert compare(MODEL, []) == ["(1,) is not in the list", "(2,) is not in the list"]


def test_comparing_nothing_proves_nothing() -> None:
    assert compare([], []) == ["model m has no rows"]
