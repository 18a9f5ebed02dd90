"""Bearer keys: who calls, as the request says it (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import current_app, request

from gateway.flows.access import KeyRing
from gateway.handlers import deps

if TYPE_CHECKING:
    from gateway.core.scopes import Scope

_EXTENSION: Final = "gateway.keys"


def require(needed: Scope) -> None:
    """Raise errors.Unauthenticated, Forbidden or Unavailable unless the key has the scope."""
    _key_ring().require(_bearer(), needed)


def _key_ring() -> KeyRing:
    # One per application, made at the first call: two at once make one too many, and no harm.
    extensions = current_app.extensions
    if _EXTENSION not in extensions:
        extensions[_EXTENSION] = KeyRing(deps.current().reading)
    ring: KeyRing = extensions[_EXTENSION]
    return ring


def _bearer() -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key else None
