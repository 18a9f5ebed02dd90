"""Sources: the connections that may post, and their credentials."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import text

from gateway.core.access.secrets import HashedPassword
from gateway.core.cohorts.page import SourceRef
from gateway.core.sources import webhook_config
from gateway.core.sources.webhook_config import WebhookConfig

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credential:
    """A name and a hashed password that open a source."""

    username: str
    password: HashedPassword


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A connection that pages are posted to."""

    id: int
    slug: str
    config: WebhookConfig
    paused: bool
    credentials: tuple[Credential, ...]

    @property
    def ref(self) -> SourceRef:
        """What the rest of the gateway needs to know of it."""
        return SourceRef(id=self.id, slug=self.slug)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A source to be made; without a name its slug is shown."""

    slug: str
    kind: str
    name: str | None = None
    config: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Locked:
    """A source that is about to be changed, of any kind."""

    id: int
    kind: str
    config: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A source as its operator sees it: its user names and their ends, without secrets."""

    id: int
    slug: str
    kind: str
    name: str
    config: Mapping[str, Any]
    created_at: datetime.datetime
    paused_at: datetime.datetime | None
    cohorts: int
    usernames: tuple[str, ...]
    credentials_end_at: tuple[datetime.datetime | None, ...]
    notify: list[str] | None


def find(conn: Connection, slug: str, *, now: datetime.datetime) -> Source | None:
    """Find a source of any kind with the credentials that are valid now, the newest last."""
    rows = conn.execute(_FIND, {"slug": slug, "now": now}).all()
    return from_rows(rows) if rows else None


def from_rows(rows: Sequence[Any]) -> Source:
    """Make a source of its rows, one for each credential, in their order."""
    first = rows[0]
    return Source(
        id=first.id,
        slug=first.slug,
        config=WebhookConfig.of(first.config),
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
    conn: Connection, made: Made, *, expected_every_seconds: int | None, now: datetime.datetime
) -> int | None:
    """Create a source and return its id, or None if the slug is taken."""
    parameters = {
        "slug": made.slug,
        "kind": made.kind,
        "name": made.name,
        "expected_every_seconds": expected_every_seconds,
        "now": now,
    }
    return conn.execute(_CREATE, parameters | _written(made.config)).scalar_one_or_none()


def _written(config: Mapping[str, Any]) -> dict[str, object]:
    """Write a config, and those parts of it that the version before reads in columns."""
    webhook = WebhookConfig.of(config)
    return {
        "config": orjson.dumps(config).decode(),
        "identity_property": webhook.identity_property,
        "project_ids": list(webhook.project_ids),
        "auth_required": webhook.auth_required,
    }


