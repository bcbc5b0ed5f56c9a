"""Each promise of `docs/guarantees.md` names the tests that show it, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "guarantees.md"
PROMISES = 9


def promises() -> list[tuple[str, str]]:
    """The head of each promise, and what stands under it."""
    _, *parts = re.split(r"^## (\d+\. .+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_there_are_nine_in_order() -> None:
    numbers = [int(head.partition(".")[0]) for head, _ in promises()]
    assert numbers == list(range(1, PROMISES + 1))


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise[0])
def test_each_names_tests_that_exist(promise: tuple[str, str]) -> None:
    shown = re.findall(r"^- `(\S+)`: ((?:`\w+`[,\s]*)+)", promise[1], flags=re.MULTILINE)
    assert shown
    for file, names in shown:
        there = re.findall(
            r"^def (test_\w+)\(", (REPOSITORY / file).read_text("utf-8"), re.MULTILINE
        )
        assert [name for name in re.findall(r"\w+", names) if name not in there] == []
