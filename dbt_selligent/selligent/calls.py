"""The bulk calls of the API: what each does with rows, and which counts say that it did."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Call(str, Enum):
    """A bulk call. Those of a list's records are named as the API names their import option."""

    UPSERT = "InsertAndUpdate"
    INSERT = "OnlyInsert"
    UPDATE = "OnlyUpdate"
    DELETE = "delete"
    JOIN = "join"  # records become members of a segment
    LEAVE = "leave"  # members of a segment are members no more; the records stay


# Counts that stand for rows of which a call did what it does, as far as the API's description says.
# The empty name, in what a destination has shown, says that such rows may be counted nowhere.
APPLIED: Mapping[Call, frozenset[str]] = {
    Call.UPSERT: frozenset({"inserted", "updated"}),
    Call.INSERT: frozenset({"inserted"}),
    Call.UPDATE: frozenset({"updated"}),
    Call.DELETE: frozenset({"deleted"}),
    Call.JOIN: frozenset({"inserted", "updated"}),
    Call.LEAVE: frozenset({"deleted"}),
}
