"""A server that answers a bulk load at once: it reads the body, counts its rows, keeps none."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FIELDS = ["ID", "MAIL", "FIRST", "LAST", "SPEND", "ORDERS", "SINCE", "SEEN_AT", "OPTIN", "TIER"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )

    def do_GET(self) -> None:
        self._answer({"fields": [{"name": name, "data_type": "Text"} for name in FIELDS]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        rows = json.loads(body)
        assert all(len(row) == len(FIELDS) for row in rows)
        self._answer({"result_code": "Succeeded", "number_of_inserted_records": len(rows)})

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
