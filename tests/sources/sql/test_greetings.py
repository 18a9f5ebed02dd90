"""Greetings of PostgreSQL: TLS that is checked, and servers that are none."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import database_errors, errors
from gateway.core.cohorts.failures import Failure
from gateway.reach import Reach
from gateway.sources.sql import definition, settings
from gateway.sources.sql.postgresql import greeting
from gateway.sources.sql.session import Target
from tests.sources.sql import cases
from tests.sources.sql import serving as serving_once

TOO_MANY = b"SFATAL\0C53300\0Mtoo many clients already\0\0"
ERROR = b"E" + struct.pack("!i", len(TOO_MANY) + 4) + TOO_MANY


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Make a certificate that signs itself, and its key, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("identity")
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(certificate_path), str(key_path)


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Run a server that does this with one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as line, contextlib.suppress(OSError):
                answer(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def failure(
    port: int,
    sslmode: str,
    root: str | None = None,
    secrets: dict[str, str] | None = None,
    host: str = "localhost",
) -> errors.ReadFailed:
    config = {
        "host": host,
        "database": "d",
        "user": "u",
        "sslmode": sslmode,
        "root_certificate": root,
    }
    target = Target(config=config, secrets=secrets or {}, reach=Reach(), limit_seconds=1)
    with pytest.raises(errors.ReadFailed) as failed:
        greeting.greet(target, ["127.0.0.1"], port=port)
    assert failed.value.failure == Failure.UNREACHABLE
    return failed.value


def secured(identity: tuple[str, str]) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        line.recv(8)
        line.sendall(b"S")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*identity)
        with context.wrap_socket(line, server_side=True) as inner:
            inner.recv(1024)
            inner.sendall(ERROR)

    return answer


def test_tls__of_an_unknown_authority__is_not_trusted_unless_it_is_given(
    identity: tuple[str, str],
) -> None:
    root, key = (Path(one).read_text() for one in identity)
    with serving(secured(identity)) as port:
        cases.see("untrusted", failure(port, "verify-full"))
    for mode, given in (("verify-full", root), ("verify-ca", root), ("require", None)):
        with serving(secured(identity)) as port:
            secrets = {"client_certificate": root, "client_key": key}
            assert "too many clients" in str(failure(port, mode, given, secrets))


def test_greeting__with_a_certificate_that_has_expired__says_so(tmp_path: Path) -> None:
    path = serving_once.self_signed(tmp_path, days=-1)
    root = serving_once.certificate(path)
    for mode in ("verify-full", "verify-ca"):
        with serving(secured((str(path), str(path)))) as port:
            found = failure(port, mode, root, host="127.0.0.1")
        serving_once.require_expired(found)
        cases.see("expired", found)


def test_server__without_tls__is_taken_where_that_is_allowed() -> None:
    def answer(line: socket.socket) -> None:
        line.recv(8)
        line.sendall(b"N")
        line.recv(1024)
        line.sendall(ERROR)

    with serving(answer) as port:
        assert "has no TLS" in str(failure(port, "require"))
    with serving(answer) as port:
        assert "too many clients" in str(failure(port, "prefer"))


def test_server__that_speaks_something_else__says_so() -> None:
    with serving(lambda line: line.close()) as port:
        assert "broke off" in str(failure(port, "disable"))

    def no_tls(line: socket.socket) -> None:
        line.recv(8)
        line.sendall(b"S")
        line.sendall(b"this is no TLS at all")
        line.recv(1024)

    with serving(no_tls) as port:
        assert "TLS failed" in str(failure(port, "require"))

    with serving(lambda line: line.recv(1024)) as port:
        assert "is it a PostgreSQL?" in str(failure(port, "disable"))


def test_host__is_one_name_or_address() -> None:
    host = settings.Host(name="host", title="Host", description="A host.")
    optional = settings.Host(name="host", title="Host", description="A host.", required=False)
    assert (host.schema()["type"], optional.schema()["type"]) == ("string", ["string", "null"])
    for good in ("db.example.com", "my_db", "10.0.0.1", "::1", "db."):
        assert list(host.faults(good, "host")) == []
        assert host.read(good) == good
    assert list(optional.faults(None, "host")) == []
    for bad in (None, 1, "", "a,b", "a b", "/run", "a:1", "fe80::1%eth0", "a" * 254, "-a"):
        assert [one.path for one in host.faults(bad, "host")] == ["host"]


def test_definition__without_faults__has_none() -> None:
    good = {"query": "SELECT 1 AS id", "member_id": "id"}
    assert definition.faults(good, "postgres") == []
    assert [one.path for one in definition.faults({}, "postgres")] == [
        "definition.query",
        "definition.member_id",
    ]
    with pytest.raises(database_errors.QueryRefused):
        definition.faults({**good, "query": "DELETE FROM users"}, "postgres")
