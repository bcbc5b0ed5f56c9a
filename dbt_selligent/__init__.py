"""Keeps Selligent lists in step with dbt models, and sends only what changed.

`sync`, `plan` and `verify` do from Python what the commands of these names do, and return what came
of it; `list_activations` is `ls`. Each takes the `Settings` of `resolve_settings`, whose keywords
are the commands' flags::

    from dbt_selligent import resolve_settings, sync

    results = sync(resolve_settings(project_dir="shop", target="prod", select="tag:crm"))
    results.raise_for_status()

They may be called in any thread, and by several at once, and leave nothing of dbt or DuckDB open.
``emit`` is called with each event of a run as it comes, by several threads. See
docs/orchestrators.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dbt_selligent.errors import (
    ActivationFaults,
    ConfigurationError,
    DbtSelligentError,
    DestinationError,
    Fault,
    GateError,
    GuardError,
    InterruptedRunError,
    LockedError,
    LongAnswerError,
    MemoryLimitError,
    NotInStepError,
    ProfileError,
    ProjectError,
    RefusedError,
    RunError,
    StateError,
    UnopenedError,
    UnreachableError,
    WarehouseError,
)

if TYPE_CHECKING:
    from dbt_selligent.activation import Activation
    from dbt_selligent.events import Emit, Event, Finished, Planned, Progress, Waiting
    from dbt_selligent.pipeline import plan, sync
    from dbt_selligent.planning import Counts, Plan
    from dbt_selligent.results import ActivationResult, RunResults
    from dbt_selligent.selection import list_activations
    from dbt_selligent.settings import Settings, resolve_settings
    from dbt_selligent.verification import Verification, verify

__all__ = [
    "Activation",
    "ActivationFaults",
    "ActivationResult",
    "ConfigurationError",
    "Counts",
    "DbtSelligentError",
    "DestinationError",
    "Emit",
    "Event",
    "Fault",
    "Finished",
    "GateError",
    "GuardError",
    "InterruptedRunError",
    "LockedError",
    "LongAnswerError",
    "MemoryLimitError",
    "NotInStepError",
    "Plan",
    "Planned",
    "ProfileError",
    "Progress",
    "ProjectError",
    "RefusedError",
    "RunError",
    "RunResults",
    "Settings",
    "StateError",
    "UnopenedError",
    "UnreachableError",
    "Verification",
    "Waiting",
    "WarehouseError",
    "list_activations",
    "plan",
    "resolve_settings",
    "sync",
    "verify",
]

# Where the others are: what they import takes a second, and is not imported before it is needed.
_MODULES = {
    "Activation": "activation",
    "Emit": "events",
    "Event": "events",
    "Finished": "events",
    "Planned": "events",
    "Progress": "events",
    "Waiting": "events",
    "plan": "pipeline",
    "sync": "pipeline",
    "Counts": "planning",
    "Plan": "planning",
    "ActivationResult": "results",
    "RunResults": "results",
    "list_activations": "selection",
    "Settings": "settings",
    "resolve_settings": "settings",
    "Verification": "verification",
    "verify": "verification",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
