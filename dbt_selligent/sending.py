"""Carries out one plan: state, rendering and delivery brought together, up to the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import tenacity

from dbt_selligent.delivery import LONGEST_WAIT, MOST_FAILURES, Delivery, Tally
from dbt_selligent.errors import (
    DbtSelligentError,
    DestinationError,
    InterruptedRunError,
    MemoryLimitError,
    RefusedError,
    RunError,
    StateError,
    UnreachableError,
    nearest,
)
from dbt_selligent.events import Emit, Progress
from dbt_selligent.groups import Group, group_columns
from dbt_selligent.ledger import RunLedger
from dbt_selligent.payload import Batch, Form, Rows, batches
from dbt_selligent.places import Files
from dbt_selligent.planning import BYTES_PER_BATCH, ROWS_PER_BATCH, Plan
from dbt_selligent.results import ActivationResult, result_of
from dbt_selligent.selligent.answer import Failure, Response, Retry, Stop, classify
from dbt_selligent.selligent.client import Client, read_fields
from dbt_selligent.settings import Destination, Settings
from dbt_selligent.spans import Span
from dbt_selligent.state import StateStore, open_state
from dbt_selligent.tables import DELTA, GROUPS
from dbt_selligent.warehouse.macros import literal, render_sql

# What the engine renders at a time: bytes, about, and rows, within which they have to be.
BYTES_PER_CHUNK = 8_000_000
ROWS_PER_CHUNK = (2048, 20_000)


@dataclass(frozen=True)
class Waiting:
    """How a run waits, and whether it is to stop."""

    sleep: Callable[[float], None]
    stopped: Callable[[], bool]


def send_plan(
    settings: Settings,
    destination: Destination,
    files: Files,
    plan: Plan,
    temporary: Path,
    run_id: str,
    emit: Emit,
    waiting: Waiting,
) -> ActivationResult:
    """Sends the staged delta of a plan and moves the snapshot by what was confirmed.

    The caller holds the locks. What goes wrong stands in the result.
    """
    began = time.monotonic()
    tally = Tally()
    error: DbtSelligentError | None = None
    try:
        with open_state(files, temporary) as store:
            ledger = store.begin(
                run_id, settings.target, plan.columns, full_refresh=plan.full_refresh
            )
            try:
                if plan.counts.to_send:
                    with ledger.expecting():
                        _deliver(store, ledger, destination, plan, tally, emit, waiting)
            except (DestinationError, InterruptedRunError) as gave_up:
                error = gave_up
            store.settle()
            result = result_of(plan, tally, time.monotonic() - began, error)
            store.finish(run_id, result.status, result.figures(), result.error)
            return result
    except RunError as failed:
        return result_of(plan, tally, time.monotonic() - began, failed)


def _deliver(
    store: StateStore,
    ledger: RunLedger,
    destination: Destination,
    plan: Plan,
    tally: Tally,
    emit: Emit,
    waiting: Waiting,
) -> None:
    client = Client(destination)
    keys = [column.field for column in plan.columns.keys]
    name = plan.activation.name

    def call(batch: Batch, body: bytes) -> Response | Failure:
        return client.load(
            plan.activation.list,
            keys=keys,
            fields=batch.form.fields,
            only_update=batch.form.only_update,
            body=body,
        )

    def whole_again(batch: Batch) -> Iterable[Batch]:
        columns = plan.columns.all
        form = Form(tuple(column.field for column in columns), only_update=False)
        group = plan.groups[batch.group]
        return list(_batches(store, plan, group, form, batch.span, resent=True))

    def progress(so_far: Tally) -> None:
        emit(Progress(name, so_far.confirmed, so_far.rejected, plan.counts.to_send))

    try:
        check_list(client, plan, waiting.sleep)
        delivery = Delivery(
            call,
            whole_again,
            ledger,
            tally=tally,
            sleep=waiting.sleep,
            stopped=waiting.stopped,
            on_progress=progress,
        )
        delivery.run(_all_batches(store, plan))
    finally:
        client.close()


def _all_batches(store: StateStore, plan: Plan) -> Iterator[Batch]:
    for group in plan.groups:
        columns = group_columns(plan.columns, group)
        form = Form(tuple(column.field for column in columns), group.only_update)
        yield from _batches(store, plan, group, form)


def _batches(
    store: StateStore,
    plan: Plan,
    group: Group,
    form: Form,
    span: Span | None = None,
    *,
    resent: bool = False,
) -> Iterator[Batch]:
    by_field = {column.field: column for column in plan.columns.all}
    sql = render_sql(
        "rows",
        delta=DELTA,
        groups=GROUPS,
        number=group.number,
        members=[(literal(kind), literal(mask)) for kind, mask in group.members],
        columns=[by_field[field] for field in form.fields],
        span=span,
    )
    chunks = _chunks(store, sql)
    return batches(
        group.number,
        form,
        chunks,
        most_rows=ROWS_PER_BATCH,
        most_bytes=BYTES_PER_BATCH,
        resent=resent,
    )


def _chunks(store: StateStore, sql: str) -> Iterator[Rows]:
    """Rendered rows as they stream from the engine, in the order in which they were staged."""
    last = -1
    least, most = ROWS_PER_CHUNK
    rows_at_a_time = max(least, min(most, BYTES_PER_CHUNK // store.bytes_per_row()))
    # A cursor of its own, so that the log can be written while rows are still to be read.
    with store.connection.cursor() as cursor:
        for batch in _read(cursor, sql, rows_at_a_time):
            rows = Rows(batch.column(0), batch.column(1))
            if not len(rows):
                continue
            numbers = rows.numbers
            rising = pc.all(pc.greater(numbers.slice(1), numbers.slice(0, len(rows) - 1)))
            if numbers[0].as_py() <= last or rising.as_py() is False:
                # What was confirmed is kept as spans of numbers: they must mean what they say.
                raise StateError("the staged delta is out of order", "report this as a bug")
            last = numbers[-1].as_py()
            yield rows


def _read(
    cursor: duckdb.DuckDBPyConnection, sql: str, rows_at_a_time: int
) -> Iterator[pa.RecordBatch]:
    try:
        yield from cursor.sql(sql).to_arrow_reader(rows_at_a_time)
    except (duckdb.OutOfMemoryException, OSError, pa.ArrowException) as error:
        # Arrow repeats what the engine says, which may be anything.
        why = "out of memory" if "Out of Memory" in str(error) else type(error).__name__
        raise StateError(
            f"the staged rows cannot be rendered: {why}", MemoryLimitError.default_step
        ) from None


def check_list(client: Client, plan: Plan, sleep: Callable[[float], None]) -> None:
    """Whether list and fields are there, before the first row is sent.

    Raises RefusedError that names the nearest field, or UnreachableError.
    """
    activation = plan.activation
    answer = get_with_retries(lambda: client.fields(activation.list), sleep)
    if answer.status == 404:
        raise RefusedError(
            f"there is no list {activation.list} in the organization",
            "write its API name as `list:`; `dbt-selligent debug` checks it",
        )
    fields = read_fields(answer.body) if answer.status == 200 else None
    if fields is None:
        decision = classify(answer, 1, only_update=False)
        if isinstance(decision, Stop):
            raise RefusedError(decision.reason, decision.mend)
        raise UnreachableError("the fields of the list cannot be read: not the API's answer")
    there = {field.name.casefold() for field in fields}
    missing = [column.field for column in plan.columns.all if column.field.casefold() not in there]
    if missing:
        like = nearest(missing[0], [field.name for field in fields])
        raise RefusedError(
            f"list {activation.list} has no field {', '.join(missing)}",
            f"did you mean {like}?" if like else "add it to the list, or take it out of `fields:`",
        )


def get_with_retries(
    get: Callable[[], Response | Failure], sleep: Callable[[float], None]
) -> Response:
    """The answer to a request that only reads; raises UnreachableError, RefusedError."""

    def passing(answer: Response | Failure) -> bool:
        return (isinstance(answer, Failure) and not answer.final) or (
            isinstance(answer, Response) and (answer.status == 429 or answer.status >= 500)
        )

    def pause(state: tenacity.RetryCallState) -> float:
        decision = classify(state.outcome.result(), 1, only_update=False) if state.outcome else None
        if isinstance(decision, Retry) and decision.after is not None:
            return decision.after
        return float(tenacity.wait_random_exponential(0.5, LONGEST_WAIT)(state))

    answer: Response | Failure = tenacity.Retrying(
        retry=tenacity.retry_if_result(passing),
        stop=tenacity.stop_after_attempt(MOST_FAILURES),
        wait=pause,
        sleep=sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(get)
    return read_answer(answer)


def read_answer(answer: Response | Failure) -> Response:
    """The answer, if there is one; raises UnreachableError, RefusedError."""
    if isinstance(answer, Failure):
        if answer.final:
            raise RefusedError(answer.reason, "run `dbt-selligent debug`")
        raise UnreachableError(f"Selligent cannot be reached: {answer.reason}")
    return answer
