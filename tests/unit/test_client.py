"""Only a certificate that we refuse shows that a request was never sent."""

from __future__ import annotations

import ssl

import pytest
import requests
from urllib3.exceptions import MaxRetryError, SSLError

from dbt_selligent.selligent.answer import Failure
from dbt_selligent.selligent.client import Client
from dbt_selligent.settings import Destination, Secret


@pytest.mark.parametrize(
    ("cause", "reached", "final"),
    [
        (ssl.SSLCertVerificationError("expired"), False, True),
        (ssl.SSLEOFError("cut off"), True, False),
        (ssl.SSLError("bad record mac"), True, False),
    ],
)
def test_an_error_of_tls(
    cause: ssl.SSLError,
    reached: bool,
    final: bool,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        wrapped = MaxRetryError(None, "/", SSLError(cause))  # type: ignore[arg-type]
        raise requests.exceptions.SSLError(wrapped)

    monkeypatch.setattr(requests.Session, "request", fail)
    url = "https://acme.slgnt.eu"
    client = Client(Destination("dev", url, "ACME", Secret("k"), Secret("s"), tmp_path))  # type: ignore[arg-type]
    answer = client.status()
    assert isinstance(answer, Failure)
    assert (answer.reached, answer.final) == (reached, final)
