"""A deadline for a whole answer: `requests` has none but between two bytes, so that an answer that
comes a byte at a time would hold a sync for ever.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool


class DeadlineAdapter(HTTPAdapter):
    """Connections on which a request and its answer together take at most so many seconds.

    After that, as after any other time-out, TimeoutError is what `requests` has to tell of.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """The connections to a host; those through a proxy too."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Timed):
            parts = (_Timed, pool.ConnectionCls)
            pool.ConnectionCls = type("TimedConnection", parts, {"seconds": self._seconds})
        return pool  # type: ignore[no-any-return]


class _Timed:
    """What a connection of urllib3 does otherwise: no step of it outlasts the deadline."""

    seconds: float
    sock: socket.socket | None
    _end: float

    def connect(self) -> None:
        self._end = time.monotonic() + self.seconds  # a proxy answers before there is a request
        super().connect()  # type: ignore[misc]

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._end = time.monotonic() + self.seconds
        super().request(*args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        assert self.sock is not None  # noqa: S101
        # Else a body would have to be gone within the seconds of a connect.
        self.sock.settimeout(_left(self._end))
        super().send(data)  # type: ignore[misc]

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:
        response = HTTPResponse(sock, *args, **kwargs)
        raw = _UntilDeadline(sock, self._end)
        response.fp.close()
        response.fp = io.BufferedReader(raw)
        return response


class _UntilDeadline(io.RawIOBase):
    """The bytes of an answer; each wait for more is as long as one may be, or as is left."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._sock, self._between, self._end = sock, sock.gettimeout(), end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _left(self._end)
        self._sock.settimeout(left if self._between is None else min(self._between, left))
        found: int | None = self._raw.readinto(buffer)
        return found

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left
