"""A server that answers a bulk load at once, or after --delay seconds.

It reads the body, counts its rows, and keeps none. A list whose name begins with TYPED has fields
with types, all others have not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPES = {
    "ID": "Long",
    "MAIL": "Text",
    "FIRST": "Text",
    "LAST": "Text",
    "SPEND": "Float",
    "ORDERS": "Numeric",
    "SINCE": "Date",
    "SEEN_AT": "DateTime",
    "OPTIN": "Boolean",
    "TIER": "Text",
}


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
        typed = "/lists/TYPED" in self.path
        self._answer(
            {
                "fields": [
                    {"name": name, "data_type": data_type, "length": 40, "allow_null": False}
                    if typed
                    else {"name": name, "data_type": "Unknown"}
                    for name, data_type in TYPES.items()
                ]
            }
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        rows = json.loads(body)
        assert all(1 < len(row) <= len(TYPES) for row in rows)
        time.sleep(delay)
        self._answer({"result_code": "Succeeded", "number_of_inserted_records": len(rows)})

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    delay = parser.parse_args().delay
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
