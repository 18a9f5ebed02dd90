"""Signatures of Standard Webhooks: HMAC-SHA256 of id, time and body, under one or two secrets."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 16
MOST_BYTES: Final = 256
_MOST_CHARACTERS: Final = 512
_PATTERN: Final = r"^(whsec_)?[A-Za-z0-9+/]{16,500}={0,2}$"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SigningSecret:
    """A secret of Standard Webhooks: `whsec_` and the base64 of random bytes."""

    name: str
    title: str
    description: str
    required: bool = False
    default: None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": "string" if self.required else ["string", "null"],
            "maxLength": _MOST_CHARACTERS,
            "pattern": _PATTERN,
            "writeOnly": True,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value; null forgets what is not required."""
        if value is None and not self.required:
            return
        if type(value) is not str or len(value) > _MOST_CHARACTERS or not _is_key(value):
            yield Fault(
                path,
                f"must be whsec_ and the base64 of {LEAST_BYTES} to {MOST_BYTES} random bytes, as"
                " from `echo whsec_$(openssl rand -base64 32)`",
            )

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


def key(secret: str) -> bytes:
    """Return the bytes of a secret. Raises ValueError."""
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def headers(
    message_id: str, *, timestamp: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Make the headers of a message: a signature for each secret, the current one first."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = [hmac.new(key(one), signed, hashlib.sha256).digest() for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def _is_key(secret: str) -> bool:
    try:
        return LEAST_BYTES <= len(key(secret)) <= MOST_BYTES
    except (ValueError, binascii.Error):
        return False
