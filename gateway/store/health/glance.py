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
class NeedyLoad:
    """A trouble with loads: which, of what, and how it is told."""

    kind: str
    subject: str
    line: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Glance:
    """Every kind of process, and the first jobs and loads that need a person."""

    pulses: Sequence[ProcessCount]
    jobs: Sequence[NeedyJob]
    loads: Sequence[NeedyLoad]


def look(conn: Connection, *, jobs: int, loads: int) -> Glance:
    """Look at processes as `heartbeats.pulses` does, and at so many jobs and loads.

    Loads are those that notices know of: which need a person is found out for these anyway.
    """
    asked = heartbeats.asked(processes.KINDS, needed=processes.NEEDED)
    rows = [
        dict(row._mapping) for row in conn.execute(_LOOK, {**asked, "jobs": jobs, "loads": loads})
    ]
    found = [(row.pop("jobs"), row.pop("loads")) for row in rows]
    return Glance(
        pulses=[ProcessCount(**row) for row in rows],
        jobs=[NeedyJob(**one) for one in found[0][0]] if found else [],
        loads=[NeedyLoad(**one) for one in found[0][1]] if found else [],
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

_LOADS = """
    SELECT kind, subject, line FROM troubles
    WHERE kind = 'needs_approval' AND subject LIKE 'load %'
       OR kind = 'failing' AND (subject LIKE 'cohort %' OR subject LIKE 'source %')
    ORDER BY began_at, subject LIMIT :loads
"""

_LOOK = text(
    "SELECT p.*, n.jobs, m.loads FROM ("
    + heartbeats.PULSES
    + ") p CROSS JOIN ("
    + "SELECT coalesce(jsonb_agg(to_jsonb(j) ORDER BY j.job_id), '[]') AS jobs FROM ("
    + _JOBS
    + ") j) n CROSS JOIN ("
    + "SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.kind, l.subject), '[]') AS loads FROM ("
    + _LOADS
    + ") l) m"
)
