"""The body of an answer to a bulk request, and the ways in which it can be wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from .bulk import Outcome
from .refusal import errors


@dataclass(frozen=True)
class Twist:
    """What befalls a bulk request that is carried out: rows refused, counts or details wrong.

    rejects: (field, value as written) pairs that make a record invalid; stop_on_error: one invalid
    record is enough for nothing to be applied. All else is about the answer: short is how many
    invalid records it lists, index is added to each record_index, no_index leaves them null,
    unlisted puts one error in place of the list. unchanged says how updates that change no value
    are counted, uncounted_existing that OnlyInsert does not count what is there,
    part that only the first half of the rows is looked at.
    """

    rejects: tuple[tuple[str, str], ...] = ()
    stop_on_error: bool = False
    short: int | None = None
    index: int = 0
    no_index: bool = False
    unlisted: bool = False
    unchanged: Literal["updated", "duplicate", "uncounted"] = "updated"
    uncounted_existing: bool = False
    part: bool = False


STRAIGHT = Twist()


def counted(outcome: Outcome, operation: str, twist: Twist = STRAIGHT) -> dict[str, Any]:
    """Build the body of an answer to a bulk request."""
    result_code, outcome = outcome.result_code, _recounted(outcome, twist)
    unlisted = twist.unlisted and outcome.invalid
    answer = {
        "errors": errors("Failed", "There are invalid records") if unlisted else None,
        "result_code": result_code,
        "number_of_deleted_records": outcome.deleted,
        "number_of_duplicate_records": outcome.duplicate,
        "number_of_failed_records": len(outcome.invalid),
        "number_of_records_not_found": outcome.not_found,
        "invalid_records": [
            {
                "record_index": None if twist.no_index else number + twist.index,
                "field_name": error.field_name,
                "message": str(error),
                "validation_code": error.code,
            }
            for number, error in ([] if unlisted else outcome.invalid[: twist.short])
        ],
    }
    if operation != "delete":
        answer["number_of_inserted_records"] = outcome.inserted
        answer["number_of_updated_records"] = outcome.updated
    return answer


def _recounted(outcome: Outcome, twist: Twist) -> Outcome:
    updated, duplicate = outcome.updated, outcome.duplicate
    if twist.unchanged != "updated":
        updated -= outcome.unchanged
    if twist.unchanged == "duplicate":
        duplicate += outcome.unchanged
    if twist.uncounted_existing:
        duplicate -= outcome.existing
    return replace(outcome, updated=updated, duplicate=duplicate)
