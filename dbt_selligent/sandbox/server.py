"""The HTTP side: Selligent's paths and literals over the lists, and faults on the way back.

The only module that knows aiohttp. Handlers are plain functions from a `Call` to status and JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from .config import (
    ApiName,
    FieldConfig,
    ListConfig,
    ListType,
    SandboxConfig,
    SegmentConfig,
    explain,
)
from .faults import BULK_OPERATIONS, Fault, FaultPlan, Quota
from .store import Bulk, Outcome, RecordList, RefusedError, Search, Segment, invalid

BASE = "/Portal/Api"
DEFAULT_MAX_BODY = 64 * 2**20
_CHOICES = {
    "mode": ("Sync", "Stream"),
    "deduplication": ("ImportLastMatch", "ImportFirstMatch"),
    "data_import_option": ("InsertAndUpdate", "OnlyInsert", "OnlyUpdate"),
}
_HTML = "<!DOCTYPE html><html><head><title>Proxy</title></head><body>Please wait.</body></html>"
_BODY: ContextVar[tuple[object, bool]] = ContextVar("body", default=(None, False))
_BUSY = "A bulk operation is running on this list."

Answer = tuple[int, dict[str, Any]]
Handler = Callable[["Call"], Answer]
_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Call:
    """One request as the handlers see it; `body` is JSON only where `is_json` says so."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object = None
    is_json: bool = False
    rejects: tuple[tuple[str, str], ...] = ()

    def json(self) -> Any:
        """Return the body; a body that is no JSON is refused."""
        if not self.is_json:
            raise invalid("The body is not JSON")
        return self.body

    def properties(self) -> dict[str, Any]:
        """Return the body as an object, without the properties that are null."""
        if not isinstance(self.json(), dict):
            raise invalid("The body is not an object")
        return {name: value for name, value in self.json().items() if value is not None}

    def number(self, name: str, default: int) -> int:
        """Return a query parameter that counts something."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit()):
            raise invalid(f"{name} is not a count")
        return int(text)

    def names(self, name: str) -> tuple[str, ...]:
        """Return a query parameter that holds names separated by commas."""
        return tuple(part.strip() for part in self.query.get(name, "").split(",") if part.strip())


class Api:
    """What each path does. A refusal is a `RefusedError` or pydantic's `ValidationError`."""

    def __init__(
        self, config: SandboxConfig, lists: dict[str, RecordList], index_base: int
    ) -> None:
        self._config, self._lists, self._index_base = config, lists, index_base

    def routes(self) -> list[tuple[str, str, Handler, str]]:
        """List method, path, handler and the operation by which faults name it."""
        org = f"{BASE}/organizations/{{organization}}"
        one = f"{org}/lists/{{list}}"
        segment = f"{one}/segments/{{segment}}"
        return [
            ("GET", f"{BASE}/status", lambda call: (200, {}), "status"),
            ("GET", org, self._organization, "organization"),
            ("GET", f"{org}/lists", self._get_lists, "lists"),
            ("POST", f"{org}/lists", self._create_list, "lists"),
            ("GET", one, self._get_list, "lists"),
            ("DELETE", one, self._delete_list, "lists"),
            ("GET", f"{one}/fields", self._get_fields, "fields"),
            ("POST", f"{one}/fields", self._create_fields, "fields"),
            ("PUT", f"{one}/businesskey", self._set_business_key, "lists"),
            ("GET", f"{one}/records", self._count_records, "records"),
            ("DELETE", f"{one}/records/{{id}}", self._delete_record, "records"),
            ("POST", f"{one}/data/load", self._load, "load"),
            ("DELETE", f"{one}/data", self._delete, "delete"),
            ("POST", f"{one}/data/search", self._search, "search"),
            ("GET", f"{one}/segments", self._get_segments, "segments"),
            ("POST", f"{one}/segments/static", self._create_segment, "segments"),
            ("GET", segment, self._get_segment, "segments"),
            ("DELETE", segment, self._delete_segment, "segments"),
            ("POST", f"{segment}/data/load", self._join, "segment-load"),
            ("DELETE", f"{segment}/data", self._delete, "delete"),
            ("DELETE", f"{segment}/data/clear", self._clear, "segments"),
            ("POST", f"{segment}/data/search", self._search, "search"),
        ]

    def _organization(self, call: Call) -> Answer:
        audiences = [n for n, one in self._lists.items() if one.config.type == "Userlist"]
        return 200, {
            "name": self._config.organization,
            "languages": [],
            "audiences": [{"api_name": name} for name in audiences],
        }

    def _get_lists(self, call: Call) -> Answer:
        found = []
        for api_name, one in self._lists.items():
            name, kind = one.config.name or api_name, one.config.type
            shown = {"id": one.number, "type": kind, "api_name": api_name, "name": name}
            texts = [api_name, name, one.config.description, *one.config.tags]
            found.append((kind, texts, shown))
        return 200, {"lists": _page(call, found)}

    def _create_list(self, call: Call) -> Answer:
        """The new list has no fields; which ones Selligent itself gives it is not published."""
        new = _NewList.model_validate(call.properties())
        if new.api_name in self._lists:
            raise invalid(f"List {new.api_name} exists already")
        number = max((one.number for one in self._lists.values()), default=0) + 1
        config = ListConfig.model_validate(new.model_dump(exclude={"api_name"}))
        self._lists[new.api_name] = RecordList(new.api_name, number, config)
        return _done("The list is created")

    def _get_list(self, call: Call) -> Answer:
        one = self._list(call)
        return 200, {
            "api_name": one.api_name,
            "name": one.config.name or one.api_name,
            "type": one.config.type,
            "description": one.config.description,
            "tags": one.config.tags,
            "enforce_segment_selection": False,
            "organizations": [self._config.organization],
            "not_accessible_organizations_count": 0,
        }

    def _delete_list(self, call: Call) -> Answer:
        del self._lists[self._list(call).api_name]
        return _done("The list is deleted")

    def _get_fields(self, call: Call) -> Answer:
        fields = self._list(call).fields.items()
        return 200, {
            "fields": [
                {
                    "name": name,
                    **field.model_dump(exclude={"options", "optionlist"}),
                    "optionlist": field.optionlist
                    or (f"{name}_OPTIONS" if field.options else None),
                }
                for name, field in fields
            ]
        }

    def _create_fields(self, call: Call) -> Answer:
        fields: dict[str, FieldConfig] = {}
        for entry in call.properties().get("fields") or [None]:
            settings = {} if not isinstance(entry, dict) else dict(entry)
            name = settings.pop("name", None)
            if not isinstance(name, str) or not name or name in fields:
                raise invalid("A field has no name, or the name of another one")
            settings = {key: value for key, value in settings.items() if value is not None}
            fields[name] = FieldConfig.model_validate(settings)
        self._list(call).add_fields(fields)
        return 201, _done("The fields are created")[1]

    def _set_business_key(self, call: Call) -> Answer:
        """Takes {"fields": [..]}; the shape of this body is not published, so it is assumed."""
        names = call.properties().get("fields")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise invalid("fields is not an array of names")
        self._list(call).set_business_key(tuple(names))
        return _done("The business key is set")

    def _count_records(self, call: Call) -> Answer:
        return 200, {"count": len(self._list(call).records)}

    def _delete_record(self, call: Call) -> Answer:
        one, text = self._list(call), call.path["id"]
        if not (text.isascii() and text.isdigit() and int(text) in one.records):
            raise _missing("The record")
        one.drop([int(text)])
        return _done("The record is deleted")

    def _load(self, call: Call) -> Answer:
        one, bulk = self._list(call), self._bulk(call)
        name = call.query.get("create_segment_name", "")
        api_name = call.query.get("create_segment_api_name") or name
        # Refused before anything is loaded, if it is refused; one that exists is used (assumed).
        new = SegmentConfig(api_name=api_name, name=name) if api_name else None
        known = _segment(one, api_name, True) if api_name in one.segments else None
        outcome = one.load(bulk)
        if new is not None:
            segment = known or one.add_segment(new)
            segment.members.update(dict.fromkeys(outcome.touched))
        return 200, counted(outcome, "load")

    def _delete(self, call: Call) -> Answer:
        one = self._list(call)
        segment = _segment(one, call.path["segment"], True) if "segment" in call.path else None
        return 200, counted(one.delete(self._bulk(call), segment), "delete")

    def _search(self, call: Call) -> Answer:
        one, search = self._list(call), Search.model_validate(call.properties())
        segment = _segment(one, call.path["segment"]) if "segment" in call.path else None
        data = one.search(search, None if segment is None else segment.members)
        return 200, {
            "fields": search.fields,
            "data": data,
            "result_code": "Succeeded",
            "errors": [],
        }

    def _get_segments(self, call: Call) -> Answer:
        found = []
        for api_name, segment in self._list(call).segments.items():
            config = segment.config
            texts = [api_name, config.name, config.description, *config.tags]
            found.append((config.type, texts, {"segment_type": config.type, "api_name": api_name}))
        shown = _page(call, found)
        return 200, {"segments": shown, "segment_count": len(shown)}

    def _create_segment(self, call: Call) -> Answer:
        config = _NewSegment.model_validate(call.properties())
        self._list(call).add_segment(SegmentConfig.model_validate(config.model_dump()))
        return _done("The segment is created")

    def _get_segment(self, call: Call) -> Answer:
        config = _segment(self._list(call), call.path["segment"]).config
        return 200, {**config.model_dump(exclude={"tags"}), "name": config.name or config.api_name}

    def _delete_segment(self, call: Call) -> Answer:
        one = self._list(call)
        del one.segments[_segment(one, call.path["segment"]).config.api_name]
        return _done("The segment is deleted")

    def _join(self, call: Call) -> Answer:
        one = self._list(call)
        segment = _segment(one, call.path["segment"], True)
        return 200, counted(one.join(segment, self._bulk(call)), "segment-load")

    def _clear(self, call: Call) -> Answer:
        _segment(self._list(call), call.path["segment"], True).members.clear()
        return _done("The segment is empty")

    def _list(self, call: Call) -> RecordList:
        if call.path["list"] not in self._lists:
            raise _missing("The list")
        return self._lists[call.path["list"]]

    def _bulk(self, call: Call) -> Bulk:
        for name, choices in _CHOICES.items():
            if call.query.get(name, choices[0]) not in choices:
                raise invalid(f"{name} is one of {', '.join(choices)}")
        keys, fields, rows = call.names("keyFields"), call.names("fields"), call.json()
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise invalid("The body is not an array of arrays")
        if not keys:
            raise invalid("keyFields is missing")
        if not fields:
            if not rows or not all(isinstance(name, str) for name in rows[0]):
                raise invalid("Neither fields nor the first row name the fields")
            fields, rows = tuple(rows[0]), rows[1:]
        return Bulk(
            keys,
            fields,
            rows,
            first_match=call.query.get("deduplication") == "ImportFirstMatch",
            option=call.query.get("data_import_option", "InsertAndUpdate"),
            rejects=call.rejects,
            index_base=self._index_base,
        )