def listing(
    conn: Connection,
    *,
    now: datetime.datetime,
    slug: str | None = None,
    kind: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[Listed]:
    """List the sources by slug, with the credentials that are valid now and their cohorts.

    With `slug` only that one; else those of `kind`, or of any, with a slug after `after`, at most
    `limit`.
    """
    parameters = {"now": now, "slug": slug, "kind": kind, "after": after, "limit": limit}
    return [
        Listed(
            id=row.id,
            slug=row.slug,
            kind=row.kind,
            name=row.name,
            config=row.config,
            created_at=row.created_at,
            paused_at=row.paused_at,
            cohorts=row.cohorts,
            usernames=tuple(row.usernames),
            credentials_end_at=tuple(row.credentials_end_at),
            notify=row.notify,
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
    """Tell whether any source for pages has ever been set up here, removed ones too."""
    return bool(conn.execute(_WERE_ANY, {"kind": webhook_config.KIND}).scalar_one())


def lock(conn: Connection, slug: str) -> Locked | None:
    """Find a source, which no other operator changes until the transaction ends."""
    row = conn.execute(_LOCK, {"slug": slug}).one_or_none()
    return None if row is None else Locked(id=row.id, kind=row.kind, config=row.config)


def kind_of(conn: Connection, slug: str) -> str | None:
    """Tell of which kind the source of a slug is, None if there is none."""
    return conn.execute(_KIND, {"slug": slug}).scalar_one_or_none()


def first_of(conn: Connection, kind: str) -> str | None:
    """Return the slug of the oldest source of a kind, None if there is none."""
    return conn.execute(_FIRST_OF, {"kind": kind}).scalar_one_or_none()


def share(conn: Connection, slug: str) -> Locked | None:
    """Find a source, which is not removed until the transaction ends."""
    row = conn.execute(_SHARE, {"slug": slug}).one_or_none()
    return None if row is None else Locked(id=row.id, kind=row.kind, config=row.config)


def pause(conn: Connection, slug: str, *, now: datetime.datetime) -> bool:
    """Pause a source that is not; False if there is none or it is paused already."""
    return conn.execute(_PAUSE, {"slug": slug, "now": now}).rowcount == 1


def resume(conn: Connection, slug: str) -> bool:
    """Resume a source that is paused; False if there is none or it is not."""
    return conn.execute(_RESUME, {"slug": slug}).rowcount == 1


def rename(conn: Connection, slug: str, name: str) -> None:
    conn.execute(_RENAME, {"slug": slug, "name": name})


def configure(conn: Connection, slug: str, config: Mapping[str, Any]) -> None:
    """Set all of what a source is set to; the caller has locked it."""
    conn.execute(_CONFIGURE, {"slug": slug} | _written(config))


def remove(conn: Connection, slug: str, *, now: datetime.datetime) -> bool:
    """End a source for good; False if there is none. Its slug can be taken again."""
    return conn.execute(_REMOVE, {"slug": slug, "now": now}).rowcount == 1


def cohorts_in_use(conn: Connection, source_id: int, *, limit: int) -> list[tuple[int, str]]:
    """List (id, name) of the cohorts of a source that are not deleted, by id."""
    rows = conn.execute(_IN_USE, {"source_id": source_id, "limit": limit})
    return [(row.id, row.name) for row in rows]


def left_behind(conn: Connection, slug: str) -> list[int]:
    """List the cohorts of removed sources of this name that are not deleted yet."""
    return list(conn.execute(_LEFT_BEHIND, {"slug": slug}).scalars())


# What a source is set to. Processes of the version before write the columns alone, so these win.
CONFIG: Final = """
    CASE WHEN s.kind = 'mixpanel' THEN s.config || jsonb_build_object(
        'identity_property', s.identity_property, 'project_ids', to_jsonb(s.project_ids),
        'auth_required', s.auth_required) ELSE s.config END AS config
"""

_FIND = text(
    "SELECT s.id, s.slug, s.paused_at IS NOT NULL AS paused, c.username, c.salt, c.hash,"
    + CONFIG
    + """
    FROM sources s
    LEFT JOIN source_credentials c
        ON c.source_id = s.id AND (c.expires_at IS NULL OR c.expires_at > :now)
    WHERE s.slug = :slug AND s.removed_at IS NULL ORDER BY c.id
    """
)

_CREATE = text("""
    INSERT INTO sources (slug, kind, name, config, identity_property, project_ids, auth_required,
                         expected_every_seconds, created_at)
    VALUES (:slug, :kind, :name, CAST(:config AS jsonb), :identity_property, :project_ids,
            :auth_required, :expected_every_seconds, :now)
    ON CONFLICT (slug) WHERE removed_at IS NULL DO NOTHING RETURNING id
""")

_LIST = text(
    "SELECT s.id, s.slug, s.kind, coalesce(s.name, s.slug) AS name, s.created_at, s.paused_at,"
    " s.notify, "
    + CONFIG
    + """,
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
      AND (CAST(:kind AS text) IS NULL OR s.kind = :kind)
    GROUP BY s.id ORDER BY s.slug LIMIT :limit
    """
)

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

# Those that come with the gateway tell nothing.
_WERE_ANY = text("SELECT EXISTS (SELECT FROM sources WHERE kind = :kind)")

_KIND = text("SELECT kind FROM sources WHERE slug = :slug AND removed_at IS NULL")

_FIRST_OF = text("""
    SELECT slug FROM sources WHERE kind = :kind AND removed_at IS NULL ORDER BY id LIMIT 1
""")

# Accepting only reads the row, and a new cohort's reference to it is not held up either.
_LOCKED = (
    "SELECT s.id, s.kind,"
    + CONFIG
    + "FROM sources s WHERE s.slug = :slug AND s.removed_at IS NULL "
)
_LOCK = text(_LOCKED + "FOR NO KEY UPDATE")
_SHARE = text(_LOCKED + "FOR SHARE")

_PAUSE = text("""
    UPDATE sources SET paused_at = :now
    WHERE slug = :slug AND removed_at IS NULL AND paused_at IS NULL
""")

_RESUME = text("""
    UPDATE sources SET paused_at = NULL
    WHERE slug = :slug AND removed_at IS NULL AND paused_at IS NOT NULL
""")

_RENAME = text("UPDATE sources SET name = :name WHERE slug = :slug AND removed_at IS NULL")

_CONFIGURE = text("""
    UPDATE sources
    SET config = CAST(:config AS jsonb), identity_property = :identity_property,
        project_ids = :project_ids, auth_required = :auth_required
    WHERE slug = :slug AND removed_at IS NULL
""")

_REMOVE = text("""
    UPDATE sources SET removed_at = :now WHERE slug = :slug AND removed_at IS NULL
""")

_IN_USE = text("""
    SELECT id, name FROM cohorts WHERE source_id = :source_id AND deleted_at IS NULL
    ORDER BY id LIMIT :limit
""")

_LEFT_BEHIND = text("""
    SELECT c.id FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE s.slug = :slug AND s.removed_at IS NOT NULL AND c.deleted_at IS NULL
    ORDER BY c.id
""")
