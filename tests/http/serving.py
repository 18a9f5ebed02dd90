"""The web process as it runs in production, started for tests that need real connections."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.core.access.scopes import Scope
from tests.http.world import KEYS, NO_REDIS

ROOT = Path(__file__).resolve().parents[2]

# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 60.0

COMMAND = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "gateway.wsgi:app"]


class Web:
    """One gunicorn with one worker."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    def open(
        self, path: str, *, accept: str = "application/json"
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Get a path on a connection of its own; its answer is still to be read."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {KEYS[Scope.READ]}", "Accept": accept}
        client.request("GET", path, headers=headers)
        return client, client.getresponse()

    def get(self, path: str) -> tuple[int, bytes]:
        """Get a path as it is written, dots and all."""
        client, answer = self.open(path)
        with contextlib.closing(client):
            return answer.status, answer.read()

    def peak_megabytes(self) -> float:
        """Return the most memory that the worker has had at any time."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        children = [pid for task in tasks.iterdir() for pid in _words(task / "children")]
        return max(_peak_kilobytes(int(pid)) for pid in children) / 1024


@contextlib.contextmanager
def serving(database_url: str, folder: Path, **settings: str) -> Iterator[Web]:
    """Run gunicorn until the end of the block; what it says goes to a file in the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DATABASE_URL": database_url,
        "REDIS_URL": NO_REDIS,
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_WEB_PROCESSES": "1",
        **settings,
    }
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(COMMAND, cwd=ROOT, env=environ, stdout=log, stderr=log)
    web = Web(port, process)
    try:
        _await(web)
        yield web
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _await(web: Web) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError):
            if web.get("/healthz")[0] == http.client.OK:
                return
        assert web.process.poll() is None, "gunicorn ended"
        assert time.monotonic() < end, "gunicorn did not come up"
        time.sleep(0.05)


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def _peak_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
