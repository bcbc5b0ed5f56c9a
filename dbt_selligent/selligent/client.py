"""The REST API, one method per call. No call prints, waits or tries again: that is the caller's."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

import requests
from requests.exceptions import ConnectTimeout, SSLError
from urllib3.exceptions import NameResolutionError, NewConnectionError

from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.pace import Budget
from dbt_selligent.settings import LOOPBACK, Destination

# Seconds to connect, and between bytes of an answer.
TIMEOUT = (10.0, 60.0)


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
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._base = f"{destination.url}/Portal/Api"
        self._organization = f"/organizations/{quote(destination.organization, safe='')}"
        self._sleep, self._stopped, self._timeout = sleep, stopped, timeout
        self._budget = _budget_of(destination)
        self._session = requests.Session()
        self._session.headers["X-ApiKey"] = (
            f"{destination.api_key.reveal()}:{destination.api_secret.reveal()}"
        )
        if urlsplit(destination.url).hostname in LOOPBACK:
            self._session.trust_env = False  # a proxy has no way to this machine

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
        return f"{self._organization}/lists/{quote(name, safe='')}"

    def _segment(self, list_name: str, segment: str) -> str:
        return f"{self._list(list_name)}/segments/{quote(segment, safe='')}"

    def _call(self, method: str, path: str, *, body: bytes | None = None) -> Response | Failure:
        self.admit()
        return self._request(method, path, None, body)

    def _request(
        self, method: str, path: str, params: dict[str, str] | None, body: bytes | None
    ) -> Response | Failure:
        try:
            done = self._session.request(
                method,
                self._base + path,
                params=params,
                data=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return _failure(error)
        headers = {name.lower(): value for name, value in done.headers.items()}
        self._budget.told(headers)
        return Response(done.status_code, done.content, headers)


# Of this process, by address and key.
_BUDGETS: dict[tuple[str, str], Budget] = {}
_BUDGETS_LOCK = threading.Lock()


def _budget_of(destination: Destination) -> Budget:
    with _BUDGETS_LOCK:
        key = (destination.url, destination.api_key.reveal())
        return _BUDGETS.setdefault(key, Budget())


def _is_of_certificate(error: BaseException) -> bool:
    """Whether the connection was refused by us; any other error of TLS may come after a request."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        each = queue.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, ssl.SSLCertVerificationError):
            return True
        seen.add(id(each))
        queue += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return False


def _failure(error: requests.RequestException) -> Failure:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, SSLError) and _is_of_certificate(error):
        return Failure("the server's certificate is not to be trusted", reached=False, final=True)
    if isinstance(reason, NameResolutionError):
        return Failure("the host's name is not known", reached=False)
    if isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError):
        return Failure("no connection", reached=False)
    if isinstance(error, requests.Timeout):
        return Failure("no answer in time", late=True)
    return Failure("the connection broke before the answer was whole")
