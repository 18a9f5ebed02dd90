"""API keys as their operator handles them: made, listed, revoked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.access import credentials, defaults, secrets
from gateway.core.access.actor import GATEWAY
from gateway.core.access.scopes import Scope
from gateway.store.access import api_keys
from gateway.store.db import audit

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool

ApiKey = api_keys.ApiKey

MAX_NAME_CHARACTERS: Final = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A key to be made; `replace` ends the valid ones of its name in the same moment.

    With `source`, a slug, it may only post to that one.
    """

    name: str
    scopes: Sequence[Scope]
    expires_at: datetime.datetime | None = None
    source: str | None = None
    replace: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A key as it was made, and those that it takes the place of."""

    key: str = dataclasses.field(repr=False)
    replaced: Sequence[ApiKey]


def create(pool: Pool, wanted: Wanted, *, now: datetime.datetime, actor: Actor = GATEWAY) -> Made:
    """Make a key and return it; only its hash is kept.

    Raises errors.Malformed for a name that cannot be used or an end that is over, and
    errors.Conflict if a valid key has the name and is not to be replaced.
    """
    _require_name(wanted.name)
    _require_source(wanted)
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise errors.Malformed("a key that expires needs an end in the future")
    key = secrets.new_key()
    with pool.begin() as conn:
        # Of two that make a key of one name at once the later one finds the other's.
        api_keys.lock(conn)
        older = [one for one in _valid(api_keys.listing(conn), now) if one.name == wanted.name]
        if older and not wanted.replace:
            raise errors.Conflict(
                f"a valid key is called '{wanted.name}' already; choose another name, say"
                " --replace, or revoke that one first",
            )
        for one in older:
            api_keys.revoke(conn, one.id, now=now)
            audit.write(conn, actor, "key.revoked", one.name, now=now)
        api_keys.create(
            conn,
            name=wanted.name,
            key_hash=secrets.hash_key(key),
            scopes=wanted.scopes,
            now=now,
            expires_at=wanted.expires_at,
            source=wanted.source,
        )
        scopes = [one.value for one in wanted.scopes]
        audit.write(conn, actor, "key.created", wanted.name, now=now, scopes=scopes)
    return Made(key=key, replaced=older)


def listing(pool: Pool) -> list[ApiKey]:
    """List every key in the order of creation, revoked ones included."""
    with pool.read() as conn:
        return api_keys.listing(conn)


def revoke(
    pool: Pool, which: str, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> list[ApiKey]:
    """End the key with this id, or every key with this name; returns those that this ended.

    Raises errors.NotFound when there is none, and errors.Conflict when it was revoked before.
    """
    with pool.begin() as conn:
        named = [key for key in api_keys.listing(conn) if which in (str(key.id), key.name)]
        if not named:
            raise errors.NotFound(f"there is no key {which!a}; `key list` shows those there are")
        ended = [key for key in named if api_keys.revoke(conn, key.id, now=now)]
        if not ended:
            raise errors.Conflict(f"the key {which!a} is revoked already")
        for key in ended:
            audit.write(conn, actor, "key.revoked", key.name, now=now)
    return ended


def _valid(keys: Sequence[ApiKey], now: datetime.datetime) -> list[ApiKey]:
    return [key for key in keys if key.is_valid(now)]


def _require_source(wanted: Wanted) -> None:
    if wanted.source is None:
        return
    if list(wanted.scopes) != [Scope.INGEST]:
        raise errors.Malformed("only a key with the scope ingest alone can be bound to a source")
    if not credentials.is_slug(wanted.source):
        raise errors.Malformed("the source of a key is a slug: 1 to 64 of a-z, 0-9, - and _")


def _require_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME_CHARACTERS:
        raise errors.Malformed(
            f"a key's name is 1 to {MAX_NAME_CHARACTERS} characters that can be printed",
        )
    if name.isdecimal() or not texts.is_storable(name):
        raise errors.Malformed("a key's name is not a number: that would look like a key's id")
    if name == defaults.KEY_NAME:
        raise errors.Malformed(
            f"the name '{name}' belongs to the key of GATEWAY_API_KEY; choose another",
        )
