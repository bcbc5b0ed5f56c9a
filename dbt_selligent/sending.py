"""Carries out one plan: state, rendering and delivery brought together, up to the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.absent import AbsentFinder
from dbt_selligent.accounts import Tally
from dbt_selligent.delivery import Delivery
from dbt_selligent.errors import (
    DbtSelligentError,
    DestinationError,
    InterruptedRunError,
    RunError,
)
from dbt_selligent.events import Emit, Noted, Progress
from dbt_selligent.groups import Absent, Done, Form, Group
from dbt_selligent.historytables import BatchLog
from dbt_selligent.jobs import Job
from dbt_selligent.ledger import RunLedger
from dbt_selligent.outcome import result_of
from dbt_selligent.payload import Batch
from dbt_selligent.places import Place
from dbt_selligent.planning import Plan
from dbt_selligent.preparing import take_over
from dbt_selligent.reading import get_with_retries, refuse
from dbt_selligent.rendering import render_batches
from dbt_selligent.results import ActivationResult
from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.client import Client
from dbt_selligent.settings import Settings
from dbt_selligent.state import StateStore, open_state
from dbt_selligent.tables import Row
from dbt_selligent.wire import Wire


@dataclass(frozen=True)
class Means:
    """How a run waits, and whether it is to stop."""

    sleep: Callable[[float], None]
    stopped: Callable[[], bool]


def send_plan(
    settings: Settings,
    job: Job,
    plan: Plan,
    temporary: Path,
    run_id: str,
    started: datetime,
    emit: Emit,
    means: Means,
    leave: Callable[[], None],
) -> ActivationResult:
    """Sends the staged delta of a plan and moves the snapshot by what was confirmed.

    The caller holds the locks; ``leave`` is called when that of the list is needed no more. What
    goes wrong stands in the result.
    """
    began = time.monotonic()
    tally, log = Tally(), BatchLog(run_id)
    error: DbtSelligentError | None = None
    try:
        take_over(job, plan, temporary)
        with open_state(job.place, temporary) as store:
            removed = {
                kind
                for group in plan.groups
                if group.done is Done.REMOVAL
                for kind, _ in group.members
            }
            ledger = store.begin(
                run_id,
                settings.target,
                plan.columns,
                started=started,
                forgotten=[kind for kind in plan.counts.gone if kind not in removed],
                invalid=plan.counts.invalid > 0,
                keyless=plan.keyless,
                full_refresh=plan.full_refresh,
                upto=plan.upto,
                known=plan.counts.known,
                forced=[verdict.said for verdict in plan.failing],
            )
            try:
                if plan.groups:
                    _deliver(store, ledger, job, plan, tally, log, emit, means)
            except (DestinationError, InterruptedRunError) as gave_up:
                error = gave_up
            store.settle()
            result = result_of(plan, tally, time.monotonic() - began, error)
            store.finish(
                run_id, result.status, result.figures(), result.error, complete=result.complete
            )
            leave()
            return tell_history(job.place, store, log.rows, result, emit)
    except RunError as failed:
        return result_of(plan, tally, time.monotonic() - began, failed)
    finally:
        job.knowledge.save()


def keep_result(
    place: Place, temporary: Path, run: tuple[str, str], result: ActivationResult, emit: Emit
) -> ActivationResult:
    """Keeps what did not begin in the history of a state that is held, where there is one.

    ``run`` is its id, and the dbt target. Raises StateError.
    """
    if not place.exists():
        return result
    with open_state(place, temporary) as store:
        store.record(*run, result.status, result.figures(), result.error or "")
        return tell_history(place, store, (), result, emit)


def tell_history(
    place: Place, store: StateStore, batches: Sequence[Row], result: ActivationResult, emit: Emit
) -> ActivationResult:
    """Tells users' SQL of a run; that it could not be told is noted, and the run none the worse."""
    try:
        place.tell(store.tables, batches)
    except RunError as wrong:
        said = f"the history is not told: {wrong.message}"
        step = f" ({wrong.next_step})" if wrong.next_step else ""
        emit(Noted(datetime.now(timezone.utc), f"{result.name}: {said}{step}", wrong=True))
        return replace(result, notes=(*result.notes, said))
    return result


