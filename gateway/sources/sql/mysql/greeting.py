"""The first steps of a connection to MySQL, taken by hand: its greeting, and TLS.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import ssl
import struct
from typing import TYPE_CHECKING, Final

from gateway import errors, reach
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import session
from gateway.sources.sql.failures import bad_certificate, failed, untrusted
from gateway.sources.sql.mysql import failures, settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from gateway.sources.sql.session import Target

_PROTOCOL: Final = 10
_ERROR: Final = 0xFF
# CLIENT_PROTOCOL_41, CLIENT_SSL and CLIENT_SECURE_CONNECTION.
_TLS_FLAGS: Final = 0x200 | 0x800 | 0x8000
_TLS: Final = 0x800
_MOST_BYTES: Final = 64 * 1024
_UTF8MB4: Final = 45


def greet(target: Target, addresses: Sequence[str]) -> None:
    """Connect, hear the server's greeting, and agree on TLS. Raises errors.ReadFailed."""
    port = target.config["port"]
    try:
        with reach.open_socket(addresses, port, seconds=session.CONNECT_SECONDS) as line:
            capabilities = _greeting(line)
            if target.config["tls"] == settings.VERIFY:
                _secure(line, target, capabilities)
    except errors.Outbound as error:
        raise failed(Failure.UNREACHABLE, str(error)) from error
    except OSError as error:
        raise broken(error, target) from error


def context(target: Target) -> ssl.SSLContext | None:
    """Return what TLS is checked by, None without it."""
    if target.config["tls"] != settings.VERIFY:
        return None
    return _verifying(target)


def _verifying(target: Target) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=target.config.get("root_certificate") or None)


def broken(error: OSError, target: Target) -> errors.ReadFailed:
    """Say how a connection failed below the protocol."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return bad_certificate(target.config["host"], error)
    if isinstance(error, ssl.SSLError):
        return untrusted(f"TLS failed: {error.reason}")
    why = error.strerror or "no answer in time"
    return failed(Failure.UNREACHABLE, f"the connection broke off: {why}")


def _greeting(line: socket.socket) -> int:
    """Read the greeting, and return what the server can do."""
    (head,) = struct.unpack("<I", _exactly(line, 4))
    body = _exactly(line, min(head & 0xFFFFFF, _MOST_BYTES))
    if body[:1] == bytes([_ERROR]):
        (number,) = struct.unpack_from("<H", body, 1)
        raise failures.of_number(number, body[3:].decode("utf-8", "replace"), ())
    name_end = body.find(b"\0", 1)
    if body[:1] != bytes([_PROTOCOL]) or name_end < 0:
        raise failed(Failure.UNREACHABLE, "the server does not speak MySQL's protocol")
    # Behind the version: a thread id, eight bytes of salt, and a zero.
    (low,) = struct.unpack_from("<H", body, name_end + 1 + 4 + 8 + 1)
    return int(low)


def _secure(line: socket.socket, target: Target, capabilities: int) -> None:
    if not capabilities & _TLS:
        raise untrusted("the server has no TLS")
    body = struct.pack("<IIB23s", _TLS_FLAGS, 1 << 24, _UTF8MB4, b"")
    line.sendall(struct.pack("<I", len(body) | 1 << 24) + body)
    _verifying(target).wrap_socket(line, server_hostname=target.config["host"]).close()


def _exactly(line: socket.socket, length: int) -> bytes:
    read = bytearray()
    while len(read) < length:
        piece = line.recv(length - len(read))
        if not piece:
            raise ConnectionResetError(0, "the server closed it; is it a MySQL?")
        read += piece
    return bytes(read)
