"""What the overview asks of processes and sync jobs, in one trip: its page may cost five."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.health import processes
from gateway.store.health import heartbeats
from gateway.store.health.heartbeats import ProcessCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeedyJob:
    """A sync job that needs a person; `state` is `needs_approval` where a run does."""

    job_id: int
    state: str
    code: str | None
    destination: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Glance:
    """Every kind of process, and the first jobs that need a person."""

    pulses: Sequence[ProcessCount]
    jobs: Sequence[NeedyJob]


def look(conn: Connection, *, jobs: int) -> Glance:
    """Look at processes as `heartbeats.pulses` does, and at so many jobs."""
    parameters = {**heartbeats.asked(processes.KINDS, needed=processes.NEEDED), "jobs": jobs}
    rows = [dict(row._mapping) for row in conn.execute(_LOOK, parameters)]
    found = [row.pop("jobs") for row in rows]
    return Glance(
        pulses=[ProcessCount(**row) for row in rows],
        jobs=[NeedyJob(**one) for one in found[0]] if found else [],
    )


_JOBS = """
    SELECT j.id AS job_id, coalesce(r.state, j.state) AS state, j.error_code AS code,
           d.slug AS destination, c.name
    FROM sync_jobs j
    JOIN destinations d ON d.id = j.destination_id
    JOIN cohorts c ON c.id = j.cohort
    LEFT JOIN (SELECT DISTINCT job_id, state FROM sync_runs WHERE state = 'needs_approval') r
        ON r.job_id = j.id
    WHERE j.deleted_at IS NULL
      AND (j.state IN ('failing', 'stopped') OR r.state IS NOT NULL)
    ORDER BY j.id LIMIT :jobs
"""

_LOOK = text(
    "SELECT p.*, n.jobs FROM ("
    + heartbeats.PULSES
    + ") p CROSS JOIN ("
    + "SELECT coalesce(jsonb_agg(to_jsonb(j) ORDER BY j.job_id), '[]') AS jobs FROM ("
    + _JOBS
    + ") j) n"
)
