"""The client of outgoing requests, against servers that mean no good."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

import pytest

from gateway import errors
from gateway.outbound import Client, Limits
from tests.core.peers import HERE, OK, SHORT, Serve, answering, get, head_of, serving


def test_resolver__that_hangs__is_not_waited_for() -> None:
    ended = threading.Event()

    def hang(_host: str, _port: int) -> Sequence[str]:
        ended.wait()
        return []

    with Client(resolve=hang, limits=SHORT) as client:
        with pytest.raises(errors.OutboundTimeout, match="connect"):
            client.request("GET", "http://shop.example/")
        ended.set()


def drip(before: bytes, again: bytes) -> Serve:
    """Answer a byte at a time, for ever."""

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(before)
        while True:
            connection.sendall(again)
            time.sleep(0.05)

    return serve


def silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(65536)


@pytest.mark.parametrize(
    "serve",
    [
        silent,
        drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "slow head", "slow body", "slow chunks", "endless continues"],
)
def test_server__that_is_slow__gets_no_more_than_the_whole_time(serve: Serve) -> None:
    with serving(serve) as port, pytest.raises(errors.OutboundTimeout, match="read"):
        get(port, limits=SHORT)


def test_server__that_does_not_read__gets_no_more_than_the_time_to_write() -> None:
    held = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.wait()

    with serving(serve) as port, Client(allow=HERE, limits=SHORT) as client:
        with pytest.raises(errors.OutboundTimeout, match=r"write|read"):
            client.request("POST", f"http://127.0.0.1:{port}/", body=b"x" * (32 << 20))
        held.set()


def test_server__that_never_shakes_hands__gets_no_more_than_its_time() -> None:
    with serving(silent) as port, pytest.raises(errors.OutboundTimeout, match="connect"):
        get(port, limits=SHORT, scheme="https")


def test_connections__all_in_use__are_not_waited_for_longer_than_said() -> None:
    limits = Limits(connections=1, pool_seconds=0.1, read_seconds=60)
    begun, held = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        begun.set()
        held.wait()
        connection.sendall(OK)

    with serving(serve) as port, Client(allow=HERE, limits=limits) as client:
        url = f"http://127.0.0.1:{port}/"
        thread = threading.Thread(target=client.request, args=("GET", url))
        thread.start()
        assert begun.wait(10)
        with pytest.raises(errors.OutboundTimeout, match="pool"):
            client.request("GET", url)
        held.set()
        thread.join()


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 1000000000000\r\n", b"Transfer-Encoding: chunked\r\n"],
    ids=["announced", "chunked"],
)
def test_body__of_any_size__is_read_up_to_the_limit_only(head: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        part = b"x" * 65536 if b"Length" in head else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        while True:
            connection.sendall(part)

    with serving(serve) as port, pytest.raises(errors.AnswerTooLarge, match="1,048,576"):
        get(port)


def test_body__that_is_compressed__is_not_inflated() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with serving(answering(answer)) as port:
        assert get(port).body == b"abc"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
    ids=["no http", "cut off", "two lengths", "nothing", "endless head"],
)
def test_answer__that_is_no_http__is_told_apart(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with serving(serve) as port, pytest.raises(errors.BadAnswer):
        get(port)


def test_port__that_nothing_listens_on__is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.Unreachable, match="refused"):
        get(port)
