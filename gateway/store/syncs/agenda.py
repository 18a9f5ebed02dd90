"""The agenda of senders: which jobs are due or over, and how those of a destination fare."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """How the jobs to a destination fare: the newest good end, and the newest trouble there is."""

    last_ok_at: datetime.datetime | None
    error_code: str | None
    error_message: str | None
    error_at: datetime.datetime | None


def due(conn: Connection, *, suppress: Sequence[int], now: datetime.datetime) -> list[int]:
    """List jobs that are due; `suppress` are cohorts no job sends the members of."""
    return list(conn.execute(_DUE, {"suppress": list(suppress), "now": now}).scalars())


def delay_erasures(conn: Connection, job_id: int, *, until: datetime.datetime) -> None:
    """Let the erasures of a job wait."""
    conn.execute(_DELAY_ERASURES, {"id": job_id, "until": until})


def health(conn: Connection, destination_ids: Sequence[int]) -> dict[int, Health]:
    """Tell how the jobs to some destinations fare."""
    rows = conn.execute(_HEALTH, {"destination_ids": list(destination_ids)})
    return {
        row.destination_id: Health(
            last_ok_at=row.last_ok_at,
            error_code=row.error_code,
            error_message=row.error_message,
            error_at=row.error_at,
        )
        for row in rows
    }


def uncleared(conn: Connection) -> tuple[int, int] | None:
    """Find (id, cohort) of a job with a ledger at a removed destination."""
    row = conn.execute(_UNCLEARED).one_or_none()
    return None if row is None else (row.id, row.cohort)


def clear(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """Note that nothing is left of the ledger of a job."""
    conn.execute(_CLEAR, {"id": job_id, "now": now})


# A live job is due when a version of its cohorts is another than at its last run, and once a day
# for what expires there. One that is done and is to take out what it has sent stays done.
_DUE = text("""
    SELECT j.id FROM sync_jobs j JOIN destinations d ON d.id = j.destination_id
    WHERE j.deleted_at IS NULL AND d.removed_at IS NULL AND d.paused_at IS NULL
      AND (j.state IN ('active', 'failing') OR (j.state = 'done' AND j.asked = 'remove'))
      AND j.planned_at <= :now
      AND (j.frequency <> 'live' OR j.synced_version IS NULL
           OR j.last_ok_at < CAST(:now AS timestamptz) - interval '1 day'
           OR j.synced_version <> (
               SELECT coalesce(sum(a.version), 0) FROM apply_state a
               WHERE a.cohort_id = j.cohort OR a.cohort_id = ANY(j.suppress)
                  OR a.cohort_id = ANY(CAST(:suppress AS bigint[]))))
    ORDER BY j.planned_at, j.id
""")

_DELAY_ERASURES = text("UPDATE sync_jobs SET erase_at = :until WHERE id = :id")

_HEALTH = text("""
    SELECT ok.destination_id, ok.last_ok_at, e.error_code, e.error_message, e.error_at
    FROM (SELECT destination_id, max(last_ok_at) AS last_ok_at
          FROM sync_jobs WHERE destination_id = ANY(:destination_ids)
          GROUP BY destination_id) ok
    LEFT JOIN LATERAL (
        SELECT j.error_code, j.error_message, j.error_at FROM sync_jobs j
        WHERE j.destination_id = ok.destination_id AND j.error_code IS NOT NULL
          AND j.deleted_at IS NULL AND j.state <> 'done'
        ORDER BY j.error_at DESC LIMIT 1) e ON true
""")

_UNCLEARED = text("""
    SELECT j.id, j.cohort FROM sync_jobs j JOIN destinations d ON d.id = j.destination_id
    WHERE d.removed_at IS NOT NULL AND j.cleared_at IS NULL
    ORDER BY j.id LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED
""")

_CLEAR = text("UPDATE sync_jobs SET cleared_at = :now WHERE id = :id")
