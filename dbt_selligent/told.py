"""What was told of each activation to each address, and where that is kept.

What cannot be read is as good as none: at worst, what holds is told once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from dbt_selligent.conditions import MARKS, Told

# What a text that is damaged, or of another shape, raises on the way.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
SECONDS_TO_WAIT = 180  # for a lock, which a process that died, or stands still, may have


@dataclass(frozen=True)
class Memory:
    """Of one activation: since when it is looked at, the start of its last complete run, and what
    was told, by address.
    """

    watched: datetime
    complete: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)

    def joined(self, other: Memory, told: Mapping[str, Told]) -> Memory:
        """Joined with another one of the same activation, of which ``told`` was told."""
        complete = max(filter(None, (self.complete, other.complete)), default=None)
        return Memory(min(self.watched, other.watched), complete, told)

    def and_left(self, left: Memory) -> Memory:
        """Joined with what was kept elsewhere while this was out of reach.

        Neither knew of the other: what one told before the other's last complete run, and the other
        did not tell, is over.
        """
        told = {
            address: _standing(self, left, address) | _standing(left, self, address)
            for address in {**self.told, **left.told}
        }
        return self.joined(left, told)


def _standing(memory: Memory, other: Memory, address: str) -> dict[str, str]:
    also = other.told.get(address, {})
    return {
        mark: at
        for mark, at in memory.told.get(address, {}).items()
        if mark in also or other.complete is None or _time(at) > other.complete
    }


def with_left(kept: Mapping[str, Memory], left: Mapping[str, Memory]) -> dict[str, Memory]:
    """Those that are kept, and what was left elsewhere while they were out of reach."""
    return {
        name: kept[name].and_left(left[name])
        if name in kept and name in left
        else (kept.get(name) or left[name])
        for name in {**kept, **left}
    }


# Makes new memories of those that there are, by activation: None of what is to be forgotten.
Renew = Callable[[Mapping[str, Memory]], Mapping[str, Memory | None]]


class Memories(Protocol):
    """What is remembered of the activations of a destination, wherever it is kept."""

    @property
    def where(self) -> str:
        """The place, to be told."""

    def recall(self) -> dict[str, Memory]:
        """What is remembered, by activation; raises RunError."""

    def remember(self, renew: Renew) -> None:
        """Keeps what ``renew`` makes of the newest memories, and all others; raises RunError.

        Activations run side by side, in processes of their own: another may have told something
        since they were last read.
        """


def carry_over(old: str, new: str) -> Renew:
    """Gives what is remembered of an activation to that of its new name."""

    def renew(kept: Mapping[str, Memory]) -> dict[str, Memory | None]:
        if old not in kept:
            return {}
        before = kept[old]
        after = kept.get(new, before)
        told = {
            address: {**before.told.get(address, {}), **after.told.get(address, {})}
            for address in {**before.told, **after.told}
        }
        return {old: None, new: before.joined(after, told)}

    return renew


def read_memory(found: dict[str, Any]) -> Memory:
    """A memory as it was written; raises one of `UNREADABLE`."""
    complete = found["complete"]
    told: dict[str, Told] = {
        str(address): {mark: _time(since[mark]).isoformat() for mark in MARKS if mark in since}
        for address, since in found["told"].items()
    }
    return Memory(_time(found["watched"]), None if complete is None else _time(complete), told)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError
    return found
