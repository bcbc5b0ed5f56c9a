"""The quota of requests, and the headers that tell of it."""

from __future__ import annotations

import math
from collections.abc import Callable


class Quota:
    """So many requests per API key in each window of 60 s, which opens with the key's first one.

    `clock` returns seconds, from any start.
    """

    WINDOW = 60

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, api_key: str) -> tuple[bool, dict[str, str]]:
        """Count one request; return whether it is within the quota, and the headers that say so."""
        now = self._clock()
        opened, used = self._windows.get(api_key, (now, 0))
        if now - opened >= self.WINDOW:
            opened, used = now, 0
        self._windows[api_key] = (opened, used + 1)
        return used < self._limit, {
            "X-RateLimit-Limit": f"{self._limit}, {self._limit};w={self.WINDOW}",
            "X-RateLimit-Remaining": str(max(0, self._limit - used - 1)),
            "X-RateLimit-Reset": str(math.ceil(opened + self.WINDOW - now)),
        }
