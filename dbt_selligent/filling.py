"""Plans are carried out: several lists at a time, each by one activation after the other."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from dbt_selligent.errors import LockedError, RunError
from dbt_selligent.events import Emit, Finished, Waiting
from dbt_selligent.jobs import Job
from dbt_selligent.outcome import failure_of, unsent
from dbt_selligent.planning import Plan
from dbt_selligent.reading import Sleep
from dbt_selligent.results import ActivationResult
from dbt_selligent.sending import Means, send_plan
from dbt_selligent.settings import Settings

SECONDS_AT_A_TIME = 1.0


def fill_lists(
    settings: Settings,
    planned: Sequence[tuple[Job, Plan]],
    temporary: Path,
    run_id: str,
    started: datetime,
    emit: Emit,
    sleep: Sleep | None,
    stop_now: bool,
) -> list[ActivationResult]:
    """Fills the lists, one request under way on each; activations of one list take turns.

    A KeyboardInterrupt ends what is under way; the results say what was not tried. So does any
    other exception of a signal's handler, which is raised again then. With ``stop_now``, as where
    one failed before, none is tried.
    """
    by_list: dict[Hashable, list[tuple[Job, Plan]]] = defaultdict(list)
    for job, made in planned:
        by_list[job.place.list_key].append((job, made))
    failed, halt = threading.Event(), threading.Event()
    if stop_now:
        failed.set()

    def pause(seconds: float) -> None:
        halt.wait(seconds)

    means = Means(sleep or pause, halt.is_set)

    def fill(turns: Sequence[tuple[Job, Plan]]) -> list[ActivationResult]:
        [first, *_] = turns
        name, place = first[0].activation.name, first[0].place
        turn = place.hold_list(first[0].activation.list, halt, lambda why: emit(Waiting(name, why)))
        sent: list[ActivationResult] = []
        try:
            with ExitStack() as held:
                held.enter_context(turn)
                for job, made in turns[:-1]:
                    sent.append(send(job, made))
                # Nobody waits while the history is told.
                sent.append(send(*turns[-1], held.close))
        except LockedError:
            return [send(job, made) for job, made in turns]  # told to stop: none is tried
        except RunError as error:  # the lock, which may be in a warehouse, could not be had
            failed.set()
            for _, made in turns[len(sent) :]:
                sent.append(unsent(made, error))
                emit(Finished(sent[-1]))
        finally:
            place.release()
        return sent

    def send(job: Job, made: Plan, leave: Callable[[], None] = lambda: None) -> ActivationResult:
        if halt.is_set() or (settings.fail_fast and failed.is_set()):
            why = "interrupted" if halt.is_set() else "another activation failed"
            error = RunError(f"not tried: {why}", "")
            result = failure_of(job.activation, error, "skipped")
        else:
            result = send_plan(settings, job, made, temporary, run_id, started, emit, means, leave)
        if result.status == "failed":
            failed.set()
        emit(Finished(result))
        return result

    filling: list[Future[list[ActivationResult]]] = []
    with ThreadPoolExecutor(settings.threads, thread_name_prefix="list") as pool:
        try:
            with _signals_held():
                filling += [pool.submit(fill, turns) for turns in by_list.values()]
            _wait(filling)
        except BaseException as ended:
            halt.set()
            _see_through(filling)
            if not isinstance(ended, KeyboardInterrupt):
                raise  # an orchestrator ends a task by an exception of its own
        return [result for each in filling for result in each.result()]


def _see_through(filling: Sequence[Future[list[ActivationResult]]]) -> None:
    """Waits until nothing is under way, however often it is told to end: locks are free then."""
    while not all(each.done() for each in filling):
        with suppress(BaseException):
            _wait(filling)


def _wait(filling: Sequence[Future[list[ActivationResult]]]) -> None:
    """In short stretches: a signal that comes just before one is heeded when it is over."""
    while wait(filling, SECONDS_AT_A_TIME).not_done:
        pass


@contextmanager
def _signals_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for its end.

    A thread whose start they break off is one that the pool does not know, and nobody waits for: it
    would go on when the locks are free.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
