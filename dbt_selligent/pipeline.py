"""The order of the steps: plan, sync, recover. Each step is a module of its own; see their list.

All deltas are staged first, then the warehouse is closed, then the lists are filled, several at a
time: a load of an hour keeps nobody from the next `dbt run`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import read_catalog
from dbt_selligent.due import find_due, refuse_canary
from dbt_selligent.errors import (
    ActivationFaults,
    DbtSelligentError,
    Fault,
    GateError,
    RunError,
)
from dbt_selligent.events import Due, Emit, Event, Finished, Planned, silent
from dbt_selligent.filling import fill_lists
from dbt_selligent.folders import private_folder
from dbt_selligent.gate import Gates
from dbt_selligent.guards import Verdict, stop
from dbt_selligent.jobs import make_jobs, open_reader, state_folders
from dbt_selligent.outcome import failure_of, stopped
from dbt_selligent.planner import Planner
from dbt_selligent.planning import Plan
from dbt_selligent.preparing import plan_job, prepare_state
from dbt_selligent.reading import Sleep
from dbt_selligent.results import ActivationResult, RunResults
from dbt_selligent.selection import read_selected
from dbt_selligent.sending import keep_result
from dbt_selligent.settings import Settings
from dbt_selligent.storage import open_storage
from dbt_selligent.warning import Moment, failures_of, warn


def plan(settings: Settings, *, sample: int = 0, emit: Emit = silent) -> tuple[Plan, ...]:
    """What a sync would send, by activation; changes no state and sends nothing.

    ``sample`` rows of each kind come with every plan, with their values. Of what dbt's verdicts
    keep back there is no plan where the model cannot be read, but a `Finished` that says so. Raises
    ConfigurationError, RunError.
    """
    plans: list[Plan] = []
    activations, faults = _read(settings)
    _refuse_faults(settings, faults)
    with (
        _folder(settings, activations) as temporary,
        open_storage(settings) as storage,
        ExitStack() as stack,
    ):
        if settings.due:
            now = datetime.now(timezone.utc)
            found = find_due(settings, storage, activations, temporary, now, None)
            emit(found)
            for _, error in found.unknown:
                raise error
            activations = found.due
        if not activations:
            return ()
        reader = stack.enter_context(open_reader(storage, temporary, faults))
        catalog = read_catalog(settings, activations, time.sleep, offline=True)
        gates = Gates(settings, state_folders(settings, activations), keep=False)
        judged = {
            each.unique_id: gates.judge(each, settings.destination_named(each.destination).state)
            for each in activations
        }
        kept_back = _kept_back(activations, judged)
        jobs = make_jobs(settings, storage, reader, activations, catalog, faults, excused=kept_back)
        for job in jobs:
            kept_back.pop(job.activation.unique_id, None)
        for result in kept_back.values():
            emit(Finished(result))
        for job in jobs:
            with ExitStack() as locks:
                if job.place.exists():
                    locks.enter_context(job.place.hold())
                verdicts = judged[job.activation.unique_id]
                where = prepare_state(settings, storage, job, temporary, verdicts)
                notes = catalog.notes(job.activation)
                made = plan_job(settings, reader, job, where, temporary, sample, notes, keep=False)
                unread = catalog.unread.get(job.activation.unique_id)
                plans.append(replace(made, unread=unread))
            emit(Planned(plans[-1], sending=False))
    return tuple(plans)


def _kept_back(
    activations: Sequence[Activation], judged: Mapping[str, Sequence[Verdict]]
) -> dict[str, ActivationResult]:
    """The results of those that dbt's verdicts keep back, by id."""
    found = {}
    for each in activations:
        try:
            stop(judged[each.unique_id], force=False)
        except GateError as error:
            found[each.unique_id] = stopped(each, None, error)
    return found


def sync(settings: Settings, *, emit: Emit = silent, sleep: Sleep | None = None) -> RunResults:
    """Sends what changed, and says what became of it; raises ConfigurationError.

    What goes wrong with one activation stands in its result; the others go on. A KeyboardInterrupt
    ends the requests under way, keeps what they confirmed, and stands in the results too. ``sleep``
    waits between attempts; it has to be given by tests alone. Where nothing is due, there are no
    results, and the results file stays as it is.
    """
    return sync_at(settings, datetime.now(timezone.utc), emit=emit, sleep=sleep)[0]


