"""The first steps of a connection to PostgreSQL, taken by hand to tell why one fails.

libpq tells a failed sign-in and a server that is full by the words of a message alone; the protocol
has a code for each (https://www.postgresql.org/docs/current/protocol-flow.html).
"""

from __future__ import annotations

import contextlib
import ssl
import struct
from typing import TYPE_CHECKING, Final

from gateway import errors, reach
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import pem, session
from gateway.sources.sql.failures import bad_certificate, failed, untrusted
from gateway.sources.sql.postgresql import failures

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from gateway.sources.sql.session import Target

_TLS_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_PROTOCOL: Final = 196608
_MOST_BYTES: Final = 64 * 1024
_PLAIN: Final = ("disable", "allow")
_OPTIONAL: Final = ("disable", "allow", "prefer")
_CHECKED: Final = ("verify-ca", "verify-full")


def greet(target: Target, addresses: Sequence[str], *, port: int) -> None:
    """Connect, agree on TLS, name user and database, and hear whether a sign-in may follow.

    Raises errors.ReadFailed.
    """
    try:
        with (
            reach.open_socket(addresses, port, seconds=session.CONNECT_SECONDS) as plain,
            _secured(plain, target) as line,
        ):
            _introduce(line, target)
    except errors.Outbound as error:
        raise failed(Failure.UNREACHABLE, str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise bad_certificate(target.config["host"], error) from error
    except ssl.SSLError as error:
        raise untrusted(f"TLS failed: {error.reason}") from error
    except OSError as error:
        why = error.strerror or "no answer in time"
        raise failed(Failure.UNREACHABLE, f"the connection broke off: {why}") from error


def _secured(plain: socket.socket, target: Target) -> socket.socket:
    mode = target.config["sslmode"]
    if mode in _PLAIN:
        return plain
    plain.sendall(_TLS_REQUEST)
    if _exactly(plain, 1) == b"S":
        return _context(target).wrap_socket(plain, server_hostname=target.config["host"])
    if mode in _OPTIONAL:
        return plain
    raise untrusted("the server has no TLS")


def _context(target: Target) -> ssl.SSLContext:
    root, mode = target.config.get("root_certificate"), target.config["sslmode"]
    context = ssl.create_default_context(cadata=root or None)
    context.check_hostname = mode == "verify-full"
    if mode not in _CHECKED:
        context.verify_mode = ssl.CERT_NONE
    certificate, key = target.secrets.get("client_certificate"), target.secrets.get("client_key")
    if certificate and key:
        with pem.file(certificate) as certificate_path, pem.file(key) as key_path:
            # A passphrase that is none: without one OpenSSL would ask at the terminal.
            context.load_cert_chain(certificate_path, key_path, password="")
    return context


def _introduce(line: socket.socket, target: Target) -> None:
    named = {
        "user": target.config["user"],
        "database": target.config["database"],
        "application_name": session.APPLICATION,
    }
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in named.items())
    body = struct.pack("!i", _PROTOCOL) + pairs + b"\0"
    line.sendall(struct.pack("!i", len(body) + 4) + body)
    head = _exactly(line, 5)
    if head[:1] == b"E":
        (length,) = struct.unpack("!i", head[1:])
        told = _fields(_exactly(line, min(length - 4, _MOST_BYTES)))
        secrets = target.secrets.values()
        raise failures.of_state(told.get("C", "XX000"), told.get("M", "no reason"), secrets)
    with contextlib.suppress(OSError):
        line.sendall(b"X\0\0\0\4")


def _fields(body: bytes) -> dict[str, str]:
    parts = (part.decode("utf-8", "replace") for part in body.split(b"\0") if part)
    return {part[0]: part[1:] for part in parts}


def _exactly(line: socket.socket, length: int) -> bytes:
    read = bytearray()
    while len(read) < length:
        piece = line.recv(length - len(read))
        if not piece:
            raise ConnectionResetError(0, "the server closed it; is it a PostgreSQL?")
        read += piece
    return bytes(read)
