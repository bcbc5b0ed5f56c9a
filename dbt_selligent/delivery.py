"""Step 5: batches to outcomes per row. Knows no SQL: it is told what to send, and where to say it.

One request is under way at a time; meanwhile the next batches are made ready, and what the last
answers said becomes durable. A batch is said to be *sent* before it is, so that a crash leaves it
in doubt; a batch that an answer does not account for is halved until each part is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

import tenacity

from dbt_selligent.errors import InterruptedRunError, RefusedError, UnreachableError
from dbt_selligent.payload import Batch
from dbt_selligent.selligent.answer import (
    APPLIED,
    Accepted,
    Decision,
    Failure,
    Missing,
    Rejected,
    Response,
    Retry,
    Split,
    Stop,
    classify,
)
from dbt_selligent.spans import Outcome, Span

# Answers that are no fault of ours come to an end; waiting for the quota does too, much later.
MOST_FAILURES = 7
MOST_ATTEMPTS = 100
LONGEST_WAIT = 30.0  # seconds, where the answer names no time
# What an answer said is durable after this many seconds at the latest, and a batch more.
SECONDS_TO_FLUSH = 0.4
# Batches that are made ready while another is on its way: up to whichever of these comes first.
MOST_AHEAD = 16
BYTES_AHEAD = 8_000_000
BATCHES_A_TIME = 2
IN_LINE = 2
# Rows refused alone, one after the other, by answers that name no row: the list refuses everything.
MOST_UNNAMED = 20


class Ledger(Protocol):
    """Where the outcome of a run is kept."""

    def note(self, span: Span, outcome: Outcome) -> None:
        """Says something of a span."""

    def reject(self, number: int, rejected: Rejected) -> None:
        """Says why a row is refused."""

    def flush(self) -> None:
        """Makes durable what was said."""


@dataclass
class Tally:
    """Rows by outcome, and requests made, so far."""

    confirmed: int = 0
    rejected: int = 0
    requests: int = 0


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds to wait: as long as the answer says, else ever longer."""
    decision = state.outcome.result() if state.outcome else None
    if isinstance(decision, Retry) and decision.after is not None:
        return decision.after
    return float(tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)(state))


