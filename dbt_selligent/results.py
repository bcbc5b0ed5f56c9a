"""Step 7: what became of each activation: results, the results file, the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any, Literal

from dbt_selligent.errors import (
    NotInStepError,
    RunError,
    UnopenedError,
)
from dbt_selligent.locks import take_turn
from dbt_selligent.planning import Counts
from dbt_selligent.settings import OWN_FOLDER

RESULTS_FILE = "selligent_run_results.json"
# Of the results file: raised when a key changes its meaning.
RESULTS_VERSION = 1

Status = Literal[
    "in step", "limited", "rows tolerated", "rows refused", "kept back", "failed", "skipped"
]
GOOD: tuple[Status, ...] = ("in step", "limited", "rows tolerated")
# What is said of a run that a guard stopped; its status is failed.
STOPPED = "stopped"
Stopper = Literal["guard", "gate", "interrupt"]


@dataclass(frozen=True)
class ActivationResult:
    """One activation of one run.

    After a sync that could plan, new + changed = confirmed + rejected + not_found + not_sent. Of
    those not sent, some may have reached Selligent: they are in doubt, and go with the next sync.
    Of the rows that left the model, ``removed`` were dealt with, and ``not_removed`` were not.
    ``left_behind`` records were sent before under another key, list or address, and stay there.
    ``limited`` if a limit left some of it out. ``forced`` is what spoke against the run.
    ``stopped_by`` is who ended it, where nothing went wrong by itself: a guard, the gate of dbt's
    verdicts, or someone who interrupted it. ``unopened`` if the warehouse could not be opened.
    """

    name: str
    unique_id: str
    model: str
    list: str
    destination: str
    status: Status
    counts: Counts | None = None
    problems: tuple[dict[str, Any], ...] = ()
    confirmed: int = 0
    rejected: int = 0
    not_found: int = 0
    not_sent: int = 0
    removed: int = 0
    not_removed: int = 0
    requests: int = 0
    seconds: float = 0.0
    left_behind: int = 0
    limited: bool = False
    notes: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    error: str | None = None
    next_step: str | None = None
    stopped_by: Stopper | None = None
    unopened: bool = False

    @property
    def word(self) -> str:
        """The status as it is told."""
        return word_of(self.status, self.stopped_by)

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        done = self.counts is not None and self.error is None and self.not_sent == 0
        return done and not self.limited

    @property
    def invalid(self) -> tuple[int, str]:
        """Rows that were never sent, and what they are, in words."""
        if self.counts is None:
            return (0, "invalid")
        stuck = self.counts.invalid_in_doubt
        return (self.counts.invalid, f"invalid ({stuck:,} in doubt)" if stuck else "invalid")

    @property
    def others(self) -> tuple[tuple[int, str], ...]:
        """Rows that are not confirmed, by what became of them, in words; none without a plan."""
        if self.counts is None:
            return ()
        return (
            (self.rejected, "rejected"),
            (self.counts.held, "held"),
            self.invalid,
            (self.not_found + self.counts.not_found, "not found"),
            (self.removed, "removed"),
            (self.not_sent, "not sent"),
            (self.not_removed, "not removed"),
        )

    def figures(self) -> dict[str, Any]:
        """The figures that the history keeps."""
        counts = asdict(self.counts) if self.counts else {}
        names = (
            "confirmed",
            "rejected",
            "not_sent",
            "removed",
            "not_removed",
            "requests",
            "seconds",
            "left_behind",
            "limited",
            "stopped_by",
        )
        found = {"not_found": self.not_found + (self.counts.not_found if self.counts else 0)}
        return {**counts, **{name: getattr(self, name) for name in names}, **found}


@dataclass(frozen=True)
class RunResults:
    """All activations of one command, in order of their names."""

    run_id: str
    command: str
    target: str
    started_at: str
    seconds: float
    results: tuple[ActivationResult, ...]

    @property
    def exit_code(self) -> int:
        """0 if everything is in step, or as much as was asked for, else 1; 2 if nothing could
        start, since the warehouse cannot be opened.
        """
        begun = any(result.counts for result in self.results)
        if not begun and any(result.unopened for result in self.results):
            return UnopenedError.exit_code
        return int(any(result.status not in GOOD for result in self.results))

    def raise_for_status(self) -> None:
        """Raises NotInStepError, which says of what and why, where the exit code is not 0.

        For orchestrators, whose tasks fail by an exception.
        """
        bad = [result for result in self.results if result.status not in GOOD]
        if not bad:
            return
        lines = [
            f"  {result.name}: {result.word}" + (f": {result.error}" if result.error else "")
            for result in bad
        ]
        steps = dict.fromkeys(result.next_step for result in bad if result.next_step)
        raise NotInStepError(
            f"{len(bad)} of {len(self.results)} activations not in step:\n" + "\n".join(lines),
            "; ".join(steps),
        )

    def write(self, folder: Path) -> Path:
        """Writes the results file beside dbt's own; it holds no row values.

        Raises RunError where it cannot be written.
        """
        path = folder / RESULTS_FILE
        content = {
            "metadata": {
                "results_version": RESULTS_VERSION,
                "dbt_selligent_version": version("dbt-selligent"),
                "exit_code": self.exit_code,
            },
            **asdict(self),
        }
        own = folder / OWN_FOLDER
        try:
            # Of syncs side by side in one project, the last to end is kept.
            with take_turn(own / "results.lock", "the results file", Event(), lambda _: None):
                written = own / f"{RESULTS_FILE}.new"
                text = json.dumps(content, indent=1, default=str)
                written.write_text(f"{text}\n", encoding="utf-8")
                written.replace(path)
        except OSError as error:
            raise RunError(
                f"{path}: cannot be written: {error.strerror}",
                "the sync came to its end: `dbt-selligent status` says how",
            ) from None
        return path


def word_of(status: str, stopped_by: str | None) -> str:
    """A status as it is told: where a guard stopped a run, nothing of it failed."""
    return STOPPED if stopped_by == "guard" else status


def totals(results: Sequence[ActivationResult]) -> dict[str, int]:
    """Sums over all activations, for the last line."""
    return {
        "confirmed": sum(result.confirmed for result in results),
        "rejected": sum(result.rejected for result in results),
        "not_found": sum(result.not_found for result in results),
        "removed": sum(result.removed for result in results),
        "not_sent": sum(result.not_sent for result in results),
        "held": sum(result.counts.held for result in results if result.counts),
        "invalid": sum(result.counts.invalid for result in results if result.counts),
        "failed": sum(result.status == "failed" for result in results),
        "kept_back": sum(result.status == "kept back" for result in results),
    }
