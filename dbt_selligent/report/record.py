"""What is known of each activation: what its state keeps, and what the last command said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.errors import LockedError, RunError
from dbt_selligent.reasons import Reason, read_reasons
from dbt_selligent.results import RESULTS_FILE, RESULTS_VERSION, word_of
from dbt_selligent.settings import Settings
from dbt_selligent.state import look_at
from dbt_selligent.stateview import CUT_OFF, StateView
from dbt_selligent.storage import Storage, open_storage

MOST_RUNS = 500
FIGURES = (
    *("rows", "new", "changed", "confirmed", "rejected", "not_sent", "removed", "seconds"),
    "limited",
)
# Of what a state does not keep; whatever else is told of a run that it does not know is of another.
NEVER_BEGUN = ("failed", "kept back", "skipped")
# What a file that is damaged, or of another shape, raises on the way.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Run:
    """One run of an activation; times are in UTC, figures None where they are not known."""

    run_id: str
    started_at: datetime
    status: str
    rows: int | None = None
    new: int | None = None
    changed: int | None = None
    confirmed: int | None = None
    rejected: int | None = None
    not_sent: int | None = None
    removed: int | None = None
    seconds: float | None = None
    limited: bool | None = None
    stopped_by: str | None = None
    error: str | None = None
    next_step: str | None = None
    forced: str | None = None

    @property
    def word(self) -> str:
        """The status as it is told."""
        return word_of(self.status, self.stopped_by)


@dataclass(frozen=True)
class Record:
    """What is known of one activation; ``runs`` are its last ones, newest first.

    ``busy`` says who works on it, ``error`` why its state cannot be read: the rest is not known
    then. Of rows that are held none counts as ``in_doubt``; ``invalid_in_doubt`` are those of them
    that cannot be sent again as the model has them. ``adopted`` are those of the confirmed
    rows that were taken as sent, and never were.
    """

    name: str
    model: str
    list: str
    destination: str
    zone: str
    segment: str | None = None
    confirmed: int = 0
    adopted: int = 0
    in_doubt: int = 0
    invalid_in_doubt: int = 0
    runs: tuple[Run, ...] = ()
    reasons: tuple[Reason, ...] = ()
    busy: str | None = None
    error: str | None = None
    next_step: str | None = None


def read_records(settings: Settings, activations: Sequence[Activation]) -> tuple[Record, ...]:
    """The records of the activations, as far as they can be read; raises ConfigurationError."""
    told = _read_results(settings)
    with open_storage(settings) as storage:
        return tuple(
            _with_results(_look_at(settings, storage, activation), told)
            for activation in activations
        )


def _look_at(settings: Settings, storage: Storage, activation: Activation) -> Record:
    destination = settings.destination_named(activation.destination)
    empty = Record(
        name=activation.name,
        model=activation.model.name,
        list=activation.list,
        destination=destination.name,
        zone=destination.timezone,
        segment=activation.segment,
    )
    try:
        with look_at(storage.place(activation, destination), destination.state) as store:
            return _read(store, empty) if store else empty
    except LockedError as locked:
        return replace(empty, busy=locked.message)
    except RunError as wrong:
        return replace(empty, error=wrong.message, next_step=wrong.next_step)


def _read(store: StateView, empty: Record) -> Record:
    runs = tuple(_run(found) for found in store.history(MOST_RUNS))
    if not store.has_tables():
        return replace(empty, runs=runs)
    figures = store.describe()
    return replace(
        empty,
        confirmed=figures["confirmed"],
        adopted=figures["adopted"],
        in_doubt=figures["in_doubt"],
        invalid_in_doubt=figures["invalid_in_doubt"],
        runs=runs,
        reasons=read_reasons(store),
    )


def _run(found: Mapping[str, Any]) -> Run:
    """A run as the state keeps it."""
    counts = json.loads(found["counts"]) if found["counts"] else {}
    return Run(
        run_id=found["run_id"],
        started_at=found["started_at"],
        status=found["status"],
        stopped_by=counts.get("stopped_by"),
        error=found["error"] or None,
        forced=found["forced"],
        **{name: counts.get(name) for name in FIGURES},
    )


def _read_results(settings: Settings) -> dict[tuple[str, str], Run]:
    """What the last sync of this target said, by activation and destination; it may say nothing."""
    try:
        content = json.loads((settings.target_path / RESULTS_FILE).read_bytes())
        if content["metadata"]["results_version"] != RESULTS_VERSION:
            return {}
        if content["target"] != settings.target:
            return {}
        return {
            (each["name"], each["destination"]): _told(content, each) for each in content["results"]
        }
    except UNREADABLE:
        return {}


def _told(content: Mapping[str, Any], result: Mapping[str, Any]) -> Run:
    counts = {**result, **(result["counts"] or {})} if result["counts"] else {}
    return Run(
        run_id=content["run_id"],
        started_at=datetime.fromisoformat(content["started_at"]),
        status=result["status"],
        stopped_by=result.get("stopped_by"),
        error=result["error"],
        next_step=result["next_step"],
        forced="; ".join(result["forced"]) or None,
        **{name: counts.get(name) for name in FIGURES},
    )


def _with_results(record: Record, told: Mapping[tuple[str, str], Run]) -> Record:
    """A record with what a state does not keep: next steps, and syncs that never began."""
    last = told.get((record.name, record.destination))
    if last is None or record.busy or record.error:
        return record
    known = [each for each in record.runs if each.run_id == last.run_id]
    if not known and last.status not in NEVER_BEGUN:
        return record  # the state was forgotten since
    others = [each for each in record.runs if each not in known]
    merged = [_merged(each, last) for each in known] or [last]
    runs = sorted([*merged, *others], key=_second, reverse=True)
    return replace(record, runs=tuple(runs[:MOST_RUNS]))


def _second(run: Run) -> datetime:
    """When it began, as exactly as results say it; of one second, the last sync is the later."""
    return run.started_at.replace(microsecond=0)


def _merged(kept: Run, told: Run) -> Run:
    if kept.status == CUT_OFF:  # its end could not be written, and was said
        return replace(told, started_at=kept.started_at)
    return replace(kept, next_step=told.next_step)
