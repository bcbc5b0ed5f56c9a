"""The REST API, one method per call. No call prints, waits or tries again: that is the caller's."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, ProxyError, SSLError
from requests.utils import get_environ_proxies
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError

from dbt_selligent.naming import url_part
from dbt_selligent.profiles import LOOPBACK, Destination
from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.deadline import DeadlineAdapter
from dbt_selligent.selligent.pace import Budget

# Bytes of the body of an answer: those of bulk calls are small, a page of records is not.
MOST_BYTES = 64 * 2**20
# Characters of a secret that is looked for in answers: a shorter one may stand in any of them.
SHORTEST_SECRET = 8
# Where a company's own authorities may stand: files, or folders, of certificates.
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, between two bytes of an answer, and for a request and its answer."""

    connect: float = 10.0
    between: float = 60.0
    whole: float = 120.0


class _Session(requests.Session):
    """A session to which no answer is a redirect: `requests` reads all of one, of any length."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Client:
    """The calls that this tool makes of one destination; not to be shared between threads.

    ``sleep`` waits for seconds where the quota is used up, unless ``stopped``.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        sleep: Callable[[float], None] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self._base = f"{destination.url}/Portal/Api"
        self._organization = f"/organizations/{url_part(destination.organization)}"
        self._sleep, self._stopped, self._timeouts = sleep, stopped, timeouts
        self._budget = _budget_of(destination)
        self._secrets = [
            secret.reveal().encode()
            for secret in (destination.api_secret, destination.api_key)
            if len(secret.reveal()) >= SHORTEST_SECRET
        ]
        self._session = _Session()
        self._session.headers["X-ApiKey"] = (
            f"{destination.api_key.reveal()}:{destination.api_secret.reveal()}"
        )
        # Of the environment, nothing counts but what is read here: no .netrc adds credentials.
        self._session.trust_env = False
        self._session.verify = _authorities() or True
        if urlsplit(destination.url).hostname not in LOOPBACK:  # to which a proxy has no way
            self._session.proxies.update(get_environ_proxies(destination.url))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(timeouts.whole))

    def __enter__(self) -> Client:
        """Nothing is opened before the first call."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def admit(self) -> None:
        """Waits until the quota has room for a bulk call, and counts it; to be called before."""
        self._budget.take(self._sleep, self._stopped)

    def status(self) -> Response | Failure:
        """Whether the API is up: 200."""
        return self._call("GET", "/status")

    def organization(self) -> Response | Failure:
        """Whether credentials and organization are right: 200."""
        return self._call("GET", self._organization)

    def lists(self) -> Response | Failure:
        """All lists."""
        return self._call("GET", f"{self._organization}/lists")

    def create_list(self, name: str, label: str, kind: str) -> Response | Failure:
        """Makes a list of a type, like Userlist or Datalist."""
        body = {"api_name": name, "name": label, "type": kind}
        return self._call("POST", f"{self._organization}/lists", body=json.dumps(body).encode())

    def fields(self, list_name: str) -> Response | Failure:
        """The fields of a list; `read_fields` reads the body of a 200."""
        return self._call("GET", f"{self._list(list_name)}/fields")

    def create_fields(
        self, list_name: str, fields: Sequence[Mapping[str, object]]
    ) -> Response | Failure:
        """Adds fields to a list, one after the other in the order given."""
        body = json.dumps({"fields": list(fields)}).encode()
        return self._call("POST", f"{self._list(list_name)}/fields", body=body)

    def set_business_key(self, list_name: str, fields: Sequence[str]) -> Response | Failure:
        """Gives a list the unique index that large requests need, over one to three fields."""
        body = json.dumps({"fields": list(fields)}).encode()
        return self._call("PUT", f"{self._list(list_name)}/businesskey", body=body)

    def count(self, list_name: str) -> Response | Failure:
        """How many records a list has."""
        return self._call("GET", f"{self._list(list_name)}/records")

    def segment(self, list_name: str, segment: str) -> Response | Failure:
        """A segment of a list, with its type."""
        return self._call("GET", self._segment(list_name, segment))

    def create_segment(self, list_name: str, segment: str) -> Response | Failure:
        """Makes a static segment."""
        body = json.dumps({"api_name": segment, "name": segment}).encode()
        return self._call("POST", f"{self._list(list_name)}/segments/static", body=body)

    def search(
        self, list_name: str, search: Mapping[str, object], segment: str | None = None
    ) -> Response | Failure:
        """Records of a list, or of a segment of it, by fields, filters, order and page."""
        where = self._segment(list_name, segment) if segment else self._list(list_name)
        return self._call("POST", f"{where}/data/search", body=json.dumps(search).encode())

    def bulk(
        self,
        call: Call,
        list_name: str,
        segment: str | None,
        *,
        keys: Sequence[str],
        fields: Sequence[str],
        body: bytes,
    ) -> Response | Failure:
        """Makes a bulk call: ``body`` is a JSON array of arrays of the ``fields``, in order.

        Those of members are made of a ``segment``, all others of the list. `admit` comes first, so
        that the time of an answer is the server's own.
        """
        params = {"keyFields": ",".join(keys), "fields": ",".join(fields)}
        of_members = call in (Call.JOIN, Call.LEAVE)
        where = self._list(list_name)
        if of_members:
            where = self._segment(list_name, segment or "")
        if call in (Call.DELETE, Call.LEAVE):
            return self._request("DELETE", f"{where}/data", params, body)
        if not of_members:
            params["data_import_option"] = call.value
        return self._request("POST", f"{where}/data/load", params, body)

    def _list(self, name: str) -> str:
        return f"{self._organization}/lists/{url_part(name)}"

    def _segment(self, list_name: str, segment: str) -> str:
        return f"{self._list(list_name)}/segments/{url_part(segment)}"

    def _call(self, method: str, path: str, *, body: bytes | None = None) -> Response | Failure:
        self.admit()
        return self._request(method, path, None, body)

    def _request(
        self, method: str, path: str, params: dict[str, str] | None, body: bytes | None
    ) -> Response | Failure:
        try:
            with self._session.request(
                method,
                self._base + path,
                params=params,
                data=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=(self._timeouts.connect, self._timeouts.between),
                allow_redirects=False,
                stream=True,
            ) as done:
                headers = {name.lower(): value for name, value in done.headers.items()}
                self._budget.told(headers)
                # Nobody follows a redirect, and whatever it says.
                content = b"" if 300 <= done.status_code < 400 else _read(done)
        except OSError as error:
            return _failure(error)
        if content is None:
            return Failure(f"the answer is longer than {MOST_BYTES // 2**20} MB", large=True)
        for secret in self._secrets:  # an answer that repeats it must not bring it anywhere
            content = content.replace(secret, b"***")
        return Response(done.status_code, content, headers)


def _read(done: requests.Response) -> bytes | None:
    """The body of an answer, or None if it is too long to be one of the API."""
    parts, size = [], 0
    for part in done.iter_content(2**16):
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


# Of this process, by address and key.
_BUDGETS: dict[tuple[str, str], Budget] = {}
_BUDGETS_LOCK = threading.Lock()


def _budget_of(destination: Destination) -> Budget:
    with _BUDGETS_LOCK:
        key = (destination.url, destination.api_key.reveal())
        return _BUDGETS.setdefault(key, Budget())


def _authorities() -> str | None:
    """The authorities that are trusted in place of the usual ones; never none at all."""
    return next((os.environ[name] for name in AUTHORITIES if os.environ.get(name)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and all those that it came of, in whatever way they were wrapped."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        each = queue.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            yield each
            seen.add(id(each))
            queue += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def _failure(error: OSError) -> Failure:
    """What an error of `requests` means; of a missing file it tells by a plain OSError."""
    if (
        not isinstance(error, requests.RequestException)
        and not Path(_authorities() or "/").exists()
    ):
        return _without_authorities()
    causes = list(_causes(error))
    if isinstance(error, SSLError):
        for cause in causes:
            # A certificate is refused by us; any other error of TLS may come after a request.
            if isinstance(cause, ssl.SSLCertVerificationError):
                why = getattr(cause, "verify_message", "refused")
                text = f"the server's certificate is not to be trusted: {why}"
                return Failure(text, reached=False, final=True)
            if getattr(cause, "reason", None) == "NO_CERTIFICATE_OR_CRL_FOUND":
                return _without_authorities()
    if isinstance(error, ProxyError):
        return Failure("no connection through the proxy", reached=False)
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NameResolutionError):
        return Failure("the host's name is not known", reached=False)
    if isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError):
        return Failure("no connection", reached=False)
    if any(isinstance(cause, (TimeoutError, ReadTimeoutError)) for cause in causes):
        return Failure("no answer in time", late=True)
    return Failure("the connection broke before the answer was whole")


def _without_authorities() -> Failure:
    names = ", ".join(name for name in AUTHORITIES if os.environ.get(name))
    return Failure(f"no certificates can be read where {names} says", reached=False, final=True)
