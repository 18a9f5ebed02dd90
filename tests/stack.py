"""A whole gateway as `make run` starts it, talked to over HTTP as Mixpanel and services do."""

from __future__ import annotations

import abc
import base64
import contextlib
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, ClassVar

from gateway.local.embedded import running as embedded_now
from gateway.store.db.engine import Pool

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "2195193"
USERNAME, PASSWORD, API_KEY = (
    "mixpanel",
    "s3cret:pass-of-the-stack",
    "stack-api-key-0123456789abcdef",
)
# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 60.0
STOP_SECONDS = 2.0

DEFAULT = "/webhooks/mixpanel/default"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it is, the test says
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The error's message."""
        message: str = self.json["error"]["message"]
        return message


class Client(abc.ABC):
    """A gateway as its callers know it, whether it runs in processes or in this one."""

    api_key: ClassVar[str] = API_KEY

    @abc.abstractmethod
    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request."""

    @abc.abstractmethod
    def settle(self, cohort_id: str | None = None) -> None:
        """See that nothing accepted is left to apply, or nothing of one cohort."""

    def post(
        self,
        body: object,
        path: str = DEFAULT,
        *,
        auth: tuple[str, str] | None = (USERNAME, PASSWORD),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Post a page: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        basic = {} if auth is None else {"Authorization": basic_auth(*auth)}
        return self.call("POST", path, raw, {**basic, **(headers or {})})

    def api(self, path: str, *, method: str = "GET", **query: str) -> Answer:
        """Call the query API with the key of all scopes."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.call(method, path, headers={"Authorization": f"Bearer {self.api_key}"})

    def cohort(self, external_id: str, **filters: str) -> Any:  # noqa: ANN401 - JSON
        """Find the cohort of an external id; None if there is none."""
        found = self.api("/v1/cohorts", external_id=external_id, **filters).json["cohorts"]
        assert len(found) <= 1
        return found[0] if found else None

    def members(self, external_id: str, **filters: str) -> dict[str, Any]:
        """List the members of a cohort (at most 1,000) by id, once its pages are applied."""
        cohort = self.cohort(external_id, **filters)
        self.settle(cohort["id"])
        found = self.api(f"/v1/cohorts/{cohort['id']}/members", limit="1000").json["members"]
        return {member["member_id"]: member for member in found}

    def syncs(self, external_id: str) -> Any:  # noqa: ANN401 - JSON
        """List the syncs of a cohort, newest first, once its pages are applied."""
        cohort = self.cohort(external_id)
        self.settle(cohort["id"])
        return self.api(f"/v1/cohorts/{cohort['id']}/syncs").json["syncs"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack(Client):
    """A running gateway. `process` is its supervisor."""

    port: int
    data_dir: Path
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            # An answer may come before all was sent; then it is there to be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, dict(headers or {}))
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """Open a connection to speak on byte by byte."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def settle(self, cohort_id: str | None = None) -> None:
        """Wait until nothing accepted is left to apply, or nothing of one cohort."""
        if cohort_id is None:
            until(lambda: self.api("/v1/status").json["pending_deliveries"] == 0)
        else:
            until(lambda: cohort_id not in self._waiting())

    def _waiting(self) -> set[str]:
        """Ids of the cohorts that have pending pages (of the first 1,000 of those)."""
        found = self.api("/v1/deliveries", state="pending", limit="1000").json["deliveries"]
        return {delivery["cohort_id"] for delivery in found}

    @contextlib.contextmanager
    def pool(self, *, limit_seconds: float = PATIENCE_SECONDS) -> Iterator[Pool]:
        """Lend connections to its database."""
        url = embedded_now.postgres_url(self.data_dir)
        assert url is not None
        pool = Pool(url, name="test", size=2, limit_seconds=limit_seconds)
        yield pool
        pool.close()

    def postgres_pids(self) -> list[int]:
        """Process ids of the embedded PostgreSQL: the postmaster, then its children."""
        pid_file = self.data_dir / "postgres" / "pgdata" / "postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        return [postmaster, *_children(postmaster)]

    def valkey_pid(self) -> int:
        """Process id of the embedded Valkey."""
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                if "valkey-server" in Path(f"/proc/{pid}/cmdline").read_text():
                    return pid
        raise AssertionError("no Valkey is running")

    def said(self) -> str:
        """Return what the gateway and its programs wrote."""
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Stack]:
    """Start a gateway on a new data folder in `folder`, and stop it afterwards."""
    data_dir, log, port = folder / "data", folder / "log", free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # tests/matrix.py's other servers
        "PORT": str(port),
        "GATEWAY_DATA_DIR": str(data_dir),
        "GATEWAY_WEBHOOK_USERNAME": USERNAME,
        "GATEWAY_WEBHOOK_PASSWORD": PASSWORD,
        "GATEWAY_API_KEY": API_KEY,
        "GATEWAY_WEB_PROCESSES": "2",
        "GATEWAY_WORKERS": "1",
        # What is read from and sent to stands on this machine, too.
        "GATEWAY_ALLOW_LOCAL_SOURCES": "1",
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "127.0.0.0/8",
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "up"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack = Stack(port=port, data_dir=data_dir, environ=environ, process=process, log=log)
    try:
        until(lambda: process.poll() is not None or is_ready(port))
        assert process.poll() is None, stack.said()
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.send_signal(signal.SIGTERM)  # a second one hurries
        process.wait(PATIENCE_SECONDS)


def basic_auth(username: str, password: str) -> str:
    """Return the value of the header Authorization."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def read_answer(connection: socket.socket) -> Answer:
    """Read the answer to a POST off a raw connection; interim answers are passed over."""
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    return _answer(response)


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_ready(port: int) -> bool:
    """Tell whether /readyz answers 200."""
    return _is_ok(port, "/readyz")


def is_alive(port: int) -> bool:
    """Tell whether /healthz answers 200."""
    return _is_ok(port, "/healthz")


def _is_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    return False


def _answer(response: http.client.HTTPResponse) -> Answer:
    return Answer(response.status, response.headers, response.read())


def _children(parent: int) -> list[int]:
    return [pid for pid, its_parent in _parents().items() if its_parent == parent]


def descendants(ancestor: int) -> list[int]:
    """Process ids of a process and of all that it started, directly or not."""
    parents = _parents()
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def _parents() -> dict[int, int]:
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(place.name)] = int(
                (place / "stat").read_text().rpartition(")")[2].split()[1]
            )
    return parents
