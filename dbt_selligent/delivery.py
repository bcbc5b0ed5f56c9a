"""Step 5: batches to outcomes per row. Knows no SQL: it is told what to send, and where to say it.

One request is under way at a time; meanwhile the next rows are made ready, and what the last
answers said becomes durable. Rows are said to be *sent* before they are, so that a crash leaves
them in doubt; of a batch that an answer does not account for, the parts are sent, until each is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

import tenacity

from dbt_selligent.errors import InterruptedRunError, RefusedError, UnreachableError
from dbt_selligent.groups import Absent
from dbt_selligent.knowledge import Knowledge
from dbt_selligent.partial import Located, Suspects, resolve_partial
from dbt_selligent.payload import Batch, cut
from dbt_selligent.selligent.answer import (
    Accepted,
    Decision,
    Failure,
    Missing,
    Partial,
    Rejected,
    Response,
    Retry,
    Split,
    Stop,
    classify,
)
from dbt_selligent.selligent.pace import Pace
from dbt_selligent.spans import Outcome, Span

# Answers that are no fault of ours come to an end; waiting for the quota does too, much later.
MOST_FAILURES = 7
MOST_ATTEMPTS = 100
LONGEST_WAIT = 30.0  # seconds, where the answer names no time
# What an answer said is durable after this many seconds at the latest, and a batch more.
SECONDS_TO_FLUSH = 0.4
# An answer that takes longer than this, in seconds, leaves time to see what it says before the
# next request is cut; where answers are quicker, or requests do not grow any more, one more waits
# in line.
SLOW = 0.05
# Rows refused alone, one after the other, by answers that name no row: the list refuses everything.
MOST_UNNAMED = 20
# Times that it is tried to find out what the index of a row counts from.
MOST_PROBES = 3
NOT_FOUND = Rejected("NotFound", None, "there is no record with this key")


class Ledger(Protocol):
    """Where the outcome of a run is kept."""

    def note(self, span: Span, outcome: Outcome) -> None:
        """Says something of a span."""

    def refuse(self, numbers: Sequence[int], why: Sequence[Rejected], *, taken: bool) -> None:
        """Says why rows are refused; ``taken`` if a call before was not."""

    def set_apart(self, numbers: Sequence[int]) -> None:
        """Says of rows that there is no record of theirs."""

    def flush(self) -> None:
        """Makes durable what was said."""


@dataclass
class Tally:
    """Rows by outcome, and requests made, so far. ``removed`` rows left the model; of those,
    ``kept`` were refused.
    """

    confirmed: int = 0
    rejected: int = 0
    not_found: int = 0
    removed: int = 0
    kept: int = 0
    requests: int = 0


@dataclass(frozen=True)
class Wire:
    """What a delivery does by others: ``call`` makes the request for a batch and its body,
    ``whole_again`` gives batches that send the rows of one with all their fields, ``find_absent``
    the positions of the rows of a batch that have no record, where it is cheap enough to know, and
    ``sleep`` waits for seconds.
    """

    call: Callable[[Batch, bytes], Response | Failure]
    whole_again: Callable[[Batch], Iterable[Batch]]
    find_absent: Callable[[Batch, int], Sequence[int] | None]
    sleep: Callable[[float], None]
    stopped: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic


class Delivery:
    """Sends the batches of one activation, one after the other."""

    def __init__(
        self,
        wire: Wire,
        ledger: Ledger,
        knowledge: Knowledge,
        *,
        tally: Tally,
        pace: Pace,
        most_bytes: int,
        on_progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.tally = tally
        self.pace = pace
        self._wire = wire
        self._ledger = ledger
        self._knowledge = knowledge
        self._most_bytes = most_bytes
        self._on_progress = on_progress
        self._unnamed = 0
        self._late = 0  # requests in a row that were too long
        self._probes = 0
        self._refused: set[int] = set()  # numbers of rows, which later calls leave out
        self._parts: deque[Batch] = deque()  # of batches whose answer did not account for them
        self._ahead: deque[Batch] = deque()  # noted as sent, and not yet sent: one part each
        self._durable = 0  # how many of those are durably in doubt
        self._drawn = True  # whether the source is at its end
        self._flying: deque[tuple[Batch, Future[tuple[Decision | None, float]]]] = deque()
        self._quick = False
        self._halted = threading.Event()
        self._source: Iterator[Batch] = iter(())
        self._flushed = wire.clock()

    def run(self, source: Iterable[Batch]) -> None:
        """Sends all rows of a source, whose batches have one part each; raises RefusedError or
        UnreachableError where it has to give up, InterruptedRunError where it was told to stop.

        Whatever happens, the ledger has been told all that is known.
        """
        self._source, self._drawn = iter(source), False
        self._halted.clear()
        with ThreadPoolExecutor(1, thread_name_prefix="selligent") as wire:
            try:
                while True:
                    if self._wire.stopped():
                        raise InterruptedRunError("interrupted")
                    while len(self._flying) <= self._quick and (batch := self._next()):
                        self._flying.append((batch, wire.submit(self._send, batch)))
                    if not self._flying:
                        break
                    self._await_first()
                    self._take_first()
            finally:
                self._land()

    def _next(self) -> Batch | None:
        while self._parts:
            if batch := self._without_refused(self._parts.popleft()):
                return batch
        while True:
            self._fill()
            if not self._ahead:
                return None
            left = sum(map(len, self._ahead)) if self._drawn else None
            batch = cut(self._ahead, self.pace.take(left), self._most_bytes)
            self._durable = len(self._ahead)
            if not batch.form.first:
                batch = replace(batch, resent=True)
            if rest := self._without_refused(batch):
                return rest

    def _without_refused(self, batch: Batch) -> Batch | None:
        if not self._refused or batch.form.first:
            return batch
        positions = batch.positions_of(self._refused)
        if not positions:
            return batch
        return batch.without(positions) if len(positions) < len(batch) else None

    def _fill(self) -> None:
        """Draws as many rows as the next request takes; they are durably in doubt afterwards."""
        while not self._drawn and not self._enough():
            self._draw()
        if self._durable < len(self._ahead):
            self._flush()

    def _enough(self) -> bool:
        rows = sum(map(len, self._ahead))
        # A quarter more than is taken shows whether the end is near.
        return rows * 4 > self.pace.rows * 5 or sum(b.size for b in self._ahead) >= self._most_bytes

    def _draw(self) -> None:
        batch = next(self._source, None)
        if batch is None:
            self._drawn = True
            return
        for span in batch.spans:
            self._ledger.note(span, Outcome.SENT)
        self._ahead.append(batch)

    def _await_first(self) -> None:
        """Waits for the first answer; meanwhile more rows are made ready, up to a full request."""
        answer = self._flying[0][1]
        self._flush_in_time()
        while not answer.done() and not self._drawn:
            if sum(batch.size for batch in self._ahead) >= self._most_bytes:
                break
            self._draw()
            self._flush_in_time()
        if not wait([answer], timeout=SECONDS_TO_FLUSH).done:
            self._flush()

    def _take_first(self) -> None:
        batch, answer = self._flying[0]
        decision, seconds = answer.result()
        self._flying.popleft()
        if decision is not None:
            self._set_pace(batch, decision, seconds)
            self._quick = seconds < SLOW or self.pace.settled
            self._take(batch, decision)
        self._on_progress(self.tally)

    def _set_pace(self, batch: Batch, decision: Decision, seconds: float) -> None:
        if isinstance(decision, Split) and decision.too_long:
            self.pace = self.pace.too_long(len(batch))
            self._late += 1
            if self._late >= MOST_FAILURES:
                raise UnreachableError(
                    f"{self._late} requests in a row were too long, the last one of {len(batch)} "
                    f"rows: {decision.reason}"
                )
            return
        self._late = 0
        if isinstance(decision, (Accepted, Missing, Partial)):
            self.pace = self.pace.answered(len(batch), seconds)

    def _land(self) -> None:
        """Accounts for every row that was noted as sent, and makes it durable."""
        self._halted.set()
        wait([answer for _, answer in self._flying])
        for batch, answer in self._flying:
            if answer.exception() is not None:
                continue  # it stays in doubt
            decision, _ = answer.result()
            if isinstance(decision, Accepted):
                self._take(batch, decision)
            elif decision is None and not batch.resent:
                self._note(batch, Outcome.UNSENT)
        for batch in self._ahead:
            if batch.form.first:
                self._note(batch, Outcome.UNSENT)
        self._ahead.clear()
        self._flush()

    def _note(self, batch: Batch, outcome: Outcome) -> None:
        for span in batch.spans:
            self._ledger.note(span, outcome)

    def _flush_in_time(self) -> None:
        if self._wire.clock() - self._flushed > SECONDS_TO_FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._ledger.flush()
        self._flushed = self._wire.clock()
        self._durable = len(self._ahead)

    def _send(self, batch: Batch) -> tuple[Decision | None, float]:
        """What became of a batch, and the seconds of its last attempt; None if it was not sent,
        because the one before ended the run.
        """
        if self._halted.is_set():
            return None, 0.0
        body = batch.body()
        failures, reached, seconds = 0, False, 0.0

        def attempt() -> Decision:
            nonlocal failures, reached, seconds
            applied = self._knowledge.learned.applied[batch.form.call]
            if batch.form.absent is Absent.DONE:
                applied |= {"not_found"}
            self.tally.requests += 1
            began = self._wire.clock()
            answer = self._wire.call(batch, body)
            seconds = self._wire.clock() - began
            decision = classify(answer, len(batch), applied)
            if isinstance(decision, Retry):
                failures += decision.limited is None
                reached = reached or decision.reached
            return decision

        decision: Decision = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda found: isinstance(found, Retry)),
            stop=lambda state: (
                failures >= MOST_FAILURES
                or state.attempt_number >= MOST_ATTEMPTS
                or self._wire.stopped()
            ),
            wait=_pause,
            sleep=self._wire.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )(attempt)
        if isinstance(decision, (Stop, Retry)):
            self._halted.set()
        if isinstance(decision, Stop) and reached:
            # An earlier attempt may have been applied, whatever the last one says.
            decision = replace(decision, applied=True)
        if isinstance(decision, Retry):
            decision = replace(decision, reached=reached)
        if isinstance(decision, Split) and decision.after:
            self._wire.sleep(decision.after)
        return decision, seconds

    def _take(self, batch: Batch, decision: Decision) -> None:
        if isinstance(decision, Accepted):
            self._settle(batch)
            self._unnamed = 0
            if len(batch) == 1 == len(decision.kinds):
                self._learn_counts(batch, decision.kinds)
        elif isinstance(decision, Split):
            self._again(*batch.halves())
        elif isinstance(decision, Missing):
            self._take_missing(batch, decision.rows)
        elif isinstance(decision, Partial):
            self._take_partial(batch, decision)
        elif isinstance(decision, Rejected):
            self._take_rejected(batch, decision)
        elif isinstance(decision, Stop):
            if not decision.applied and not batch.resent:
                self._note(batch, Outcome.UNSENT)
            raise RefusedError(decision.reason, decision.mend)
        else:
            if not decision.reached and not batch.resent:
                self._note(batch, Outcome.UNSENT)
            if self._wire.stopped():
                raise InterruptedRunError("interrupted")
            raise UnreachableError(f"Selligent gave no usable answer: {decision.reason}")

    def _learn_counts(self, batch: Batch, kinds: frozenset[str]) -> None:
        """How a row that was sent alone is counted, or that it is not, holds for batches too."""
        if kinds - self._knowledge.learned.applied[batch.form.call]:
            self._knowledge.learn_counts(batch.form.call, kinds)

    def _again(self, *batches: Batch) -> None:
        """Sends these before anything else, in their order."""
        self._parts.extendleft(reversed(batches))

    def _settle(self, batch: Batch, refused: int = 0) -> None:
        """Every row of a batch is accounted for: taken, but for so many that are refused."""
        if batch.form.settles:
            self._note(batch, Outcome.ANSWERED)
        if batch.form.completes:
            if batch.form.removal:
                self.tally.removed += len(batch) - refused
            else:
                self.tally.confirmed += len(batch) - refused

    def _refuse(self, batch: Batch, positions: Sequence[int], why: Sequence[Rejected]) -> None:
        numbers = batch.numbers(positions)
        if not batch.form.settles:
            self._note(batch.only(positions), Outcome.ANSWERED)
        self._ledger.refuse(numbers, why, taken=not batch.form.first)
        self._refused.update(numbers)
        if batch.form.removal:
            self.tally.kept += len(numbers)
        else:
            self.tally.rejected += len(numbers)

    def _take_missing(self, batch: Batch, missing: int) -> None:
        absent = batch.form.absent
        if absent is Absent.AGAIN:
            self._again(*self._wire.whole_again(batch))
        elif len(batch) == 1 and absent is Absent.REFUSED:
            self._take_rejected(batch, NOT_FOUND)
        elif absent is not Absent.APART:
            self._again(*batch.halves())
        else:
            self._set_apart(batch, missing)

    def _set_apart(self, batch: Batch, missing: int) -> None:
        positions: Sequence[int] | None = range(len(batch))
        if missing < len(batch):
            positions = self._wire.find_absent(batch, missing)
        if positions is None or len(positions) != missing:
            self._again(*batch.halves())
            return
        numbers = batch.numbers(positions)
        if not batch.form.settles:
            self._note(batch.only(positions), Outcome.ANSWERED)
        self._ledger.set_apart(numbers)
        self._refused.update(numbers)
        self.tally.not_found += len(numbers)
        self._settle(batch, len(numbers))

    def _take_partial(self, batch: Batch, partial: Partial) -> None:
        base = self._knowledge.learned.index_base
        found = resolve_partial(partial, len(batch), base, may_probe=self._probes < MOST_PROBES)
        if isinstance(found, Located) and partial.accounted:
            self._refuse(batch, found.positions, found.why)
            self._unnamed = 0
            if partial.missing and batch.form.absent is not Absent.DONE:
                self._take_missing(batch.without(found.positions), partial.missing)
            else:
                self._settle(batch, len(found.positions))
        elif isinstance(found, (Located, Suspects)):
            # The rows that are named are sent alone, and the others without them.
            self._probes += isinstance(found, Suspects)
            alone = [batch.only([position]) for position in found.positions]
            rest = batch.without(found.positions)
            whole = partial.listed or len(rest) == 1
            self._again(*alone, *((rest,) if whole else rest.halves()))
        else:
            self._again(*batch.halves())

    def _take_rejected(self, batch: Batch, rejected: Rejected) -> None:
        base = self._knowledge.learned.index_base
        if rejected.index is not None and rejected.index != base:
            # What was remembered may be of another server: nothing hangs on it any more.
            self._knowledge.learn_base(rejected.index if base is None else None)
        self._refuse(batch, [0], [rejected])
        self._settle(batch, 1)
        self._unnamed = 0 if rejected.names_row else self._unnamed + 1
        if self._unnamed >= MOST_UNNAMED:
            raise RefusedError(
                f"{MOST_UNNAMED} rows were refused one after the other, code {rejected.code}, "
                "by answers that name no row",
                "the list, not the rows, seems to be at fault: run `dbt-selligent debug`",
            )


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds to wait: as long as the answer says, else ever longer."""
    decision = state.outcome.result() if state.outcome else None
    if isinstance(decision, Retry) and decision.after is not None:
        # The client itself, and that of every other list, waits for the quota.
        return 0.0 if decision.limited == "quota" else decision.after
    return float(tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)(state))
