"""API keys: only their hashes are kept."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.access.scopes import Scope


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as it is kept: `hash` is 32 bytes of SHA-256, `scopes` are texts of `Scope`."""

    id: int
    name: str
    hash: bytes
    scopes: tuple[str, ...]
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None
    expires_at: datetime.datetime | None
    source: str | None = None

    def is_valid(self, now: datetime.datetime) -> bool:
        """Tell whether it opens anything at a moment."""
        ended = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not ended


def lock(conn: Connection) -> None:
    """Keep keys from being made or ended by others until the transaction ends; reads go on."""
    conn.execute(_LOCK)


def find(conn: Connection, key_hash: bytes) -> ApiKey | None:
    """Find a key that has not been revoked; it may have expired."""
    row = conn.execute(_FIND, {"hash": key_hash}).one_or_none()
    return None if row is None else _api_key(row)


def listing(conn: Connection) -> list[ApiKey]:
    """List every key, revoked ones included, in the order of creation."""
    return [_api_key(row) for row in conn.execute(_LIST)]


def create(
    conn: Connection,
    *,
    name: str,
    key_hash: bytes,
    scopes: Sequence[Scope],
    now: datetime.datetime,
    expires_at: datetime.datetime | None = None,
    source: str | None = None,
) -> None:
    """Keep a key. One that is kept already is valid again, under this name, with these scopes."""
    parameters = {
        "name": name,
        "hash": key_hash,
        "scopes": list(scopes),
        "now": now,
        "expires_at": expires_at,
        "source": source,
    }
    conn.execute(_CREATE, parameters)


def revoke(conn: Connection, key_id: int, *, now: datetime.datetime) -> bool:
    """End a key; False if there is none with this id that was still valid."""
    return conn.execute(_REVOKE, {"id": key_id, "now": now}).rowcount == 1


def revoke_others(conn: Connection, *, name: str, key_hash: bytes, now: datetime.datetime) -> int:
    """End every key of a name except one; returns how many."""
    parameters = {"name": name, "hash": key_hash, "now": now}
    return conn.execute(_REVOKE_OTHERS, parameters).rowcount


def _api_key(row: object) -> ApiKey:
    fields = dict(row._mapping)  # type: ignore[attr-defined]
    return ApiKey(**{**fields, "hash": bytes(fields["hash"]), "scopes": tuple(fields["scopes"])})


# It lets readers pass, and no writer.
_LOCK = text("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE")

_FIND = text("""
    SELECT id, name, hash, scopes, created_at, revoked_at, expires_at, source
    FROM api_keys WHERE hash = :hash AND revoked_at IS NULL
""")

_LIST = text("""
    SELECT id, name, hash, scopes, created_at, revoked_at, expires_at, source
    FROM api_keys ORDER BY id
""")

_CREATE = text("""
    INSERT INTO api_keys (name, hash, scopes, created_at, expires_at, source)
    VALUES (:name, :hash, :scopes, :now, :expires_at, :source)
    ON CONFLICT (hash) DO UPDATE
    SET name = excluded.name, scopes = excluded.scopes, revoked_at = NULL,
        expires_at = excluded.expires_at, source = excluded.source
""")

_REVOKE = text("UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL")

_REVOKE_OTHERS = text("""
    UPDATE api_keys SET revoked_at = :now
    WHERE name = :name AND hash <> :hash AND revoked_at IS NULL
""")
