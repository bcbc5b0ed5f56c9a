"""One batch on the wire: its request, tried again as long as that may help, up to a decision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import tenacity

from dbt_selligent.payload import Batch
from dbt_selligent.selligent.answer import (
    Decision,
    Failure,
    Response,
    Retry,
    Split,
    Stop,
    classify,
)

# Answers that are no fault of ours come to an end; waiting for the quota does too, much later.
MOST_FAILURES = 7
MOST_ATTEMPTS = 100
LONGEST_WAIT = 30.0  # seconds, where the answer names no time


@dataclass(frozen=True)
class Wire:
    """What a delivery does by others: ``call`` makes the request for a batch and its body,
    ``whole_again`` gives batches that send the rows of one with all their fields, ``find_absent``
    the positions of the rows of a batch that have no record, where it is cheap enough to know,
    ``admit`` waits until the quota has room for a request, and ``sleep`` for seconds.
    """

    call: Callable[[Batch, bytes], Response | Failure]
    whole_again: Callable[[Batch], Iterable[Batch]]
    find_absent: Callable[[Batch, int], Sequence[int] | None]
    sleep: Callable[[float], None]
    stopped: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    admit: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Sent:
    """What became of a batch, the seconds that the last answer took, and requests made."""

    decision: Decision
    seconds: float
    requests: int


def send(wire: Wire, batch: Batch, applied: Callable[[], frozenset[str]]) -> Sent:
    """Sends a batch; ``applied`` are the kinds of counts that stand for rows that are taken."""
    body = batch.body()
    failures, requests, reached, seconds = 0, 0, False, 0.0

    def attempt() -> Decision:
        nonlocal failures, requests, reached, seconds
        wire.admit()
        requests += 1
        began = wire.clock()
        answer = wire.call(batch, body)
        seconds = wire.clock() - began
        decision = classify(answer, len(batch), applied())
        if isinstance(decision, Retry):
            failures += decision.limited is None
            reached = reached or decision.reached
        return decision

    decision: Decision = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: isinstance(found, Retry)),
        stop=lambda state: (
            failures >= MOST_FAILURES or state.attempt_number >= MOST_ATTEMPTS or wire.stopped()
        ),
        wait=_pause,
        sleep=wire.sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(attempt)
    if isinstance(decision, Stop) and reached:
        # An earlier attempt may have been applied, whatever the last one says.
        decision = replace(decision, applied=True)
    if isinstance(decision, Retry):
        decision = replace(decision, reached=reached)
    if isinstance(decision, Split) and decision.after:
        wire.sleep(decision.after)
    return Sent(decision, seconds, requests)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds to wait: as long as the answer says, else ever longer."""
    decision = state.outcome.result() if state.outcome else None
    if isinstance(decision, Retry) and decision.after is not None:
        # Where the answer told the client when the quota is renewed, `admit` has no more to wait.
        return decision.after
    return float(tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)(state))
