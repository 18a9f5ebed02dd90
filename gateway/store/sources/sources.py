"""Sources: the connections that may post, and their credentials."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gateway.core.access.secrets import HashedPassword
from gateway.core.cohorts.page import SourceRef

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

    @property
    def ref(self) -> SourceRef:
        """What the rest of the gateway needs to know of it."""
        return SourceRef(id=self.id, slug=self.slug)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A source as its operator sees it: its user names and their ends, without secrets."""

    slug: str
    name: str
    identity_property: str | None
    project_ids: tuple[str, ...]
    auth_required: bool
    created_at: datetime.datetime
    paused_at: datetime.datetime | None
    cohorts: int
    usernames: tuple[str, ...]
    credentials_end_at: tuple[datetime.datetime | None, ...]


def find(conn: Connection, slug: str, *, now: datetime.datetime) -> Source | None:
    """Find a source with the credentials that are valid now, the newest last."""
    rows = conn.execute(_FIND, {"slug": slug, "now": now}).all()
    return from_rows(rows) if rows else None


def from_rows(rows: Sequence[Any]) -> Source:
    """Make a source of its rows, one for each credential, in their order."""
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
    conn.execute(_DROP_CREDENTIALS, {"source_id": source_id})


def listing(
    conn: Connection,
    *,
    now: datetime.datetime,
    slug: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[Listed]:
    """List the sources by slug, with the credentials that are valid now and their cohorts.

    With `slug` only that one; else those with a slug after `after`, at most `limit`.
    """
    parameters = {"now": now, "slug": slug, "after": after, "limit": limit}
    return [
        Listed(
            slug=row.slug,
            name=row.name,
            identity_property=row.identity_property,
            project_ids=tuple(row.project_ids),
            auth_required=row.auth_required,
            created_at=row.created_at,
            paused_at=row.paused_at,
            cohorts=row.cohorts,
            usernames=tuple(row.usernames),
            credentials_end_at=tuple(row.credentials_end_at),
        )
        for row in conn.execute(_LIST, parameters)
    ]


def last_pages(conn: Connection, slugs: Sequence[str]) -> dict[str, datetime.datetime]:
    """Tell when the newest page of each of these sources was accepted, if one ever was."""
    rows = conn.execute(_LAST_PAGES, {"slugs": list(slugs)})
    return {row.slug: row.at for row in rows}


def was_removed(conn: Connection, slug: str) -> bool:
    """Tell whether a source of this name was removed once."""
    return conn.execute(_WAS_REMOVED, {"slug": slug}).one_or_none() is not None


def were_any(conn: Connection) -> bool:
    """Tell whether any source has ever been set up here, removed ones too."""
    return bool(conn.execute(_WERE_ANY).scalar_one())


def lock(conn: Connection, slug: str) -> int | None:
    """Return the id of a source, which no other operator changes until the transaction ends."""
    return conn.execute(_LOCK, {"slug": slug}).scalar_one_or_none()


def pause(conn: Connection, slug: str, *, now: datetime.datetime) -> bool:
    """Pause a source that is not; False if there is none or it is paused already."""
    return conn.execute(_PAUSE, {"slug": slug, "now": now}).rowcount == 1


def resume(conn: Connection, slug: str) -> bool:
    """Resume a source that is paused; False if there is none or it is not."""
    return conn.execute(_RESUME, {"slug": slug}).rowcount == 1


def rename(conn: Connection, slug: str, name: str) -> None:
    conn.execute(_RENAME, {"slug": slug, "name": name})


def identify(conn: Connection, slug: str, identity_property: str | None) -> None:
    """Name the property that holds the member id; None for Mixpanel's distinct id."""
    conn.execute(_IDENTIFY, {"slug": slug, "identity_property": identity_property})


def pin(conn: Connection, slug: str, project_ids: Sequence[str]) -> None:
    """Pin a source to projects; none lets any project post."""
    conn.execute(_PIN, {"slug": slug, "project_ids": list(project_ids)})


def remove(conn: Connection, slug: str, *, now: datetime.datetime) -> bool:
    """End a source for good; False if there is none. Its slug can be taken again."""
    return conn.execute(_REMOVE, {"slug": slug, "now": now}).rowcount == 1


def left_behind(conn: Connection, slug: str) -> list[int]:
    """List the cohorts of removed sources of this name that are not deleted yet."""
    return list(conn.execute(_LEFT_BEHIND, {"slug": slug}).scalars())


def drop_expired(conn: Connection, source_id: int, *, before: datetime.datetime) -> None:
    """Forget the credentials of a source that ended before a moment."""
    conn.execute(_DROP_EXPIRED, {"source_id": source_id, "before": before})


_FIND = text("""
    SELECT s.id, s.slug, s.identity_property, s.project_ids, s.auth_required,
           s.paused_at IS NOT NULL AS paused, c.username, c.salt, c.hash
    FROM sources s
    LEFT JOIN source_credentials c
        ON c.source_id = s.id AND (c.expires_at IS NULL OR c.expires_at > :now)
    WHERE s.slug = :slug AND s.removed_at IS NULL ORDER BY c.id
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

_LIST = text("""
    SELECT s.slug, coalesce(s.name, s.slug) AS name, s.identity_property, s.project_ids,
           s.auth_required, s.created_at, s.paused_at,
           (SELECT count(*) FROM cohorts c
            WHERE c.source_id = s.id AND c.deleted_at IS NULL) AS cohorts,
           coalesce(array_agg(k.username ORDER BY k.id) FILTER (WHERE k.id IS NOT NULL), '{}')
               AS usernames,
           coalesce(array_agg(k.expires_at ORDER BY k.id) FILTER (WHERE k.id IS NOT NULL), '{}')
               AS credentials_end_at
    FROM sources s
    LEFT JOIN source_credentials k
        ON k.source_id = s.id AND (k.expires_at IS NULL OR k.expires_at > :now)
    WHERE s.removed_at IS NULL AND s.slug > :after
      AND (CAST(:slug AS text) IS NULL OR s.slug = :slug)
    GROUP BY s.id ORDER BY s.slug LIMIT :limit
""")

_LAST_PAGES = text("""
    SELECT s.slug, max(i.last_synced_at) AS at
    FROM sources s
    JOIN cohorts c ON c.source_id = s.id
    JOIN intake_state i ON i.cohort_id = c.id
    WHERE s.slug = ANY(:slugs) AND s.removed_at IS NULL AND i.last_synced_at IS NOT NULL
    GROUP BY s.slug
""")

_WAS_REMOVED = text("""
    SELECT 1 FROM sources WHERE slug = :slug AND removed_at IS NOT NULL LIMIT 1
""")

_WERE_ANY = text("SELECT EXISTS (SELECT FROM sources)")

# Accepting only reads the row, and a new cohort's reference to it is not held up either.
_LOCK = text("""
    SELECT id FROM sources WHERE slug = :slug AND removed_at IS NULL FOR NO KEY UPDATE
""")

_PAUSE = text("""
    UPDATE sources SET paused_at = :now
    WHERE slug = :slug AND removed_at IS NULL AND paused_at IS NULL
""")

_RESUME = text("""
    UPDATE sources SET paused_at = NULL
    WHERE slug = :slug AND removed_at IS NULL AND paused_at IS NOT NULL
""")

_RENAME = text("UPDATE sources SET name = :name WHERE slug = :slug AND removed_at IS NULL")

_IDENTIFY = text("""
    UPDATE sources SET identity_property = :identity_property
    WHERE slug = :slug AND removed_at IS NULL
""")

_PIN = text("""
    UPDATE sources SET project_ids = :project_ids WHERE slug = :slug AND removed_at IS NULL
""")

_REMOVE = text("""
    UPDATE sources SET removed_at = :now WHERE slug = :slug AND removed_at IS NULL
""")

_LEFT_BEHIND = text("""
    SELECT c.id FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE s.slug = :slug AND s.removed_at IS NOT NULL AND c.deleted_at IS NULL
    ORDER BY c.id
""")

_DROP_EXPIRED = text("""
    DELETE FROM source_credentials WHERE source_id = :source_id AND expires_at < :before
""")
