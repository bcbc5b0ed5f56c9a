"""What a run looks like: bars on a terminal, plain lines elsewhere, events in JSON on request."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from rich.live import Live

from dbt_selligent.cli import changeset, summary
from dbt_selligent.cli.bars import Bars, Course
from dbt_selligent.cli.jsonevents import ended_as_dict, event_as_dict
from dbt_selligent.cli.lines import Line
from dbt_selligent.cli.printer import Printer
from dbt_selligent.cli.say import say
from dbt_selligent.errors import InterruptedRunError
from dbt_selligent.events import Due, Event, Finished, Noted, Planned, Progress, Untold, Waiting
from dbt_selligent.planning import Plan
from dbt_selligent.results import GOOD, ActivationResult, RunResults

SECONDS_BETWEEN_LINES = 5.0


class Terminal:
    """Shows the events of a run; a context, so that the bars are gone before an error is told."""

    def __init__(
        self,
        *,
        quiet: bool,
        as_json: bool,
        show_values: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._show_values = show_values
        self._clock = clock
        self._lock = threading.Lock()
        self._printer = Printer(sys.stdout)
        self._courses: dict[str, Course] = {}
        self._said: dict[str, float] = {}
        self._sending = False
        self._ended: list[ActivationResult] = []
        self._undelivered: list[Line] = []
        self._live: Live | None = None
        if self._printer.moves and not quiet and not as_json:
            bars = Bars(self._courses, clock)
            self._live = Live(bars, console=self._printer.console, transient=True)

    def __enter__(self) -> Terminal:
        """Starts the bars."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the bars away. Where an error keeps `close` from it, says what to do next.

        Raises InterruptedRunError for a KeyboardInterrupt before anything was sent.
        """
        if self._live:
            self._live.stop()
        if error and not self._as_json:
            self.print([*summary.next_lines(self._ended), *self._undelivered])
        if isinstance(error, KeyboardInterrupt) and not self._sending:
            if self._printer.is_terminal and not self._as_json:
                self.print([Line("")])  # the terminal's own ^C has a line of its own
            raise InterruptedRunError("interrupted: nothing was sent", "") from None

    def show(self, event: Event) -> None:
        """Shows an event; may be called by several threads."""
        with self._lock:
            self._sending = self._sending or isinstance(event, Progress)
            bad = _is_bad(event)
            if isinstance(event, Due):
                self._ended.clear()  # a round that begins, of which the one before may have broken
            if self._as_json:
                if bad or not self._quiet:
                    self._tell(event_as_dict(event, _now()))
            elif isinstance(event, Finished):
                self._finish(event, quiet=self._quiet and not bad)
            elif bad or not self._quiet:
                self._show(event)

    def wait(self, reason: str) -> None:
        """Shows that another command has the project."""
        self.show(Waiting(None, reason))

    def close(self, run: RunResults) -> None:
        """The end of a sync: what all of it comes to, and what to do next."""
        if self._as_json:
            if run.results and not self._quiet:
                self._tell(ended_as_dict(run, _now()))
        elif self._quiet:
            self.print(summary.next_lines(self._ended))
        else:
            self.print(summary.closing_lines(run))
        self.print(self._undelivered)
        self._undelivered.clear()
        self._ended.clear()

    def close_plan(self, plans: Sequence[Plan], run: str) -> None:
        """The end of a plan; ``run`` is the command that sends it, in words."""
        if not self._quiet and not self._as_json:
            self.print(changeset.closing_lines(plans, run, self._ended))
            self.print(summary.next_lines(self._ended))

    def print(self, lines: Iterable[Line]) -> None:
        """Lines that are no event."""
        self._printer.print(lines)

    def _show(self, event: Planned | Progress | Waiting | Untold | Due | Noted) -> None:
        if isinstance(event, Planned):
            self.print(
                changeset.plan_lines(
                    event.plan, sending=event.sending, show_values=self._show_values
                )
            )
        elif isinstance(event, Progress):
            self._go_on(event)
        elif isinstance(event, Due):
            self.print(summary.due_lines(event))
        elif isinstance(event, Noted):
            self.print([summary.noted_line(event)])
        elif isinstance(event, Untold):
            # Told last: what is to be done next belongs to what went wrong before.
            self._undelivered.append(summary.untold_line(event))
        else:
            self.print([summary.waiting_line(event)])

    def _go_on(self, progress: Progress) -> None:
        now, name = self._clock(), progress.name
        course = self._courses.get(name, Course(now, now, progress)).answered(progress, now)
        # The bars are drawn by another thread, which is to find whole ones.
        self._courses[name] = course
        if not self._live and now - self._said.setdefault(name, now) >= SECONDS_BETWEEN_LINES:
            self._said[name] = now
            self.print([Line(f"{name}: {course.said(now)}", 2)])

    def _finish(self, event: Finished, *, quiet: bool) -> None:
        self._courses.pop(event.result.name, None)
        if not quiet:
            self._ended.append(event.result)
            self.print(summary.result_lines(event.result))

    def _tell(self, content: dict[str, Any]) -> None:
        say(json.dumps(content, default=str))


def _is_bad(event: Event) -> bool:
    """Whether it is told to who wants to hear of nothing else."""
    if isinstance(event, Noted):
        return event.wrong
    if isinstance(event, Finished):
        return event.result.status not in GOOD
    return isinstance(event, Untold)


def _now() -> datetime:
    return datetime.now(timezone.utc)
