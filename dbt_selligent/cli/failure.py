"""What ends a command before its time, as it is told: pure."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass

from dbt_selligent.cli.lines import Line, lines_of, step_line
from dbt_selligent.errors import ActivationFaults, DbtSelligentError, Fault

# How a file or folder is refused for lack of a right.
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_RIGHT = (
    "give yourself the right to write there, or name another folder: `state` of the output in "
    "profiles.yml for states, --target-path for the rest"
)


@dataclass(frozen=True)
class Failure:
    """What went wrong, what to do next, and the exit code.

    ``faults`` are those of the activations; ``trace`` says where a bug is.
    """

    message: str
    next_step: str = ""
    exit_code: int = 1
    faults: tuple[Fault, ...] = ()
    trace: str | None = None

    def lines(self) -> list[Line]:
        """For a terminal: where and what, and what to do next."""
        first, *rest = lines_of(self.message) or [Line("")]
        steps = [step_line(self.next_step)] if self.next_step else []
        return [Line(first.text, 0, "Error:", "red"), *rest, *steps, *lines_of(self.trace or "")]


def failure_of(error: Exception) -> Failure:
    """An error as it is told: one that nobody foresaw without its message, which may quote a value
    of a row, or a secret. Where it happened is enough.
    """
    if isinstance(error, DbtSelligentError):
        faults = error.faults if isinstance(error, ActivationFaults) else ()
        return Failure(error.message, error.next_step, error.exit_code, faults)
    if isinstance(error, OSError):
        what = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        return Failure(what or type(error).__name__, NO_RIGHT if error.errno in FORBIDDEN else "")
    return Failure(
        f"{type(error).__name__}, which is a bug: please report it with these lines",
        trace="".join(traceback.format_tb(error.__traceback__)),
    )
