"""Secrets at rest: AES-256-GCM under keys of the operator, each text bound to its place."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

# What is kept: a byte for this layout, four that name the key, a nonce, and the sealed text.
_LAYOUT: Final = b"\x01"
_KEY_NAME_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_LAYOUT) + _KEY_NAME_BYTES + _NONCE_BYTES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a secret is kept: a table, a row of it, and the name there."""

    table: str
    row: int
    name: str

    @property
    def associated(self) -> bytes:
        """Bytes that differ for each place: a row copied over another cannot be read."""
        return f"{self.table}\0{self.row}\0{self.name}".encode()


class _Key:
    """A key made of an operator's text, and the name by which a sealed text finds it."""

    def __init__(self, text: str) -> None:
        made = hashlib.sha256(b"cohort gateway, secrets at rest\0" + text.encode()).digest()
        self.name = hashlib.sha256(made).digest()[:_KEY_NAME_BYTES]
        self.cipher = AESGCM(made)


class Vault:
    """Seals under the newest key, and opens what any of its keys has sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(_Key(text) for text in keys)

    @property
    def has_key(self) -> bool:
        """Whether anything can be sealed."""
        return bool(self._keys)

    def seal(self, secret: str, place: Place) -> bytes:
        """Encrypt a secret for one place. Raises errors.NoSecretKey."""
        if not self._keys:
            raise errors.NoSecretKey(
                "secrets are kept encrypted, and there is no key: set GATEWAY_SECRET_KEY to a"
                " random text of 32 characters or more, the same for all processes"
            )
        key, nonce = self._keys[0], os.urandom(_NONCE_BYTES)
        sealed = key.cipher.encrypt(nonce, secret.encode(), place.associated)
        return _LAYOUT + key.name + nonce + sealed

    def open(self, sealed: bytes, place: Place) -> str:
        """Decrypt a secret. Raises errors.SecretUnreadable, which holds nothing of it."""
        head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        for key in self._keys:
            if head.startswith(_LAYOUT + key.name):
                try:
                    return key.cipher.decrypt(head[-_NONCE_BYTES:], body, place.associated).decode()
                except InvalidTag:
                    continue
        raise errors.SecretUnreadable(
            f"the secret '{place.name}' was encrypted under a key that GATEWAY_SECRET_KEY does not"
            " have, or was damaged; add that key behind the newest one, or set the secret anew"
        )

    def is_newest(self, sealed: bytes) -> bool:
        """Tell whether a text is sealed under the newest key."""
        return bool(self._keys) and sealed.startswith(_LAYOUT + self._keys[0].name)
