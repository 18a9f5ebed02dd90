"""Destinations: where members are sent, by slug while they are not removed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A destination to be created."""

    slug: str
    kind: str
    name: str | None
    config: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A destination as it is kept, without anything secret."""

    id: int
    slug: str
    kind: str
    name: str
    config: Mapping[str, Any]
    created_at: datetime.datetime
    paused_at: datetime.datetime | None


def create(conn: Connection, made: Made, *, now: datetime.datetime) -> int | None:
    """Create a destination and return its id, or None if the slug is taken."""
    parameters = {
        "slug": made.slug,
        "kind": made.kind,
        "name": made.name,
        "config": orjson.dumps(made.config).decode(),
        "now": now,
    }
    return conn.execute(_CREATE, parameters).scalar_one_or_none()


def listing(
    conn: Connection,
    *,
    slug: str | None = None,
    kind: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[Listed]:
    """List by slug: only one with `slug`, else those of a kind or of any beyond `after`."""
    parameters = {"slug": slug, "kind": kind, "after": after, "limit": limit}
    return [Listed(**row._mapping) for row in conn.execute(_LIST, parameters)]


def lock(conn: Connection, slug: str) -> Listed | None:
    """Find a destination, which nothing else changes until the transaction ends."""
    row = conn.execute(_LOCK, {"slug": slug}).one_or_none()
    return None if row is None else Listed(**row._mapping)


def share(conn: Connection, slug: str) -> Listed | None:
    """Find a destination, which is not removed until the transaction ends."""
    row = conn.execute(_SHARE, {"slug": slug}).one_or_none()
    return None if row is None else Listed(**row._mapping)


def configure(conn: Connection, destination_id: int, config: Mapping[str, Any]) -> None:
    """Set all of what a destination is set to."""
    parameters = {"id": destination_id, "config": orjson.dumps(config).decode()}
    conn.execute(_CONFIGURE, parameters)


def rename(conn: Connection, destination_id: int, name: str) -> None:
    conn.execute(_RENAME, {"id": destination_id, "name": name})


def pause(conn: Connection, destination_id: int, *, now: datetime.datetime) -> bool:
    """Pause a destination that is not; False if it is."""
    return conn.execute(_PAUSE, {"id": destination_id, "now": now}).rowcount == 1


def resume(conn: Connection, destination_id: int) -> bool:
    """Resume a destination that is paused; False if it is not."""
    return conn.execute(_RESUME, {"id": destination_id}).rowcount == 1


def remove(conn: Connection, destination_id: int, *, now: datetime.datetime) -> None:
    """End a destination for good; its slug can be taken again."""
    conn.execute(_REMOVE, {"id": destination_id, "now": now})


_CREATE = text("""
    INSERT INTO destinations (slug, kind, name, config, created_at)
    VALUES (:slug, :kind, :name, CAST(:config AS jsonb), :now)
    ON CONFLICT (slug) WHERE removed_at IS NULL DO NOTHING RETURNING id
""")

_LIST = text("""
    SELECT id, slug, kind, coalesce(name, slug) AS name, config, created_at, paused_at
    FROM destinations
    WHERE removed_at IS NULL AND slug > :after
      AND (CAST(:slug AS text) IS NULL OR slug = :slug)
      AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    ORDER BY slug LIMIT :limit
""")

_LOCK = text("""
    SELECT id, slug, kind, coalesce(name, slug) AS name, config, created_at, paused_at
    FROM destinations WHERE slug = :slug AND removed_at IS NULL FOR NO KEY UPDATE
""")

_SHARE = text("""
    SELECT id, slug, kind, coalesce(name, slug) AS name, config, created_at, paused_at
    FROM destinations WHERE slug = :slug AND removed_at IS NULL FOR SHARE
""")

_CONFIGURE = text("UPDATE destinations SET config = CAST(:config AS jsonb) WHERE id = :id")

_RENAME = text("UPDATE destinations SET name = :name WHERE id = :id")

_PAUSE = text("UPDATE destinations SET paused_at = :now WHERE id = :id AND paused_at IS NULL")

_RESUME = text("UPDATE destinations SET paused_at = NULL WHERE id = :id AND paused_at IS NOT NULL")

_REMOVE = text("UPDATE destinations SET removed_at = :now WHERE id = :id")
