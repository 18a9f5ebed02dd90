"""A sender that costs little: requests made beforehand, on connections that are kept, one thread.

It shares two cores with what it measures, so it does nothing but pass bytes on.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Final

from bench import report

_READ_BYTES: Final = 262_144
_OK: Final = b"HTTP/1.1 200"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """How requests were answered: the seconds from the first to the last, and of each."""

    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds that this share of the requests took at most."""
        return report.percentile(self.latencies, percent)


@dataclasses.dataclass
class _Line:
    """One connection with the request that is on it."""

    connection: socket.socket
    left: memoryview
    began: float
    answer: bytearray


def post(path: str, body: bytes, *, login: str) -> bytes:
    """Write a POST with HTTP Basic credentials (`name:password`)."""
    basic = base64.b64encode(login.encode()).decode()
    return _head("POST", path, f"Authorization: Basic {basic}", body) + body


def get(path: str, *, key: str) -> bytes:
    """Write a GET with an API key."""
    return _head("GET", path, f"Authorization: Bearer {key}", b"")


def ask(path: str, body: bytes, *, key: str) -> bytes:
    """Write a POST of JSON with an API key."""
    return _head("POST", path, f"Authorization: Bearer {key}", body) + body


def _head(method: str, path: str, authorization: str, body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", authorization]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def serve(port: int, requests: Iterable[bytes], *, connections: int) -> Served:
    """Have requests answered, so many at a time. Raises RuntimeError unless each gets a 200."""
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        waiting = iter(requests)
        latencies: list[float] = []
        began = time.perf_counter()
        for request in _first(waiting, connections):
            line = _open(port, request, stack)
            selector.register(line.connection, selectors.EVENT_WRITE, line)
        while selector.get_map():
            for event, _ in selector.select():
                _go_on(selector, event.data, waiting, latencies)
        return Served(seconds=time.perf_counter() - began, latencies=latencies)


def repeated(requests: list[bytes], *, seconds: float) -> Iterator[bytes]:
    """Go round the requests until the time is up."""
    line, end = collections.deque(requests), time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield line[0]
        line.rotate(-1)


def _first(waiting: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        request = next(waiting, None)
        if request is None:
            return
        yield request


def _open(port: int, request: bytes, stack: contextlib.ExitStack) -> _Line:
    connection = socket.create_connection(("127.0.0.1", port))
    stack.callback(connection.close)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)  # noqa: FBT003 - its only parameter
    return _Line(connection, memoryview(request), time.perf_counter(), bytearray())


def _go_on(
    selector: selectors.BaseSelector, line: _Line, waiting: Iterator[bytes], latencies: list[float]
) -> None:
    """Send more of a request, or read more of its answer and then begin the next."""
    if line.left:
        line.left = line.left[line.connection.send(line.left) :]
        if not line.left:
            selector.modify(line.connection, selectors.EVENT_READ, line)
        return
    piece = line.connection.recv(_READ_BYTES)
    line.answer += piece
    if not _is_whole(line.answer):
        if not piece:
            message = "the gateway closed a connection without an answer"
            raise RuntimeError(message)
        return
    latencies.append(time.perf_counter() - line.began)
    if not line.answer.startswith(_OK):
        raise RuntimeError(line.answer[:500].decode("utf-8", "replace"))
    request = next(waiting, None)
    if request is None:
        selector.unregister(line.connection)
        return
    line.left, line.began, line.answer = memoryview(request), time.perf_counter(), bytearray()
    selector.modify(line.connection, selectors.EVENT_WRITE, line)


def _is_whole(answer: bytearray) -> bool:
    """Tell whether an answer with a Content-Length, or in chunks, has come to its end."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(answer[:end]).lower()
    if b"transfer-encoding: chunked" in head:
        return answer.endswith(b"\r\n0\r\n\r\n")
    _, _, length = head.partition(b"content-length:")
    return len(answer) >= end + 4 + int(length.split(b"\r\n", 1)[0] or 0)
