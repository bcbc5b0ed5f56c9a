"""What became of an activation, as its result: carried out, in part, or not at all."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from dbt_selligent.accounts import Tally
from dbt_selligent.activation import Activation
from dbt_selligent.errors import (
    DbtSelligentError,
    GateError,
    GuardError,
    InterruptedRunError,
    UnopenedError,
)
from dbt_selligent.planning import Counts, Plan
from dbt_selligent.results import ActivationResult, Status, Stopper

STOPPERS: tuple[tuple[type[DbtSelligentError], Stopper], ...] = (
    (GuardError, "guard"),
    (GateError, "gate"),
    (InterruptedRunError, "interrupt"),
)


def result_of(
    plan: Plan, tally: Tally, seconds: float, error: DbtSelligentError | None
) -> ActivationResult:
    """The result of a plan that was carried out, or as much of it as could be."""
    status: Status = "in step"
    if error is not None:
        status = "failed"
    elif refused := tally.rejected + plan.counts.held + tally.kept:
        tolerated = plan.activation.guard.max_rejected.allows(refused, plan.counts.rows)
        status = "rows tolerated" if tolerated else "rows refused"
    to_remove = plan.to_remove
    left = plan.counts.to_send - tally.confirmed - tally.rejected - tally.not_found
    limited = error is None and left + to_remove > tally.removed + tally.kept
    if limited and status in ("in step", "rows tolerated"):
        status = "limited"
    left_over = left + to_remove - tally.removed
    return ActivationResult(
        **_names(plan.activation),
        status=status,
        counts=plan.counts,
        problems=tuple(asdict(problem) for problem in plan.problems),
        confirmed=tally.confirmed,
        rejected=tally.rejected,
        not_found=tally.not_found,
        not_sent=left,
        removed=tally.removed,
        not_removed=to_remove - tally.removed,
        requests=tally.requests,
        seconds=round(seconds, 3),
        left_behind=plan.left_behind,
        limited=limited,
        notes=plan.notes,
        forced=tuple(verdict.said for verdict in plan.failing),
        error=error.message if error else None,
        next_step=error.next_step
        if error
        else _step_for(status, left_over if limited else 0, plan.counts),
        stopped_by=_stopper(error),
    )


def failure_of(
    activation: Activation, error: DbtSelligentError, status: Status
) -> ActivationResult:
    """The result of an activation of which nothing could be planned, or nothing was tried."""
    return ActivationResult(
        **_names(activation),
        status=status,
        error=error.message,
        next_step=error.next_step,
        stopped_by=_stopper(error),
        unopened=isinstance(error, UnopenedError),
    )


def stopped(
    activation: Activation, plan: Plan | None, error: GateError | GuardError
) -> ActivationResult:
    """The result of an activation that gate or guards stopped; there may be no plan yet."""
    status: Status = "kept back" if isinstance(error, GateError) else "failed"
    result = failure_of(activation, error, status)
    if plan is None:
        return result
    return replace(unsent(plan, error), status=status)


def unsent(plan: Plan, error: DbtSelligentError) -> ActivationResult:
    """The result of a plan of which nothing was tried."""
    return replace(result_of(plan, Tally(), 0.0, error), forced=(), left_behind=0)


def _names(activation: Activation) -> dict[str, Any]:
    return {
        "name": activation.name,
        "unique_id": activation.unique_id,
        "model": activation.model.name,
        "list": activation.list,
        "destination": activation.destination,
    }


def _stopper(error: DbtSelligentError | None) -> Stopper | None:
    return next((name for kind, name in STOPPERS if isinstance(error, kind)), None)


def _step_for(status: Status, left: int, counts: Counts) -> str | None:
    steps = [f"{left:,} rows are left: sync without --limit"] if left else []
    if counts.invalid_in_doubt:
        steps.append(
            "what is in doubt and invalid is not sent again: `dbt-selligent status --show-values` "
            "lists what is invalid; mend it in the model, then sync"
        )
    elif status in ("rows refused", "rows tolerated"):
        steps.append("see the reasons: dbt-selligent status")
    elif counts.invalid and not left:  # why they are was told before
        steps.append("see which rows: dbt-selligent status --show-values")
    return "; ".join(steps) or None
