"""What of MySQL needs no client: refusals by number, grants, and the greeting."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import struct
from pathlib import Path

import pytest

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.reach import Reach
from gateway.sources import kinds
from gateway.sources.sql.mysql import catalog, failures, greeting
from gateway.sources.sql.session import Target
from tests.sources.sql import serving

GREETING = b"\x0a8.0.30\0" + b"\1\0\0\0" + b"saltsalt" + b"\0"


def target(port: int, tls: str = "off") -> Target:
    config = {"host": "127.0.0.1", "port": port, "tls": tls, "root_certificate": None}
    return Target(config=config, secrets={}, reach=Reach(), limit_seconds=1)


def packet(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def failure(port: int, tls: str = "off") -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        greeting.greet(target(port, tls), ["127.0.0.1"])
    return failed.value


def test_greeting__of_a_server__is_heard() -> None:
    with serving.once(lambda line: line.sendall(packet(GREETING + b"\0\0"))) as port:
        greeting.greet(target(port), ["127.0.0.1"])


@pytest.mark.parametrize(
    ("sent", "tls", "said"),
    [
        (packet(GREETING + b"\0\0"), "verify", "has no TLS"),
        (packet(b"\xff\x10\x04Too many connections"), "off", "Too many connections (1040)"),
        (packet(b"HTTP/1.1 400"), "off", "does not speak"),
        (b"", "off", "is it a MySQL?"),
        (packet(GREETING + b"\0\x08") + b"no TLS at all", "verify", "TLS failed"),
    ],
)
def test_greeting__that_is_none__says_why(sent: bytes, tls: str, said: str) -> None:
    def answer(line: socket.socket) -> None:
        line.sendall(sent)
        if tls == "verify":
            line.recv(1024)

    with serving.once(answer) as port:
        failed = failure(port, tls)
    assert failed.failure == Failure.UNREACHABLE
    assert said in str(failed)


def test_greeting__with_a_certificate_of_nobody_known__is_not_trusted(tmp_path: Path) -> None:
    path = serving.self_signed(tmp_path)

    def answer(line: socket.socket) -> None:
        line.sendall(packet(GREETING + b"\0\x08"))
        line.recv(36, socket.MSG_WAITALL)
        serving.secured(line, path)

    with serving.once(answer) as port:
        failed = failure(port, "verify")
    assert failed.failure == Failure.UNREACHABLE
    assert "the certificate of 127.0.0.1 is not valid: self-signed" in str(failed)


def test_greeting__with_a_certificate_that_has_expired__says_so(tmp_path: Path) -> None:
    path = serving.self_signed(tmp_path, days=-1)

    def answer(line: socket.socket) -> None:
        line.sendall(packet(GREETING + b"\0\x08"))
        line.recv(36, socket.MSG_WAITALL)
        serving.secured(line, path)

    with serving.once(answer) as port:
        aimed = target(port, "verify")
        config = {**aimed.config, "root_certificate": serving.certificate(path)}
        trusting = dataclasses.replace(aimed, config=config)
        with pytest.raises(errors.ReadFailed) as failed:
            greeting.greet(trusting, ["127.0.0.1"])
    serving.require_expired(failed.value)


def test_context__without_tls__is_none_and_else_checks_the_host() -> None:
    assert greeting.context(target(1)) is None
    checked = greeting.context(target(1, "verify"))
    assert checked is not None
    assert (checked.check_hostname, checked.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_greeting__of_a_closed_port__is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert failure(bound.getsockname()[1]).failure == Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Exception(1045, "Access denied"), Failure.SIGN_IN_FAILED),
        (Exception(1142, "SELECT command denied"), Failure.PERMISSION),
        (Exception(1792, "read only transaction"), Failure.WRITES),
        (Exception(1969, "max_statement_time"), Failure.TIMED_OUT),
        (Exception(3024, "maximum statement execution time"), Failure.TIMED_OUT),
        (Exception(2013, "Lost connection"), Failure.UNREACHABLE),
        (Exception(0, ""), Failure.UNREACHABLE),
        (Exception(), Failure.UNREACHABLE),
        (Exception(1054, "Unknown column secret"), Failure.QUERY_INVALID),
    ],
)
def test_error__by_its_number__is_a_failure(error: Exception, expected: Failure) -> None:
    found = failures.translated(error, ["secret"])
    assert found.failure == expected
    assert "secret" not in str(found)


def test_grants__beyond_reading__are_named() -> None:
    assert catalog.powers(["GRANT USAGE ON *.* TO `a`@`%`", "GRANT `role` TO `a`@`%`"]) == []
    assert catalog.powers(["GRANT SELECT (id, name), SHOW VIEW ON `s`.`t` TO a"]) == []
    assert catalog.powers(["GRANT ALL PRIVILEGES ON `s`.* TO a WITH GRANT OPTION"]) == [
        "it has ALL PRIVILEGES on `s`.*"
    ]
    many = ", ".join(f"RIGHT{n}" for n in range(9))
    assert catalog.powers([f"GRANT {many} ON *.* TO a"])[0].endswith("… on *.*")


def test_kind__without_its_client__says_what_to_install() -> None:
    kind = kinds.KINDS["mysql"]
    assert kind.reason is None or "requirements-mysql.txt" in kind.reason
