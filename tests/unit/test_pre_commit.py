"""The hooks for contributors, and those for the projects of users, are as pre-commit has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dbt_selligent.cli import COMMANDS

REPOSITORY = Path(__file__).parents[2]
HOOKS = ".pre-commit-hooks.yaml"


@pytest.mark.parametrize(
    ("command", "file"),
    [("validate-config", ".pre-commit-config.yaml"), ("validate-manifest", HOOKS)],
)
def test_pre_commit_takes_the_file(command: str, file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, file],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_hook_for_users_is_a_command() -> None:
    for hook in yaml.safe_load((REPOSITORY / HOOKS).read_text("utf-8")):
        program, command, *_ = hook["entry"].split()
        assert (program, command in COMMANDS) == ("dbt-selligent", True)
