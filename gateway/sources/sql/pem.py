"""Certificates and keys as files that only this process can open, and that are on no disk."""

from __future__ import annotations

import contextlib
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ONLY_OWNER: Final = 0o600
# Where systems keep the authorities that they trust, where OpenSSL was not told.
BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


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
