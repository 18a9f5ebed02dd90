"""API keys as their operator handles them: made, listed, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import secrets, texts
from gateway.flows import bootstrap
from gateway.store import api_keys

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.core.scopes import Scope
    from gateway.store.engine import Pool

ApiKey = api_keys.ApiKey

MAX_NAME_CHARACTERS: Final = 64


def create(pool: Pool, name: str, scopes: Sequence[Scope], *, now: datetime.datetime) -> str:
    """Make a key and return it; only its hash is kept.

    Raises errors.Malformed for a name that cannot be used, and errors.Conflict if a valid key has
    it.
    """
    _require_name(name)
    key = secrets.new_key()
    with pool.begin() as conn:
        if any(one.name == name for one in _valid(api_keys.listing(conn))):
            raise errors.Conflict(
                f"a valid key is called '{name}' already; choose another name, or revoke that one"
                " first",
            )
        api_keys.create(conn, name=name, key_hash=secrets.hash_key(key), scopes=scopes, now=now)
    return key


def listing(pool: Pool) -> list[ApiKey]:
    """List every key in the order of creation, revoked ones included."""
    with pool.read() as conn:
        return api_keys.listing(conn)


def revoke(pool: Pool, which: str, *, now: datetime.datetime) -> list[ApiKey]:
    """End the valid key with this id, or every valid key with this name; returns them.

    Raises errors.NotFound when there is none, and errors.Conflict when it was revoked before.
    """
    with pool.begin() as conn:
        named = [key for key in api_keys.listing(conn) if which in (str(key.id), key.name)]
        if not named:
            raise errors.NotFound(f"there is no key {which!a}; `key list` shows those there are")
        ended = [key for key in _valid(named) if api_keys.revoke(conn, key.id, now=now)]
        if not ended:
            raise errors.Conflict(f"the key {which!a} is revoked already")
    return ended


def _valid(keys: Sequence[ApiKey]) -> list[ApiKey]:
    return [key for key in keys if key.revoked_at is None]


def _require_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME_CHARACTERS:
        raise errors.Malformed(
            f"a key's name is 1 to {MAX_NAME_CHARACTERS} characters that can be printed",
        )
    if name.isdecimal() or not texts.is_storable(name):
        raise errors.Malformed("a key's name is not a number: that would look like a key's id")
    if name == bootstrap.KEY_NAME:
        raise errors.Malformed(
            f"the name '{name}' belongs to the key of GATEWAY_API_KEY; choose another",
        )
