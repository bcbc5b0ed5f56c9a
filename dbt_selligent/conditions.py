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
# Conditions that were told and hold since, each with the time when it was told (ISO 8601, UTC).
Told = Mapping[Kind, str]


@dataclass(frozen=True)
class Seen:
    """The conditions that hold, of those that could be judged."""

    judged: frozenset[Kind]
    holding: frozenset[Kind]


@dataclass(frozen=True)
class Change:
    """What is to be told: conditions that began, or, if none holds any more, those that were over
    last; and what has been told once that is delivered.
    """

    began: tuple[Kind, ...]
    over: Told
    after: Told

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.began or self.over)


def change(wanted: Wanted, told: Told, seen: Seen, now: str) -> Change:
    """What is to be told of an activation where ``told`` was told before.

    A condition that could not be judged stays as it was; one that is not wanted any more is
    forgotten. That all is well again is told once the last condition is over.
    """
    known = {kind: since for kind, since in told.items() if kind in wanted.kinds}
    over = {
        kind: since
        for kind, since in known.items()
        if kind in seen.judged and kind not in seen.holding
    }
    began = tuple(
        kind for kind in KINDS if kind in wanted.kinds & seen.holding and kind not in known
    )
    kept = {kind: since for kind, since in known.items() if kind not in over}
    after: Told = {**kept, **dict.fromkeys(began, now)}
    return Change(began, over if wanted.recovered and not after else {}, after)


def read_duration(text: str) -> timedelta:
    """A duration like 90m, 26h or 3d; raises ValueError."""
    if not re.fullmatch(DURATION, text):
        raise ValueError(f"{text!r} is no duration")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
