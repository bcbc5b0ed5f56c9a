"""What stops a sync before its first request: verdicts, and the guards on a staged delta; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from dbt_selligent.errors import GateError, GuardError

LIMIT = r"^(0|[1-9][0-9]*)(\.[0-9]+)?%$"
REMOVING = {
    "delete": "records would be deleted",
    "set": "records would be set as removed",
    "keep": "rows left the model",
}


@dataclass(frozen=True)
class Limit:
    """So many rows, or percent of them: what is over it does not pass, what is equal to it does."""

    number: Fraction
    percent: bool

    @classmethod
    def read(cls, given: int | str) -> Limit:
        """The limit that is written as a number of rows, or like 10%; raises ValueError."""
        if isinstance(given, str) and re.fullmatch(LIMIT, given):
            return cls(Fraction(given[:-1]), percent=True)
        return cls(Fraction(int(given)), percent=False)

    def allows(self, found: int, of: int) -> bool:
        """Whether ``found`` of ``of`` rows pass."""
        return found * 100 <= self.number * of if self.percent else found <= self.number

    def __str__(self) -> str:
        """As it is written."""
        number = int(self.number) if self.number.denominator == 1 else float(self.number)
        return f"{number}%" if self.percent else f"{number:,}"


@dataclass(frozen=True)
class Guard:
    """How much of an activation may change, leave, or be refused in a run; None is any number.

    Percent are those of the records that were sent before; ``max_rejected``, of the model.
    """

    max_changed: Limit | None = None
    max_removed: Limit | None = None
    max_rejected: Limit = Limit(Fraction(0), percent=False)


UNGUARDED = Guard()


@dataclass(frozen=True)
class Verdict:
    """What one guard says, and what to do about it, if anything; without values of rows."""

    guard: Literal[
        "empty", "invalid", "max_changed", "max_removed", "require_state", "target", "gate"
    ]
    passed: bool
    said: str
    mend: str = ""


@dataclass(frozen=True)
class Change:
    """A staged delta in figures: rows of the model ``name``, those of it that are new or
    ``changed``, those of the ``known`` records that left it, and what becomes of these.

    ``whole`` if everything is to be sent anyway: in a full refresh, before a sync has come to its
    end, and where no record was ever sent. What changed is no question then. ``invalid`` rows are
    never sent, ``commonest`` is why most of them are not, in words.
    """

    name: str
    rows: int
    changed: int
    removed: int
    known: int
    removal: Literal["keep", "delete", "set"]
    whole: bool
    invalid: int = 0
    commonest: str = ""


def judge(guard: Guard, change: Change) -> tuple[Verdict, ...]:
    """The verdicts of the guards that are on."""
    said = []
    if not change.rows:
        mend = "if it is meant to be empty, sync with --force"
        said.append(Verdict("empty", False, f"model {change.name} has no rows", mend))
    elif change.invalid == change.rows:
        said.append(
            Verdict(
                "invalid",
                False,
                f"no row of model {change.name} can be accepted, all {change.rows:,} invalid "
                f"({change.commonest})",
                "`dbt-selligent plan --show-values` shows some: mend them in the model, or the "
                "field in Selligent; if that is meant, sync with --force",
            )
        )
    if guard.max_changed is not None and not change.whole:
        said.append(
            _verdict(
                "max_changed", guard.max_changed, change.changed, change.known,
                "rows are new or changed",
            )
        )  # fmt: skip
    if guard.max_removed is not None:
        said.append(
            _verdict(
                "max_removed", guard.max_removed, change.removed, change.known,
                REMOVING[change.removal],
            )
        )  # fmt: skip
    return tuple(said)


def _verdict(
    guard: Literal["max_changed", "max_removed"], limit: Limit, found: int, of: int, what: str
) -> Verdict:
    passed = limit.allows(found, of)
    beyond = "no more than" if passed else "more than"
    mend = "" if passed else f"if that is meant, sync with --force, or set guard.{guard}"
    return Verdict(guard, passed, f"{found:,} of {of:,} {what}, {beyond} {limit}", mend)


def stop(verdicts: Sequence[Verdict], *, force: bool) -> None:
    """Raises GateError or GuardError where a verdict stops the sync; dbt's own cannot be forced."""
    failing = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in failing:
        if verdict.guard == "gate":
            raise GateError(f"{verdict.said}: nothing was sent", verdict.mend)
    if failing and not force:
        said = "; ".join(verdict.said for verdict in failing)
        mends = dict.fromkeys(verdict.mend for verdict in failing)
        raise GuardError(f"{said}: nothing was sent", "; ".join(filter(None, mends)))
