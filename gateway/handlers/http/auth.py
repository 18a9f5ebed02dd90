"""Bearer keys: the caller, as the request says it (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from gateway.handlers.http import deps

if TYPE_CHECKING:
    from gateway.core.access.actor import Actor
    from gateway.core.access.scopes import Scope


def require(needed: Scope, *, as_user_name: bool = False) -> Actor:
    """Return what the key does things as; some calls also take it as the user name of Basic.

    Raises errors.Unauthenticated, Forbidden or Unavailable unless the key has the scope.
    """
    return deps.current().keys.require(
        _bearer() or (_user_name() if as_user_name else None), needed
    )


def _bearer() -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key else None


def _user_name() -> str | None:
    sent = request.authorization
    return sent.username or None if sent is not None and sent.type == "basic" else None
