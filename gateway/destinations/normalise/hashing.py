"""Hashes of identifiers, as destinations compare them: lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def sha256(normal: str) -> str:
    """Hash a normalised value; what could not be normalised stays empty."""
    return hashlib.sha256(normal.encode()).hexdigest() if normal else ""


def md5(normal: str) -> str:
    """Hash a normalised value; what could not be normalised stays empty."""
    return hashlib.md5(normal.encode(), usedforsecurity=False).hexdigest() if normal else ""


def given_sha256(text: str) -> str:
    """Take a value that is declared to be hashed already; empty if it is no such hash.

    Whether a value is hashed is never guessed from its looks: an id may look like a hash.
    """
    lower = text.strip().lower()
    return lower if _SHA256.fullmatch(lower) else ""
