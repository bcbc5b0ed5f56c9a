"""The order of the steps: plan, sync, recover. Each step is a module of its own; see their list.

All deltas are staged first, then the warehouse is closed, then the lists are filled, several at a
time: a load of an hour keeps nobody from the next `dbt run`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import read_catalog
from dbt_selligent.due import Due, find_due, refuse_canary
from dbt_selligent.errors import (
    ActivationFaults,
    DbtSelligentError,
    Fault,
    GateError,
    GuardError,
    RunError,
    WarehouseError,
)
from dbt_selligent.events import Emit, Finished, Planned, Waiting, silent
from dbt_selligent.filling import fill_lists
from dbt_selligent.gate import Gates
from dbt_selligent.guards import stop
from dbt_selligent.jobs import Job, make_jobs, open_reader, state_folders
from dbt_selligent.places import Place, private_folder
from dbt_selligent.planning import Plan
from dbt_selligent.preparing import plan_job, prepare_state
from dbt_selligent.profiles import Destination
from dbt_selligent.reading import Sleep
from dbt_selligent.results import ActivationResult, RunResults, failure_of, stopped
from dbt_selligent.selection import read_selected
from dbt_selligent.sending import tell_history
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Reader
from dbt_selligent.state import open_state
from dbt_selligent.storage import Storage, open_storage
from dbt_selligent.warning import Moment, failures_of, warn


def plan(settings: Settings, *, sample: int = 0, emit: Emit = silent) -> tuple[Plan, ...]:
    """What a sync would send, by activation; changes no state and sends nothing.

    ``sample`` rows of each kind come with every plan, with their values. Raises
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
        for job in make_jobs(settings, storage, reader, activations, catalog, faults):
            with ExitStack() as locks:
                if job.place.exists():
                    locks.enter_context(job.place.hold())
                verdicts = gates.judge(job.activation, job.destination.state)
                where = prepare_state(settings, storage, job, temporary, verdicts)
                notes = catalog.notes(job.activation)
                made = plan_job(settings, reader, job, where, temporary, sample, notes, keep=False)
                plans.append(made)
            emit(Planned(plans[-1], sending=False))
    return tuple(plans)


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
                planner = _Planner(
                    settings, storage, gates, temporary, run_id, locks, found.held, emit
                )
                planned = planner.plan_all(found.due, faults, sleep or time.sleep)
                stop_now = settings.fail_fast and bool(planner.ended)
                sent = fill_lists(
                    settings, planned, temporary, run_id, started, emit, sleep, stop_now
                )
                ended += [*planner.ended, *sent]
    except DbtSelligentError as error:
        tell(failures_of(found.due, error))
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
    return run, found


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


