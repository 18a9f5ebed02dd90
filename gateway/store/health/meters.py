"""Totals for the metrics page, summed over small tables of counts that only grow.

A cohort that was deleted and a source that was removed stay in the sums: counters never fall.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.cohorts import freshness
from gateway.core.sources import webhook_config

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """The counts of a source; `last_synced` is in seconds since 1970, of what is still in use.

    `cohorts` are those in use.
    """

    source: str
    accepted_pages: int
    accepted_members: int
    duplicate_pages: int
    entered: int
    exited: int
    last_synced: float | None
    expected_every_seconds: int | None
    cohorts: int
    stale_cohorts: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Success:
    """When the sync of a source's cohorts that failed for the longest last succeeded."""

    source: str
    at: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skipped:
    """How many members of a source had no usable id, for one reason."""

    source: str
    reason: str
    members: int


def by_source(conn: Connection, *, now: datetime.datetime) -> list[Totals]:
    """Sum the counters of each source's cohorts; sources of one name, one after the other, are one.

    Stale cohorts are in use, and as `core.cohorts.freshness` judges; those of Mixpanel were heard
    of once. What is expected is that of the source in use; None if nothing is.
    """
    parameters = {
        "now": now,
        "intervals": freshness.INTERVALS,
        "look_seconds": freshness.LOOK_KEPT.total_seconds(),
    }
    rows = conn.execute(_BY_SOURCE, parameters)
    return [Totals(**row._mapping) for row in rows]


def oldest_successes(conn: Connection, *, since: datetime.datetime) -> list[Success]:
    """Find, of each Mixpanel source, the cohort with the oldest last whole sync.

    Times are in seconds since 1970. Whole is a session of which every page is stored. Cohorts with
    fewer than two of them may have been exported once, and nothing more is expected; those without
    one since `since` are given up.
    """
    parameters = {"since": since, "kind": webhook_config.KIND}
    return [Success(**row._mapping) for row in conn.execute(_SUCCESSES, parameters)]


def rule_drift(conn: Connection) -> int:
    """Sum the people that daily looks at rules moved, though no look in between had to."""
    return int(conn.execute(_RULE_DRIFT).scalar_one())


def skipped(conn: Connection) -> list[Skipped]:
    """Sum the skipped members by source and reason."""
    rows = conn.execute(_SKIPPED)
    return [Skipped(**row._mapping) for row in rows]


def of_workers(conn: Connection) -> dict[str, float]:
    """Sum what worker processes counted, those that have ended included, by meter."""
    return {row.meter: row.value for row in conn.execute(_OF_WORKERS)}


_BY_SOURCE = text("""
    SELECT s.slug AS source,
           CAST(coalesce(sum(i.accepted_pages), 0) AS bigint) AS accepted_pages,
           CAST(coalesce(sum(i.accepted_members), 0) AS bigint) AS accepted_members,
           CAST(coalesce(sum(i.duplicate_pages), 0) AS bigint) AS duplicate_pages,
           CAST(coalesce(sum(a.entered), 0) AS bigint) AS entered,
           CAST(coalesce(sum(a.exited), 0) AS bigint) AS exited,
           CAST(extract(epoch FROM max(i.last_synced_at)
               FILTER (WHERE s.removed_at IS NULL AND c.deleted_at IS NULL)) AS double precision)
               AS last_synced,
           max(s.expected_every_seconds) FILTER (WHERE s.removed_at IS NULL)
               AS expected_every_seconds,
           count(c.id) FILTER (WHERE s.removed_at IS NULL AND c.deleted_at IS NULL) AS cohorts,
           count(*) FILTER (
               WHERE s.removed_at IS NULL AND c.deleted_at IS NULL
                 AND CASE
                     WHEN s.kind = 'people' AND c.schedule IS NULL
                         THEN coalesce(q.looked_at, '-infinity')
                             + make_interval(secs => :look_seconds) < :now
                     WHEN c.fresh_until IS NOT NULL THEN c.fresh_until <= :now
                     ELSE i.last_synced_at + :intervals * make_interval(
                         secs => s.expected_every_seconds) < :now
                     END) AS stale_cohorts
    FROM sources s
    LEFT JOIN cohorts c ON c.source_id = s.id
    LEFT JOIN intake_state i ON i.cohort_id = c.id
    LEFT JOIN apply_state a ON a.cohort_id = c.id
    LEFT JOIN rule_states q ON q.cohort_id = c.id
    GROUP BY s.slug ORDER BY s.slug
""")

# 300 sessions are six days of syncs every half-hour: enough for what is asked, and it bounds what a
# cohort costs if its syncs have been failing for weeks.
_SUCCESSES = text("""
    SELECT s.slug AS source,
           CAST(extract(epoch FROM min(whole.newest)) AS double precision) AS at
    FROM sources s
    JOIN cohorts c ON c.source_id = s.id AND c.deleted_at IS NULL
    JOIN intake_state i ON i.cohort_id = c.id
    CROSS JOIN LATERAL (
        SELECT max(at) AS newest, count(*) AS syncs
        FROM (SELECT max(y.last_received_at) AS at
              FROM (SELECT z.session, z.last_received_at,
                           z.total_pages - z.more_pages <= (
                               SELECT coalesce(sum(upper(r) - lower(r)), 0)
                               FROM unnest(z.pages) r) AS whole
                    FROM syncs z
                    WHERE z.cohort_id = i.cohort_id AND z.session > i.last_session - 300) y
              GROUP BY y.session HAVING bool_and(y.whole)
              ORDER BY y.session DESC LIMIT 2) newest) whole
    WHERE s.removed_at IS NULL AND s.kind = :kind AND whole.syncs = 2 AND whole.newest > :since
    GROUP BY s.slug ORDER BY s.slug
""")

_SKIPPED = text("""
    SELECT s.slug AS source, k.reason, CAST(sum(k.members) AS bigint) AS members
    FROM skips k JOIN cohorts c ON c.id = k.cohort_id JOIN sources s ON s.id = c.source_id
    GROUP BY s.slug, k.reason ORDER BY s.slug, k.reason
""")

_OF_WORKERS = text("""
    SELECT meter, sum(value) AS value FROM worker_meters GROUP BY meter ORDER BY meter
""")

_RULE_DRIFT = text("SELECT CAST(coalesce(sum(drift), 0) AS bigint) FROM rule_states")
