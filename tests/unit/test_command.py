"""An error that nobody foresaw is told by where it happened: its message may be data."""

from __future__ import annotations

import errno

import click
import pytest

from dbt_selligent import cli


def run(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli._Commands, "get_command", lambda *_: failing)
    monkeypatch.setattr("sys.argv", ["dbt-selligent", "ls"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
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
    assert capsys.readouterr().err == "Error: /x/y: Permission denied\n"
    assert run(monkeypatch, TimeoutError()) == 1
    assert capsys.readouterr().err == "Error: TimeoutError\n"
