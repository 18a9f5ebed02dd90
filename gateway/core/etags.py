"""Tags of answers (RFC 9110, 8.8.3): equal only if the answers are."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import Final

_BYTES: Final = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class IfNoneMatch:
    """The tags of answers the client holds already; `anything` stands for whatever there is."""

    tags: frozenset[str] = frozenset()
    anything: bool = False

    def has(self, tag: str) -> bool:
        """Tell whether the answer with this tag need not be sent."""
        return self.anything or tag in self.tags


NOTHING: Final = IfNoneMatch()


def of(*parts: str | int | None) -> str:
    """Make the tag of an answer that is the same whenever these are."""
    return of_bytes(repr(parts).encode())


def of_bytes(body: bytes) -> str:
    """Make the tag of an answer from all that it says."""
    digest = hashlib.blake2b(body, digest_size=_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()
