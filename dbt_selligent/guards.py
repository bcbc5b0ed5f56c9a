"""What stops a sync before its first request, unless it is forced."""

from __future__ import annotations

from dbt_selligent.errors import GuardError, StateError
from dbt_selligent.planning import Plan
from dbt_selligent.settings import Settings
from dbt_selligent.state import StateStore

# Of the records that are known, in percent, so many may be deleted or set at once.
MOST_REMOVED = 10
REMOVING = {"delete": "deleted", "set": "set as removed"}


def check_target(store: StateStore, settings: Settings) -> None:
    """Raises StateError where the last sync was made for another dbt target."""
    before = store.meta("target")
    if before not in (None, settings.target) and not settings.force:
        raise StateError(
            f"the last sync was made for dbt target {before}, this one is for {settings.target}",
            f"sync with --target {before}, or, if another one is meant, with --force",
        )


def check_change(made: Plan, settings: Settings) -> None:
    """Raises GuardError where the model looks wrong: empty, or with too many rows gone."""
    if made.counts.rows == 0 and not settings.force:
        raise GuardError(
            f"model {made.activation.model.name} has no rows: nothing was sent",
            "if it is meant to be empty, sync with --force",
        )
    removed, known = made.counts.removed, made.counts.known
    if (
        made.activation.removed != "keep"
        and removed * 100 > MOST_REMOVED * known
        and not settings.force
    ):
        raise GuardError(
            f"{removed:,} of {known:,} records would be {REMOVING[made.activation.removed]}, more "
            f"than {MOST_REMOVED}%: nothing was sent",
            "if so many rows are meant to have left the model, sync with --force",
        )
