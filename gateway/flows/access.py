"""Access: which key may do what, looked up each time but for a moment's memory."""

from __future__ import annotations

import hmac
import threading
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import scopes, secrets
from gateway.store import api_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.core.scopes import Scope
    from gateway.store.engine import Pool

# A look-up by a service is two statements without this and one with it. A revoked key dies within
# it; nothing but a key just found valid is believed.
BELIEVED_SECONDS: Final = 1.0
REMEMBERED: Final = 1000


class KeyRing:
    """Knows which keys are valid."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: Callable[[], float] = time.monotonic,
        remembered: int = REMEMBERED,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, tuple[str, ...]]] = {}

    def require(self, key: str | None, needed: Scope) -> None:
        """Let a key with a scope pass.

        Raises errors.Unauthenticated without a valid key, errors.Forbidden without the scope, and
        errors.Unavailable if the key could not be looked up.
        """
        if key is None:
            raise errors.Unauthenticated("send 'Authorization: Bearer <key>' with a valid key")
        if not scopes.allow(self._scopes(secrets.hash_key(key)), needed):
            raise errors.Forbidden(f"this key lacks the scope '{needed}'")

    def _scopes(self, key_hash: bytes) -> tuple[str, ...]:
        until, held = self._known.get(key_hash, (0.0, ()))
        now = self._clock()
        if now < until:
            return held
        with self._pool.read() as conn:
            found = api_keys.find(conn, key_hash)
        if found is None or not hmac.compare_digest(found.hash, key_hash):
            raise errors.Unauthenticated("this key is not valid, or was revoked")
        with self._lock:
            if len(self._known) >= self._remembered:
                self._known.clear()
            self._known[key_hash] = (now + BELIEVED_SECONDS, found.scopes)
        return found.scopes
