"""Where there is no terminal: a line every few seconds, and what is told when something ends."""

from __future__ import annotations

import pytest

from dbt_selligent.cli.terminal import Terminal
from dbt_selligent.errors import InterruptedRunError, RunError
from dbt_selligent.events import Finished, Progress, Waiting
from dbt_selligent.results import ActivationResult, RunResults


class Clock:
    """Seconds, as they are set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def result(name: str, status: str, step: str | None = None) -> ActivationResult:
    names = (name, f"exposure.shop.{name}", "customers", "CUSTOMERS", "dev")
    return ActivationResult(*names, status, next_step=step)  # type: ignore[arg-type]


def run(*results: ActivationResult) -> RunResults:
    return RunResults("id", "sync", "dev", "", 4.0, results)


FAILED = result("crm", "failed", "run `dbt-selligent debug`")
LIMITED = result("mails", "limited", "9 rows are left: sync without --limit")


def test_a_line_is_told_every_five_seconds_and_of_each_activation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    terminal = Terminal(quiet=False, as_json=False, clock=clock)
    for clock.now, name, done in (
        *((0.0, "crm", 0), (1.0, "crm", 100), (1.0, "mails", 0), (4.9, "crm", 490)),
        *((5.0, "crm", 500), (5.9, "mails", 7), (6.0, "mails", 10), (9.9, "crm", 990)),
    ):
        terminal.show(Progress(name, done, 1000))

    assert capsys.readouterr().out.splitlines() == [
        "  crm: 500 of 1,000 rows, 100 rows/s, 0:05 left",
        "  mails: 10 of 1,000 rows, 2 rows/s, 8:15 left",
    ]


def test_quiet_tells_what_failed_and_what_to_do_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with Terminal(quiet=True, as_json=False, clock=clock) as terminal:
        terminal.show(Waiting("crm", "list CUSTOMERS is in use"))
        for clock.now in (0.0, 10.0):
            terminal.show(Progress("crm", 1, 2))
        terminal.show(Finished(LIMITED))
        terminal.show(Finished(FAILED))
    terminal.close(run(FAILED, LIMITED))

    assert capsys.readouterr().out.splitlines() == [
        "crm: failed",
        "  -> run `dbt-selligent debug`",
    ]


def test_where_an_error_comes_last_the_next_steps_are_told_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(quiet=False, as_json=False)
    terminal.show(Finished(FAILED))
    with pytest.raises(RunError, match="results file"), terminal:
        raise RunError("the results file cannot be written")

    assert capsys.readouterr().out.splitlines()[-1] == "  -> run `dbt-selligent debug`"


def test_interrupted_it_says_that_nothing_was_sent_only_where_that_is_so() -> None:
    terminal = Terminal(quiet=False, as_json=False)
    with pytest.raises(InterruptedRunError, match="nothing was sent"), terminal:
        raise KeyboardInterrupt
    terminal.show(Progress("crm", 0, 9))
    with pytest.raises(KeyboardInterrupt), terminal:
        raise KeyboardInterrupt
