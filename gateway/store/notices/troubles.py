"""Troubles as they are found in the tables of the other rooms, and as they are remembered.

Whether something is a trouble is read off the state that is kept anyway: nothing has to tell, so
nothing is lost when a process dies before it would have.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts import freshness
from gateway.core.notices.trouble import DEFAULT_CHANNEL, Kind, Trouble

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


_USUAL: Final = {"usual": [DEFAULT_CHANNEL]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfCohort:
    """A cohort that has a trouble; `code` says which, as far as it has one.

    `of_source` are the channels of its source, where the trouble may be that of the source.
    """

    cohort_id: int
    name: str
    source: str
    channels: list[str]
    code: str | None = None
    number: int | None = None
    of_source: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfJob:
    """A sync job that has a trouble."""

    job_id: int
    state: str
    code: str | None
    destination: str
    cohort_id: int
    name: str
    channels: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfImport:
    """A source of which actions are not sent to Mixpanel."""

    source: str
    state: str
    code: str | None
    channels: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Begun:
    """A trouble that was told of, and when it began."""

    kind: str
    subject: str
    line: str
    channels: list[str]
    began_at: datetime.datetime


def begun(conn: Connection, *, limit: int) -> list[Begun]:
    """List the troubles that were told of and are not over, the newest first."""
    return [Begun(**row._mapping) for row in conn.execute(_BEGUN, {"limit": limit})]


def jobs(conn: Connection) -> list[OfJob]:
    """List the sync jobs that fail or were stopped, and those of which a run needs approval."""
    return [OfJob(**row._mapping) for row in conn.execute(_JOBS, _USUAL)]


def imports(conn: Connection, *, before: datetime.datetime) -> list[OfImport]:
    """List the sources that cannot send actions: stopped, or failing since before a moment."""
    return [
        OfImport(**row._mapping) for row in conn.execute(_IMPORTS, {**_USUAL, "before": before})
    ]


def approvals(conn: Connection) -> list[OfCohort]:
    """List the loads that need an approval, by their `number`."""
    return [OfCohort(**row._mapping) for row in conn.execute(_APPROVALS, _USUAL)]


def failed(conn: Connection) -> list[OfCohort]:
    """List the cohorts of which the newest load that came to an end has failed."""
    return [OfCohort(**row._mapping) for row in conn.execute(_FAILED, _USUAL)]


def stale(conn: Connection, *, now: datetime.datetime) -> list[OfCohort]:
    """List the cohorts that are stale, as `core.cohorts.freshness` judges, and were heard of once.

    One that is new has as long for its first evaluation as a live rule has between two looks.
    Those of a paused source are left out: an operator has paused it.
    """
    parameters = {
        **_USUAL,
        "now": now,
        "intervals": freshness.INTERVALS,
        "look_seconds": freshness.LOOK_KEPT.total_seconds(),
    }
    return [OfCohort(**row._mapping) for row in conn.execute(_STALE, parameters)]


def refused(conn: Connection) -> list[OfCohort]:
    """List the cohorts of which a page was refused, and none has been accepted since."""
    return [OfCohort(**row._mapping) for row in conn.execute(_REFUSED, _USUAL)]


def blocked(conn: Connection) -> list[OfCohort]:
    """List the cohorts that have blocked pages, with how many in `number`."""
    return [OfCohort(**row._mapping) for row in conn.execute(_BLOCKED, _USUAL)]


def known(conn: Connection) -> list[Trouble]:
    """List the troubles that are remembered."""
    return [
        Trouble(
            kind=Kind(row.kind), subject=row.subject, line=row.line, channels=tuple(row.channels)
        )
        for row in conn.execute(_KNOWN)
    ]


def remember(conn: Connection, begun: Sequence[Trouble], *, now: datetime.datetime) -> None:
    conn.execute(
        _REMEMBER,
        [
            {
                "kind": one.kind,
                "subject": one.subject,
                "line": one.line,
                "channels": list(one.channels),
                "now": now,
            }
            for one in begun
        ],
    )


def forget(conn: Connection, over: Sequence[Trouble]) -> None:
    parameters = {
        "kinds": [str(one.kind) for one in over],
        "subjects": [one.subject for one in over],
    }
    conn.execute(_FORGET, parameters)


def counts(conn: Connection) -> dict[str, int]:
    """Count the troubles by kind; every kind is there."""
    found = {row.kind: row.troubles for row in conn.execute(_COUNTS)}
    return {kind: found.get(kind, 0) for kind in Kind}


_JOBS = text("""
    SELECT j.id AS job_id, coalesce(r.state, j.state) AS state, j.error_code AS code,
           d.slug AS destination, c.id AS cohort_id, c.name,
           coalesce(j.notify, c.notify, s.notify, CAST(:usual AS text[])) AS channels
    FROM sync_jobs j
    JOIN destinations d ON d.id = j.destination_id
    JOIN cohorts c ON c.id = j.cohort
    JOIN sources s ON s.id = c.source_id
    LEFT JOIN (SELECT DISTINCT job_id, state FROM sync_runs WHERE state = 'needs_approval') r
        ON r.job_id = j.id
    WHERE j.deleted_at IS NULL
      AND (j.state IN ('failing', 'stopped') OR r.state IS NOT NULL)
    ORDER BY j.id
