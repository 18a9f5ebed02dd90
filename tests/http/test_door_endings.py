"""How an answer ends for a client of HTTP/1.0, which only the end of the connection tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.door_client import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process with a single thread."""
    with Server(tmp_path_factory.mktemp("door")) as running:
        yield running


def test_answer__that_breaks_to_http_1_0__ends_with_an_error(server: Server) -> None:
    with server.client() as client, pytest.raises(ConnectionResetError):
        client.send("GET /break/3 HTTP/1.0\r\n\r\n").rest()


def test_answer__whole_to_http_1_0__ends_without_an_error(server: Server) -> None:
    with server.client() as client:
        head, _, body = client.send("GET /stream/30 HTTP/1.0\r\n\r\n").rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert len(body) == 3_000_000


def test_answer__of_a_killed_process_to_http_1_0__ends_with_an_error(tmp_path: Path) -> None:
    with Server(tmp_path) as server, server.client(receive_bytes=4096) as client:
        client.send("GET /stream/1000 HTTP/1.0\r\n\r\n").exactly(1000)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        server.process.kill()
        for child in map(int, children.read_text().split()):
            os.kill(child, signal.SIGKILL)
        with pytest.raises(ConnectionResetError):
            client.rest()
