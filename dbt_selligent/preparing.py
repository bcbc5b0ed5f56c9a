"""The state of an activation, made ready to be planned on, and the plan that is made on it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dbt_selligent.errors import MemoryLimitError, RunError, StateError
from dbt_selligent.guards import Verdict
from dbt_selligent.jobs import Job
from dbt_selligent.locks import hold
from dbt_selligent.places import Files, copy_state
from dbt_selligent.planning import Plan, build_plan
from dbt_selligent.selection import list_activations
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Staging
from dbt_selligent.state import Anew, StateStore, open_state
from dbt_selligent.warehouse.duckdb import DuckDBReader
from dbt_selligent.warehouse.engine import memory_limits


@dataclass(frozen=True)
class Prepared:
    """A state file that can be planned on: settled, in the columns of the mapping.

    ``first`` if nothing was ever sent, ``adopted`` if some rows never were, ``synced`` if a sync
    has come to its end, ``known_before`` if one was cut off: see the state. ``renamed`` is the name
    of a state that may be this activation's of before; ``verdicts`` are those that need no delta.
    """

    state: Path
    first: bool
    adopted: bool
    synced: bool
    known_before: int
    anew: Anew | None
    renamed: str | None
    verdicts: tuple[Verdict, ...]

    def notes(self, job: Job) -> list[str]:
        """What is to be said first of all."""
        if self.anew:
            return [self.anew.why]
        if self.first:
            first = [f"first sync, no state at {job.files.state}"]
            if self.renamed:
                first.append(
                    f"no activation has the state of {self.renamed}, which is of this list: if "
                    f"this is its new name, `dbt-selligent state rename {self.renamed} "
                    f"{job.activation.name}` is to come first"
                )
            return first
        return [] if self.synced else ["the first sync goes on: none has come to its end yet"]


def prepare_state(
    settings: Settings, job: Job, temporary: Path, verdicts: Sequence[Verdict]
) -> Prepared:
    """The state as it is if it can be planned on so, else a copy that is brought up to it.

    The caller holds its lock, and has ``verdicts`` that need no state.
    """
    files = job.files
    if files.state.exists():
        with open_state(files, temporary, read_only=True) as store:
            if store.ready(job.identity, job.columns, job.activation.segment):
                found = (*verdicts, *_judge(settings, job, store))
                return _prepared(files.state, store, found)
    copy = copy_state(files, temporary)
    with open_state(copy, temporary) as store:
        found = (*verdicts, *_judge(settings, job, store))
        prepared = _prepare(settings, job, copy, temporary, store, found)
    copy.delta.unlink(missing_ok=True)
    return prepared


def take_over(job: Job, plan: Plan, temporary: Path) -> None:
    """Brings the state itself up to a plan that is carried out; its delta comes beside it.

    Raises StateError.
    """
    with open_state(job.files, temporary) as store:
        # What a run left that was cut off is settled by that run's own delta.
        store.prepare(job.identity, job.columns, job.activation.segment)
    try:
        shutil.move(plan.delta, job.files.delta)  # the state may be on another file system
    except OSError as error:
        raise StateError(
            f"{job.files.delta}: cannot be written: {error.strerror}",
            "make room, or give its owner access, and run again: nothing was sent",
        ) from None
    (temporary / job.files.state.name).unlink(missing_ok=True)  # where it was planned on a copy


def plan_job(
    settings: Settings,
    reader: DuckDBReader,
    job: Job,
    where: Prepared,
    delta: Path,
    sample: int = 0,
    notes: Sequence[str] = (),
) -> Plan:
    """The plan, its rows staged in the file ``delta``; raises WarehouseError, StateError.

    Where rows are too wide for the memory that is taken, more is taken.
    """
    *limits, last = memory_limits(comparing=not where.first)
    staging = Staging(
        job.activation.model,
        job.columns,
        skip=job.activation.nulls == "skip",
        first_sync=where.first,
        full_refresh=settings.full_refresh,
        spared=where.adopted and job.activation.removed == "delete",
        retried=(
            *(("held",) if settings.retry_rejected else ()),
            *(("missing",) if settings.retry_not_found else ()),
        ),
    )

    def stage(megabytes: int) -> Plan:
        with reader.staging(where.state, delta, megabytes):
            return build_plan(
                reader,
                job.activation,
                staging,
                delta,
                pace=job.pace,
                limit=settings.limit,
                notes=[*where.notes(job), *notes],
                verdicts=where.verdicts,
                sample=sample,
                synced=where.synced,
                known_before=where.known_before,
                left_behind=where.anew.left_behind if where.anew else 0,
            )

    for megabytes in limits:
        with suppress(MemoryLimitError):
            return stage(megabytes)
    return stage(last)


def _prepare(
    settings: Settings,
    job: Job,
    files: Files,
    temporary: Path,
    store: StateStore,
    verdicts: tuple[Verdict, ...],
) -> Prepared:
    anew = store.prepare(job.identity, job.columns, job.activation.segment)
    prepared = _prepared(files.state, store, verdicts)
    renamed = _find_renamed(settings, job, temporary) if prepared.first else None
    return replace(prepared, first=prepared.first or anew is not None, anew=anew, renamed=renamed)


def _prepared(state: Path, store: StateStore, verdicts: tuple[Verdict, ...]) -> Prepared:
    return Prepared(
        state,
        first=not store.begun,
        adopted=store.adopted,
        synced=store.synced,
        known_before=store.known_before,
        anew=None,
        renamed=None,
        verdicts=verdicts,
    )


def _find_renamed(settings: Settings, job: Job, temporary: Path) -> str | None:
    """A state of the same list and key that no activation has."""
    others = [name for name in job.files.names if name != job.files.name]
    if others:
        everything = list_activations(replace(settings, select=(), exclude=()))
        there = [activation.name for activation in everything]
        for name in [name for name in others if name not in there]:
            files = Files.named(job.destination, name)
            with (
                suppress(RunError),
                hold(files.lock, f"activation {name}"),
                open_state(files, temporary, read_only=True) as store,
            ):
                if store.is_of(job.identity):
                    return name
    return None


def _judge(settings: Settings, job: Job, store: StateStore | None) -> list[Verdict]:
    """What speaks against a sync on this state; None where there is none."""
    found = []
    if job.destination.require_state and (store is None or not store.begun):
        found.append(
            Verdict(
                "require_state",
                False,
                f"first sync, no state at {job.files.state}, and {job.destination.name} has "
                "require_state",
                "put the state back where it was; if there was none, sync with --force",
            )
        )
    before = store.meta("target") if store else None
    if before not in (None, settings.target):
        found.append(
            Verdict(
                "target",
                False,
                f"the last sync was made for dbt target {before}, this one is for "
                f"{settings.target}",
                f"sync with --target {before}, or, if another one is meant, with --force",
            )
        )
    return found
