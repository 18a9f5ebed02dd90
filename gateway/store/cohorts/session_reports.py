"""Reports of syncs: what was received of each session and action, and what came of it.

A load that nothing was seen of yet, or that came to nothing, is among them: it has no sync.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.cohorts import cohort_version, edits
from gateway.store.cohorts.cohort_version import Version

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection


# Before the first sync of every list.
NEWEST: Final = (2**63 - 1, "")


@dataclasses.dataclass(frozen=True)
class Sync:
    """One session and action of a cohort; `session` is its number, `skipped` counts by reason."""

    session: int
    session_id: str | None
    action: str
    state: str
    pages_received: int
    total_pages: int
    members_received: int
    entered: int
    exited: int
    skipped: Mapping[str, int]
    duplicates: int
    started_at: datetime.datetime
    completed_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """Reports of a cohort, and the version of it that they were read at."""

    version: Version
    syncs: list[Sync]


def listing(
    conn: Connection, cohort_id: int, *, before: tuple[int, str], limit: int
) -> Listing | None:
    """List syncs from the newest session down, from the first after `before` (session, action).

    None if there is no such cohort, or it is deleted.
    """
    session, action = before
    parameters = {"cohort_id": cohort_id, "session": session, "action": action, "limit": limit}
    rows = conn.execute(_LIST, parameters).all()
    if not rows:
        return None
    known = len(dataclasses.fields(Version))
    syncs = [Sync(*row[known:]) for row in rows if row.session is not None]
    return Listing(version=Version(*rows[0][:known]), syncs=syncs)


# A cohort without (more) syncs is one row of which only the columns of the version are not null.
_LIST = text(
    "SELECT "
    + cohort_version.COLUMNS
    + ", l.*"
    + cohort_version.OF_COHORT
    + """
    LEFT JOIN LATERAL (
        (SELECT y.session, n.session_id, y.action, coalesce(r.state, 'receiving') AS state,
               y.more_pages + (
                   SELECT coalesce(CAST(sum(upper(p) - lower(p)) AS bigint), 0)
                   FROM unnest(y.pages) p) AS pages_received,
               y.total_pages, y.members_received, coalesce(r.entered, 0) AS entered,
               coalesce(r.exited, 0) AS exited, y.skipped, y.duplicates, y.started_at,
               r.completed_at
        FROM syncs y
        LEFT JOIN sessions n ON n.cohort_id = y.cohort_id AND n.number = y.session
        LEFT JOIN sync_results r
            ON r.cohort_id = y.cohort_id AND r.session = y.session AND r.action = y.action
        WHERE y.cohort_id = :cohort_id AND n.forgotten IS NOT TRUE
          AND ("""
    + edits.IS_EDIT
    + """) IS NOT TRUE
          AND y.session <= :session AND (y.session < :session OR y.action > :action)
        ORDER BY y.session DESC, y.action LIMIT :limit)
        UNION ALL
        (SELECT o.session, 'load-' || o.cohort_id || '-' || o.number,
                CASE o.mode WHEN 'replace' THEN 'members' WHEN 'add' THEN 'add_members'
                            ELSE 'remove_members' END,
                CASE WHEN o.state IN ('queued', 'reading', 'needs_approval') THEN 'receiving'
                     WHEN o.state = 'failed' THEN 'blocked' ELSE 'superseded' END,
                o.pages, o.pages, o.received, 0, 0, o.skipped, 0, o.begun_at, o.ended_at
         FROM loads o
         WHERE o.cohort_id = :cohort_id AND o.session <= :session
           AND o.state NOT IN ('applying', 'applied')
           AND NOT EXISTS (SELECT FROM syncs z
                           WHERE z.cohort_id = :cohort_id AND z.session = o.session)
           AND NOT EXISTS (SELECT FROM sessions f
                           WHERE f.cohort_id = :cohort_id AND f.number >= o.session AND f.forgotten)
           AND (o.session < :session
                OR CASE o.mode WHEN 'replace' THEN 'members' WHEN 'add' THEN 'add_members'
                               ELSE 'remove_members' END > :action)
         ORDER BY o.session DESC LIMIT :limit)
        ORDER BY 1 DESC, 3 LIMIT :limit) l ON true
    WHERE a.cohort_id = :cohort_id
    ORDER BY l.session DESC, l.action
    """
)
