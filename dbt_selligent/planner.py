"""Every delta of a sync is staged under the lock of its activation, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import read_catalog
from dbt_selligent.errors import Fault, GateError, GuardError, RunError, WarehouseError
from dbt_selligent.events import Emit, Finished, Planned, Waiting
from dbt_selligent.gate import Gates
from dbt_selligent.guards import stop
from dbt_selligent.jobs import Job, make_jobs, open_reader
from dbt_selligent.outcome import failure_of, stopped
from dbt_selligent.places import Place
from dbt_selligent.planning import Plan
from dbt_selligent.preparing import plan_job, prepare_state
from dbt_selligent.profiles import Destination
from dbt_selligent.reading import Sleep
from dbt_selligent.results import ActivationResult
from dbt_selligent.sending import keep_result
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Reader
from dbt_selligent.storage import Storage


class Planner:
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
            result = self._kept(self._place(activation), result)
        self._end(result)

    def _stop(self, place: Place, result: ActivationResult) -> None:
        self._end(self._kept(place, result))

    def _kept(self, place: Place, result: ActivationResult) -> ActivationResult:
        run = (self._run_id, self._settings.target)
        return keep_result(place, self._temporary, run, result, self._emit)

    def _end(self, result: ActivationResult) -> None:
        self.ended.append(result)
        self._emit(Finished(result))


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
