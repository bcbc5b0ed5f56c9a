"""How an activation stands, in words for who does not run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dbt_selligent.report.record import Record, Run
from dbt_selligent.results import STOPPED
from dbt_selligent.stateview import CUT_OFF
from dbt_selligent.wording import counted, listed, stood

Level = Literal["good", "attention", "busy"]
# Runs after which every row of the model was in the list, or is listed with a reason.
COMPLETE = ("in step", "rows tolerated", "rows refused")
# What else ends as it was meant to.
MEANT = ("limited", "adopted")

SAID = {
    "in step": "All that was to be sent was confirmed by Selligent.",
    "rows tolerated": "All was sent. Selligent refused some rows, no more than max_rejected "
    "tolerates.",
    "rows refused": "All was sent, but for rows that Selligent refused: they are held until they "
    "change.",
    "limited": "Only a part was sent, as --limit asked.",
    "kept back": "Nothing was sent: the model, or a test on it, failed in dbt.",
    STOPPED: "Nothing was sent: a guard stopped the sync.",
    "failed": "The last sync did not come to its end. What was confirmed before stays confirmed.",
    "skipped": "Nothing was sent: the sync was stopped before it came to this activation.",
    CUT_OFF: "The last sync was cut off. What was confirmed before stays confirmed.",
    "adopted": "The rows were taken as sent by another tool. Nothing was sent from here yet.",
}
SYNC = "run `dbt-selligent sync`"
MEND = "see which with `dbt-selligent status --show-values`, mend them in the model, then sync"
NEXT_STEPS = {
    "rows refused": "mend the rows by the reasons below: what changes is sent by the next sync",
    "limited": "sync without --limit",
    "kept back": "mend it, build it with dbt, then sync",
    STOPPED: "mend the model, or, if the change is meant, `dbt-selligent sync --force`",
    "failed": "run `dbt-selligent debug`, then sync again: it goes on where this run stopped",
    "skipped": SYNC,
    CUT_OFF: "sync again: it goes on where this run stopped",
    "adopted": SYNC,
}


@dataclass(frozen=True)
class Standing:
    """``word`` is the status in a word or two, ``said`` a sentence; colour is told by ``level``."""

    level: Level
    word: str
    said: str
    next_step: str | None = None


def is_complete(run: Run) -> bool:
    """Whether all that was to be sent was."""
    return run.status in COMPLETE and not run.limited


def came_to_its_end(run: Run) -> bool:
    """Whether the run did what it was asked to."""
    return run.status in (*COMPLETE, *MEANT)


def stand(record: Record) -> Standing:
    """How it stands by its last run, and by what was left open since."""
    if record.busy:
        return Standing("busy", "at work", f"A sync or another command works on it: {record.busy}.")
    if record.error:
        return Standing("attention", "unreadable", f"{record.error}.", record.next_step)
    if not record.runs:
        return Standing("attention", "never synced", "No sync of it is on record.", SYNC)
    last = record.runs[0]
    said = SAID.get(last.word, "")
    step = (last.error and last.next_step) or NEXT_STEPS.get(last.word)
    if last.status in ("in step", "rows tolerated"):
        if record.in_doubt:
            doubt = f"{counted(record.in_doubt, 'row is', 'rows are')} in doubt since."
            if record.in_doubt > (stuck := record.invalid_in_doubt):
                return Standing("attention", "in doubt", doubt, SYNC)
            doubt += f" {counted(stuck, 'row')} cannot be sent again: invalid now."
            return Standing("attention", "in doubt", doubt, MEND)
        invalid = rows_of(record, "invalid")
        if invalid:
            said += f" {counted(invalid, 'row is', 'rows are')} invalid, and never sent."
        return Standing("good", stood(last.status, listed([(invalid, "invalid")])), said)
    if last.not_sent:
        said += f" {counted(last.not_sent, 'row')} not sent."
    return Standing("attention", last.word, said, step)


def rows_of(record: Record, kind: str) -> int:
    """How many rows are not in step for reasons of this kind."""
    return sum(reason.rows for reason in record.reasons if reason.kind == kind)
