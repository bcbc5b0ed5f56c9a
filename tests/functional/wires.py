"""Servers that misbehave below HTTP: they answer byte by byte, or with certificates of any kind."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Peer:
    """One connection of a client, and what came of it so far."""

    connection: socket.socket
    heard: bytearray = field(default_factory=bytearray)

    def read(self) -> bytes:
        """The next request, whole; nothing if the client is gone."""
        message = read_message(self.connection)
        self.heard += message
        return message

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Sends a byte, waits, and so on."""
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(seconds)

    def stay_silent(self) -> None:
        """Until the client is gone."""
        while self.connection.recv(2**16):
            pass


@dataclass
class Wire:
    """A server on a port of this machine, and who spoke to it."""

    port: int
    peers: list[Peer] = field(default_factory=list)

    @property
    def said(self) -> bytes:
        """All that was understood of what it was sent."""
        return b"".join(peer.heard for peer in self.peers)


Answer = Callable[[Peer], object]


@contextmanager
def serve(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """Has `answer` speak on each connection, in a thread of its own, and hangs up after it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(server.getsockname()[1])

        def speak(connection: socket.socket) -> None:
            # The client goes when it has had enough, or if it trusts no certificate.
            with suppress(OSError), connection:
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                wire.peers.append(Peer(connection))
                with connection:
                    answer(wire.peers[-1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    connection.settimeout(60)
                    threading.Thread(target=speak, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def once(data: bytes) -> Answer:
    """Answers each request with this."""

    def answer(peer: Peer) -> None:
        while peer.read():
            peer.send(data)

    return answer


def relay(port: int) -> Answer:
    """Passes each request on to another server, and its answer back."""

    def answer(peer: Peer) -> None:
        with socket.create_connection(("127.0.0.1", port)) as there:
            while request := peer.read():
                there.sendall(request)
                peer.send(read_message(there))

    return answer


def read_message(connection: socket.socket) -> bytes:
    """A request or an answer that says how long it is; nothing where the peer is gone."""
    message = b""
    while b"\r\n\r\n" not in message:
        if not (more := connection.recv(2**16)):
            return message
        message += more
    head, _, body = message.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    length = int(found[1]) if found else 0
    while len(body) < length and (more := connection.recv(2**16)):
        body += more
    return head + b"\r\n\r\n" + body


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Authority:
    """Signs certificates of all kinds for `localhost`; `file` is its own, for who trusts it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, host: str = "localhost", *, days: int = 1) -> ssl.SSLContext:
        """What a server needs to say that it is `host`, until so many days from now."""
        now = datetime.now(timezone.utc)
        begun, ended = now - timedelta(days=9), now + timedelta(days=days)
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host, not_before=begun, not_after=ended).configure_cert(found)
        return found
