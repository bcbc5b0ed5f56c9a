"""Which rows of a batch a partial answer refuses: pure arithmetic on what it names.

Whether an index counts from 0 or from 1 is documented nowhere. A row that is sent alone and refused
tells: it is the first, whatever its number is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbt_selligent.selligent.answer import Partial, Rejected

BASES = (0, 1)
# Rows that are named, though the answer does not add up, are sent alone, up to so many.
MOST_ALONE = 8


@dataclass(frozen=True)
class Located:
    """The positions in the batch of the rows that are refused, rising, and why each is."""

    positions: Sequence[int]
    why: Sequence[Rejected]


@dataclass(frozen=True)
class Suspects:
    """Positions, rising, of which one is refused: sent alone, they tell what is counted from."""

    positions: Sequence[int]


def resolve_partial(
    partial: Partial, rows: int, base: int | None, *, may_probe: bool
) -> Located | Suspects | None:
    """The rows that are refused, or those to be tried; None where the answer cannot be understood.

    ``base`` is what an index counts from, None where that is not known. What is located is all that
    is refused only if the answer is accounted for; else there are few enough to be sent alone.
    """
    indices = [each.index for each in partial.refused if each.index is not None]
    if len(indices) < len(partial.refused) or len(set(indices)) < len(indices):
        return None
    first, last = min(indices), max(indices)
    possible = [
        each
        for each in (BASES if base is None else (base,))
        if each <= first and last < rows + each
    ]
    if not possible:
        return None
    if base is None:
        # Never told from what is possible: the server may count otherwise altogether.
        suspects = sorted(first - each for each in possible)
        return Suspects(suspects) if may_probe and len(suspects) < rows else None
    if not partial.accounted and len(indices) > min(MOST_ALONE, rows - 1):
        return None
    ordered = sorted(partial.refused, key=lambda each: each.index or 0)
    return Located([(each.index or 0) - base for each in ordered], ordered)
