"""What monitors are told of sync jobs and of erasures that destinations have not confirmed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.syncs.job import State

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """How many jobs are in each state, how long one has been due, and the erasures."""

    jobs: Mapping[str, int]
    oldest_seconds: float
    erasures: int
    oldest_erasure_seconds: float


def totals(conn: Connection, *, now: datetime.datetime) -> Totals:
    """Count jobs that are not deleted, and erasures at destinations that are not removed."""
    jobs, oldest = {state.value: 0 for state in State}, 0.0
    for row in conn.execute(_JOBS, {"now": now}):
        jobs[row.state] = row.jobs
        oldest = max(oldest, row.seconds)
    erasures = conn.execute(_ERASURES, {"now": now}).one()
    return Totals(
        jobs=jobs,
        oldest_seconds=oldest,
        erasures=erasures.persons,
        oldest_erasure_seconds=max(0.0, erasures.seconds),
    )


# A live job waits for changes most of the time, and is due all of it.
_JOBS = text("""
    SELECT j.state, count(*) AS jobs,
           coalesce(max(CAST(extract(epoch FROM :now - j.planned_at) AS double precision)) FILTER (
               WHERE j.state IN ('active', 'failing') AND j.frequency <> 'live'
                 AND d.paused_at IS NULL), 0) AS seconds
    FROM sync_jobs j JOIN destinations d ON d.id = j.destination_id
    WHERE j.deleted_at IS NULL GROUP BY j.state
""")

_ERASURES = text("""
    SELECT count(*) AS persons,
           coalesce(CAST(extract(epoch FROM :now - min(e.asked_at)) AS double precision), 0)
               AS seconds
    FROM sync_erasures e
    JOIN sync_jobs j ON j.id = e.job_id
    JOIN destinations d ON d.id = j.destination_id
    WHERE d.removed_at IS NULL
""")
