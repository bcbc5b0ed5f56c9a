"""What a run says while it goes on; the core emits, the command line shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dbt_selligent.activation import Activation
from dbt_selligent.errors import RunError
from dbt_selligent.planning import Plan
from dbt_selligent.results import ActivationResult
from dbt_selligent.schedules import Schedule


@dataclass(frozen=True)
class Planned:
    """A delta is staged; ``sending`` says whether it is about to be sent."""

    plan: Plan
    sending: bool


@dataclass(frozen=True)
class Progress:
    """Rows begin to be sent, ``done`` is 0 then, or an answer came in: ``done`` rows, of those that
    a sync sends or removes, are accounted for.
    """

    name: str
    done: int
    of: int
    confirmed: int = 0
    rejected: int = 0
    not_found: int = 0
    removed: int = 0


@dataclass(frozen=True)
class Finished:
    """An activation came to its end."""

    result: ActivationResult


@dataclass(frozen=True)
class Waiting:
    """Nothing goes on for a while: another process works on the list, or Selligent is silent.

    Where another command has dbt parse the project, that is of no activation by ``name``.
    """

    name: str | None
    reason: str


@dataclass(frozen=True)
class Untold:
    """A warning could not be delivered; ``address`` says which one, by place and scheme."""

    destination: str
    address: str
    reason: str


@dataclass(frozen=True)
class Coming:
    """The next time of an activation."""

    name: str
    schedule: Schedule
    at: datetime

    @property
    def said(self) -> str:
        """In its own time zone."""
        return f"{self.name} at {self.schedule.local(self.at)}"


@dataclass(frozen=True)
class Due:
    """What is due, and what is not, and why.

    ``under_way`` are names of activations that another run holds, each with who it is;
    ``unscheduled`` is how many have no schedule; ``next`` is the first that falls due of those that
    are not; ``held`` are the ids of those due whose lock is taken. Of those ``unknown`` it cannot
    be told, and why.
    """

    due: tuple[Activation, ...]
    under_way: tuple[tuple[str, str], ...] = ()
    unscheduled: int = 0
    next: Coming | None = None
    held: frozenset[str] = frozenset()
    unknown: tuple[tuple[Activation, RunError], ...] = ()


@dataclass(frozen=True)
class Noted:
    """What `schedule` says, and when; ``wrong`` if it is a failure."""

    at: datetime
    said: str
    wrong: bool = False


Event = Planned | Waiting | Progress | Finished | Untold | Due | Noted
Emit = Callable[[Event], None]


def silent(_: Event) -> None:
    """Shows nothing."""
