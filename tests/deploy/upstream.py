"""Something behind nginx that remembers what reached it, and answers as its path says."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import threading
import time
from collections.abc import Iterator
from email.message import Message

ANSWER = b'{"action": "add_members", "status": "success"}'


@dataclasses.dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: Message
    body: bytes


@dataclasses.dataclass(frozen=True)
class Upstream:
    """Its port, and what it was asked for, oldest first."""

    port: int
    seen: list[Seen]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[Seen]

    def do_POST(self) -> None:
        """Remember a request and do what the end of its path says."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append(Seen(self.path, self.headers, body))
        *_, last = self.path.split("/")
        if last.startswith("after-"):
            time.sleep(float(last.removeprefix("after-")))
        if last == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            self.close_connection = True
            return
        self.send_response(int(last) if last.isdecimal() else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        # Whoever has stopped waiting does not read this.
        with contextlib.suppress(OSError):
            self.wfile.write(ANSWER)

    def do_GET(self) -> None:
        """Do the same."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def listening() -> Iterator[Upstream]:
    """Answer on a free port during the block."""
    seen: list[Seen] = []
    handler = type("Handler", (_Handler,), {"seen": seen})
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Upstream(server.server_address[1], seen)
        server.shutdown()
