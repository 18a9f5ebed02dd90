"""An application that tells what the door gave it, and a door with limits small enough to reach."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gateway.webserver import Door

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

ANSWERS = {
    "complete": "200 OK",
    "cut": "503 Service Unavailable",
    "too_large": "400 Bad Request",
    "malformed": "400 Bad Request",
}


class SmallDoor(Door):
    """A door that is soon full."""

    max_body_bytes = 1_000_000
    max_held_bytes = 1_000_000
    send_stall_seconds = 0.5


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Do what the path says; any other path is answered with what was received."""
    path, _, argument = environ["PATH_INFO"].strip("/").partition("/")
    if path == "fail":
        raise ValueError("member-4711")
    if path == "sleep":
        time.sleep(float(argument))
    if path == "wait":
        environ["gateway.ending"].wait(float(argument))
    if path == "bytes":
        start_response("200 OK", [("Content-Length", argument)])
        return [b"x" * int(argument)]
    if path in ("stream", "break"):
        start_response("200 OK", [])
        return _stream(int(argument), whole=path == "stream")
    return _echo(environ, start_response)


def _echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    content = environ["wsgi.input"].read()
    told = {
        "method": environ["REQUEST_METHOD"],
        "raw_uri": environ["RAW_URI"],
        "body": environ["gateway.body"],
        "bytes": len(content),
        "content": content[:1000].decode("latin-1"),
        "stopping": environ["gateway.stopping"],
        "age": time.monotonic() - environ["gateway.received_at_monotonic"],
    }
    answer = json.dumps(told).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response(ANSWERS[environ["gateway.body"]], headers)
    return [answer]


def _stream(parts: int, *, whole: bool) -> Iterator[bytes]:
    for _ in range(parts):
        yield b"y" * 100_000
    if not whole:
        raise ValueError("member-4711")
