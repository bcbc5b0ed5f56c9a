"""What `docs/reliability.md` says of faults is tested, and no fault of the sandbox is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from dbt_selligent.sandbox.faults import Kind

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"


def lines() -> list[list[str]]:
    """The cells of each line of the table of faults."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Faults\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[0][:40])
def test_every_line_names_tests_that_exist(line: list[str]) -> None:
    there = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    fault, does, tests = line
    assert fault
    assert does
    named = re.findall(r"`(\w+)`", tests)
    assert named
    assert set(named) <= there


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_fault_of_the_sandbox_is_on_a_line(kind: str) -> None:
    assert any(f"`{kind}`" in fault for fault, _, _ in lines())
