"""The client on real sockets: how long it waits, how much it reads, whom it trusts."""

from __future__ import annotations

import gzip
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.selligent import client as module
from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.client import AUTHORITIES, Client, Timeouts

from .wires import GOOD, Answer, Authority, Peer, closed_port, once, relay, serve

LATE = Failure("no answer in time", late=True)
BROKEN = Failure("the connection broke before the answer was whole")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# A wait that a test is to see the end of, one that it is not, and what neither takes.
SOON, NEVER, LONG = 0.25, 600.0, 30.0
USUAL = Timeouts()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*AUTHORITIES, *PROXIES, "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def connect(url: str | int, timeouts: Timeouts = USUAL) -> Client:
    url = f"http://127.0.0.1:{url}" if isinstance(url, int) else url
    where = Destination("dev", url, "ACME", Secret("key"), Secret("secret"), Path("nowhere"))
    return Client(where, timeouts=timeouts)


def send(client: Client, body: bytes = b"[[1]]") -> Response | Failure:
    with client:
        return client.bulk(Call.UPSERT, "L", None, keys=["ID"], fields=["ID"], body=body)


def endless(start: bytes, piece: bytes = b"x", seconds: float = 0.01) -> Answer:
    def answer(peer: Peer) -> None:
        peer.read()
        peer.send(start)
        while True:
            peer.drip(piece, seconds)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class TestTime:
    @pytest.mark.parametrize(
        ("start", "piece"),
        [
            pytest.param(b"", b"x", id="status"),
            pytest.param(HEAD, b"X", id="header"),
            pytest.param(HEAD, b"X: y\r\n", id="headers"),
            pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim"),
            pytest.param(HEAD + b"Content-Length: 9999\r\n\r\n", b" ", id="body"),
            pytest.param(HEAD + b"\r\n", b" ", id="body without length"),
            pytest.param(CHUNKED, b"1\r\n \r\n", id="chunks"),
            pytest.param(CHUNKED, b"0", id="chunk size"),
        ],
    )
    def test_an_answer_that_drips_is_late(self, start: bytes, piece: bytes) -> None:
        """However short the time between two bytes is."""
        began = time.monotonic()
        with serve(endless(start, piece)) as wire:
            assert send(connect(wire.port, Timeouts(NEVER, NEVER, SOON))) == LATE
        assert SOON <= time.monotonic() - began < LONG

    @pytest.mark.parametrize(
        "start", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n", CHUNKED + b"1\r\n"]
    )
    def test_an_answer_that_stops_is_late(self, start: bytes) -> None:
        def answer(peer: Peer) -> None:
            peer.read()
            peer.send(start)
            peer.stay_silent()

        began = time.monotonic()
        with serve(answer) as wire:
            assert send(connect(wire.port, Timeouts(NEVER, SOON, NEVER))) == LATE
        assert time.monotonic() - began < LONG

    def test_a_request_that_nobody_reads_is_late(self) -> None:
        began = time.monotonic()
        with serve(lambda _: time.sleep(SOON * 2)) as wire:
            client = connect(wire.port, Timeouts(NEVER, NEVER, SOON))
            assert send(client, bytes(50 * 2**20)) == LATE
        assert time.monotonic() - began < LONG

    def test_a_request_may_take_longer_than_a_connection(self) -> None:
        def answer(peer: Peer) -> None:
            time.sleep(SOON * 2)
            peer.read()
            peer.send(GOOD)

        with serve(answer) as wire:
            client = connect(wire.port, Timeouts(SOON, NEVER, NEVER))
            found = send(client, b"[" + b" " * 20 * 2**20 + b"]")
        assert isinstance(found, Response)

    def test_each_request_has_a_deadline_of_its_own(self) -> None:
        with serve(once(GOOD)) as wire, connect(wire.port, Timeouts(NEVER, NEVER, 1.0)) as client:
            answers = []
            for _ in range(3):
                answers.append(client.status())
                time.sleep(0.4)
        assert [each.body for each in answers if isinstance(each, Response)] == [b"{}"] * 3
        assert len(wire.peers) == 1  # by one connection

    def test_a_server_that_greets_nobody_in_tls_is_not_waited_for(self) -> None:
        began = time.monotonic()
        with serve(Peer.stay_silent) as wire:
            url = f"https://localhost:{wire.port}"
            assert isinstance(send(connect(url, Timeouts(SOON, NEVER, NEVER))), Failure)
        assert time.monotonic() - began < LONG


