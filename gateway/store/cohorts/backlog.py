"""The backlog: deliveries that wait to be applied, and those that are blocked.

A cohort's pending deliveries are those beyond `applied_through`, and blocked ones that an operator
asked to be tried again.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection, RowMapping


class State(enum.StrEnum):
    """Why a delivery is still in the backlog."""

    PENDING = "pending"
    BLOCKED = "blocked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivery:
    """A page in the backlog; `code` and `reason` say why applying it failed last."""

    cohort_id: int
    number: int
    session_id: str | None
    action: str
    page: int
    total_pages: int
    members: int
    state: State
    received_at: datetime.datetime
    attempts: int
    code: str | None
    reason: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """The backlog of all cohorts; `oldest_seconds` is None when nothing is pending."""

    pending: int
    blocked: int
    oldest_seconds: float | None


def totals(conn: Connection, *, now: datetime.datetime) -> Totals:
    """Count the backlog from the counter rows, without touching the inbox but for its heads."""
    row = conn.execute(_TOTALS).one()
    since = row.oldest_at
    age = None if since is None else max(0.0, (now - since).total_seconds())
    return Totals(pending=row.pending, blocked=row.blocked, oldest_seconds=age)


def listing(
    conn: Connection, *, state: State | None, after: tuple[int, int], limit: int
) -> list[Delivery]:
    """List the backlog by cohort and number, from the first beyond `after`."""
    cohort_id, number = after
    parameters = {"state": state, "cohort_id": cohort_id, "number": number, "limit": limit}
    return [_delivery(row._mapping) for row in conn.execute(_LIST, parameters)]


def get(conn: Connection, cohort_id: int, number: int) -> Delivery | None:
    found = listing(conn, state=None, after=(cohort_id, number - 1), limit=1)
    return (
        found[0] if found and (found[0].cohort_id, found[0].number) == (cohort_id, number) else None
    )


def request_retry(conn: Connection, cohort_id: int, number: int, *, now: datetime.datetime) -> bool:
    """Put a blocked delivery back into the queue; False if it is not blocked (any more)."""
    parameters = {"cohort_id": cohort_id, "number": number, "now": now}
    return conn.execute(_REQUEST_RETRY, parameters).rowcount == 1


def _delivery(fields: RowMapping) -> Delivery:
    return Delivery(**{**fields, "state": State(fields["state"])})


_TOTALS = text("""
    WITH waiting AS (
        SELECT i.cohort_id, a.applied_through, i.last_delivery - a.applied_through AS pages
        FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
        WHERE i.last_delivery > a.applied_through),
    stuck AS (
        SELECT count(*) FILTER (WHERE retry_requested_at IS NOT NULL) AS again,
               count(*) FILTER (WHERE retry_requested_at IS NULL) AS blocked,
               min(retry_requested_at) AS since
        FROM blocked_deliveries),
    oldest AS (
        SELECT min(d.received_at) AS since
        FROM waiting w JOIN deliveries d
            ON d.cohort_id = w.cohort_id AND d.number = w.applied_through + 1)
    SELECT CAST(coalesce((SELECT sum(pages) FROM waiting), 0) + stuck.again AS bigint) AS pending,
           stuck.blocked,
           least(oldest.since, stuck.since) AS oldest_at
    FROM stuck, oldest
""")

_LIST = text("""
    WITH waiting AS (
        SELECT d.cohort_id, d.number, 'pending' AS state,
               CASE WHEN d.number = a.applied_through + 1 THEN a.attempts ELSE 0 END AS attempts,
               CAST(NULL AS text) AS code, CAST(NULL AS text) AS reason
        FROM intake_state i
        JOIN apply_state a ON a.cohort_id = i.cohort_id AND i.last_delivery > a.applied_through
        CROSS JOIN LATERAL (
            SELECT cohort_id, number FROM deliveries
            WHERE cohort_id = a.cohort_id AND number > a.applied_through
              AND (cohort_id > :cohort_id OR number > :number)
            ORDER BY number LIMIT :limit) d
        WHERE a.cohort_id >= :cohort_id
          AND (CAST(:state AS text) IS NULL OR :state = 'pending')),
    stuck AS (
        SELECT cohort_id, number,
               CASE WHEN retry_requested_at IS NULL THEN 'blocked' ELSE 'pending' END AS state,
               attempts, code, reason
        FROM blocked_deliveries
        WHERE (cohort_id, number) > (:cohort_id, :number)),
    chosen AS (
        SELECT cohort_id, number, state, attempts, code, reason
        FROM (SELECT * FROM waiting UNION ALL SELECT * FROM stuck) backlog
        WHERE CAST(:state AS text) IS NULL OR state = :state
        ORDER BY cohort_id, number LIMIT :limit)
    SELECT d.cohort_id, d.number, n.session_id, d.action, d.page, d.total_pages, d.members,
           c.state, d.received_at, c.attempts, c.code, c.reason
    FROM chosen c
    JOIN deliveries d ON d.cohort_id = c.cohort_id AND d.number = c.number
    LEFT JOIN sessions n ON n.cohort_id = d.cohort_id AND n.number = d.session
    ORDER BY d.cohort_id, d.number
""")

_REQUEST_RETRY = text("""
    UPDATE blocked_deliveries SET retry_requested_at = :now
    WHERE cohort_id = :cohort_id AND number = :number AND retry_requested_at IS NULL
""")