class Delivery:
    """Sends the batches of one activation, one after the other.

    ``call`` makes the request for a batch and its body, ``whole_again`` gives the batches that send
    the rows of one with all their fields, ``sleep`` waits for seconds, ``stopped`` says whether to
    stop.
    """

    def __init__(
        self,
        call: Callable[[Batch, bytes], Response | Failure],
        whole_again: Callable[[Batch], Iterable[Batch]],
        ledger: Ledger,
        *,
        tally: Tally,
        sleep: Callable[[float], None],
        stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        on_progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.tally = tally
        self._call = call
        self._whole_again = whole_again
        self._ledger = ledger
        self._sleep = sleep
        self._stopped = stopped
        self._on_progress = on_progress
        self._applied = {False: APPLIED, True: APPLIED}  # by whether rows are only updated
        self._unnamed = 0
        self._parts: deque[Batch] = deque()  # of batches whose answer did not account for them
        self._ahead: deque[Batch] = deque()  # noted as sent, and not yet sent
        # One request is under way; the next waits in line, so that the wire never does.
        self._flying: deque[tuple[Batch, Future[Decision | None]]] = deque()
        self._halted = threading.Event()
        self._durable = 0  # how many of those are durably in doubt
        self._source: Iterator[Batch] = iter(())
        self._clock = clock
        self._flushed = clock()

    def run(self, source: Iterable[Batch]) -> None:
        """Sends all batches; raises RefusedError or UnreachableError where it has to give up,
        InterruptedRunError where it was told to stop.

        Whatever happens, the ledger has been told all that is known.
        """
        self._source = iter(source)
        with ThreadPoolExecutor(1, thread_name_prefix="selligent") as wire:
            try:
                self._look_ahead()
                while self._parts or self._ahead or self._flying:
                    if self._stopped():
                        raise InterruptedRunError("interrupted")
                    while len(self._flying) < IN_LINE and (self._parts or self._ahead):
                        batch = self._next()
                        self._flying.append((batch, wire.submit(self._send, batch)))
                    # While a request is under way more batches are made ready, and what the
                    # answers before said becomes durable.
                    self._look_ahead()
                    self._take_first()
            finally:
                self._land()

    def _take_first(self) -> None:
        batch, answer = self._flying[0]
        if not wait([answer], timeout=SECONDS_TO_FLUSH).done:
            self._flush()
        decision = answer.result()
        self._flying.popleft()
        if decision is not None:
            self._take(batch, decision)
        self._on_progress(self.tally)

    def _land(self) -> None:
        """Accounts for every batch that was noted as sent, and makes it durable."""
        self._halted.set()
        wait([answer for _, answer in self._flying])
        for batch, answer in self._flying:
            if answer.exception() is not None:
                continue  # it stays in doubt
            decision = answer.result()
            if isinstance(decision, Accepted):
                self._take(batch, decision)
            elif decision is None and not batch.resent:
                self._ledger.note(batch.span, Outcome.UNSENT)
        for batch in self._ahead:
            self._ledger.note(batch.span, Outcome.UNSENT)
        self._flush()

    def _next(self) -> Batch:
        if self._parts:
            return self._parts.popleft()
        self._durable -= 1
        return self._ahead.popleft()

    def _look_ahead(self) -> None:
        """Draws some batches; the next to be sent is durably in doubt when this returns."""
        for _ in range(BATCHES_A_TIME):
            if len(self._ahead) >= MOST_AHEAD or sum(b.size for b in self._ahead) > BYTES_AHEAD:
                break
            batch = next(self._source, None)
            if batch is None:
                break
            self._ledger.note(batch.span, Outcome.SENT)
            self._ahead.append(batch)
        late = self._clock() - self._flushed > SECONDS_TO_FLUSH
        if late or (self._ahead and not self._durable):
            self._flush()

    def _flush(self) -> None:
        self._ledger.flush()
        self._flushed = self._clock()
        self._durable = len(self._ahead)

    def _send(self, batch: Batch) -> Decision | None:
        """What became of a batch; None if it was not sent, because the one before ended the run."""
        if self._halted.is_set():
            return None
        body = batch.body()
        failures, reached = 0, False

        def attempt() -> Decision:
            nonlocal failures, reached
            self.tally.requests += 1
            decision = classify(
                self._call(batch, body),
                len(batch),
                only_update=batch.form.only_update,
                applied=self._applied[batch.form.only_update],
            )
            if isinstance(decision, Retry):
                failures += not decision.limited
                reached = reached or decision.reached
            return decision

        decision: Decision = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda found: isinstance(found, Retry)),
            stop=lambda state: (
                failures >= MOST_FAILURES
                or state.attempt_number >= MOST_ATTEMPTS
                or self._stopped()
            ),
            wait=_pause,
            sleep=self._sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )(attempt)
        if isinstance(decision, (Stop, Retry)):
            self._halted.set()
        if isinstance(decision, Stop) and reached:
            # An earlier attempt may have been applied, whatever the last one says.
            return replace(decision, applied=True)
        if isinstance(decision, Retry):
            return replace(decision, reached=reached)
        return decision

    def _take(self, batch: Batch, decision: Decision) -> None:
        if isinstance(decision, Accepted):
            self._ledger.note(batch.span, Outcome.CONFIRMED)
            self.tally.confirmed += len(batch)
            self._unnamed = 0
            if len(batch) == 1 == len(decision.kinds):
                # How a row that was sent alone is counted, so are the rows of a batch.
                # That rows are counted nowhere can be true of updates alone.
                kinds = decision.kinds if batch.form.only_update else decision.kinds - {""}
                self._applied[batch.form.only_update] |= kinds
        elif isinstance(decision, Split):
            self._parts.extendleft(reversed(batch.halves()))
        elif isinstance(decision, Missing):
            self._parts.extendleft(reversed(list(self._whole_again(batch))))
        elif isinstance(decision, Rejected):
            self._reject(batch, decision)
        elif isinstance(decision, Stop):
            if not decision.applied and not batch.resent:
                self._ledger.note(batch.span, Outcome.UNSENT)
            raise RefusedError(decision.reason, decision.mend)
        else:
            if not decision.reached and not batch.resent:
                self._ledger.note(batch.span, Outcome.UNSENT)
            if self._stopped():
                raise InterruptedRunError("interrupted")
            raise UnreachableError(f"Selligent gave no usable answer: {decision.reason}")

    def _reject(self, batch: Batch, decision: Rejected) -> None:
        span = batch.span
        self._ledger.note(span, Outcome.REJECTED)
        self._ledger.reject(span.first, decision)
        self.tally.rejected += 1
        self._unnamed = 0 if decision.names_row else self._unnamed + 1
        if self._unnamed >= MOST_UNNAMED:
            raise RefusedError(
                f"{MOST_UNNAMED} rows were refused one after the other, code {decision.code}, "
                "by answers that name no row",
                "the list, not the rows, seems to be at fault: run `dbt-selligent debug`",
            )
