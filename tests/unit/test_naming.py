"""How names and values are compared."""

from __future__ import annotations

import unicodedata
from datetime import date
from decimal import Decimal
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.naming import canonical, file_name, find_named, in_json, visible

TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


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
    ("value", "told"),
    [
        (None, "null"),
        ("None", '"None"'),
        ("", '""'),
        (" é\n\t", '" é\\n\\t"'),
        (True, "true"),
        (Decimal("12.50"), "12.50"),
        (date(2024, 2, 29), '"2024-02-29"'),
    ],
)
def test_a_value_as_it_is_told(value: object, told: str) -> None:
    assert in_json(value) == told


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


@given(name=st.text(min_size=1, max_size=300))
def test_a_name_of_any_length_is_one_of_a_file(name: str) -> None:
    written = file_name(name)
    assert len(written.encode()) <= 200
    assert not set(written) & set("/.\0")


def test_long_names_that_start_alike_are_files_of_their_own() -> None:
    names = ["é" * 50, "é" * 51, "é" * 50 + "e"]
    assert len({file_name(name) for name in names}) == 3
    assert unquote(file_name("a/b.c")) == "a/b.c"


@given(text=st.text())
def test_what_is_visible_neither_moves_a_cursor_nor_turns_letters_around(text: str) -> None:
    shown = visible(text)
    assert all(letter in "\n\t" or unicodedata.category(letter) != "Cc" for letter in shown)
    assert all(unicodedata.bidirectional(letter) not in TURNING for letter in shown)
    plain = [letter for letter in text if unicodedata.category(letter)[0] != "C"]
    assert all(letter in shown for letter in plain)


def test_what_was_hidden_is_told() -> None:
    assert visible("MAIL\x1b[31m\x9b\x07 \u202eé\tx\n") == "MAIL\\x1b[31m\\x9b\\x07 \\u202eé\tx\n"
