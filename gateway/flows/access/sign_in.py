"""Signing in to the console: a key opens a session, which ends by time, by itself, or with the key.

Nothing of a session is remembered between two requests, so one that has ended is refused by every
process from then on.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access import scopes, secrets
from gateway.core.access.actor import Actor, Via
from gateway.core.access.scopes import Scope
from gateway.store.access import api_keys, console_sessions
from gateway.store.db import audit

if TYPE_CHECKING:
    from gateway.store.access.api_keys import ApiKey
    from gateway.store.db.engine import Pool

LIFETIME: Final = datetime.timedelta(hours=12)
IDLE: Final = datetime.timedelta(hours=1)
# A use is noted this much later at most; every page would otherwise write.
NOTED_EVERY: Final = datetime.timedelta(minutes=1)

# The audit log gets no more refusals than this: any sender can cause them.
REFUSALS: Final = 10
REFUSALS_WITHIN: Final = datetime.timedelta(minutes=1)

_ANONYMOUS: Final = Actor(via=Via.CONSOLE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Visitor:
    """What a session may do, and as what it does it."""

    key_name: str
    scopes: tuple[str, ...]

    @property
    def actor(self) -> Actor:
        """The author of what this session changes."""
        return Actor(via=Via.CONSOLE, name=self.key_name)

    def may(self, needed: Scope) -> bool:
        return scopes.allow(self.scopes, needed)

    def require(self, needed: Scope) -> None:
        """Raise errors.Forbidden unless the session's key has the scope."""
        if not self.may(needed):
            raise errors.Forbidden(
                f"the key '{self.key_name}' lacks the scope '{needed}'; sign in with one that has"
                " it",
            )


def sign_in(pool: Pool, key: str, *, now: datetime.datetime) -> str:
    """Open a session with an API key and return its id, which is kept nowhere.

    Raises errors.Unauthenticated for a key that is not valid, and errors.Forbidden for one without
    the scope that every page needs.
    """
    with pool.read() as conn:
        found = api_keys.find(conn, secrets.hash_key(key))
    try:
        held = _checked(found, now)
    except errors.Refused as problem:
        _note(pool, found, problem, now=now)
        raise
    return _open(pool, held, now=now)


def visitor(pool: Pool, session_id: str | None, *, now: datetime.datetime) -> Visitor:
    """Return the visitor of a session. Raises errors.Unauthenticated if it has ended."""
    with pool.read() as conn:
        found = console_sessions.find(
            conn,
            secrets.hash_key(session_id or ""),
            now=now,
            created_since=now - LIFETIME,
            used_since=now - IDLE,
            note_before=now - NOTED_EVERY,
        )
    if found is None:
        raise errors.Unauthenticated("sign in to see this page")
    return Visitor(key_name=found.key_name, scopes=found.scopes)


def sign_out(pool: Pool, session_id: str, visited: Visitor, *, now: datetime.datetime) -> None:
    """End a session; nothing happens to one that has ended."""
    with pool.begin() as conn:
        if console_sessions.end(conn, secrets.hash_key(session_id)):
            audit.write(conn, visited.actor, "session.closed", visited.key_name, now=now)


def _checked(found: ApiKey | None, now: datetime.datetime) -> ApiKey:
    if found is None:
        raise errors.Unauthenticated("this key is not valid, or was revoked")
    if not found.is_valid(now):
        raise errors.Unauthenticated("this key has expired; ask for a new one")
    if not scopes.allow(found.scopes, Scope.READ):
        raise errors.Forbidden("this key lacks the scope 'read', which every page needs")
    return found


def _open(pool: Pool, held: ApiKey, *, now: datetime.datetime) -> str:
    """Open a session, and forget those that time has ended."""
    session_id = secrets.new_key()
    with pool.begin() as conn:
        console_sessions.prune(conn, created_before=now - LIFETIME, used_before=now - IDLE)
        console_sessions.create(conn, secrets.hash_key(session_id), key_id=held.id, now=now)
        audit.write(conn, _as(held), "session.opened", held.name, now=now)
    return session_id


def _note(
    pool: Pool, found: ApiKey | None, problem: errors.Refused, *, now: datetime.datetime
) -> None:
    """Write a refused sign-in to the audit log, unless enough of them are there from just now."""
    with pool.begin() as conn:
        audit.write_bounded(
            conn,
            _ANONYMOUS if found is None else _as(found),
            "session.refused",
            "console",
            now=now,
            most=REFUSALS,
            within=REFUSALS_WITHIN,
            code=problem.code,
        )


def _as(held: ApiKey) -> Actor:
    return Actor(via=Via.CONSOLE, name=held.name)
