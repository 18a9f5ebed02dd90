"""Servers for tests of outgoing requests, and the shortest request to them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from gateway import outbound
from gateway.outbound import Answer, Client, Limits

Serve = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: a\r\n\r\nok"
HERE = outbound.networks("127.0.0.0/8, ::1")
SHORT = Limits(
    connect_seconds=0.3, tls_seconds=0.3, write_seconds=0.3, read_seconds=0.3, total_seconds=0.6
)
# Generous: a test of one limit must not meet another on a busy machine.
LONG = Limits(total_seconds=60, read_seconds=60, write_seconds=60, connect_seconds=60)


@contextlib.contextmanager
def serving(serve: Serve, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve each connection in a thread during the block; lends the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                if context is None:
                    serve(connection)
                else:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        serve(secured)

        def all_of_them() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=all_of_them, daemon=True).start()
        yield listener.getsockname()[1]


def head_of(connection: socket.socket) -> bytes:
    """Read a request, with the two bytes of its body if it has one; returns its head."""
    read = b""
    while b"\r\n\r\n" not in read or (read.startswith(b"POST") and not read.endswith(b"{}")):
        part = connection.recv(65536)
        if not part:
            return b""
        read += part
    return read.partition(b"\r\n\r\n")[0] + b"\r\n"


def answering(answer: bytes, heads: list[bytes] | None = None) -> Serve:
    def serve(connection: socket.socket) -> None:
        while head := head_of(connection):
            if heads is not None:
                heads.append(head)
            connection.sendall(answer)

    return serve


def get(
    port: int, *, host: str = "127.0.0.1", limits: Limits = LONG, scheme: str = "http"
) -> Answer:
    with Client(allow=HERE, limits=limits) as client:
        return client.request("GET", f"{scheme}://{host}:{port}/")
