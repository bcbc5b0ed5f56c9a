"""Arguments as dbt takes them."""

from __future__ import annotations

import shlex

import pytest

from dbt_selligent.cli.arguments import spread_criteria, with_its_flags
from dbt_selligent.cli.plan import plan
from dbt_selligent.cli.sync import sync


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


def test_another_command_is_told_with_the_flags_that_it_has_too() -> None:
    given = "--select 'tag:a b' --select c --full-refresh --show-values -t prod --vars '{a: 1}'"
    context = plan.make_context("plan", shlex.split(given))
    assert with_its_flags(context, sync) == (
        "dbt-selligent sync --target prod --vars '{a: 1}' --select 'tag:a b' --select c "
        "--full-refresh"
    )
    assert with_its_flags(plan.make_context("plan", []), sync) == "dbt-selligent sync"
