"""Faults on demand: what stands in the way of a request on purpose.

A fault says what goes wrong, at which operation, at which of its requests. Its spec is
`OPERATION:FAULT[@WHICH]`, for example `load:503@1` or `load:reject:TIER=gold`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .twist import Twist

OPERATIONS = ("load", "delete", "search", "fields", "segment-load", "any")
BULK_OPERATIONS = ("load", "delete", "segment-load")
RESULT_CODES = (
    "Failed",
    "Succeeded",
    "PartiallySucceeded",
    "ValidationFailed",
    "NotFound",
    "ServiceUnavailable",
    "InternalServerError",
)
UNKNOWN_CODE = "UnheardOf"  # none of Selligent's
LEGAL = f"""\
A fault is OPERATION:FAULT[@WHICH].
OPERATION is one of {", ".join(OPERATIONS)}.
FAULT, with nothing applied: a status of 400 to 599, quota (429, as when it is used up),
  redirect=URL, reset-before, html, failed, result=CODE (CODE is one of
  {", ".join(RESULT_CODES)}, or {UNKNOWN_CODE}, which is none of Selligent's);
applied, and then: a status followed by -after (503-after), reset-after, html-after, not-json-after,
  truncated-after, huge-after=100 (so many MB), counts (wrong ones);
in seconds: delay=2.5 (before it is applied), delay-after=2.5 (between that and the answer);
  applied, and then a byte of the answer in so many: drip-after=2.5 (of its body),
  drip-headers-after=2.5 (before its headers);
for load, delete and segment-load, several of them at once if need be:
  applied, but for some records: reject:FIELD=VALUE (those with that value are invalid);
  nothing applied if any record is invalid: stop-on-error;
  applied, with an answer that lists invalid records badly: short=2 (the first 2 only), unlisted
  (none, but an error), index=-1 (added to each record_index), no-index (which is left null);
  applied, with an answer that counts otherwise: uncounted (updates that change nothing are not
  counted), as-duplicate (they are counted as duplicates), uncounted-existing (what OnlyInsert
  finds there is not counted);
  only the first half of the rows is looked at, and counted: part.
WHICH is @3, @3,5, @every=4 or @first=2; without it every request is struck."""

Kind = Literal[
    "status",
    "status-after",
    "quota",
    "redirect",
    "reset-before",
    "reset-after",
    "html",
    "html-after",
    "not-json-after",
    "truncated-after",
    "huge-after",
    "counts",
    "failed",
    "result",
    "delay",
    "delay-after",
    "drip-after",
    "drip-headers-after",
    "reject",
    "stop-on-error",
    "short",
    "unlisted",
    "index",
    "no-index",
    "uncounted",
    "as-duplicate",
    "uncounted-existing",
    "part",
]

_PLAIN: dict[str, Kind] = {
    "quota": "quota",
    "reset-before": "reset-before",
    "reset-after": "reset-after",
    "html": "html",
    "html-after": "html-after",
    "not-json-after": "not-json-after",
    "truncated-after": "truncated-after",
    "counts": "counts",
    "failed": "failed",
    "stop-on-error": "stop-on-error",
    "unlisted": "unlisted",
    "no-index": "no-index",
    "uncounted": "uncounted",
    "as-duplicate": "as-duplicate",
    "uncounted-existing": "uncounted-existing",
    "part": "part",
}
_TWISTS = (
    "reject",
    "stop-on-error",
    "short",
    "unlisted",
    "index",
    "no-index",
    "uncounted",
    "as-duplicate",
    "uncounted-existing",
    "part",
)
_SLOW: dict[str, Kind] = {
    "delay": "delay",
    "delay-after": "delay-after",
    "drip-after": "drip-after",
    "drip-headers-after": "drip-headers-after",
}
_DELAYS = ("delay", "delay-after")
_STATUS = re.compile(r"([45]\d\d)(-after)?", re.ASCII)
_NUMBER = re.compile(r"short=(\d+)|index=(-?\d+)", re.ASCII)
_SECONDS = re.compile(rf"({'|'.join(_SLOW)})=(\d+(?:\.\d+)?)", re.ASCII)
_HUGE = re.compile(r"huge-after=(\d+)", re.ASCII)
_WHICH = re.compile(r"([1-9]\d*(?:,[1-9]\d*)*)|(every|first)=([1-9]\d*)", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """Which of the matching requests are struck, counted from 1; all when nothing is set."""

    numbers: tuple[int, ...] = ()
    every: int | None = None
    first: int | None = None

    def strikes(self, number: int) -> bool:
        """Say whether the matching request of this number is struck."""
        if self.numbers:
            return number in self.numbers
        if self.every is not None:
            return number % self.every == 0
        return self.first is None or number <= self.first


@dataclass(frozen=True)
class Fault:
    """One parsed spec; what stands below `schedule` is set where the kind has it.

    `number` is how many records `short` leaves, what `index` adds, or the MB of `huge-after`.
    `text` is the result code of `result`, the URL of `redirect`, or the value of `reject` as
    written.
    """

    operation: str
    kind: Kind
    schedule: Schedule = field(default_factory=Schedule)
    status: int = 0
    seconds: float = 0.0
    number: int = 0
    text: str = ""
    field_name: str = ""

    @property
    def applies(self) -> bool:
        """Whether the request is carried out before its answer is spoiled."""
        return self.kind.endswith("-after") or self.kind == "counts"


@dataclass(frozen=True)
class Strike:
    """What befalls one request: delays in seconds, a twist, at most one answer that is spoiled."""

    delay: float = 0.0
    delay_after: float = 0.0
    twist: Twist = field(default_factory=Twist)
    answer: Fault | None = None


class FaultPlan:
    """The faults in force, and how many requests each has matched so far."""

    def __init__(self, specs: Iterable[str] = ()) -> None:
        self._faults = parse_faults(specs)
        self._matched = [0] * len(self._faults)

    def strike(self, operation: str) -> Strike:
        """Count a request for every fault that names its operation, and say what strikes it.

        Delays add up, and so do shifts of the index; of several faults that spoil the answer, or
        that twist it in the same way, the first one wins.
        """
        struck = []
        for place, fault in enumerate(self._faults):
            if fault.operation in (operation, "any"):
                self._matched[place] += 1
                if fault.schedule.strikes(self._matched[place]):
                    struck.append(fault)
        answers = [fault for fault in struck if fault.kind not in (*_DELAYS, *_TWISTS)]
        return Strike(
            delay=sum(fault.seconds for fault in struck if fault.kind == "delay"),
            delay_after=sum(fault.seconds for fault in struck if fault.kind == "delay-after"),
            twist=_twist(struck),
            answer=answers[0] if answers else None,
        )


def _twist(struck: Sequence[Fault]) -> Twist:
    kinds = [fault.kind for fault in struck]
    short = [fault.number for fault in struck if fault.kind == "short"]
    recount = [kind for kind in kinds if kind in ("uncounted", "as-duplicate")]
    unchanged: Literal["updated", "duplicate", "uncounted"] = "updated"
    if recount:
        unchanged = "uncounted" if recount[0] == "uncounted" else "duplicate"
    return Twist(
        rejects=tuple((f.field_name, f.text) for f in struck if f.kind == "reject"),
        stop_on_error="stop-on-error" in kinds,
        short=short[0] if short else None,
        index=sum(fault.number for fault in struck if fault.kind == "index"),
        no_index="no-index" in kinds,
        unlisted="unlisted" in kinds,
        unchanged=unchanged,
        uncounted_existing="uncounted-existing" in kinds,
        part="part" in kinds,
    )


def parse_faults(specs: Iterable[str]) -> tuple[Fault, ...]:
    """Parse specs; raises `ValueError`, which lists the legal ones, at the first bad one."""
    return tuple(parse_fault(spec) for spec in specs)


def parse_fault(spec: str) -> Fault:
    """Parse one spec; raises `ValueError`, which lists the legal ones.

    A value of `reject` may contain an @: only an ending that is a legal WHICH is taken as one.
    """
    operation, colon, rest = spec.partition(":")
    if not colon or operation not in OPERATIONS:
        raise _illegal(spec)
    what, at, which = rest.rpartition("@")
    match = _WHICH.fullmatch(which) if at else None
    if match is None:
        if at and not rest.startswith("reject:"):
            raise _illegal(spec)
        return _parse_kind(spec, operation, rest, Schedule())
    numbers, word, count = match.groups()
    if numbers:
        schedule = Schedule(numbers=tuple(map(int, numbers.split(","))))
    elif word == "every":
        schedule = Schedule(every=int(count))
    else:
        schedule = Schedule(first=int(count))
    return _parse_kind(spec, operation, what, schedule)


def _parse_kind(spec: str, operation: str, what: str, schedule: Schedule) -> Fault:
    bulk = operation in (*BULK_OPERATIONS, "any")
    if (plain := _PLAIN.get(what)) and (bulk or plain not in ("counts", *_TWISTS)):
        return Fault(operation, plain, schedule)
    if bulk and (match := _NUMBER.fullmatch(what)):
        number: Kind = "short" if match[1] else "index"
        return Fault(operation, number, schedule, number=int(match[1] or match[2]))
    if match := _STATUS.fullmatch(what):
        kind: Kind = "status-after" if match[2] else "status"
        return Fault(operation, kind, schedule, status=int(match[1]))
    if match := _SECONDS.fullmatch(what):
        return Fault(operation, _SLOW[match[1]], schedule, seconds=float(match[2]))
    if match := _HUGE.fullmatch(what):
        return Fault(operation, "huge-after", schedule, number=int(match[1]))
    name, _, rest = what.partition("=")
    if name == "redirect" and rest.startswith(("http://", "https://")):
        return Fault(operation, "redirect", schedule, text=rest)
    if name == "result" and rest in (*RESULT_CODES, UNKNOWN_CODE):
        return Fault(operation, "result", schedule, text=rest)
    if what.startswith("reject:") and bulk:
        field_name, equals, value = what.removeprefix("reject:").partition("=")
        if field_name and equals:
            return Fault(operation, "reject", schedule, text=value, field_name=field_name)
    raise _illegal(spec)


def _illegal(spec: str) -> ValueError:
    return ValueError(f"{spec!r} is not a fault the sandbox knows.\n{LEGAL}")
