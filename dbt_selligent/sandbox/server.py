"""The HTTP side: credentials, quota, one bulk operation per list, and faults on the way back.

The only module that knows aiohttp.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from .api import BASE, Api
from .bulk import Outcome
from .call import Answer, Call, Handler
from .config import SandboxConfig, explain
from .faults import BULK_OPERATIONS, UNKNOWN_CODE, Fault, FaultPlan
from .quota import Quota
from .refusal import RefusedError, refusal
from .twist import counted

DEFAULT_MAX_BODY = 64 * 2**20
_HTML = "<!DOCTYPE html><html><head><title>Proxy</title></head><body>Please wait.</body></html>"
_BODY: ContextVar[tuple[object, bool]] = ContextVar("body", default=(None, False))
_BUSY = "A bulk operation is running on this list."
_QUOTA = "API calls quota exceeded! Send the request again when the window has passed."
_PIECE = b" " * 2**16  # of a huge body: JSON may be followed by blanks

# Operations whose answers have a result_code, so that they can say in their shape what failed.
_WITH_RESULT = (*BULK_OPERATIONS, "search")

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Limits:
    """How large a request may be, in bytes and rows, and how many seconds a bulk operation takes.

    A request that is larger gets 413. The seconds per row are added to `busy`.
    """

    busy: float = 0.0
    busy_per_row: float = 0.0
    max_body: int | None = None
    max_rows: int | None = None


class Service:
    """Serves an `Api` on loopback: records, quota, credentials, faults, one bulk call per list.

    `arrived` is told method, path, query and body of each request, in order, and returns a number;
    `answered` is told that number, the status, None when the connection was cut instead, and the
    body, None when it is not as Selligent describes it because of a fault.
    `plan` may be replaced at any time.
    """

    def __init__(
        self,
        config: SandboxConfig,
        api: Api,
        lock: AbstractContextManager[object],
        plan: FaultPlan,
        quota: Quota,
        arrived: Callable[[str, str, dict[str, str], object], int],
        answered: Callable[[int, int | None, object], None],
        limits: Limits,
    ) -> None:
        self.plan = plan
        self._config, self._api, self._lock, self._quota = config, api, lock, quota
        self._arrived, self._answered = arrived, answered
        self._limits = limits
        self._running: set[str] = set()

    async def run(self, port: int, started: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `started` gets the port, which is chosen when it is 0."""
        largest = self._limits.max_body or DEFAULT_MAX_BODY
        app = web.Application(middlewares=[self._receive], client_max_size=largest)
        for method, path, handler, operation in self._api.routes():
            app.router.add_route(method, path, self._endpoint(handler, operation))
        # Answers that a fault delays must not hold up the end.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            started(runner.addresses[0][1])
            await stop.wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _receive(self, request: web.Request, handler: _Next) -> web.StreamResponse:
        key = request.headers.get("X-ApiKey", "")
        within, headers = self._quota.count(key)
        body: object = None
        response: web.StreamResponse | None = None
        try:
            body, is_json = _parse(await request.read())
            _BODY.set((body, is_json))
        except web.HTTPRequestEntityTooLarge as error:
            response = web.Response(status=error.status, text=error.text)
        number = self._arrived(request.method, request.path, dict(request.query), body)
        response = response or self._refuse(request, key, within)
        if response is None:
            try:
                response = await handler(request)
            except web.HTTPException as error:  # no such path, or not with this method
                allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
                response = web.Response(status=error.status, text=error.text, headers=allowed)
        status = None if isinstance(response, _Cut) else response.status
        self._answered(number, status, _body_of(response))
        response.headers.update(headers)
        return response

    def _refuse(self, request: web.Request, key: str, within: bool) -> web.Response | None:
        if not within:
            return web.Response(status=429, text=_QUOTA)
        if request.path == f"{BASE}/status":
            return None
        if key != f"{self._config.api_key}:{self._config.api_secret}":
            return _Json(401, {"message": "The API key is not accepted"})
        organization = request.match_info.get("organization", self._config.organization)
        if organization != self._config.organization:
            return _Json(404, refusal("NotFound", "The organization does not exist"))
        return None

    def _endpoint(self, handler: Handler, operation: str) -> _Next:
        async def serve(request: web.Request) -> web.StreamResponse:
            strike = self.plan.strike(operation)
            fault = strike.answer
            call = Call(request.match_info, dict(request.query), *_BODY.get(), strike.twist)
            bulk, rows = operation in BULK_OPERATIONS, _count_rows(call)
            slot = request.match_info.get("list", "")
            if bulk and slot in self._running:
                return web.Response(status=429, text=_BUSY)
            if bulk and self._limits.max_rows is not None and rows > self._limits.max_rows:
                return web.Response(status=413, text="The body has too many records.")
            if bulk:
                self._running.add(slot)
            try:
                busy = self._limits.busy + self._limits.busy_per_row * rows
                await asyncio.sleep(strike.delay + busy * bulk)
                if fault is not None and not fault.applies:
                    status, answer = _unapplied(fault, operation)
                else:
                    with self._lock:
                        status, answer = _carry_out(handler, call)
            finally:
                # An operation has ended when it is applied, however late its answer is.
                if bulk:
                    self._running.discard(slot)
            await asyncio.sleep(strike.delay_after)
            return _respond(request, operation, status, answer, fault)

        return serve


