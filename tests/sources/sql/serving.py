"""Servers that do one thing with one connection, and the certificates that they show."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import errors
from gateway.core.cohorts.failures import Failure

_HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@contextlib.contextmanager
def once(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Run a server that does this with one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as line, contextlib.suppress(OSError):
                answer(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def secured(line: socket.socket, identity: Path) -> None:
    """Agree on TLS as a server that has a certificate and its key in one file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    context.wrap_socket(line, server_side=True)


def self_signed(folder: Path, *, days: int = 1) -> Path:
    """Write a certificate that signs itself and its key into one file; with -1 it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - 9 * day, now + days * day)
    made = made.add_extension(x509.SubjectAlternativeName([_HERE]), critical=False)
    path = folder / "identity.pem"
    path.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def certificate(identity: Path) -> str:
    """Return the certificate alone."""
    end = "-----END CERTIFICATE-----\n"
    return identity.read_text().partition(end)[0] + end


def require_expired(found: errors.ReadFailed) -> None:
    """See that a failure says that a certificate has expired, and what to do about that."""
    assert found.failure == Failure.UNREACHABLE
    assert str(found) == "the certificate of 127.0.0.1 is not valid: certificate has expired"
    assert found.hint == "Renew the certificate on the server; until then nothing is read."
