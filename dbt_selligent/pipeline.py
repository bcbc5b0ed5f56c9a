"""The order of the steps: plan, sync, recover. Each step is a module of its own; see their list.

All deltas are staged first, then the warehouse is closed, then the lists are filled, several at a
time: a load of an hour keeps nobody from the next `dbt run`.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import read_catalog
from dbt_selligent.errors import (
    ActivationFaults,
    Fault,
    LockedError,
    MemoryLimitError,
    RunError,
    WarehouseError,
)
from dbt_selligent.events import Emit, Finished, Planned, Waiting, silent
from dbt_selligent.guards import check_change, check_target
from dbt_selligent.jobs import Job, make_jobs, open_reader
from dbt_selligent.locks import hold, take_turn, temporary_folder
from dbt_selligent.places import copy_state, protect
from dbt_selligent.planning import Plan, build_plan
from dbt_selligent.results import ActivationResult, RunResults, failure_of
from dbt_selligent.selection import read_selected
from dbt_selligent.sending import Means, send_plan
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Staging
from dbt_selligent.state import open_state
from dbt_selligent.warehouse.duckdb import DuckDBReader
from dbt_selligent.warehouse.engine import memory_limits

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Prepared:
    """A state file that can be planned on: settled, in the columns of the mapping."""

    state: Path
    first: bool
    anew: str | None


def plan(settings: Settings, *, sample: int = 0, emit: Emit = silent) -> tuple[Plan, ...]:
    """What a sync would send, by activation; changes no state and sends nothing.

    ``sample`` rows of each kind come with every plan, with their values. Raises
    ConfigurationError, RunError.
    """
    plans: list[Plan] = []
    activations, faults = _read(settings)
    with (
        _private(settings, activations) as temporary,
        open_reader(settings, temporary, faults) as reader,
    ):
        catalog = read_catalog(settings, activations, time.sleep, offline=True)
        for job in make_jobs(settings, reader, activations, catalog, faults):
            with ExitStack() as locks:
                if job.files.state.exists():
                    locks.enter_context(hold(job.files.lock, f"activation {job.activation.name}"))
                where = _state_to_read(job, temporary)
                delta = temporary / job.files.delta.name
                notes = catalog.notes(job.activation)
                plans.append(_plan_job(settings, reader, job, where, delta, sample, notes))
            emit(Planned(plans[-1], sending=False))
    return tuple(plans)


def sync(settings: Settings, *, emit: Emit = silent, sleep: Sleep | None = None) -> RunResults:
    """Sends what changed, and says what became of it; raises ConfigurationError.

    What goes wrong with one activation stands in its result; the others go on. A KeyboardInterrupt
    ends the requests under way, keeps what they confirmed, and stands in the results too. ``sleep``
    waits between attempts; it has to be given by tests alone.
    """
    started, clock, run_id = datetime.now(timezone.utc), time.monotonic(), uuid.uuid4().hex
    activations, faults = _read(settings)
    with ExitStack() as locks, _private(settings, activations) as temporary:
        planned, results = _plan_all(
            settings, activations, faults, temporary, locks, emit, sleep or time.sleep
        )
        stop_now = settings.fail_fast and bool(results)
        results += _send_all(settings, planned, temporary, run_id, emit, sleep, stop_now)
    run = RunResults(
        run_id=run_id,
        command="sync",
        target=settings.target,
        started_at=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        results=tuple(sorted(results, key=lambda result: result.name)),
    )
    run.write(settings.target_path)
    return run


def _read(settings: Settings) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    activations, faults = read_selected(settings)
    if not activations:
        raise ActivationFaults(faults)  # no model to look at: these are all there are
    return activations, faults


def _plan_all(
    settings: Settings,
    activations: Sequence[Activation],
    faults: Sequence[Fault],
    temporary: Path,
    locks: ExitStack,
    emit: Emit,
    sleep: Sleep,
) -> tuple[list[tuple[Job, Plan]], list[ActivationResult]]:
    """Stages every delta under the lock of its activation; then lets the warehouse go."""
    planned: list[tuple[Job, Plan]] = []
    failed: list[ActivationResult] = []

    def fail(activation: Activation, error: RunError) -> None:
        failed.append(failure_of(activation, error, "failed"))
        emit(Finished(failed[-1]))

    try:
        # Whether there is a warehouse is known at once; it is not held while Selligent is asked.
        with open_reader(settings, temporary, faults):
            pass
        patience = _Patience(activations[0].name, emit, sleep)
        catalog = read_catalog(settings, activations, patience, offline=False)
        with open_reader(settings, temporary, [*faults, *catalog.faults]) as reader:
            for job in make_jobs(settings, reader, activations, catalog, faults):
                try:
                    if error := catalog.errors.get(job.activation.unique_id):
                        raise error
                    locks.enter_context(hold(job.files.lock, f"activation {job.activation.name}"))
                    with open_state(job.files, temporary) as store:
                        first = not store.has_tables()
                        check_target(store, settings)
                        anew = store.prepare(job.identity, job.columns, job.activation.segment)
                    where = Prepared(job.files.state, first or anew is not None, anew)
                    made = _plan_job(settings, reader, job, where, job.files.delta)
                    check_change(made, settings)
                except RunError as wrong:
                    fail(job.activation, wrong)
                else:
                    planned.append((job, made))
                    emit(Planned(made, sending=True))
    except WarehouseError as error:
        tried = {result.unique_id for result in failed}
        planned.clear()
        for activation in activations:
            if activation.unique_id not in tried:
                fail(activation, error)
    return planned, failed


def _send_all(
    settings: Settings,
    planned: Sequence[tuple[Job, Plan]],
    temporary: Path,
    run_id: str,
    emit: Emit,
    sleep: Sleep | None,
    stop_now: bool,
) -> list[ActivationResult]:
    """Fills the lists, one request under way on each; activations of one list take turns."""
    by_list: dict[Path, list[tuple[Job, Plan]]] = defaultdict(list)
    for job, made in planned:
        by_list[job.files.list_lock].append((job, made))
    failed, stop = threading.Event(), threading.Event()
    if stop_now:
        failed.set()

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    means = Means(sleep or pause, stop.is_set)

    def fill(turns: Sequence[tuple[Job, Plan]]) -> list[ActivationResult]:
        [first, *_] = turns
        name, what = first[0].activation.name, f"list {first[0].activation.list}"
        turn = take_turn(first[0].files.list_lock, what, stop, lambda why: emit(Waiting(name, why)))
        try:
            with turn:
                return [send(job, made) for job, made in turns]
        except LockedError:
            return [send(job, made) for job, made in turns]  # told to stop: none is tried

    def send(job: Job, made: Plan) -> ActivationResult:
        if stop.is_set() or (settings.fail_fast and failed.is_set()):
            why = "interrupted" if stop.is_set() else "another activation failed"
            error = RunError(f"not tried: {why}", "")
            result = failure_of(job.activation, error, "skipped")
        else:
            result = send_plan(settings, job, made, temporary, run_id, emit, means)
        if result.status == "failed":
            failed.set()
        emit(Finished(result))
        return result

    with ThreadPoolExecutor(settings.threads, thread_name_prefix="list") as pool:
        filling = [pool.submit(fill, turns) for turns in by_list.values()]
        try:
            wait(filling)
        except KeyboardInterrupt:
            stop.set()
        return [result for each in filling for result in each.result()]


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


@contextmanager
def _private(settings: Settings, activations: Sequence[Activation]) -> Iterator[Path]:
    """A temporary folder; whatever is written meanwhile is readable by its owner alone."""
    before = os.umask(0o077)
    try:
        # Beside the state, which is protected: it holds rows for a while.
        state = settings.destination_named(activations[0].destination).state
        protect(state)
        with temporary_folder(state) as temporary:
            yield temporary
    finally:
        os.umask(before)


def _state_to_read(job: Job, temporary: Path) -> Prepared:
    """The state as it is if it can be planned on so, else a copy that is brought up to it."""
    state = job.files.state
    if state.exists():
        with open_state(job.files, temporary, read_only=True) as store:
            if store.ready(job.identity, job.columns, job.activation.segment):
                return Prepared(state, False, None)
    copy = copy_state(job.files, temporary)
    with open_state(copy, temporary) as store:
        first = not store.has_tables()
        anew = store.prepare(job.identity, job.columns, job.activation.segment)
    copy.delta.unlink(missing_ok=True)
    return Prepared(copy.state, first or anew is not None, anew)


def _plan_job(
    settings: Settings,
    reader: DuckDBReader,
    job: Job,
    where: Prepared,
    delta: Path,
    sample: int = 0,
    notes: Sequence[str] = (),
) -> Plan:
    said = [where.anew] if where.anew else []
    if where.first and not where.anew:
        said.append(f"first sync, no state at {job.files.state}")
    *limits, last = memory_limits(comparing=not where.first)
    staging = Staging(
        job.activation.model,
        job.columns,
        skip=job.activation.nulls == "skip",
        first_sync=where.first,
        full_refresh=settings.full_refresh,
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
                notes=[*said, *notes],
                sample=sample,
            )

    for megabytes in limits:
        with suppress(MemoryLimitError):
            return stage(megabytes)
    return stage(last)
