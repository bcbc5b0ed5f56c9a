"""What was told of each activation to each address, kept beside the states of its destination.

A file that cannot be read is as good as none: at worst, what holds is told once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from dbt_selligent.conditions import KINDS, Told
from dbt_selligent.locks import take_turn
from dbt_selligent.profiles import Destination

FILE = "warnings.json"


@dataclass(frozen=True)
class Memory:
    """Of one activation: since when it is looked at, the start of its last complete run, and what
    was told, by address.
    """

    watched: datetime
    complete: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)


def recall(destination: Destination) -> dict[str, Memory]:
    """What is remembered, by activation."""
    return _read(destination.folder / FILE)


def remember(
    destination: Destination, change: Callable[[Mapping[str, Memory]], Mapping[str, Memory]]
) -> None:
    """Keeps what ``change`` makes of the newest memories, and all others; raises OSError.

    Activations run side by side, in processes of their own: another may have told something since
    they were last read.
    """
    path = destination.folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with take_turn(path.with_name(f"{FILE}.lock"), "the warnings", Event(), lambda _: None):
        before = _read(path)
        kept = {**before, **change(before)}
        written = path.with_name(f"{FILE}.new")
        written.touch(mode=0o600)
        content = {name: asdict(memory) for name, memory in kept.items()}
        written.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
        written.replace(path)


def _read(path: Path) -> dict[str, Memory]:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = json.loads(path.read_bytes())
        return {str(name): _memory(found) for name, found in content.items()}
    return {}


def _memory(found: dict[str, Any]) -> Memory:
    complete = found["complete"]
    told: dict[str, Told] = {
        str(address): {kind: str(since[kind]) for kind in KINDS if kind in since}
        for address, since in found["told"].items()
    }
    return Memory(_time(found["watched"]), None if complete is None else _time(complete), told)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError
    return found