""")

_IMPORTS = text("""
    SELECT s.slug AS source, i.state, i.error_code AS code,
           coalesce(s.notify, CAST(:usual AS text[])) AS channels
    FROM action_imports i
    JOIN sources s ON s.id = i.source_id
    WHERE s.removed_at IS NULL AND jsonb_typeof(s.config -> 'import') = 'object'
      AND (i.state = 'stopped' OR i.failing_since < :before)
    ORDER BY s.slug
""")

_BEGUN = text("""
    SELECT kind, subject, line, channels, began_at FROM troubles
    ORDER BY began_at DESC, subject LIMIT :limit
""")

_APPROVALS = text("""
    SELECT o.cohort_id, c.name, s.slug AS source, o.number, o.approval AS code,
           coalesce(c.notify, s.notify, CAST(:usual AS text[])) AS channels
    FROM loads o
    JOIN cohorts c ON c.id = o.cohort_id
    JOIN sources s ON s.id = c.source_id
    WHERE o.state = 'needs_approval'
    ORDER BY o.cohort_id, o.number
""")

_FAILED = text("""
    SELECT i.cohort_id, c.name, s.slug AS source, o.error_code AS code,
           coalesce(c.notify, s.notify, CAST(:usual AS text[])) AS channels,
           coalesce(s.notify, CAST(:usual AS text[])) AS of_source
    FROM intake_state i
    CROSS JOIN LATERAL (
        SELECT l.state, l.error_code FROM loads l
        WHERE l.cohort_id = i.cohort_id AND l.state IN ('applied', 'failed')
        ORDER BY l.number DESC LIMIT 1) o
    JOIN cohorts c ON c.id = i.cohort_id
    JOIN sources s ON s.id = c.source_id
    WHERE i.last_load IS NOT NULL AND o.state = 'failed' AND c.deleted_at IS NULL
    ORDER BY i.cohort_id
""")

_STALE = text("""
    SELECT i.cohort_id, c.name, s.slug AS source,
           coalesce(c.notify, s.notify, CAST(:usual AS text[])) AS channels
    FROM intake_state i
    JOIN cohorts c ON c.id = i.cohort_id
    JOIN sources s ON s.id = c.source_id
    LEFT JOIN rule_states q ON q.cohort_id = i.cohort_id
    WHERE c.deleted_at IS NULL AND s.removed_at IS NULL AND s.paused_at IS NULL
      AND CASE
          WHEN s.kind = 'people' AND c.schedule IS NULL
              THEN coalesce(q.looked_at, c.created_at) + make_interval(secs => :look_seconds) < :now
          WHEN c.fresh_until IS NOT NULL
              THEN c.fresh_until <= :now
                  AND c.created_at + make_interval(secs => :look_seconds) < :now
          ELSE i.last_synced_at + :intervals * make_interval(secs => s.expected_every_seconds)
               < :now
          END
    ORDER BY i.cohort_id
""")

_REFUSED = text("""
    SELECT DISTINCT ON (i.cohort_id) i.cohort_id, c.name, s.slug AS source,
           CAST(r.status AS text) AS code,
           coalesce(c.notify, s.notify, CAST(:usual AS text[])) AS channels
    FROM refusals r
    JOIN sources s ON s.id = r.source_id
    JOIN cohorts c ON c.source_id = r.source_id AND c.key = r.cohort_key
    JOIN intake_state i ON i.cohort_id = c.id
    WHERE r.signed AND r.resolved_at IS NULL AND s.removed_at IS NULL AND c.deleted_at IS NULL
      AND (i.last_synced_at IS NULL OR i.last_synced_at <= r.last_at)
    ORDER BY i.cohort_id, r.last_at DESC
""")

_BLOCKED = text("""
    SELECT b.cohort_id, c.name, s.slug AS source, b.pages AS number,
           coalesce(c.notify, s.notify, CAST(:usual AS text[])) AS channels
    FROM (SELECT cohort_id, count(*) AS pages FROM blocked_deliveries
          WHERE retry_requested_at IS NULL GROUP BY cohort_id) b
    JOIN cohorts c ON c.id = b.cohort_id
    JOIN sources s ON s.id = c.source_id
    ORDER BY b.cohort_id
""")

_KNOWN = text("SELECT kind, subject, line, channels FROM troubles ORDER BY kind, subject")

_REMEMBER = text("""
    INSERT INTO troubles (kind, subject, line, channels, began_at)
    VALUES (:kind, :subject, :line, CAST(:channels AS text[]), :now)
""")

_FORGET = text("""
    DELETE FROM troubles WHERE (kind, subject) IN (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS text[])))
""")

_COUNTS = text("SELECT kind, count(*) AS troubles FROM troubles GROUP BY kind")
