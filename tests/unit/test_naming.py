"""How names and values are compared."""

from __future__ import annotations

import pytest

from dbt_selligent.naming import canonical, find_named


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("mail", ["MAIL"], "MAIL"),
        ("mail", ["MAIL", "mail"], "mail"),
        ("Mail", ["MAIL", "mail"], "MAIL"),
        ("strasse", ["stra\u00dfe", "STRASSE"], "STRASSE"),
        ("stra\u00dfe", ["strasse"], None),
        ("x", [], None),
    ],
)
def test_the_thing_of_a_name(name: str, names: list[str], found: str | None) -> None:
    assert find_named(name, names, str) == found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A b  ", "a B", True),
        (" a", "a", False),
        ("a\t", "a", False),
        (1, 1.0, True),
        (None, "", False),
        (1, "1", False),
    ],
)
def test_values_as_selligent_compares(one: object, other: object, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same
