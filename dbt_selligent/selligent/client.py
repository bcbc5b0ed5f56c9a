"""The REST API, one method per call. No call prints, waits or tries again: that is the caller's."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import requests
from requests.exceptions import ConnectTimeout, SSLError
from urllib3.exceptions import NameResolutionError, NewConnectionError

from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.settings import LOOPBACK, Destination

# Seconds to connect, and between bytes of an answer.
TIMEOUT = (10.0, 60.0)


@dataclass(frozen=True)
class Field:
    """A field of a list, as the API describes it."""

    name: str
    data_type: str
    length: int | None


class Client:
    """The calls that this tool makes of one destination; not to be shared between threads."""

    def __init__(self, destination: Destination, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._base = f"{destination.url}/Portal/Api"
        self._organization = quote(destination.organization, safe="")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers["X-ApiKey"] = (
            f"{destination.api_key.reveal()}:{destination.api_secret.reveal()}"
        )
        if urlsplit(destination.url).hostname in LOOPBACK:
            self._session.trust_env = False  # a proxy has no way to this machine

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def status(self) -> Response | Failure:
        """Whether the API is up: 200."""
        return self._call("GET", "/status")

    def organization(self) -> Response | Failure:
        """Whether credentials and organization are right: 200."""
        return self._call("GET", f"/organizations/{self._organization}")

    def fields(self, list_name: str) -> Response | Failure:
        """The fields of a list; `read_fields` reads the body of a 200."""
        return self._call("GET", f"{self._list(list_name)}/fields")

    def load(
        self,
        list_name: str,
        *,
        keys: Sequence[str],
        fields: Sequence[str],
        only_update: bool,
        body: bytes,
    ) -> Response | Failure:
        """Sends rows to a list: ``body`` is a JSON array of arrays of the ``fields``, in order."""
        return self._call(
            "POST",
            f"{self._list(list_name)}/data/load",
            params={
                "keyFields": ",".join(keys),
                "fields": ",".join(fields),
                "data_import_option": "OnlyUpdate" if only_update else "InsertAndUpdate",
            },
            body=body,
        )

    def _list(self, name: str) -> str:
        return f"/organizations/{self._organization}/lists/{quote(name, safe='')}"

    def _call(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
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
        return Response(done.status_code, done.content, headers)


def read_fields(body: bytes) -> tuple[Field, ...] | None:
    """The fields in the body of an answer, or None if it is not such a body."""
    try:
        return tuple(
            Field(str(each["name"]), str(each.get("data_type")), each.get("length"))
            for each in json.loads(body)["fields"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


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
        return Failure("no answer in time")
    return Failure("the connection broke before the answer was whole")
