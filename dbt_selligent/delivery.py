"""Step 5: batches to outcomes per row. Knows no SQL: it is told what to send, and where to say it.

One request is under way at a time; meanwhile the next rows are made ready, and what the last
answers said becomes durable. Rows are said to be *sent* before they are, so that a crash leaves
them in doubt; of a batch that an answer does not account for, the parts are sent, until each is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from dbt_selligent.accounts import Accounts, Ledger, Tally
from dbt_selligent.errors import InterruptedRunError, RefusedError, UnreachableError
from dbt_selligent.groups import Absent
from dbt_selligent.knowledge import Knowledge
from dbt_selligent.partial import Located, Suspects, resolve_partial
from dbt_selligent.payload import Batch, Parts, cut
from dbt_selligent.selligent.answer import (
    Accepted,
    Decision,
    Missing,
    Partial,
    Rejected,
    Retry,
    Split,
    Stop,
)
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.pace import Pace
from dbt_selligent.spans import Outcome
from dbt_selligent.wire import MOST_FAILURES, Sent, Wire, send

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
        on_sent: Callable[[Batch, Sent], None] = lambda *_: None,
    ) -> None:
        self.tally = tally
        self.pace = pace
        self._wire = wire
        self._accounts = Accounts(ledger, tally)
        self._knowledge = knowledge
        self._most_bytes = most_bytes
        self._on_progress = on_progress
        self._on_sent = on_sent
        self._unnamed = 0
        self._late = 0  # requests in a row that had no answer in time
        self._probes = 0
        self._parts = Parts()  # of batches whose answer did not account for them
        self._ahead: deque[Batch] = deque()  # noted as sent, and not yet sent: one part each
        self._durable = 0  # how many of those are durably in doubt
        self._drawn = True  # whether the source is at its end
        self._flying: deque[tuple[Batch, Future[Sent | None]]] = deque()
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
                    # A part waits for the answer before it, which may refuse some of its rows.
                    while len(self._flying) <= (self._quick and not self._parts) and (
                        batch := self._next()
                    ):
                        self._flying.append((batch, wire.submit(self._send, batch)))
                    if not self._flying:
                        break
                    self._await_first()
                    self._take_first()
            finally:
                self._land()

    def _next(self) -> Batch | None:
        while batch := self._parts.take(self.pace.take, self._most_bytes):
            if rest := self._accounts.without_refused(batch):
                return rest
        while True:
            self._fill()
            if not self._ahead:
                return None
            left = sum(map(len, self._ahead)) if self._drawn else None
            batch = cut(self._ahead, self.pace.take(left), self._most_bytes)
            self._durable = len(self._ahead)
            if not batch.form.first:
                batch = replace(batch, resent=True)
            if rest := self._accounts.without_refused(batch):
                return rest

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
        self._accounts.note(batch, Outcome.SENT)
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
        sent = answer.result()
        self._flying.popleft()
        if sent is not None:
            self._count(batch, sent)
            self._set_pace(batch, sent.decision, sent.seconds)
            self._quick = sent.seconds < SLOW or self.pace.settled
            self._take(batch, sent.decision)
        self._on_progress(self.tally)

    def _count(self, batch: Batch, sent: Sent) -> None:
        self.tally.requests += sent.requests
        self._on_sent(batch, sent)

    def _set_pace(self, batch: Batch, decision: Decision, seconds: float) -> None:
        if isinstance(decision, Split) and decision.too_long:
            self.pace = self.pace.too_long(len(batch))
            # A refusal costs little, and ends with one row; each wait for an answer takes long.
            self._late += decision.after > 0
            if self._late >= MOST_FAILURES:
                raise UnreachableError(
                    f"{self._late} requests had no answer in time, the last one of {len(batch)} "
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
            sent = answer.result()
            if sent is not None:
                self._count(batch, sent)
            if sent is None and not batch.resent:
                self._accounts.note(batch, Outcome.UNSENT)
            elif sent and isinstance(sent.decision, Accepted):
                self._take(batch, sent.decision)
        for batch in self._ahead:
            if batch.form.first:
                self._accounts.note(batch, Outcome.UNSENT)
        self._ahead.clear()
        self._flush()

    def _flush_in_time(self) -> None:
        if self._wire.clock() - self._flushed > SECONDS_TO_FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._accounts.flush()
        self._flushed = self._wire.clock()
        self._durable = len(self._ahead)

    def _send(self, batch: Batch) -> Sent | None:
        """What became of a batch; None if it was not sent, since the one before ended the run."""
        if self._halted.is_set():
            return None

        def applied() -> frozenset[str]:
            kinds = self._knowledge.learned.applied[batch.form.call]
            return kinds | {"not_found"} if batch.form.absent is Absent.DONE else kinds

        sent = send(self._wire, batch, applied)
        if isinstance(sent.decision, (Stop, Retry)):
            self._halted.set()
        return sent

    def _take(self, batch: Batch, decision: Decision) -> None:
        if isinstance(decision, Accepted):
            self._accounts.settle(batch)
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
                self._accounts.note(batch, Outcome.UNSENT)
            raise RefusedError(decision.reason, decision.mend)
        else:
            if not decision.reached and not batch.resent:
                self._accounts.note(batch, Outcome.UNSENT)
            if self._wire.stopped():
                raise InterruptedRunError("interrupted")
            raise UnreachableError(f"Selligent gave no usable answer: {decision.reason}")

    def _learn_counts(self, batch: Batch, kinds: frozenset[str]) -> None:
        """How a row that was sent alone is counted, or that it is not, holds for batches too."""
        kinds -= {"not_found"}  # never of a row that was taken, though it may be done with
        if batch.form.removal and batch.form.call is Call.UPDATE:
            kinds -= {""}  # it may have had no record; of other updates that is to be known
        if kinds - self._knowledge.learned.applied[batch.form.call]:
            self._knowledge.learn_counts(batch.form.call, kinds)

    def _again(self, *batches: Batch) -> None:
        """Sends these before anything else, in their order."""
        self._parts.put_first(batches)

    def _take_missing(self, batch: Batch, missing: int) -> None:
        absent = batch.form.absent
        if absent is Absent.AGAIN:
            self._parts.put_first(self._wire.whole_again(batch))
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
        self._accounts.set_apart(batch, positions)
        self._accounts.settle(batch, len(positions))

    def _take_partial(self, batch: Batch, partial: Partial) -> None:
        base = self._knowledge.learned.index_base
        found = resolve_partial(partial, len(batch), base, may_probe=self._probes < MOST_PROBES)
        if isinstance(found, Located) and partial.accounted:
            self._accounts.refuse(batch, found.positions, found.why)
            self._unnamed = 0
            if partial.missing and batch.form.absent is not Absent.DONE:
                self._take_missing(batch.without(found.positions), partial.missing)
            else:
                self._accounts.settle(batch, len(found.positions))
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
        self._accounts.refuse(batch, [0], [rejected])
        self._accounts.settle(batch, 1)
        self._unnamed = 0 if rejected.names_row else self._unnamed + 1
        if self._unnamed >= MOST_UNNAMED:
            raise RefusedError(
                f"{MOST_UNNAMED} rows were refused one after the other, code {rejected.code}, "
                "by answers that name no row",
                "the list, not the rows, seems to be at fault: run `dbt-selligent debug`",
            )
