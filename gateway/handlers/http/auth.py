"""Bearer keys: the caller, as the request says it (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from gateway.handlers.http import deps

if TYPE_CHECKING:
    from gateway.core.access.actor import Actor
    from gateway.core.access.scopes import Scope


def require(needed: Scope) -> Actor:
    """Return what the key does things as.

    Raises errors.Unauthenticated, Forbidden or Unavailable unless the key has the scope.
    """
    return deps.current().keys.require(_bearer(), needed)


def _bearer() -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key else None
