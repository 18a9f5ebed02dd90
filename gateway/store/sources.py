"""Sources: the connections that may post, and who may use them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.secrets import HashedPassword

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credential:
    """A name and a hashed password that open a source."""

    username: str
    password: HashedPassword


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A connection; `project_ids` empty means that any project may post."""

    id: int
    slug: str
    identity_property: str | None
    project_ids: tuple[str, ...]
    auth_required: bool
    paused: bool
    credentials: tuple[Credential, ...]


def find(conn: Connection, slug: str, *, now: datetime.datetime) -> Source | None:
    """Find a source with the credentials that are valid now."""
    rows = conn.execute(_FIND, {"slug": slug, "now": now}).all()
    if not rows:
        return None
    first = rows[0]
    return Source(
        id=first.id,
        slug=first.slug,
        identity_property=first.identity_property,
        project_ids=tuple(first.project_ids),
        auth_required=first.auth_required,
        paused=first.paused,
        credentials=tuple(
            Credential(
                username=row.username,
                password=HashedPassword(salt=bytes(row.salt), hash=bytes(row.hash)),
            )
            for row in rows
            if row.username is not None
        ),
    )


def create(
    conn: Connection,
    slug: str,
    *,
    identity_property: str | None,
    project_ids: Sequence[str],
    auth_required: bool,
    now: datetime.datetime,
) -> int | None:
    """Create a source and return its id, or None if the slug is taken."""
    return conn.execute(
        _CREATE,
        {
            "slug": slug,
            "identity_property": identity_property,
            "project_ids": list(project_ids),
            "auth_required": auth_required,
            "now": now,
        },
    ).scalar_one_or_none()


def add_credential(
    conn: Connection,
    source_id: int,
    *,
    username: str,
    password: HashedPassword,
    now: datetime.datetime,
) -> None:
    """Let one more name and password open the source."""
    conn.execute(
        _ADD_CREDENTIAL,
        {
            "source_id": source_id,
            "username": username,
            "salt": password.salt,
            "hash": password.hash,
            "now": now,
        },
    )


def expire_credentials(conn: Connection, source_id: int, *, at: datetime.datetime) -> int:
    """End the validity of every credential of a source at a moment; returns how many."""
    return conn.execute(_EXPIRE, {"source_id": source_id, "at": at}).rowcount


def drop_credentials(conn: Connection, source_id: int) -> None:
    """Forget every credential of a source."""
    conn.execute(_DROP_CREDENTIALS, {"source_id": source_id})


_FIND = text("""
    SELECT s.id, s.slug, s.identity_property, s.project_ids, s.auth_required,
           s.paused_at IS NOT NULL AS paused, c.username, c.salt, c.hash
    FROM sources s
    LEFT JOIN source_credentials c
        ON c.source_id = s.id AND (c.expires_at IS NULL OR c.expires_at > :now)
    WHERE s.slug = :slug AND s.removed_at IS NULL
""")

_CREATE = text("""
    INSERT INTO sources (slug, identity_property, project_ids, auth_required, created_at)
    VALUES (:slug, :identity_property, :project_ids, :auth_required, :now)
    ON CONFLICT (slug) WHERE removed_at IS NULL DO NOTHING RETURNING id
""")

_ADD_CREDENTIAL = text("""
    INSERT INTO source_credentials (source_id, username, salt, hash, created_at)
    VALUES (:source_id, :username, :salt, :hash, :now)
""")

_EXPIRE = text("""
    UPDATE source_credentials SET expires_at = :at
    WHERE source_id = :source_id AND (expires_at IS NULL OR expires_at > :at)
""")

_DROP_CREDENTIALS = text("DELETE FROM source_credentials WHERE source_id = :source_id")