class _Planner:
    """Stages every delta under the lock of its activation; then lets the warehouse go.

    Those of ``held`` ids have theirs taken already. What cannot be planned, or is not to be sent,
    has its result in ``ended``.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        gates: Gates,
        temporary: Path,
        run_id: str,
        locks: ExitStack,
        held: Collection[str],
        emit: Emit,
    ) -> None:
        self.ended: list[ActivationResult] = []
        self._settings = settings
        self._storage = storage
        self._gates = gates
        self._temporary = temporary
        self._run_id = run_id
        self._locks = locks
        self._held = set(held)
        self._emit = emit

    def plan_all(
        self, activations: Sequence[Activation], faults: Sequence[Fault], sleep: Sleep
    ) -> list[tuple[Job, Plan]]:
        """The plans that are to be carried out; raises ConfigurationError."""
        settings, temporary = self._settings, self._temporary
        planned: list[tuple[Job, Plan]] = []
        try:
            # That there is a warehouse is known at once; it is not held while Selligent is asked.
            with open_reader(self._storage, temporary, faults):
                pass
            patience = _Patience(activations[0].name, self._emit, sleep)
            catalog = read_catalog(settings, activations, patience, offline=False)
            with open_reader(self._storage, temporary, [*faults, *catalog.faults]) as reader:
                self._gates.look()  # while the warehouse is read, dbt does not write to it
                passing = [each for each in activations if self._hold(each) and self._passes(each)]
                for job in make_jobs(settings, self._storage, reader, passing, catalog, faults):
                    try:
                        if error := catalog.errors.get(job.activation.unique_id):
                            raise error
                        if made := self._plan(reader, job):
                            planned.append((job, made))
                    except RunError as wrong:
                        self._fail(job.activation, wrong)
            self._gates.look()  # dbt says what it did a moment after it has let the warehouse go
            planned = [(job, made) for job, made in planned if self._still_passes(job, made)]
        except WarehouseError as error:
            planned.clear()
            tried = {result.unique_id for result in self.ended}
            for activation in activations:
                if activation.unique_id in tried:
                    continue
                if not self._storage.apart:
                    self._end(failure_of(activation, error, "failed"))
                elif self._hold(activation):
                    self._fail(activation, error)
        return planned

    def _plan(self, reader: Reader, job: Job) -> Plan | None:
        """The plan of one, None where it is not to be carried out; raises RunError."""
        settings, temporary, made = self._settings, self._temporary, None
        verdicts = self._gates.judge(job.activation, job.destination.state)
        try:
            where = prepare_state(settings, self._storage, job, temporary, verdicts)
            stop(where.verdicts, force=settings.force)
            made = plan_job(settings, reader, job, where, temporary, keep=True)
            self._emit(Planned(made, sending=True))
            stop(made.verdicts, force=settings.force)
        except GuardError as error:
            if made:
                job.place.drop_delta(made.delta)
            self._stop(job.place, stopped(job.activation, made, error))
            return None
        return made

    def _hold(self, activation: Activation) -> bool:
        """Takes the lock of an activation; if it cannot be had, that is its result."""
        if activation.unique_id in self._held:
            return True
        try:
            self._locks.enter_context(self._place(activation).hold())
        except RunError as wrong:
            self._end(failure_of(activation, wrong, "failed"))
            return False
        self._held.add(activation.unique_id)
        return True

    def _passes(self, activation: Activation) -> bool:
        """Whether dbt has nothing to say against an activation; if it has, that is its result."""
        destination = self._destination(activation)
        try:
            stop(self._gates.judge(activation, destination.state), force=False)
        except GateError as error:
            try:
                self._stop(self._place(activation), stopped(activation, None, error))
            except RunError as wrong:
                self._end(failure_of(activation, wrong, "failed"))
            return False
        return True

    def _still_passes(self, job: Job, made: Plan) -> bool:
        passes = self._passes(job.activation)
        if not passes:
            job.place.drop_delta(made.delta)
        return passes

    def _place(self, activation: Activation) -> Place:
        return self._storage.place(activation, self._destination(activation))

    def _destination(self, activation: Activation) -> Destination:
        return self._settings.destination_named(activation.destination)

    def _fail(self, activation: Activation, error: RunError) -> None:
        """The result of one that is held, and could not be planned; its history has it, if it can
        be written.
        """
        result = failure_of(activation, error, "failed")
        with suppress(RunError):
            result = self._record(self._place(activation), result)
        self._end(result)

    def _stop(self, place: Place, result: ActivationResult) -> None:
        self._end(self._record(place, result))

    def _end(self, result: ActivationResult) -> None:
        self.ended.append(result)
        self._emit(Finished(result))

    def _record(self, place: Place, result: ActivationResult) -> ActivationResult:
        """Keeps what did not begin in the history, where there is one."""
        if not place.exists():
            return result
        with open_state(place, self._temporary) as store:
            store.record(
                self._run_id,
                self._settings.target,
                result.status,
                result.figures(),
                result.error or "",
            )
            return tell_history(place, store, (), result, self._emit)


class _Patience:
    """Sleeps, and says so the first time."""

    def __init__(self, name: str, emit: Emit, sleep: Sleep) -> None:
        self._name, self._emit, self._sleep = name, emit, sleep
        self._told = False

    def __call__(self, seconds: float) -> None:
        if not self._told:
            self._emit(Waiting(self._name, "Selligent gives no usable answer"))
        self._told = True
        self._sleep(seconds)


def _folder(settings: Settings, activations: Sequence[Activation]) -> AbstractContextManager[Path]:
    # Beside the state, which is protected: it holds rows for a while.
    return private_folder(*state_folders(settings, activations))
