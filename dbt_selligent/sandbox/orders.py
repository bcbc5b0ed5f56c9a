"""The records of a list in the order of one field, so that a page of them is found by halving."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from .values import canonical

# The comparisons of a filter that make a range of an order.
BOUNDS = ("EqualTo", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")


class Order:
    """Ids in the order of the values of one field, null as the least; equal ones as they came.

    Building it takes a sort; a range of it takes O(log n).
    """

    def __init__(self, pairs: Iterable[tuple[object, int]], descending: bool = False) -> None:
        nulls: list[int] = []
        found: list[tuple[Any, int]] = []
        for value, record_id in pairs:
            if value is None:
                nulls.append(record_id)
            else:
                found.append((canonical(value), record_id))
        found.sort(key=itemgetter(0), reverse=descending)
        ids = [record_id for _, record_id in found]
        self._ids = ids + nulls if descending else nulls + ids
        self._values = [value for value, _ in (reversed(found) if descending else found)]
        self._nulls, self._descending = len(nulls), descending

    def ids(self, bounds: Iterable[tuple[str, object]]) -> Iterator[int]:
        """Yield the ids within all bounds, which are one of `BOUNDS` and a canonical value each.

        Null is within none of them.
        """
        low, high = -self._nulls, len(self._values)
        for comparison, value in bounds:
            low = max(low, 0)
            if comparison in ("GreaterThanOrEqualTo", "EqualTo"):
                low = max(low, bisect_left(self._values, value))
            if comparison in ("LessThanOrEqualTo", "EqualTo"):
                high = min(high, bisect_right(self._values, value))
            if comparison == "GreaterThan":
                low = max(low, bisect_right(self._values, value))
            if comparison == "LessThan":
                high = min(high, bisect_left(self._values, value))
        low, high = low + self._nulls, high + self._nulls
        if self._descending:
            low, high = len(self._ids) - high, len(self._ids) - low
        return (self._ids[place] for place in range(low, high))
