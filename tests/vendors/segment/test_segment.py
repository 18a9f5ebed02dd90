"""Segment's own libraries, unmodified, pointed at a gateway: batches, and retries of them."""

from __future__ import annotations

import enum
import http.client
import http.server
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests import stack as stacks
from tests.stack import API_KEY, ROOT, Stack

HERE: Final = Path(__file__).resolve().parent
# `make test-vendors` brings this environment to what requirements-segment.txt says.
PYTHON: Final = ROOT / ".tiers/segment-library/bin/python"
EVENTS: Final = 250


class Fate(enum.Enum):
    """What happens to a request on its way: it arrives, it is refused, or its answer is lost."""

    ARRIVES = enum.auto()
    REFUSED = enum.auto()
    UNANSWERED = enum.auto()


class Way:
    """A proxy in front of a gateway; the first requests have fates, all later ones arrive."""

    def __init__(self, port: int, fates: Sequence[Fate]) -> None:
        self.fates = list(fates)
        self.statuses: list[int] = []
        way = self

        class Passing(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                way.answer(self, raw, port)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, asked: http.server.BaseHTTPRequestHandler, raw: bytes, port: int) -> None:
        """Pass a request on, unless it is refused on the way, and its answer back."""
        fate = self.fates.pop(0) if self.fates else Fate.ARRIVES
        if fate is Fate.REFUSED:
            self._send(asked, 503, b"busy")
            return
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {name: value for name, value in asked.headers.items() if name != "Host"}
        connection.request("POST", asked.path, raw, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if fate is Fate.UNANSWERED:
            asked.close_connection = True
            asked.connection.shutdown(socket.SHUT_RDWR)
            return
        self.statuses.append(answer.status)
        self._send(asked, answer.status, body)

    def _send(self, asked: http.server.BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        asked.send_response(status)
        asked.send_header("Content-Length", str(len(body)))
        asked.end_headers()
        asked.wfile.write(body)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stacks.running(tmp_path_factory.mktemp("segment"), GATEWAY_WEB_PROCESSES="1") as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the Node library that package-lock.json names, and what sends with it."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "send.mjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],  # noqa: S607 - of Debian
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "send.mjs"


@pytest.fixture(params=["python", "node"])
def sender(request: pytest.FixtureRequest) -> Sequence[str]:
    """Give the command that sends with a library."""
    if request.param == "python":
        return [str(PYTHON), str(HERE / "send.py")]
    return ["node", str(request.getfixturevalue("node"))]


def send(sender: Sequence[str], way: Way, person: str) -> None:
    """Send with a library until it has nothing left; it fails if the library tells of an error."""
    command = [*sender, way.url, API_KEY, person, str(EVENTS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    way.server.shutdown()
    way.server.server_close()
    assert done.returncode == 0, done.stderr


def events(gateway: Stack, person: str) -> list[Any]:
    """List all events of a person, newest first."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = gateway.api(f"/v1/people/{person}/events", limit="100", **cursor).json
        found += answer["events"]
        if answer["next_cursor"] is None:
            return found
        cursor = {"cursor": answer["next_cursor"]}


@pytest.mark.parametrize(
    "fates",
    [
        [],
        [Fate.REFUSED, Fate.ARRIVES, Fate.REFUSED],
        [Fate.UNANSWERED, Fate.ARRIVES, Fate.UNANSWERED],
    ],
    ids=["arriving", "refused", "unanswered"],
)
def test_library__whatever_happens_on_the_way__stores_each_event_once(
    gateway: Stack,
    sender: Sequence[str],
    fates: Sequence[Fate],
    request: pytest.FixtureRequest,
) -> None:
    person = request.node.callspec.id
    way = Way(gateway.port, fates)
    send(sender, way, person)
    assert set(way.statuses) == {200}
    assert len(way.statuses) > 1, "it sends batches"
    found = events(gateway, person)
    assert sorted(one["properties"]["n"] for one in found) == list(range(EVENTS))
    assert {one["event"] for one in found} == {"buy"}
    traits = gateway.api(f"/v1/people/{person}").json["traits"]
    assert traits == {"plan": "pro", "email": f"{person}@example.com"}


def test_library__with_a_wrong_key__is_told_so(gateway: Stack, sender: Sequence[str]) -> None:
    way = Way(gateway.port, [])
    command = [*sender, way.url, "no-such-key", "eve", "1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert set(way.statuses) == {401}
    assert json.loads(gateway.api("/v1/people/eve").body)["code"] == "not_found"
