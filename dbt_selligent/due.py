"""Which of the selected activations are due, as their states tell it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.errors import ConfigurationError, LockedError, RunError
from dbt_selligent.events import Coming, Due
from dbt_selligent.places import Place
from dbt_selligent.schedules import is_due, next_time
from dbt_selligent.settings import Settings
from dbt_selligent.state import open_settled, open_state
from dbt_selligent.storage import Storage


def refuse_canary(settings: Settings) -> None:
    """Raises ConfigurationError where a part of what is due is asked for."""
    if settings.due and settings.limit is not None:
        raise ConfigurationError(
            "--due and --limit do not go together: a canary is no success, so it would stay due",
            "take one of them out",
        )


def find_due(
    settings: Settings,
    storage: Storage,
    activations: Sequence[Activation],
    temporary: Path,
    now: datetime,
    locks: ExitStack | None,
    postponed: Collection[str] = (),
) -> Due:
    """Those of the activations that are due ``now`` and not ``postponed``, which are names.

    The lock of each that is due goes to ``locks``, so that no other run finds it due as well;
    without ``locks`` none is kept, and no state is made.
    """
    due: list[Activation] = []
    under_way: list[tuple[str, str]] = []
    coming: list[Coming] = []
    held: set[str] = set()
    unknown: list[tuple[Activation, RunError]] = []
    scheduled = [(each, each.schedule) for each in activations if each.schedule is not None]
    for activation, schedule in scheduled:
        if activation.name in postponed:
            continue
        destination = settings.destination_named(activation.destination)
        place = storage.place(activation, destination)
        with ExitStack() as lock:
            try:
                if locks is not None or place.exists():
                    lock.enter_context(place.hold())
                last = _last_success(place, temporary)
            except LockedError as locked:
                under_way.append((activation.name, locked.message))
                continue
            except RunError as wrong:
                unknown.append((activation, wrong))
                continue
            if not is_due(schedule, last, now):
                coming.append(Coming(activation.name, schedule, next_time(schedule, now)))
                continue
            due.append(activation)
            if locks is not None:
                locks.enter_context(lock.pop_all())
                held.add(activation.unique_id)
    return Due(
        tuple(due),
        tuple(under_way),
        len(activations) - len(scheduled),
        min(coming, key=lambda each: (each.at, each.name), default=None),
        frozenset(held),
        tuple(unknown),
    )


def _last_success(place: Place, temporary: Path) -> datetime | None:
    """When the last run began that came to its end, None without one; raises RunError."""
    if not place.exists():
        return None
    with open_state(place, temporary, read_only=True) as store:
        if store.is_current():
            return store.last_success()
    with open_settled(place, temporary) as store:  # of an earlier version
        return store.last_success()
