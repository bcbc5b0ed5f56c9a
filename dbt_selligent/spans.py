"""Spans of delta rows and what is known of them: pure arithmetic, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby


class Outcome(str, Enum):
    """What the log says of a span, in the order in which it can be said."""

    SENT = "sent"  # about to be sent: in doubt until something else is said
    ANSWERED = "answered"  # accounted for: taken, or refused and kept with the reason
    UNSENT = "unsent"  # never reached Selligent, after all


@dataclass(frozen=True, order=True)
class Span:
    """Rows of one group of the delta with numbers from ``first`` to ``last``, both included.

    Numbers within a group rise but need not be consecutive: other groups have those between.
    """

    group: int
    first: int
    last: int


@dataclass(frozen=True, order=True)
class Settled:
    """A span with what its run came to: ``answered`` or ``in doubt``."""

    group: int
    first: int
    last: int
    outcome: str


def resolve(log: Iterable[tuple[Span, Outcome]]) -> tuple[Settled, ...]:
    """The spans of a run's log that were answered, or sent and never accounted for.

    They are disjoint and few.

    Batches of a group are logged in the order of their numbers, so that neighbours of one outcome
    are joined: no row of the group lies between them.
    """
    entries = sorted(set(log), key=lambda entry: entry[0])
    settled: list[Settled] = []
    for group, of_group in groupby(entries, key=lambda entry: entry[0].group):
        known = list(of_group)
        sent = _union(span for span, outcome in known if outcome is Outcome.SENT)
        pieces = [
            (first, last, outcome.value)
            for outcome in (Outcome.ANSWERED, Outcome.UNSENT)
            for first, last in _union(span for span, said in known if said is outcome)
        ]
        told = sorted(Span(group, first, last) for first, last, _ in pieces)
        for first, last in sent:
            pieces += [(a, b, "in doubt") for a, b in _gaps(first, last, told)]
        pieces.sort()
        for outcome_name, neighbours in groupby(pieces, key=lambda piece: piece[2]):
            if outcome_name != Outcome.UNSENT.value:
                joined = list(neighbours)
                settled.append(Settled(group, joined[0][0], joined[-1][1], outcome_name))
    return tuple(settled)


def _union(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Sorted spans with overlapping ones joined."""
    joined: list[tuple[int, int]] = []
    for span in spans:
        if joined and span.first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span.last))
        else:
            joined.append((span.first, span.last))
    return joined


def _gaps(first: int, last: int, told: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """The parts of first..last that no span of ``told`` (sorted, disjoint) covers."""
    at = first
    for span in told:
        if span.last < at or span.first > last:
            continue
        if span.first > at:
            yield at, span.first - 1
        at = max(at, span.last + 1)
    if at <= last:
        yield at, last
