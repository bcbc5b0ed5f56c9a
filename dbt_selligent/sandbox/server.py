"""The HTTP side: credentials, quota, one bulk operation per list, and faults on the way back.

The only module that knows aiohttp.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from .api import BASE, Api
from .call import Answer, Call, Handler
from .config import SandboxConfig, explain
from .data import counted
from .faults import BULK_OPERATIONS, Fault, FaultPlan
from .quota import Quota
from .refusal import RefusedError, refusal
from .store import Outcome

DEFAULT_MAX_BODY = 64 * 2**20
_HTML = "<!DOCTYPE html><html><head><title>Proxy</title></head><body>Please wait.</body></html>"
_BODY: ContextVar[tuple[object, bool]] = ContextVar("body", default=(None, False))
_BUSY = "A bulk operation is running on this list."

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """Serves an `Api` on loopback: records, quota, credentials, faults, one bulk call per list.

    `arrived` is told method, path, query and body of each request, in order, and returns a number;
    `answered` is told that number and the status, None when the connection was cut instead.
    `plan` may be replaced at any time. `busy` is how many seconds a bulk operation takes.
    """

    def __init__(
        self,
        config: SandboxConfig,
        api: Api,
        lock: AbstractContextManager[object],
        plan: FaultPlan,
        quota: Quota,
        arrived: Callable[[str, str, dict[str, str], object], int],
        answered: Callable[[int, int | None], None],
        busy: float = 0.0,
        max_body: int | None = None,
    ) -> None:
        self.plan = plan
        self._config, self._api, self._lock, self._quota = config, api, lock, quota
        self._arrived, self._answered = arrived, answered
        self._busy, self._max_body = busy, max_body or DEFAULT_MAX_BODY
        self._running: set[str] = set()

    async def run(self, port: int, started: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `started` gets the port, which is chosen when it is 0."""
        app = web.Application(middlewares=[self._receive], client_max_size=self._max_body)
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
        self._answered(number, None if isinstance(response, _Cut) else response.status)
        response.headers.update(headers)
        return response

    def _refuse(self, request: web.Request, key: str, within: bool) -> web.Response | None:
        if not within:
            text = "API calls quota exceeded! Send the request again when the window has passed."
            return web.Response(status=429, text=text)
        if request.path == f"{BASE}/status":
            return None
        if key != f"{self._config.api_key}:{self._config.api_secret}":
            return web.json_response({"message": "The API key is not accepted"}, status=401)
        organization = request.match_info.get("organization", self._config.organization)
        if organization != self._config.organization:
            missing = refusal("NotFound", "The organization does not exist")
            return web.json_response(missing, status=404)
        return None

    def _endpoint(self, handler: Handler, operation: str) -> _Next:
        async def serve(request: web.Request) -> web.StreamResponse:
            strike = self.plan.strike(operation)
            fault = strike.answer
            call = Call(request.match_info, dict(request.query), *_BODY.get(), strike.rejects)
            bulk = operation in BULK_OPERATIONS
            slot = request.match_info.get("list", "")
            if bulk and slot in self._running:
                return web.Response(status=429, text=_BUSY)
            if bulk:
                self._running.add(slot)
            try:
                await asyncio.sleep(strike.delay + self._busy * bulk)
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
            return _respond(request, status, answer, fault)

        return serve


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
    return 200, answer


class _Cut(web.Response):
    """The answer of a connection that was reset: it goes nowhere."""


def _respond(
    request: web.Request, status: int, answer: dict[str, Any], fault: Fault | None
) -> web.Response:
    kind = "" if fault is None else fault.kind.removesuffix("-after").removesuffix("-before")
    if fault is not None and kind == "status":
        return web.Response(status=fault.status, text=_BUSY if fault.status == 429 else "A fault")
    if kind == "reset":
        return _reset(request)
    if kind == "html":
        return web.Response(text=_HTML, content_type="text/html")
    if kind == "not-json":
        return web.Response(text="{'result_code': Succeeded", content_type="application/json")
    if kind == "counts" and "invalid_records" in answer:
        name = "number_of_inserted_records"
        name = name if name in answer else "number_of_deleted_records"
        answer = {**answer, name: answer[name] + 1}
    response = web.json_response(answer, status=status)
    if kind == "truncated":
        body = json.dumps(answer).encode()
        whole = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        response = web.Response(body=body[: len(body) // 2], headers=whole)
        response.force_close()
    return response


def _reset(request: web.Request) -> web.Response:
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
