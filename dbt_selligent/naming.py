"""Names and values as others compare them, and as files have them: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import quote

T = TypeVar("T")


def find_named(name: str, things: Iterable[T], name_of: Callable[[T], str]) -> T | None:
    """The thing of this name, whatever its case; one that is written so comes before others.

    Case is that of `str.lower`: strasse and straße are two names.
    """
    same = [each for each in things if name_of(each).lower() == name.lower()]
    return next((each for each in same if name_of(each) == name), same[0] if same else None)


def file_name(name: str) -> str:
    """A name of any characters as one of a file, which leads to no other folder; `unquote` reverses
    it.
    """
    return quote(name, safe="").replace(".", "%2E")


def canonical(value: object) -> object:
    """A value as Selligent compares: a text without regard to case and trailing blanks."""
    return value.lower().rstrip(" ") if isinstance(value, str) else value
