"""The door from outside: what each kind of client is answered, and what the application is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.door_client import (
    CHUNKED,
    DEADLINE_SECONDS,
    GET,
    PATIENCE_SECONDS,
    POST,
    Client,
    Server,
    sized,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two processes with a single thread each: a thread that were held would be missed."""
    with Server(tmp_path_factory.mktemp("door"), GATEWAY_WEB_PROCESSES="2") as running:
        yield running


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process with small limits."""
    folder = tmp_path_factory.mktemp("small")
    with Server(folder, "--worker-class", "tests.http.door_app.SmallDoor") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """One connection."""
    with server.client() as connected:
        yield connected


def test_request__whole__reaches_the_application(client: Client) -> None:
    told = client.send(sized("hello", path="/a%2Fb//c?d=%20")).answer()
    assert told.status == 200
    assert (told.json["body"], told.json["content"]) == ("complete", "hello")
    assert told.json["raw_uri"] == "/a%2Fb//c?d=%20"
    assert not told.json["stopping"]


def test_request__in_single_bytes__reaches_the_application(client: Client) -> None:
    for byte in sized("hello"):
        client.send(byte)
    assert client.answer().json["content"] == "hello"


def test_body__of_many_receives__is_put_together(client: Client) -> None:
    answer = client.send(sized("x" * 5_000_000)).answer()
    assert (answer.json["body"], answer.json["bytes"]) == ("complete", 5_000_000)


def test_body__chunked__is_decoded(client: Client) -> None:
    answer = client.send(
        CHUNKED + "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
    ).answer()
    assert (answer.json["body"], answer.json["content"]) == ("complete", "hello world")


def test_body__gzipped__is_left_as_it_is(client: Client) -> None:
    answer = client.send(
        POST + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"
    ).answer()
    assert answer.json["content"] == "\x1f\x8b\x00"


@pytest.mark.parametrize(
    "part", [sized("hel", declared=5), CHUNKED + "5\r\nhel", CHUNKED + "3\r\nhel\r\n0\r\n"]
)
def test_body__half_closed_early__is_cut(client: Client, part: str) -> None:
    answer = client.send(part).half_close().answer()
    assert answer.status == 503
    assert (answer.json["body"], answer.json["content"]) == ("cut", "hel")
    assert client.rest() == b""


@pytest.mark.parametrize("part", [sized("hel", declared=5), CHUNKED + "5\r\nhel"])
def test_body__stalled__is_cut_at_the_deadline(client: Client, part: str) -> None:
    answer = client.send(part).answer()
    assert answer.status == 503
    assert (answer.json["body"], answer.json["content"]) == ("cut", "hel")
    assert answer.json["age"] >= DEADLINE_SECONDS
    assert answer.headers["connection"] == "close"
    assert client.rest() == b""


def test_body__dripping__is_cut_at_the_deadline(client: Client) -> None:
    client.send(sized("", declared=1000))
    client.sock.settimeout(0.05)
    for _ in range(200):
        client.send("x")
        try:
            client.until(b"\r\n\r\n")
            break
        except TimeoutError:
            continue
    assert b'"body": "cut"' in client.rest()


def test_head__dripping__is_answered_by_the_door(client: Client) -> None:
    assert client.send("POST /echo HTTP/1.1\r\nHost: gate").answer().is_refusal(503)
    assert client.rest() == b""


def test_head__half_closed_early__is_answered_by_the_door(client: Client) -> None:
    assert client.send("POST /echo HTTP/1.1\r\nHost").half_close().answer().is_refusal(503)


def test_connection__without_a_byte__is_closed_in_silence(client: Client) -> None:
    assert client.rest() == b""


def test_connection__kept__outlives_the_deadline(client: Client) -> None:
    client.send(GET).answer()
    time.sleep(DEADLINE_SECONDS * 1.5)
    began = time.monotonic()
    answer = client.send(GET).answer()
    assert answer.status == 200
    assert answer.json["age"] <= time.monotonic() - began


def test_connection__kept__has_a_deadline_for_each_request(client: Client) -> None:
    client.send(GET).answer()
    time.sleep(DEADLINE_SECONDS / 2)
    answer = client.send(sized("hel", declared=5)).answer()
    assert (answer.status, answer.json["body"]) == (503, "cut")
    assert answer.json["age"] >= DEADLINE_SECONDS


def test_stalled_bodies__sixty_four__do_not_hold_up_an_honest_request(server: Server) -> None:
    stalled = [server.client().send(sized("hel", declared=5)) for _ in range(64)]
    ages = []
    for _ in range(8):
        with server.client() as client:
            ages.append(client.send(sized("honest")).answer().json["age"])
    assert max(ages) < 5
    for client in stalled:
        with client:
            assert client.answer().json["body"] == "cut"


@pytest.mark.parametrize(
    "head", [sized("", declared=17_000_000), sized("", declared=10**30), CHUNKED + "1036640\r\n"]
)
def test_body__declared_too_large__is_answered_at_once(client: Client, head: str) -> None:
    answer = client.send(head).answer()
    assert (answer.status, answer.json["body"], answer.json["bytes"]) == (400, "too_large", 0)


@pytest.mark.parametrize("head", [sized("", declared=20_000_000), CHUNKED + "1312D00\r\n"])
def test_body__too_large_and_still_coming__lets_the_client_read_the_answer(
    client: Client, head: str
) -> None:
    client.send(head).send(b"x" * 20_000_000)
    assert client.answer().json["body"] == "too_large"
    assert client.rest() == b""


def test_body__too_large_in_small_chunks__is_refused_when_it_gets_there(small: Server) -> None:
    with small.client() as client:
        client.send(CHUNKED).send(("186A0\r\n" + "x" * 100_000 + "\r\n") * 11)
        assert client.answer().json["body"] == "too_large"


@pytest.mark.parametrize(
    "chunks",
    [
        "5\r\nhello!\r\n",
        "0x5\r\nhello\r\n",
        "-1\r\n",
        "\r\n",
        "5\nhello\n",
        "5;\r\n",
        "0\r\nbad\r\n\r\n",
    ],
)
def test_chunks__malformed__are_told_to_the_application(client: Client, chunks: str) -> None:
    answer = client.send(CHUNKED + chunks).answer()
    assert (answer.status, answer.json["body"]) == (400, "malformed")
    assert client.rest() == b""


def test_expectation__before_the_body__is_met_once(client: Client) -> None:
    client.send(POST + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = client.send("hello").answer()
    assert (answer.status, answer.json["content"]) == (200, "hello")


@pytest.mark.parametrize("length", [5, 17_000_000])
def test_expectation__with_nothing_to_wait_for__is_passed_over(client: Client, length: int) -> None:
    client.send(POST + f"Expect: 100-continue\r\nContent-Length: {length}\r\n\r\nhello")
    assert client.answer().status == (200 if length == 5 else 400)


def test_requests__pipelined__are_answered_in_order(client: Client) -> None:
    chunked = CHUNKED + "5\r\nchunk\r\n0\r\n\r\n"
    client.send(
        "".join(sized(f"number {n}") + chunked for n in range(20)) + sized("la", declared=4)
    )
    contents = [client.answer().json["content"] for _ in range(40)]
    assert contents == [text for n in range(20) for text in (f"number {n}", "chunk")]
    assert client.send("st").answer().json["content"] == "last"


def test_requests__pipelined_before_a_half_close__are_all_answered(client: Client) -> None:
    client.send(sized("one") + sized("two") + sized("thr", declared=5)).half_close()
    assert [client.answer().json["body"] for _ in range(3)] == ["complete", "complete", "cut"]


def test_request__behind_a_slow_one__is_read_after_it(client: Client) -> None:
    client.send(sized("", path="/sleep/0.3"))
    time.sleep(0.1)
    client.send(sized("next"))
    assert [client.answer().json["content"] for _ in range(2)] == ["", "next"]


def test_empty_line__between_requests__is_no_request(client: Client) -> None:
    client.send(GET).answer()
    client.send("\r\n")
    time.sleep(DEADLINE_SECONDS * 1.5)
    assert client.send(GET).answer().status == 200
    assert client.send("\r\n" + GET).answer().status == 200


@pytest.mark.parametrize(
    "head",
    [
        "GET /echo HTTP/1.0\r\n\r\n",
        "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /echo HTTP/1.1\r\nConnection: Close, Upgrade\r\n\r\n",
        "GET /echo HTTP/1.1\r\nConnection: upgrade\r\nConnection: close\r\n\r\n",
    ],
)
def test_connection__not_to_be_kept__is_closed(client: Client, head: str) -> None:
    answer = client.send(head).answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.rest() == b""


def test_connection__of_1_0_to_be_kept__is_kept(client: Client) -> None:
    for _ in range(2):
        client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.answer().headers["connection"] == "keep-alive"


def test_head_request__answered__has_no_body(client: Client) -> None:
    assert client.send("HEAD /echo HTTP/1.1\r\n\r\n").answer(bodiless=True).status == 200
    assert client.send(GET).answer().status == 200


def test_answer__of_any_kind__names_no_version(client: Client) -> None:
    assert client.send(GET).answer().headers["server"] == "gateway"


def test_answer__streamed__arrives_whole(client: Client) -> None:
    assert len(client.send("GET /stream/100 HTTP/1.1\r\n\r\n").answer().body) == 10_000_000


def test_answer__not_read__holds_no_thread_for_long(small: Server) -> None:
    with small.client(receive_bytes=4096) as silent, small.client() as client:
        silent.send("GET /bytes/9000000 HTTP/1.1\r\n\r\n").until(b"\r\n\r\n")
        assert client.send(GET).answer().status == 200
        assert len(silent.rest()) < 9_000_000


def test_answer__read_late__arrives_whole(server: Server) -> None:
    with server.client(receive_bytes=4096) as client:
        client.send("GET /bytes/3000000 HTTP/1.1\r\n\r\n")
        time.sleep(0.5)
        assert client.answer().body == b"x" * 3_000_000
        assert client.send(GET).answer().status == 200


def test_application__that_fails__is_a_500_without_its_words(server: Server) -> None:
    with server.client() as client:
        answer = client.send("GET /fail HTTP/1.1\r\n\r\n").answer()
        assert answer.is_refusal(500)
        assert b"4711" not in answer.body
    with server.client() as client:
        client.send("HEAD /fail HTTP/1.1\r\n\r\n")
        assert client.rest().endswith(b"\r\n\r\n")


def test_application__that_fails_half_way__leaves_an_unended_answer(server: Server) -> None:
    with server.client() as client:
        client.send("GET /break/3 HTTP/1.1\r\n\r\n")
        assert not client.rest().endswith(b"0\r\n\r\n")
    with server.client() as client:
        assert client.send(GET).answer().status == 200


def test_requests__of_more_bytes_than_are_held_at_once__are_answered_503(small: Server) -> None:
    part = sized("x" * 450_000, declared=900_000)
    with small.client() as one, small.client() as two, small.client() as three:
        for client in (one, two, three):
            client.send(part)
        answers = [client.answer() for client in (one, two, three)]
        assert [answer.status for answer in answers] == [503] * 3
        refused = [answer for answer in answers if "error" in answer.json]
        assert [answer.is_refusal(503) for answer in refused] == [True]
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:  # their bytes are let go of just after their answers
        with small.client() as client:
            if client.send(sized("x" * 900_000)).answer().status == 200:
                return
    pytest.fail("Their bytes are still counted.")


def test_server__running__leaves_nothing_outside_its_folders(server: Server) -> None:
    assert [path.name for path in server.folder.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        (["--proxy-protocol", "v1"], {}, "HTTP/1.1 only"),
        (["--max-requests", "5"], {}, "max_requests"),
        ([], {"GATEWAY_REQUEST_DEADLINE_SECONDS": "soon"}, "GATEWAY_REQUEST_DEADLINE_SECONDS"),
    ],
)
def test_server__set_up_wrongly__does_not_start(
    tmp_path: Path, options: list[str], environ: dict[str, str], named: str
) -> None:
    server = Server(tmp_path, *options, **environ)
    assert server.process.wait(PATIENCE_SECONDS) != 0
    assert named in server.log()
