"""Secrets as hashes: scrypt for passwords people choose, SHA-256 for keys with a key's entropy."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import os
import secrets as entropy
import threading

# 4 MiB and about 10 ms a guess. OWASP's smallest scrypt setting spends more, but this runs on
# request threads, so its results are remembered by `Verifier`.
_COST = 2**12
_BLOCK_SIZE = 8
_REMEMBERED = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class HashedPassword:
    """A salted scrypt hash (16 bytes of salt, 32 of hash)."""

    salt: bytes
    hash: bytes


def hash_password(password: str) -> HashedPassword:
    """Hash a password under a fresh salt."""
    salt = os.urandom(16)
    return HashedPassword(salt=salt, hash=_scrypt(password.encode(), salt))


def hash_key(key: str) -> bytes:
    """Hash an API key (32 bytes), the same each time, so that it can be looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_password() -> str:
    """Make a password of 192 random bits."""
    return entropy.token_urlsafe(24)


def new_key() -> str:
    """Make an API key of 256 random bits."""
    return "cg_" + entropy.token_urlsafe(32)


class Verifier:
    """Checks passwords in the same time for known and unknown names, and remembers the right ones.

    Only a digest under a random key of this process is remembered, never a password.
    """

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self._pepper = os.urandom(32)
        self._most = remembered
        self._known: dict[bytes, None] = {}
        self._lock = threading.Lock()
        self._nobody = hash_password(new_password())

    def verify(self, password: bytes, hashed: HashedPassword | None) -> bool:
        """Tell whether the password is the hashed one; None stands for an unknown name."""
        against = hashed or self._nobody
        mark = hmac.digest(self._pepper, against.salt + against.hash + password, "sha256")
        if mark in self._known:
            return hashed is not None
        same = hmac.compare_digest(_scrypt(password, against.salt), against.hash)
        if same:
            self._remember(mark)
        return same and hashed is not None

    def _remember(self, mark: bytes) -> None:
        with self._lock:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[mark] = None


def _scrypt(password: bytes, salt: bytes) -> bytes:
    # Digested first: scrypt's HMAC fills its key up with NULs, so that a password with some behind
    # it would be as good as the right one.
    digest = hashlib.sha256(password).digest()
    return hashlib.scrypt(digest, salt=salt, n=_COST, r=_BLOCK_SIZE, p=1, dklen=32)
