"""Where warnings arrive: a webhook and a mail server, on real sockets, that keep all they got."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """Messages as they came: type, title and body.

    ``status`` is that of the next answers; ``when_told`` is called before each.
    """

    port: int = 0
    status: int = 200
    when_told: Callable[[], object] = lambda: None
    got: list[tuple[str, str, str]] = field(default_factory=list)
    seen: int = 0

    @property
    def address(self) -> str:
        """As apprise writes it."""
        return f"json://127.0.0.1:{self.port}/hook"

    def new(self) -> list[tuple[str, str, str]]:
        """The messages since the last time."""
        new, self.seen = self.got[self.seen :], len(self.got)
        return new

    def titles(self) -> list[str]:
        """Of the messages since the last time."""
        return [title for _, title, _ in self.new()]


@contextmanager
def webhook() -> Iterator[Inbox]:
    """Takes JSON by POST; what it refuses is not among what it got."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            inbox.when_told()
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if inbox.status == 200:
                inbox.got.append((content["type"], content["title"], content["message"]))
            self.send_response(inbox.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        inbox.port = port
        yield inbox


@contextmanager
def mailbox() -> Iterator[Inbox]:
    """Takes mail by SMTP, without encryption; of a mail the type is its content's."""
    inbox = Inbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 inbox")
            while line := self.rfile.readline().strip().upper():
                if line == b"DATA":
                    self.say("354 go on")
                    self.keep(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.say("221 bye" if line == b"QUIT" else "250 ok")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def keep(self, data: bytes) -> None:
            mail = email.message_from_bytes(data, policy=email.policy.default)
            body = mail.get_body(("plain", "html"))
            assert body
            text = body.get_content().replace("\r\n", "\n").strip()
            inbox.got.append((body.get_content_type(), str(mail["Subject"]), text))

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        inbox.port = port
        yield inbox


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
