"""gunicorn behind a door, started for a test, and a client that says exactly what it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]

# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 20.0
DEADLINE_SECONDS = 0.5

POST = "POST /echo HTTP/1.1\r\nHost: gateway\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
GET = "GET /echo HTTP/1.1\r\nHost: gateway\r\n\r\n"


def sized(body: str, *, declared: int | None = None, path: str = "/echo") -> str:
    """Write a POST with a body of declared length; or of another one."""
    length = len(body) if declared is None else declared
    return f"POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\n\r\n{body}"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """The body, decoded."""
        return json.loads(self.body)

    def is_refusal(self, code: int) -> bool:
        """Tell whether it is the door's own answer, in the shape of the webhook's."""
        error = {"message": self.json["error"]["message"], "code": code}
        return (
            self.json == {"action": None, "status": "failure", "error": error}
            and self.status == code
            and self.headers["content-type"] == "application/json"
            and self.headers["connection"] == "close"
            and 0 < len(error["message"]) <= 500
            and ("retry-after" in self.headers) == (code == 503)
        )


class Client:
    """One connection; leaves it, and what is sent on it, to the test."""

    def __init__(self, port: int, *, receive_bytes: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_bytes is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(PATIENCE_SECONDS)
        try:
            self.sock.connect(("127.0.0.1", port))
        except OSError:
            self.sock.close()
            raise
        self.came = b""

    def __enter__(self) -> Self:
        """Be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.sock.close()

    def send(self, data: bytes | str) -> Self:
        """Send text as it is."""
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def half_close(self) -> Self:
        """End our side only."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one answer, with a body of declared length or in chunks, and nothing beyond it."""
        head = self.until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size + 2)[:-2]
            self.exactly(2)
        elif not bodiless:
            body = self.exactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    def until(self, end: bytes) -> bytes:
        """Read up to and including `end`. Raises EOFError."""
        while end not in self.came:
            self._receive()
        return self.exactly(self.came.index(end) + len(end))

    def exactly(self, count: int) -> bytes:
        """Read so many bytes. Raises EOFError."""
        while len(self.came) < count:
            self._receive()
        data, self.came = self.came[:count], self.came[count:]
        return data

    def rest(self) -> bytes:
        """Read until the server closes; a reset is an error, as it is to the client."""
        with suppress(EOFError):
            while True:
                self._receive()
        return self.came

    def _receive(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.came)
        self.came += data


class Server:
    """gunicorn with the project's own configuration and the telling application."""

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.folder = folder
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PORT": str(self.port),
            "GATEWAY_BIND": "127.0.0.1",
            "GATEWAY_WEB_PROCESSES": "1",
            "GATEWAY_WEB_THREADS": "1",
            "GATEWAY_REQUEST_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
        }
        program = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", *options]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*program, "tests.http.door_app:application"],
                cwd=ROOT,
                env=settings | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        """Wait until it answers."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with suppress(OSError, EOFError), self.client() as client:
                client.send("GET / HTTP/1.1\r\n\r\n").answer()
                return self
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(self.log())

    def __exit__(self, *_: object) -> None:
        """Stop, if it still runs."""
        self.stop()

    def client(self, *, receive_bytes: int | None = None) -> Client:
        """Connect."""
        return Client(self.port, receive_bytes=receive_bytes)

    def terminate(self) -> None:
        """Tell gunicorn to stop, and wait until it has told its workers."""
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE_SECONDS
        while "Handling signal: term" not in self.log() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)  # nothing tells when the workers have heard of it

    def stop(self) -> int:
        """Stop, and tell the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "log").read_text()
