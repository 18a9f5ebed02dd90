"""A front before PostgreSQL that takes no start-up options, as RDS Proxy and some poolers do."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

import sqlalchemy

# Asking for TLS or for GSSAPI; the answer is no.
_ENCRYPTION = (80877103, 80877104)
_REFUSAL = b"SFATAL\0C0A000\0Mthis front supports no command-line options\0\0"


class _Front(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address: tuple[str, int]
    refused = 0


class _Way(socketserver.BaseRequestHandler):
    server: _Front

    def handle(self) -> None:
        """Read how a session is to begin, and refuse it or pass everything on."""
        packet = self._packet()
        while packet and struct.unpack("!i", packet[4:8])[0] in _ENCRYPTION:
            self.request.sendall(b"N")
            packet = self._packet()
        if b"\0options\0" in packet:
            self.server.refused += 1
            self.request.sendall(b"E" + struct.pack("!i", len(_REFUSAL) + 4) + _REFUSAL)
        elif packet:
            self._pass_on(packet)

    def _packet(self) -> bytes:
        head = self.request.recv(4, socket.MSG_WAITALL)
        rest = struct.unpack("!i", head)[0] - 4 if head else 0
        return bytes(head + self.request.recv(rest, socket.MSG_WAITALL)) if rest else b""

    def _pass_on(self, packet: bytes) -> None:
        with socket.create_connection(self.server.address) as server:
            server.sendall(packet)
            back = threading.Thread(target=_pump, args=(server, self.request), daemon=True)
            back.start()
            _pump(self.request, server)
            back.join()


def _pump(source: Any, target: Any) -> None:  # noqa: ANN401 - sockets
    with contextlib.suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def without_options(url: str) -> Iterator[tuple[str, _Front]]:
    """Run one before the server of a URL; yields its own URL, and itself with its counter."""
    direct = sqlalchemy.make_url(url)
    with _Front(("127.0.0.1", 0), _Way) as front:
        front.address = (str(direct.host), int(direct.port or 5432))
        threading.Thread(target=front.serve_forever, daemon=True).start()
        try:
            reached = direct.set(port=front.server_address[1])
            yield reached.render_as_string(hide_password=False), front
        finally:
            front.shutdown()
