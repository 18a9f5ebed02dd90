"""The sources with what came of them, for a page that shows them all: one statement."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gateway.core.cohorts import freshness
from gateway.store.sources import sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A source, the newest page of its cohorts, how many they are, and how many are stale.

    `refused` counts the refusals of its cohorts of which no page has been accepted since, and
    `secrets` names those that are set.
    """

    slug: str
    kind: str
    name: str
    config: Mapping[str, Any]
    created_at: datetime.datetime
    paused_at: datetime.datetime | None
    expected_every_seconds: int | None
    heard_at: datetime.datetime | None
    cohorts: int
    stale: int
    members: int
    refused: int
    secrets: tuple[str, ...]


def listing(
    conn: Connection,
    *,
    now: datetime.datetime,
    slug: str | None = None,
    after: str = "",
    limit: int,
) -> list[Row]:
    """List the sources by slug, from the first after `after`; with `slug` only that one."""
    parameters = {
        "now": now,
        "slug": slug,
        "after": after,
        "limit": limit,
        "intervals": freshness.INTERVALS,
        "look_seconds": freshness.LOOK_KEPT.total_seconds(),
    }
    rows = conn.execute(_LIST, parameters).mappings()
    return [Row(**{**row, "secrets": tuple(row["secrets"])}) for row in rows]


_LIST = text(
    "SELECT s.slug, s.kind, coalesce(s.name, s.slug) AS name, s.created_at, s.paused_at,"
    + sources.CONFIG
    + """,
           s.expected_every_seconds, n.heard_at, coalesce(n.cohorts, 0) AS cohorts,
           coalesce(n.stale, 0) AS stale, coalesce(n.members, 0) AS members,
           coalesce(f.refused, 0) AS refused,
           ARRAY(SELECT k.name FROM source_secrets k WHERE k.source_id = s.id ORDER BY k.name)
               AS secrets
    FROM sources s
    LEFT JOIN (
        SELECT c.source_id, max(i.last_synced_at) AS heard_at, count(*) AS cohorts,
               CAST(sum(a.member_count) AS bigint) AS members,
               count(*) FILTER (
                   WHERE CASE
                       WHEN z.kind = 'people' AND c.schedule IS NULL
                           THEN coalesce(q.looked_at, '-infinity')
                               + make_interval(secs => :look_seconds) < :now
                       WHEN c.fresh_until IS NOT NULL THEN c.fresh_until <= :now
                       ELSE coalesce(i.last_synced_at, '-infinity') + :intervals * make_interval(
                           secs => z.expected_every_seconds) < :now
                       END) AS stale
        FROM cohorts c
        JOIN sources z ON z.id = c.source_id
        JOIN intake_state i ON i.cohort_id = c.id
        JOIN apply_state a ON a.cohort_id = i.cohort_id
        LEFT JOIN rule_states q ON q.cohort_id = i.cohort_id
        WHERE c.deleted_at IS NULL GROUP BY c.source_id) n ON n.source_id = s.id
    LEFT JOIN (
        SELECT r.source_id, count(*) AS refused
        FROM refusals r
        JOIN cohorts c ON c.source_id = r.source_id AND c.key = r.cohort_key
        JOIN intake_state i ON i.cohort_id = c.id
        WHERE r.resolved_at IS NULL AND r.signed AND c.deleted_at IS NULL
          AND (i.last_synced_at IS NULL OR i.last_synced_at <= r.last_at)
        GROUP BY r.source_id) f ON f.source_id = s.id
    WHERE s.removed_at IS NULL AND s.slug > :after
      AND (CAST(:slug AS text) IS NULL OR s.slug = :slug)
    ORDER BY s.slug LIMIT :limit
    """
)