def _count_rows(call: Call) -> int:
    rows = len(call.body) if isinstance(call.body, list) else 0
    return rows if call.query.get("fields") else max(rows - 1, 0)


def _carry_out(handler: Handler, call: Call) -> Answer:
    try:
        return handler(call)
    except RefusedError as error:
        return error.status, refusal(error.result_code, *error.descriptions)
    except ValidationError as error:
        return 400, refusal("ValidationFailed", *explain(error).splitlines())


def _unapplied(fault: Fault, operation: str) -> Answer:
    code = fault.text if fault.kind == "result" else "Failed"
    answer = refusal(code, "A fault of the sandbox")
    if operation in BULK_OPERATIONS:
        answer = {**counted(Outcome(), operation), **answer}
    if operation in _WITH_RESULT:
        del answer["message"]
    return 200, answer


class _Json(web.Response):
    """An answer as Selligent describes it."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(status=status, text=json.dumps(answer), content_type="application/json")
        self.answer = answer


class _Spoiled(web.Response):
    """An answer that a fault made."""


class _InPieces(_Spoiled):
    """An answer whose body comes in pieces, with seconds between them."""

    def __init__(self, pieces: Iterable[bytes], length: int, seconds: float = 0.0) -> None:
        whole = {"Content-Length": str(length), "Content-Type": "application/json"}
        super().__init__(headers=whole)
        self._pieces, self._seconds = pieces, seconds

    async def write_eof(self, data: bytes = b"") -> None:
        for piece in self._pieces:
            await self.write(piece)
            await asyncio.sleep(self._seconds)
        await web.StreamResponse.write_eof(self)


class _LateHead(_Spoiled):
    """An answer whose headers come after others, of which each byte takes seconds."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text=text, content_type="application/json")
        self._seconds = seconds

    async def prepare(self, request: web.BaseRequest) -> Any:
        # So may an answer begin: clients read on, and never know how much there is to come.
        for byte in b"HTTP/1.1 100 Continue\r\n\r\n":
            if request.transport is not None:
                request.transport.write(bytes([byte]))
            await asyncio.sleep(self._seconds)
        return await super().prepare(request)


class _Cut(_Spoiled):
    """The answer of a connection that was reset: it goes nowhere."""


def _body_of(response: web.StreamResponse) -> object:
    if isinstance(response, _Json):
        return response.answer
    if isinstance(response, _Spoiled) or not isinstance(response, web.Response):
        return None
    return response.text


def _respond(
    request: web.Request,
    operation: str,
    status: int,
    answer: dict[str, Any],
    fault: Fault | None,
) -> web.Response:
    if fault is not None and fault.kind == "counts" and "invalid_records" in answer:
        name = "number_of_inserted_records"
        name = name if name in answer else "number_of_deleted_records"
        answer = {**answer, name: answer[name] + 1}
    shapely = ("counts", "failed", "result") if operation in _WITH_RESULT else ("counts",)
    if fault is None or (fault.kind in shapely and fault.text != UNKNOWN_CODE):
        return _Json(status, answer)
    return _spoiled(request, answer, fault)


def _spoiled(request: web.Request, answer: dict[str, Any], fault: Fault) -> _Spoiled:
    kind = fault.kind.removesuffix("-after").removesuffix("-before")
    if kind == "reset":
        return _reset(request)
    if kind == "html":
        return _Spoiled(text=_HTML, content_type="text/html")
    if kind == "not-json":
        return _Spoiled(text="{'result_code': Succeeded", content_type="application/json")
    if kind in ("failed", "result"):
        return _Spoiled(text=json.dumps(answer), content_type="application/json")
    body = json.dumps(answer).encode()
    if kind == "drip":
        pieces = (body[place : place + 1] for place in range(len(body)))
        return _InPieces(pieces, len(body), fault.seconds)
    if kind == "drip-headers":
        return _LateHead(body.decode(), fault.seconds)
    if kind == "huge":
        count = fault.number * 2**20 // len(_PIECE)
        return _InPieces(chain([body], repeat(_PIECE, count)), len(body) + count * len(_PIECE))
    if kind == "truncated":
        whole = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        response = _Spoiled(body=body[: len(body) // 2], headers=whole)
        response.force_close()
        return response
    if kind == "quota":
        return _Spoiled(status=429, text=_QUOTA)
    if kind == "redirect":
        return _Spoiled(status=307, headers={"Location": fault.text})
    return _Spoiled(status=fault.status, text=_BUSY if fault.status == 429 else "A fault")


def _reset(request: web.Request) -> _Spoiled:
    if request.transport is not None:
        # Without lingering, closing sends a TCP reset instead of an orderly end.
        connection: socket.socket | None = request.transport.get_extra_info("socket")
        if connection is not None:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.abort()
    return _Cut()


def _parse(raw: bytes) -> tuple[object, bool]:
    # Python would read NaN and Infinity, which are no JSON: int refuses these names.
    try:
        return json.loads(raw, parse_constant=int), True
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace") or None, False
