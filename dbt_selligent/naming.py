"""Names and values as others compare them: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def find_named(name: str, things: Iterable[T], name_of: Callable[[T], str]) -> T | None:
    """The thing of this name, whatever its case; one that is written so comes before others.

    Case is that of `str.lower`: strasse and straße are two names.
    """
    same = [each for each in things if name_of(each).lower() == name.lower()]
    return next((each for each in same if name_of(each) == name), same[0] if same else None)


def canonical(value: object) -> object:
    """A value as Selligent compares: a text without regard to case and trailing blanks."""
    return value.lower().rstrip(" ") if isinstance(value, str) else value
