"""How fast a destination may be called, and how much a request may carry."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

# Requests a minute and API key, all endpoints together; headers of answers say what is left.
REQUESTS, WINDOW = 2500, 60.0

# Rows of a first request, and rows beyond which requests do not grow.
FIRST_ROWS, MOST_ROWS = 2500, 50_000
# Seconds that an answer may take: a third of those after which connections end by default. That of
# twice as many rows takes at most twice as long, as a rule: a list is soon filled at full size.
TARGET = 5.0


class Budget:
    """The requests of one API key, over all threads of this process.

    ``take`` waits until one more is within the quota; ``told`` reads what an answer says of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._left: int | None = None  # as the last answer said, less those taken since
        self._renewed = 0.0  # when the quota is whole again

    def take(self, sleep: Callable[[float], None], stopped: Callable[[], bool]) -> None:
        """Waits until a request is within the quota, and counts it; at once if told to stop."""
        seconds = self._wait()
        if seconds > 0 and not stopped():
            sleep(seconds)
            # Others may have waited for the same: the server has the last word, by its 429.
            with self._lock:
                self._left = None
                self._taken.append(self._clock())

    def told(self, headers: Mapping[str, str]) -> None:
        """What the headers of an answer, names in lower case, say of the quota."""
        try:
            left, reset = (
                int(headers["x-ratelimit-remaining"]),
                float(headers["x-ratelimit-reset"]),
            )
        except (KeyError, ValueError):
            return
        if left < 0 or not 0 <= reset <= 3600:
            return
        with self._lock:
            renewed = self._clock() + reset
            # Answers overtake each other: within one window the smallest number is the latest.
            same = self._left is not None and abs(renewed - self._renewed) < 2
            self._left = min(left, self._left) if same and self._left is not None else left
            self._renewed = renewed

    def _wait(self) -> float:
        """Seconds until a request may be made; if none, one is taken."""
        with self._lock:
            now = self._clock()
            while self._taken and self._taken[0] + WINDOW <= now:
                self._taken.popleft()
            if self._left is not None and now >= self._renewed:
                self._left = None
            if self._left is not None and self._left <= 0:
                return self._renewed - now
            if len(self._taken) >= REQUESTS:
                # More than these may have been taken: those that waited count too.
                return self._taken[-REQUESTS] + WINDOW - now
            self._taken.append(now)
            if self._left is not None:
                self._left -= 1
            return 0.0


@dataclass(frozen=True)
class Pace:
    """How many rows the next request of a list takes; a new one after each answer.

    ``most`` is what it does not grow beyond; with ``strict``, no request does, not even the last.
    """

    rows: int = FIRST_ROWS
    most: int = MOST_ROWS
    strict: bool = False

    @property
    def settled(self) -> bool:
        """Whether requests are as large as they become."""
        return self.rows >= self.most

    def take(self, left: int | None) -> int:
        """Rows of the next request; ``left`` are those that are left, None if that is not known.

        A few more make no difference, where they save a request of their own.
        """
        if left is None or self.strict or left > self.rows * 5 // 4:
            return self.rows
        return max(left, 1)

    def answered(self, rows: int, seconds: float) -> Pace:
        """After an answer to ``rows`` rows: aims at answers of `TARGET` seconds.

        A request that was smaller than it could have been says little of what a full one takes.
        """
        if seconds > TARGET and rows > 1:
            return replace(self, rows=max(1, min(self.rows, int(rows * TARGET / seconds))))
        if rows * 2 < self.rows:
            return self
        wanted = int(rows * TARGET / max(seconds, 0.001))
        return replace(self, rows=max(1, min(self.most, max(wanted, self.rows))))

    def too_long(self, rows: int) -> Pace:
        """After a request of ``rows`` rows that was too long, or had no answer in time."""
        half = max(1, rows // 2)
        return replace(self, rows=min(self.rows, half), most=min(self.most, half))

    def expect(self, rows: int, *, grows: bool = True) -> int:
        """How many requests ``rows`` rows take: if every answer is quick, the fewest; or, unless it
        ``grows``, if requests stay as large as they are.
        """
        pace, requests = self if grows else replace(self, most=self.rows), 0
        while rows > 0:
            if pace.settled and rows > 2 * pace.rows:
                # All but the last two are alike.
                alike = rows // pace.rows - 2
                rows, requests = rows - alike * pace.rows, requests + alike
            sent = min(rows, pace.take(rows))
            rows, requests = rows - sent, requests + 1
            pace = pace.answered(sent, 0.0)
        return requests
