"""What is worth a message, and when: at a change, and never while nothing changes; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Kind = Literal["failed", "guard", "rejected", "stale"]
# In the order in which they are told.
KINDS: tuple[Kind, ...] = ("failed", "guard", "rejected", "stale")
DURATION = r"^[1-9][0-9]{0,5}[mhd]$"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Wanted:
    """What an activation is to be warned of; ``stale`` is how old its last complete run may be, as
    it is written, None for any age.
    """

    kinds: frozenset[Kind] = frozenset()
    recovered: bool = False
    stale: str | None = None

    @property
    def late(self) -> timedelta | None:
        """How old the last complete run may be."""
        return None if self.stale is None else read_duration(self.stale)

    def __bool__(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.kinds)


NOTHING_WANTED = Wanted()
# Before a kind: it is over, and that all is well again is still to be told.
OVER = "over "
# Conditions that were told, and hold since or are over, each with the time when it was told
# (ISO 8601, UTC).
Told = Mapping[str, str]
MARKS = (*KINDS, *(f"{OVER}{kind}" for kind in KINDS))


@dataclass(frozen=True)
class Seen:
    """The conditions that hold, wanted or not, of those that could be judged; ``complete`` if that
    was after a run that came to its end.
    """

    judged: frozenset[Kind]
    holding: frozenset[Kind]
    complete: bool

    @property
    def well(self) -> bool:
        """Whether nothing is wrong, as far as a run can tell."""
        return self.complete and not self.holding


@dataclass(frozen=True)
class Change:
    """What is to be told: conditions that began, or, if none holds any more, those that were over
    last; and what has been told once that is delivered.
    """

    began: tuple[Kind, ...]
    over: Mapping[Kind, str]
    after: Told

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.began or self.over)


def change(wanted: Wanted, told: Told, seen: Seen, now: str) -> Change:
    """What is to be told of an activation where ``told`` was told before.

    A condition that could not be judged stays as it was; one that is not wanted any more is
    forgotten. That all is well again is told once the last condition is over and the run complete,
    and nothing else is wrong, wanted or not; one that begins anew until then is told anew.
    """
    asked = [kind for kind in KINDS if kind in wanted.kinds]
    known = {kind: told[kind] for kind in asked if kind in told}
    over: dict[Kind, str] = {
        kind: since
        for kind, since in known.items()
        if kind in seen.judged and kind not in seen.holding
    }
    began = tuple(kind for kind in asked if kind in seen.holding and kind not in known)
    holding: dict[str, str] = {kind: at for kind, at in known.items() if kind not in over}
    holding |= dict.fromkeys(began, now)
    if holding or not wanted.recovered:
        return Change(began, {}, holding)
    ended = {kind: told[f"{OVER}{kind}"] for kind in asked if f"{OVER}{kind}" in told} | over
    if seen.well:
        return Change((), ended, {})
    return Change((), {}, {f"{OVER}{kind}": since for kind, since in ended.items()})


def kind_of(mark: str) -> str:
    """The kind that a key of what was told is about."""
    return mark.removeprefix(OVER)


def read_duration(text: str) -> timedelta:
    """A duration like 90m, 26h or 3d; raises ValueError."""
    if not re.fullmatch(DURATION, text):
        raise ValueError(f"{text!r} is no duration")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