def _deliver(
    store: StateStore,
    ledger: RunLedger,
    job: Job,
    plan: Plan,
    tally: Tally,
    log: BatchLog,
    emit: Emit,
    means: Means,
) -> None:
    activation, keys = plan.activation, [column.field for column in plan.columns.keys]
    records = [group for group in plan.groups if group.done is Done.RECORD]

    def call(batch: Batch, body: bytes) -> Response | Failure:
        return client.bulk(
            batch.form.call,
            activation.list,
            activation.segment,
            keys=keys,
            fields=batch.form.fields,
            body=body,
        )

    def whole_again(batch: Batch) -> Iterable[Batch]:
        if plan.columns.member and batch.form.completes:
            _need_segment(client, plan, means)
        return _whole_again(store, plan, batch)

    def progress(so_far: Tally) -> None:
        emit(
            Progress(
                activation.name,
                done=so_far.done,
                of=plan.expected_rows,
                confirmed=so_far.confirmed,
                rejected=so_far.rejected + so_far.kept,
                not_found=so_far.not_found,
                removed=so_far.removed,
            )
        )

    def admit() -> None:
        client.admit()
        # It may have waited, or the machine slept: what another sent meanwhile is newer than this.
        job.place.check()

    with ExitStack() as open_things:
        client = open_things.enter_context(
            Client(job.destination, sleep=means.sleep, stopped=means.stopped)
        )
        finder = AbsentFinder(store, plan, job, means.sleep)
        open_things.callback(finder.close)
        delivery = Delivery(
            Wire(call, whole_again, finder.find, means.sleep, means.stopped, admit=admit),
            ledger,
            job.knowledge,
            tally=tally,
            pace=plan.pace,
            most_bytes=activation.batch_bytes,
            on_progress=progress,
            on_sent=log.add,
        )
        whole = len(records) == 1 and plan.limit is None
        if activation.batch_rows is None:
            open_things.callback(
                lambda: job.knowledge.learn_rows(activation.list, delivery.pace.rows)
            )
        progress(tally)
        began = time.monotonic()
        with ledger.expecting(all_of_it=whole):
            for sent in _steps(plan):
                if any(form.call in (Call.JOIN, Call.LEAVE) for _, form in sent):
                    _need_segment(client, plan, means)
                delivery.run(_batches(store, plan, sent))
        job.knowledge.learn_speed(activation.list, tally.done, time.monotonic() - began)


def _steps(plan: Plan) -> list[list[tuple[Group, Form]]]:
    """What is sent in each step of the run, in order."""
    sent = [(group, form) for group in plan.groups for form in group.forms]
    steps = sorted({form.step for _, form in sent})
    return [[each for each in sent if each[1].step == step] for step in steps]


def _batches(store: StateStore, plan: Plan, sent: Sequence[tuple[Group, Form]]) -> Iterator[Batch]:
    for group, form in sent:
        yield from render_batches(store, group, form, upto=plan.upto)


def _whole_again(store: StateStore, plan: Plan, batch: Batch) -> Iterator[Batch]:
    """The rows of a batch of which some have no record any more: whole, and then members again.

    Where a field must not be overwritten, or not by null, only those that are missing are inserted,
    and then all are updated.
    """
    columns, group = plan.columns.local, plan.groups[batch.group]
    write = Form(Call.UPSERT, (*columns.keys, *columns.fields), Absent.REFUSED, batch.form.step)
    if columns.once or plan.activation.nulls == "skip":
        write = replace(write, call=Call.INSERT, columns=columns.sent)
    forms = [write]
    if batch.form.call is Call.UPDATE and write.call is Call.INSERT:
        forms.append(replace(batch.form, absent=Absent.REFUSED))
    if columns.member and batch.form.completes:
        forms.append(Form(Call.JOIN, columns.keys, Absent.REFUSED, batch.form.step))
    *before, last = forms
    for form in (
        *(replace(form, settles=False, completes=False) for form in before),
        replace(last, settles=batch.form.settles, completes=batch.form.completes),
    ):
        yield from _of_spans(store, group, replace(form, first=False), batch)


def _of_spans(store: StateStore, group: Group, form: Form, batch: Batch) -> Iterator[Batch]:
    for span in batch.spans:
        for part in render_batches(store, group, form, span=span):
            yield replace(part, resent=True)


def _need_segment(client: Client, plan: Plan, means: Means) -> None:
    """Makes the segment if it is not there; raises RefusedError, UnreachableError."""
    name, segment = plan.activation.list, plan.activation.segment or ""
    answer = get_with_retries(lambda: client.segment(name, segment), means.sleep)
    if answer.status == 404:
        made = get_with_retries(lambda: client.create_segment(name, segment), means.sleep)
        if made.status not in (200, 201):
            raise refuse(made, f"segment {segment} of list {name} cannot be made")
