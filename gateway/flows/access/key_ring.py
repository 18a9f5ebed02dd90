"""Access: which key may do what, looked up each time but for a moment's memory."""

from __future__ import annotations

import datetime
import hmac
import threading
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access import scopes, secrets
from gateway.core.access.actor import Actor, Via
from gateway.store.access import api_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.core.access.scopes import Scope
    from gateway.store.access.api_keys import ApiKey
    from gateway.store.db.engine import Pool

# A look-up by a service is two statements without this and one with it. A revoked key dies within
# it; nothing but a key just found valid is believed.
BELIEVED_SECONDS: Final = 1.0
REMEMBERED: Final = 1000


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _believed_seconds(expires_at: datetime.datetime | None, now: datetime.datetime) -> float:
    """Return for how long a key need not be looked up: never beyond its end."""
    if expires_at is None:
        return BELIEVED_SECONDS
    return min(BELIEVED_SECONDS, (expires_at - now).total_seconds())


class KeyRing:
    """Knows which keys are valid."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime.datetime] = _now,
        remembered: int = REMEMBERED,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._now = now
        self._remembered = remembered
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, ApiKey]] = {}

    def require(self, key: str | None, needed: Scope) -> Actor:
        """Let a key with a scope pass, and return what it does things as.

        Raises errors.Unauthenticated without a valid key, errors.Forbidden without the scope, and
        errors.Unavailable if the key could not be looked up.
        """
        if key is None:
            raise errors.Unauthenticated("send 'Authorization: Bearer <key>' with a valid key")
        held = self._find(secrets.hash_key(key))
        if not scopes.allow(held.scopes, needed):
            raise errors.Forbidden(f"this key lacks the scope '{needed}'")
        return Actor(via=Via.API, name=held.name, source=held.source)

    def _find(self, key_hash: bytes) -> ApiKey:
        until, held = self._known.get(key_hash, (0.0, None))
        if held is not None and self._clock() < until:
            return held
        with self._pool.read() as conn:
            found = api_keys.find(conn, key_hash)
        if found is None or not hmac.compare_digest(found.hash, key_hash):
            raise errors.Unauthenticated("this key is not valid, or was revoked")
        if not found.is_valid(now := self._now()):
            raise errors.Unauthenticated("this key has expired; ask for a new one")
        with self._lock:
            if len(self._known) >= self._remembered:
                self._known.clear()
            until = self._clock() + _believed_seconds(found.expires_at, now)
            self._known[key_hash] = (until, found)
        return found
