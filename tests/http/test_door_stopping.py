"""A gateway told to stop answers what has begun, turns away what begins later, and ends in time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.door_client import GET, POST, Server, sized


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One process with a single thread, to be stopped by the test."""
    with Server(tmp_path) as running:
        yield running


def test_request__in_the_application__is_answered(server: Server) -> None:
    with contextlib.ExitStack() as open_until_the_end:
        client = open_until_the_end.enter_context(server.client())
        client.send(sized("begun", path="/sleep/2"))
        time.sleep(0.5)  # on a busy machine the two might be met in the other order
        # Only now: whoever connects and sends nothing for half a second is dropped.
        waiting = open_until_the_end.enter_context(server.client())
        waiting.send(sized("behind"))
        time.sleep(0.2)
        server.terminate()
        for each, content in ((client, "begun"), (waiting, "behind")):
            answer = each.answer()
            assert (answer.json["content"], answer.json["stopping"]) == (content, False)
            assert answer.headers["connection"] == "close"
            assert each.rest() == b""
    assert server.stop() == 0


def test_request__that_waits_for_something__is_told_of_the_end(server: Server) -> None:
    with server.client() as client:
        client.send(sized("begun", path="/wait/60"))
        time.sleep(0.2)
        began = time.monotonic()
        server.terminate()
        assert client.answer().json["content"] == "begun"
        assert time.monotonic() - began < 5
    assert server.stop() == 0


def test_request__half_sent__may_be_finished(server: Server) -> None:
    with server.client() as body, server.client() as head:
        body.send(sized("be", declared=5))
        head.send(POST)
        time.sleep(0.2)
        server.terminate()
        answers = [body.send("gun").answer(), head.send("\r\n").answer()]
        assert [answer.json["body"] for answer in answers] == ["complete", "complete"]
        assert [answer.json["stopping"] for answer in answers] == [False, False]
    assert server.stop() == 0


def test_request__never_finished__is_answered_503(server: Server) -> None:
    with server.client() as body, server.client() as head:
        body.send(sized("be", declared=5))
        head.send(POST)
        server.terminate()
        assert body.answer().json["body"] == "cut"
        assert head.answer().is_refusal(503)
    assert server.stop() == 0


def test_request__begun_later_on_a_kept_connection__is_told_so(server: Server) -> None:
    with server.client() as client:
        client.send(GET).answer()
        server.terminate()
        answer = client.send(GET).answer()
        assert (answer.json["stopping"], answer.headers["connection"]) == (True, "close")
        assert client.rest() == b""
    assert server.stop() == 0


def test_requests__pipelined_and_not_yet_answered__are_all_answered(server: Server) -> None:
    with server.client() as client:
        client.send(sized("one", path="/sleep/1") + sized("two") + sized("three"))
        time.sleep(0.2)
        server.terminate()
        assert [client.answer().json["content"] for _ in range(3)] == ["one", "two", "three"]
    assert server.stop() == 0


def test_connections__without_a_request__are_closed(server: Server) -> None:
    with server.client() as kept, server.client() as new:
        kept.send(GET).answer()
        server.terminate()
        assert (kept.rest(), new.rest()) == (b"", b"")
    assert server.stop() == 0


def test_connections__nobody_accepted_yet__are_served(tmp_path: Path) -> None:
    with Server(tmp_path, "--worker-connections", "2") as server:
        busy = [server.client().send(sized("busy", path="/sleep/0.5")) for _ in range(2)]
        time.sleep(0.2)
        outside = server.client().send(sized("outside"))
        server.terminate()
        for client in busy:
            assert client.answer().status == 200
            client.sock.close()
        assert outside.answer().json["content"] == "outside"
        outside.sock.close()
        assert server.stop() == 0


def test_stop__with_a_client_that_reads_nothing__ends_in_time(tmp_path: Path) -> None:
    with (
        Server(tmp_path, "--graceful-timeout", "2") as server,
        server.client(receive_bytes=4096) as silent,
    ):
        silent.send("GET /stream/1000 HTTP/1.1\r\n\r\n")
        time.sleep(0.2)
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 10
