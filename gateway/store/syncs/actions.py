"""Actions: recorded once for each source, member, name and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core import texts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.syncs.action import Identity, Placed


def sources(conn: Connection, slugs: Sequence[str]) -> dict[str, int]:
    """Find the sources of some slugs."""
    return {row.slug: row.id for row in conn.execute(_SOURCES, {"slugs": list(slugs)})}


def of_cohorts(conn: Connection, cohort_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Find the id and the slug of the source of some cohorts, deleted ones too."""
    rows = conn.execute(_OF_COHORTS, {"cohort_ids": list(cohort_ids)})
    return {row.id: (row.source_id, row.slug) for row in rows}


def put(conn: Connection, placed: Sequence[Placed], *, now: datetime.datetime) -> set[Identity]:
    """Record actions with identities that differ; returns those that were not recorded before.

    They are sorted, so that two requests wait for each other in one order.
    """
    some = sorted(placed, key=lambda one: one.identity)
    columns = {
        **_identities([one.identity for one in some]),
        "claims": [one.sent.claim for one in some],
        "cohorts": [one.sent.cohort_id for one in some],
        "ats": [one.sent.at for one in some],
        "properties": [one.sent.properties for one in some],
        "now": now,
    }
    return {(row[0], row[1], row[2], row[3]) for row in conn.execute(_PUT, columns)}


def claims(conn: Connection, identities: Sequence[Identity]) -> Mapping[Identity, str | None]:
    """Read the claims of actions that are recorded."""
    found = conn.execute(_CLAIMS, _identities(identities))
    return {(row[0], row[1], row[2], row[3]): row[4] for row in found}


def erase(
    conn: Connection, member_id: str, *, source: str | None, project_id: str | None
) -> list[Identity]:
    """Delete the actions on a person, of a source and of the cohorts of a project if named."""
    parameters = {
        "member_id": member_id,
        "source": source,
        "project_id": None if project_id is None else texts.kept_id(project_id),
    }
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(_ERASE, parameters)]


def prune(conn: Connection, *, before: datetime.datetime, limit: int) -> list[Identity]:
    """Delete actions that were recorded before a moment, at most `limit`; returns which."""
    found = conn.execute(_PRUNE, {"before": before, "limit": limit})
    return [(row[0], row[1], row[2], row[3]) for row in found]


def _identities(identities: Sequence[Identity]) -> dict[str, list[object]]:
    columns = ("source_ids", "member_ids", "actions", "keys")
    return {name: [one[place] for one in identities] for place, name in enumerate(columns)}


_SOURCES = text("SELECT id, slug FROM sources WHERE slug = ANY(:slugs) AND removed_at IS NULL")

_OF_COHORTS = text("""
    SELECT c.id, c.source_id, s.slug FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.id = ANY(CAST(:cohort_ids AS bigint[])) AND s.removed_at IS NULL
""")

_PUT = text("""
    INSERT INTO actions (source_id, member_id, action, key, claim, cohort, at, properties,
                         recorded_at)
    SELECT u.source_id, u.member_id, u.action, u.key, u.claim, u.cohort, u.at,
           CAST(u.properties AS jsonb), :now
    FROM unnest(CAST(:source_ids AS bigint[]), CAST(:member_ids AS text[]),
                CAST(:actions AS text[]), CAST(:keys AS text[]), CAST(:claims AS text[]),
                CAST(:cohorts AS bigint[]), CAST(:ats AS timestamptz[]),
                CAST(:properties AS text[]))
        AS u (source_id, member_id, action, key, claim, cohort, at, properties)
    ON CONFLICT (source_id, member_id, action, key) DO NOTHING
    RETURNING source_id, member_id, action, key
""")

_CLAIMS = text("""
    SELECT a.source_id, a.member_id, a.action, a.key, a.claim
    FROM unnest(CAST(:source_ids AS bigint[]), CAST(:member_ids AS text[]),
                CAST(:actions AS text[]), CAST(:keys AS text[]))
        AS u (source_id, member_id, action, key)
    JOIN actions a ON a.source_id = u.source_id AND a.member_id = u.member_id
                  AND a.action = u.action AND a.key = u.key
""")

_ERASE = text("""
    DELETE FROM actions
    WHERE member_id = :member_id
      AND source_id IN (SELECT s.id FROM sources s
                        WHERE CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR cohort IN (
          SELECT c.id FROM cohorts c WHERE c.project_id = :project_id))
    RETURNING source_id, member_id, action, key
""")

_PRUNE = text("""
    DELETE FROM actions WHERE (source_id, member_id, action, key) IN (
        SELECT source_id, member_id, action, key FROM actions
        WHERE recorded_at < :before ORDER BY recorded_at LIMIT :limit)
    RETURNING source_id, member_id, action, key
""")
