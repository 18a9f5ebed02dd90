"""Plans of cohorts: of which source they are, and when a schedule loads them next."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """When a cohort is loaded, and from where; of a deleted cohort there is none.

    `planned_at` is the next planned time, and `due_at` that or a try before it, after so many
    `failures` in a row that may pass.
    """

    cohort_id: int
    source_id: int
    source: str
    kind: str
    paused: bool
    schedule: Mapping[str, Any] | None
    scheduled_at: datetime.datetime | None
    planned_at: datetime.datetime | None
    due_at: datetime.datetime | None
    failures: int


def get(conn: Connection, cohort_id: int) -> Plan | None:
    """Read the plan of a cohort, None if there is no such cohort, or it is deleted."""
    row = conn.execute(_GET, {"cohort_id": cohort_id}).mappings().one_or_none()
    return None if row is None else Plan(**row)


def due(conn: Connection, *, now: datetime.datetime, limit: int) -> list[int]:
    """List the cohorts that are due, that for longest first."""
    return list(conn.execute(_DUE, {"now": now, "limit": limit}).scalars())


def lock_due(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> Plan | None:
    """Lock the plan of a cohort if it still is due; the caller has locked its counters."""
    parameters = {"cohort_id": cohort_id, "now": now}
    row = conn.execute(_LOCK_DUE, parameters).mappings().one_or_none()
    return None if row is None else Plan(**row)


def set_schedule(
    conn: Connection,
    cohort_id: int,
    schedule: Mapping[str, Any] | None,
    *,
    planned_at: datetime.datetime | None,
    fresh_until: datetime.datetime | None,
    now: datetime.datetime,
) -> None:
    """Set when a cohort that the caller has locked is loaded; None for never."""
    kept = None if schedule is None else json.dumps(dict(schedule))
    parameters = {"cohort_id": cohort_id, "schedule": kept, "planned_at": planned_at, "now": now}
    conn.execute(_SET_SCHEDULE, parameters | {"fresh_until": fresh_until})


def plan(
    conn: Connection,
    cohort_id: int,
    *,
    planned_at: datetime.datetime | None,
    due_at: datetime.datetime | None,
    failures: int,
) -> None:
    """Set when a cohort is loaded next."""
    parameters = {"cohort_id": cohort_id, "planned_at": planned_at, "due_at": due_at}
    conn.execute(_PLAN, parameters | {"failures": failures})


def missing_cohorts(conn: Connection) -> list[int]:
    """List the cohorts that are tried again without a schedule, for want of one that they name."""
    return list(conn.execute(_MISSING).scalars())


def hasten(conn: Connection, cohort_ids: Sequence[int], *, now: datetime.datetime) -> None:
    """Have cohorts loaded at once, except those that another transaction changes."""
    conn.execute(_HASTEN, {"cohort_ids": list(cohort_ids), "now": now})


def freshen(conn: Connection, cohort_id: int, *, until: datetime.datetime | None) -> None:
    """Note until when a cohort is fresh; None for ever."""
    conn.execute(_FRESHEN, {"cohort_id": cohort_id, "until": until})


def last_started(conn: Connection, cohort_id: int) -> datetime.datetime | None:
    """Return when the reading began of the last load that was applied."""
    found = conn.execute(_LAST_STARTED, {"cohort_id": cohort_id})
    started: datetime.datetime | None = found.scalar_one_or_none()
    return started


def started(conn: Connection, cohort_id: int, number: int) -> datetime.datetime | None:
    """Return when the reading of a load began."""
    found = conn.execute(_STARTED, {"cohort_id": cohort_id, "number": number})
    begun: datetime.datetime | None = found.scalar_one_or_none()
    return begun


_COLUMNS: Final = """
    SELECT c.id AS cohort_id, s.id AS source_id, s.slug AS source, s.kind,
           s.paused_at IS NOT NULL AS paused, c.schedule, c.scheduled_at, c.planned_at, c.due_at,
           c.failures
    FROM cohorts c JOIN sources s ON s.id = c.source_id
"""

_GET = text(_COLUMNS + "WHERE c.id = :cohort_id AND c.deleted_at IS NULL")

_DUE = text("""
    SELECT id FROM cohorts WHERE due_at <= :now AND deleted_at IS NULL
    ORDER BY due_at, id LIMIT :limit
""")

_LOCK_DUE = text(
    _COLUMNS
    + """
    WHERE c.id = :cohort_id AND c.due_at <= :now AND c.deleted_at IS NULL
    FOR NO KEY UPDATE OF c
    """
)

_SET_SCHEDULE = text("""
    UPDATE cohorts
    SET schedule = CAST(:schedule AS jsonb), scheduled_at = :now, planned_at = :planned_at,
        due_at = :planned_at, failures = 0, fresh_until = :fresh_until
    WHERE id = :cohort_id
""")

_PLAN = text("""
    UPDATE cohorts SET planned_at = :planned_at, due_at = :due_at, failures = :failures
    WHERE id = :cohort_id
""")

_MISSING = text("""
    SELECT i.cohort_id
    FROM intake_state i
    JOIN loads l ON l.cohort_id = i.cohort_id AND l.number = i.last_load
    JOIN cohorts c ON c.id = i.cohort_id
    WHERE c.schedule IS NULL AND c.due_at IS NOT NULL AND l.error_code = 'cohort_deleted'
""")

_HASTEN = text("""
    UPDATE cohorts SET due_at = :now
    WHERE id IN (
        SELECT id FROM cohorts WHERE id = ANY(:cohort_ids) FOR NO KEY UPDATE SKIP LOCKED)
""")

_FRESHEN = text("UPDATE cohorts SET fresh_until = :until WHERE id = :cohort_id")

_LAST_STARTED = text("""
    SELECT started_at FROM loads
    WHERE cohort_id = :cohort_id AND state = 'applied' ORDER BY number DESC LIMIT 1
""")

_STARTED = text("""
    SELECT started_at FROM loads WHERE cohort_id = :cohort_id AND number = :number
""")