class TestSize:
    @pytest.mark.parametrize("start", [CHUNKED, HEAD + b"Content-Length: 99999999999\r\n\r\n"])
    def test_of_an_answer_without_end_no_more_is_read_than_may_be(
        self, start: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_BYTES", 2**20)
        sent = 0

        def answer(peer: Peer) -> None:
            nonlocal sent
            peer.read()
            peer.send(start)
            while True:
                peer.send(b"10000\r\n" + bytes(2**16) + b"\r\n")
                sent += 2**16

        tracemalloc.start()
        try:
            with serve(answer) as wire:
                assert send(connect(wire.port)) == Failure(
                    "the answer is longer than 1 MB", large=True
                )
            assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
        finally:
            tracemalloc.stop()
        assert sent < 32 * 2**20  # most of it waits on the way

    def test_what_unpacks_to_too_much_is_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_BYTES", 2**20)
        body = gzip.compress(bytes(50 * 2**20))
        head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        with serve(once(head + body)) as wire:
            found = send(connect(wire.port))
        assert isinstance(found, Failure)
        assert found.large

    def test_an_answer_of_the_largest_size_is_read(self) -> None:
        body = bytes(module.MOST_BYTES)
        with serve(once(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as wire:
            found = send(connect(wire.port))
        assert isinstance(found, Response)
        assert len(found.body) == len(body)


class TestTheWayThere:
    def test_no_connection(self) -> None:
        assert send(connect(closed_port())) == Failure("no connection", reached=False)

    def test_a_name_that_is_gone(self) -> None:
        found = send(connect("https://gone.invalid"))
        assert found == Failure("the host's name is not known", reached=False)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        with serve(once(GOOD)) as other:
            where = b"http://localhost:%d/Portal/Api" % other.port
            told = b"HTTP/1.1 %d Gone\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n"
            with serve(once(told % (status, where))) as wire:
                found = send(connect(wire.port))
        assert isinstance(found, Response)
        assert found.status == status
        assert other.peers == []

    def test_of_a_redirect_nothing_is_read_but_its_head(self) -> None:
        def answer(peer: Peer) -> None:
            peer.read()
            peer.send(b"HTTP/1.1 302 Found\r\nContent-Length: 99999999\r\nLocation: /\r\n\r\n")
            peer.stay_silent()

        with serve(answer) as wire:
            found = send(connect(wire.port, Timeouts(LONG, LONG, LONG)))
        assert found == Response(302, b"", found.headers if isinstance(found, Response) else {})

    @pytest.mark.parametrize("where", [b"http://[", b"http://\xff\xfe/", b"//", b"", b"\x01:"])
    @pytest.mark.parametrize("status", [200, 302])
    def test_where_a_redirect_leads_is_not_looked_at(self, where: bytes, status: int) -> None:
        told = b"HTTP/1.1 %d Found\r\nContent-Length: 2\r\nLocation: %b\r\n\r\n{}"
        with serve(once(told % (status, where))) as wire:
            found = send(connect(wire.port))
        assert isinstance(found, Response)
        assert (found.status, found.body) == (status, b"{}" if status == 200 else b"")

    def test_an_answer_that_repeats_the_secret_does_not_bring_it_back(self) -> None:
        url = "http://127.0.0.1:{}"
        told = b"the-key:the-long-secret the-long-key x-key"
        with serve(once(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(told), told))) as wire:
            where = Destination(
                *("dev", url.format(wire.port), "ACME"),
                *(Secret("the-long-key"), Secret("the-long-secret")),
                Path("nowhere"),
            )
            found = send(Client(where))
        assert isinstance(found, Response)
        assert found.body == b"the-key:*** *** x-key"

    @pytest.mark.parametrize("name", [".", ".."])
    def test_a_name_that_leads_elsewhere_is_asked_of_nobody(self, name: str) -> None:
        with serve(once(GOOD)) as wire, connect(wire.port) as client:
            calls: list[Callable[[], object]] = [
                lambda: client.fields(name),
                lambda: client.segment("L", name),
                lambda: client.create_segment(name, "S"),
            ]
            for call in calls:
                with pytest.raises(ConfigurationError, match="cannot be the name of a list"):
                    call()
        assert wire.said == b""

    def test_netrc_adds_no_credentials(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entries = "machine 127.0.0.1 login someone password else\ndefault login a password b\n"
        (tmp_path / ".netrc").write_text(entries)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        with serve(once(GOOD)) as wire:
            assert isinstance(send(connect(wire.port)), Response)
        assert b"X-ApiKey: key:secret\r\n" in wire.said
        assert b"authorization" not in wire.said.lower()

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_no_proxy_stands_before_this_machine(
        self, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serve(once(GOOD)) as proxy, serve(once(GOOD)) as wire:
            for name in PROXIES:
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
                monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
            assert isinstance(send(connect(f"http://{host}:{wire.port}")), Response)
        assert (len(wire.peers), proxy.peers) == (1, [])

    def test_a_proxy_that_refuses_never_sees_the_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serve(once(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
            found = send(connect("https://gone.invalid"))
            monkeypatch.setenv("no_proxy", "gone.invalid")
            direct = send(connect("https://gone.invalid"))
        assert found == Failure("no connection through the proxy", reached=False)
        assert proxy.said.startswith(b"CONNECT gone.invalid:443 HTTP/1.")
        assert b"secret" not in proxy.said
        assert direct == Failure("the host's name is not known", reached=False)
        assert len(proxy.peers) == 1

    def test_a_proxy_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed_port()}")
        found = send(connect("https://gone.invalid"))
        assert found == Failure("no connection through the proxy", reached=False)

    def test_a_proxy_that_drips_is_left_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        began = time.monotonic()
        with serve(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")) as proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
            found = send(connect("https://gone.invalid", Timeouts(NEVER, NEVER, SOON)))
        assert isinstance(found, Failure)
        assert time.monotonic() - began < LONG


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class TestTrust:
    @pytest.mark.parametrize("variable", AUTHORITIES)
    def test_a_company_may_have_its_own_authority(
        self, authority: Authority, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serve(once(GOOD)) as plain, serve(relay(plain.port), authority.context()) as wire:
            url = f"https://localhost:{wire.port}"
            stranger = send(connect(url))
            monkeypatch.setenv(variable, str(authority.file))
            assert isinstance(send(connect(url)), Response)
        assert isinstance(stranger, Failure)
        assert (stranger.reached, stranger.final) == (False, True)
        assert plain.said.count(b"X-ApiKey: key:secret") == 1

    @pytest.mark.parametrize(
        ("host", "days", "why"),
        [
            pytest.param("localhost", -1, "certificate has expired", id="expired"),
            pytest.param("acme.example", 1, "Hostname mismatch", id="of another host"),
        ],
    )
    def test_a_certificate_that_is_wrong_gets_no_key(
        self,
        authority: Authority,
        host: str,
        days: int,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
        with serve(once(GOOD), authority.context(host, days=days)) as wire:
            found = send(connect(f"https://localhost:{wire.port}"))
        assert isinstance(found, Failure)
        assert (found.reached, found.final) == (False, True)
        assert found.reason.startswith(f"the server's certificate is not to be trusted: {why}")
        assert wire.said == b""

    @pytest.mark.parametrize("value", ["", "0", "false"])
    def test_nothing_in_the_environment_makes_any_certificate_good(
        self, authority: Authority, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in (*AUTHORITIES, "PYTHONHTTPSVERIFY", "SSL_CERT_DIR"):
            monkeypatch.setenv(name, value)
        with serve(once(GOOD), authority.context()) as wire:
            found = send(connect(f"https://localhost:{wire.port}"))
        assert isinstance(found, Failure)
        assert (found.reached, found.final) == (False, True)
        assert wire.said == b""

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_bundle_that_cannot_be_read_is_named(
        self,
        content: str | None,
        authority: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bundle = tmp_path / "bundle.pem"
        if content is not None:
            bundle.write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with serve(once(GOOD), authority.context()) as wire:
            found = send(connect(f"https://localhost:{wire.port}"))
        said = "no certificates can be read where SSL_CERT_FILE says"
        assert found == Failure(said, reached=False, final=True)
        assert wire.said == b""

    @pytest.mark.parametrize("rest", [b"", b"no TLS at all"])
    def test_tls_that_breaks_off_may_come_after_a_request(
        self, authority: Authority, rest: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answer(peer: Peer) -> None:
            peer.read()
            os.write(peer.connection.fileno(), rest)

        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with serve(answer, authority.context()) as wire:
            assert send(connect(f"https://localhost:{wire.port}")) == BROKEN
        assert b"key:secret" in wire.said
