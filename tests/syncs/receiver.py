"""A receiver of webhooks on loopback: it verifies signatures and keeps what it took."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Parse the body."""
        return json.loads(self.body)


# Gives a status, headers and a body; None closes the connection without an answer.
Respond = Callable[[Request], tuple[int, Mapping[str, str], bytes] | None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    respond: Respond

    def handle_error(self, *_: object) -> None:
        """Say nothing: peers that are killed break connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        request = Request(method=self.command, path=self.path, headers=headers, body=body)
        found = self.server.respond(request)
        if found is None:
            self.close_connection = True
            return
        status, sent, text = found
        self.send_response(status)
        for name, value in sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - as the library has it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(respond: Respond, port: int = 0) -> Iterator[str]:
    """Serve requests during the block, on any port or on one; lends the base of the addresses."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.respond = respond
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
