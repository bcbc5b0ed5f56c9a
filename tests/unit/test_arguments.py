"""Arguments as dbt takes them."""

from __future__ import annotations

import pytest

from dbt_selligent.cli.arguments import spread_criteria


@pytest.mark.parametrize(
    ("given", "spread"),
    [
        ("", ""),
        ("sync", "sync"),
        ("ls -s a", "ls -s a"),
        ("ls -s a b c", "ls -s a -s b -s c"),
        ("ls --select a b --exclude c d -t x",
         "ls --select a --select b --exclude c --exclude d -t x"),
        ("ls --select=a b", "ls --select=a --select b"),
        ("ls -sa b", "ls -sa -s b"),
        ("ls -s", "ls -s"),
        ("ls -s --exclude a b", "ls -s --exclude a --exclude b"),
        ("ls --selector a b", "ls --selector a b"),
        ("ls -s a --state b c", "ls -s a --state b c"),
        ("ls -s a -- b", "ls -s a -- b"),
        ("state reset a b", "state reset a b"),
    ],
)  # fmt: skip
def test_each_criterion_has_a_flag_of_its_own(given: str, spread: str) -> None:
    assert spread_criteria(given.split()) == spread.split()
