"""An error that nobody foresaw is told by where it happened: its message may be data."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import click
import pytest

from dbt_selligent import cli
from dbt_selligent.cli.failure import NO_RIGHT


def run(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli._Commands, "get_command", lambda *_: failing)
    monkeypatch.setattr("sys.argv", ["dbt-selligent", "ls"])
    monkeypatch.setattr(cli, "heed_signals", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_that_is_a_bug_is_told_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = KeyError("ann@acme.example")
    error = ValueError("could not convert 'ann@acme.example'")
    error.__cause__ = cause
    assert run(monkeypatch, error) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ValueError, which is a bug")
    assert ", in failing" in said.err
    assert "ann@acme.example" not in said.err


def test_an_error_of_the_system_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/x/y")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "Error: /x/y: Permission denied",
        f"  -> {NO_RIGHT}",
    ]
    assert run(monkeypatch, TimeoutError()) == 1
    assert capsys.readouterr().err == "Error: TimeoutError\n"


SWALLOWS = """
import os, signal, sys
from dbt_selligent.cli.signals import heed_signals

class Connection:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        sum(range(1000))

# A job in the background of a shell has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
heed_signals()
try:
    connection = Connection()
    del connection
    signal.sigtimedwait([], 60)
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_that_comes_while_a_finalizer_runs_is_not_lost(sent: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWS, str(int(sent))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_what_else_a_finalizer_swallows_is_told() -> None:
    raising = SWALLOWS.replace("os.kill(os.getpid(), int(sys.argv[1]))", "1 / 0").replace("60", "0")
    done = subprocess.run(
        [sys.executable, "-c", raising], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "went on\n"
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("module", ["history", "kept", "verification"])
def test_who_looks_at_a_state_alone_does_not_wait_for_dbt(module: str) -> None:
    program = (
        f"import sys, dbt_selligent.{module}\n"
        "sys.exit(any(name.startswith('dbt.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