class _NewList(BaseModel):
    api_name: ApiName
    name: str
    type: ListType
    description: str = ""
    tags: list[str] = []


class _NewSegment(BaseModel):
    api_name: ApiName
    name: str
    description: str = ""
    tags: list[str] = []


def _segment(one: RecordList, api_name: str, takes_members: bool = False) -> Segment:
    if api_name not in one.segments:
        raise _missing("The segment")
    segment = one.segments[api_name]
    if takes_members and segment.config.type != "Static":
        raise invalid("Only static segments take members")
    return segment


def _page(call: Call, found: Sequence[tuple[str, list[str], object]]) -> list[object]:
    kind, text = call.query.get("filter", "").lower(), call.query.get("search", "").lower()
    shown = [
        answer
        for its_kind, texts, answer in found
        if kind in ("", its_kind.lower()) and any(text in one.lower() for one in texts)
    ]
    skip, take = call.number("skip", 0), call.number("take", len(shown))
    return shown[skip : skip + take]


def _missing(what: str) -> RefusedError:
    return RefusedError(404, "NotFound", f"{what} does not exist")


def _done(message: str) -> Answer:
    return 200, {"result_code": "Succeeded", "message": message}


def refusal(result_code: str, *descriptions: str) -> dict[str, Any]:
    """Build the body of an answer to a request that was refused as a whole."""
    errors = [{"error_code": f"ERR_{result_code.upper()}", "description": d} for d in descriptions]
    return {"result_code": result_code, "message": "The request is refused", "errors": errors}


def counted(outcome: Outcome, operation: str) -> dict[str, Any]:
    """Build the body of an answer to a bulk request."""
    answer = {
        "errors": None,
        "result_code": outcome.result_code,
        "number_of_deleted_records": outcome.deleted,
        "number_of_duplicate_records": outcome.duplicate,
        "number_of_failed_records": len(outcome.invalid),
        "number_of_records_not_found": outcome.not_found,
        "invalid_records": [
            {
                "record_index": number,
                "field_name": error.field_name,
                "message": str(error),
                "validation_code": error.code,
            }
            for number, error in outcome.invalid
        ],
    }
    if operation != "delete":
        answer["number_of_inserted_records"] = outcome.inserted
        answer["number_of_updated_records"] = outcome.updated
    return answer


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
