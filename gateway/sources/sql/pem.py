"""Certificates and keys: checked as texts, and lent as files that are on no disk.

Only this process can open those files.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ONLY_OWNER: Final = 0o600
# Where systems keep the authorities that they trust, where OpenSSL was not told.
BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
# OpenSSL writes the parameters of a curve in front of a key of it.
_PARAMETERS_END: Final = "-----END EC PARAMETERS-----"


def wrong_certificate(text: str) -> str | None:
    """Say what is wrong with a text that has to be certificates; None if nothing is."""
    try:
        x509.load_pem_x509_certificates(text.encode("ascii"))
    except ValueError:
        return "must be a certificate as PEM, or several, in ASCII"
    return None


def wrong_key(text: str) -> str | None:
    """Say what is wrong with a text that has to be an open private key; None if nothing is."""
    key = text.rpartition(_PARAMETERS_END)[2]
    try:
        serialization.load_pem_private_key(key.encode(), password=None)
    except TypeError:
        return "must be a key without a passphrase; decrypt it first, as with `openssl pkey`"
    except (ValueError, UnsupportedAlgorithm):
        return "must be a private key as PEM"
    return None


@contextlib.contextmanager
def file(text: str) -> Iterator[str]:
    """Lend the path of a file in memory that has a text, for libraries that take paths alone."""
    descriptor = os.memfd_create("pem")
    try:
        os.fchmod(descriptor, _ONLY_OWNER)  # libpq refuses the key of a file that others may read
        os.write(descriptor, text.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def system_bundle(bundles: Sequence[str] = BUNDLES) -> str:
    """Return the file of the authorities that this system trusts; `system` where none is found."""
    known = ssl.get_default_verify_paths().cafile
    for path in (str(known), *bundles):
        if Path(path).is_file():
            return path
    return "system"
