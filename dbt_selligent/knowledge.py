"""What was learned of a destination, kept beside its states: it saves requests, and no promise
hangs on it. A file that cannot be read is as good as none.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dbt_selligent.locks import temporary_folder
from dbt_selligent.profiles import Destination
from dbt_selligent.selligent.calls import APPLIED, Call
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.selligent.pace import FIRST_ROWS

FILE = "destination.json"


@dataclass(frozen=True)
class Learned:
    """What answers have shown: what record_index counts from, what counts mean, how many rows of
    which list were answered in time, and how many a second a run of its rows came to.
    """

    index_base: int | None = None
    applied: Mapping[Call, frozenset[str]] = field(default_factory=lambda: dict(APPLIED))
    rows: Mapping[str, int] = field(default_factory=dict)
    speeds: Mapping[str, float] = field(default_factory=dict)


class Knowledge:
    """What is known of one destination; may be used by several threads."""

    def __init__(self, destination: Destination) -> None:
        self._path = destination.folder / FILE
        self._of = {"url": destination.url, "organization": destination.organization}
        self._lock = threading.Lock()
        self._learned, self._listings = _read(self._path, self._of)

    @property
    def learned(self) -> Learned:
        """What answers have shown so far."""
        return self._learned

    def learn_base(self, base: int | None) -> None:
        """What record_index counts from; None where it proved to be neither 0 nor 1."""
        with self._lock:
            self._learned = replace(self._learned, index_base=base if base in (0, 1) else None)

    def learn_counts(self, call: Call, kinds: frozenset[str]) -> None:
        """Kinds of counts under which rows of this call stand that were taken."""
        with self._lock:
            applied = dict(self._learned.applied)
            applied[call] = applied[call] | kinds
            self._learned = replace(self._learned, applied=applied)

    def learn_rows(self, list_name: str, rows: int) -> None:
        """How many rows of a list a request could carry at the end of a run."""
        with self._lock:
            known = {**self._learned.rows, list_name: rows}
            self._learned = replace(self._learned, rows=known)

    def learn_speed(self, list_name: str, rows: int, seconds: float) -> None:
        """How long so many rows of a list took, from the first request to the last answer.

        Fewer rows than a first request may carry say little of how long many take.
        """
        if rows < FIRST_ROWS or seconds <= 0:
            return
        with self._lock:
            known = {**self._learned.speeds, list_name: round(rows / seconds, 3)}
            self._learned = replace(self._learned, speeds=known)

    def listing(self, list_name: str) -> Listing | None:
        """The list as it was when it was last read."""
        return self._listings.get(list_name)

    def remember(self, listing: Listing) -> None:
        """Keeps a list as it was read."""
        with self._lock:
            self._listings[listing.name] = listing

    def save(self) -> None:
        """Writes what is known, where it can; of two processes that do, the last is believed."""
        with self._lock, suppress(OSError):
            content = {
                **self._of,
                "index_base": self._learned.index_base,
                "applied": {
                    call.value: sorted(kinds) for call, kinds in self._learned.applied.items()
                },
                "rows": self._learned.rows,
                "speeds": self._learned.speeds,
                "lists": {name: asdict(listing) for name, listing in self._listings.items()},
            }
            with temporary_folder(self._path.parent) as folder:
                written = folder / FILE
                written.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
                written.replace(self._path)


def _read(path: Path, of: Mapping[str, str]) -> tuple[Learned, dict[str, Listing]]:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if all(content[name] == value for name, value in of.items()):
            base = content["index_base"] if content["index_base"] in (0, 1) else None
            applied = {
                call: APPLIED[call] | {str(kind) for kind in content["applied"].get(call.value, ())}
                for call in Call
            }
            rows = {str(name): max(1, int(count)) for name, count in content["rows"].items()}
            speeds = {
                str(name): float(speed)
                for name, speed in content.get("speeds", {}).items()
                if 0 < float(speed) < math.inf
            }
            listings = {name: _listing(found) for name, found in content["lists"].items()}
            return Learned(base, applied, rows, speeds), listings
    return Learned(), {}


def _listing(found: dict[str, Any]) -> Listing:
    fields = tuple(
        Field(**{**each, "options": _tuple(each["options"])}) for each in found["fields"]
    )
    return Listing(found["name"], fields, found["segment_type"])


def _tuple(found: list[str] | None) -> tuple[str, ...] | None:
    return None if found is None else tuple(found)