def sync_at(
    settings: Settings,
    started: datetime,
    *,
    postponed: Collection[str] = (),
    emit: Emit = silent,
    sleep: Sleep | None = None,
) -> tuple[RunResults, Due]:
    """A sync that ``started`` then, in UTC, and what it found due: without `due`, all of it.

    ``postponed`` are names of activations that are left alone although they are due.
    """
    clock, run_id = time.monotonic(), uuid.uuid4().hex
    activations, faults = _read(settings)
    emit = shown = _Shown(emit)
    found = Due(activations)
    ended: list[ActivationResult] = []

    def tell(results: Sequence[ActivationResult]) -> None:
        moment = Moment(run_id, started, datetime.now(timezone.utc))
        warn(settings, activations, results, moment, emit)

    try:
        _refuse_faults(settings, faults)
        if settings.due:
            found = Due(())  # what is, is yet to be known
        with (
            open_storage(settings) as storage,
            ExitStack() as locks,
            _folder(settings, activations) as temporary,
        ):
            if settings.due:
                found = find_due(
                    settings, storage, activations, temporary, started, locks, postponed
                )
                emit(found)
                ended = [failure_of(each, error, "failed") for each, error in found.unknown]
                for result in ended:
                    emit(Finished(result))
            if found.due:
                gates = Gates(settings, state_folders(settings, found.due), keep=True)
                planner = Planner(
                    settings, storage, gates, temporary, run_id, locks, found.held, emit
                )
                planned = planner.plan_all(found.due, faults, sleep or time.sleep)
                stop_now = settings.fail_fast and bool(planner.ended)
                sent = fill_lists(
                    settings, planned, temporary, run_id, started, emit, sleep, stop_now
                )
                ended += [*planner.ended, *sent]
    except DbtSelligentError as error:
        failed = failures_of(found.due, error)
        if isinstance(error, ActivationFaults):
            _keep(settings, found.due, failed, run_id, emit)
        tell(failed)
        raise
    run = RunResults(
        run_id=run_id,
        command="sync",
        target=settings.target,
        started_at=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        results=tuple(sorted(ended, key=lambda result: result.name)),
    )
    try:
        if ended:
            run.write(settings.target_path)
    finally:
        tell(run.results)  # which may take a while: no lock is held any more
    if shown.error:
        raise shown.error
    return run, found


def _keep(
    settings: Settings,
    activations: Sequence[Activation],
    results: Sequence[ActivationResult],
    run_id: str,
    emit: Emit,
) -> None:
    """Keeps that nothing could start, in each history that can be reached."""
    with _folder(settings, activations) as temporary, open_storage(settings) as storage:
        for activation, result in zip(activations, results, strict=True):
            place = storage.place(activation, settings.destination_named(activation.destination))
            with suppress(RunError), place.hold():
                keep_result(place, temporary, (run_id, settings.target), result, emit)


class _Shown:
    """Events go to where they are shown. If that breaks, as a pipe does whose reader has gone, the
    sync goes on, and says so at its end.
    """

    def __init__(self, emit: Emit) -> None:
        self.error: Exception | None = None
        self._emit = emit

    def __call__(self, event: Event) -> None:
        if self.error is None:
            try:
                self._emit(event)
            except Exception as error:  # noqa: BLE001  (whatever a caller's own code raises)
                self.error = error


def _read(settings: Settings) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    refuse_canary(settings)
    activations, faults = read_selected(settings)
    if not activations:
        raise ActivationFaults(faults)  # no model to look at: these are all there are
    return activations, faults


def _refuse_faults(settings: Settings, faults: Sequence[Fault]) -> None:
    """Of what is due there may be no model to look at: what is found before is all there is."""
    if settings.due and faults:
        raise ActivationFaults(faults)


def _folder(settings: Settings, activations: Sequence[Activation]) -> AbstractContextManager[Path]:
    # Beside the state, which is protected: it holds rows for a while.
    return private_folder(*state_folders(settings, activations))
