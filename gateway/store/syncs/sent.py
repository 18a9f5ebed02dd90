"""What stands at destinations of one person, or may: by the ledgers, and by the changes told of."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A job to a destination that is there; `first_after` is the last of the first members told of.

    `begins` tells whether the first members are told of at all.
    """

    id: int
    cohort: int
    kind: str
    delivered: int
    begins: bool
    first_after: str | None
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a job's ledger: a set of identifiers, and the request that last carried it."""

    job_id: int
    part: int
    state: int
    sent: str
    batch: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Names of a job's cohort and destination; `deleted` is the job."""

    cohort_id: int
    cohort: str
    slug: str
    name: str
    kind: str
    config: Mapping[str, Any]
    mapping: Mapping[str, str]
    deleted: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Touched:
    """When a person entered a job's cohort, None after an exit, and the cohort's newest change."""

    job_id: int
    entered_at: datetime.datetime | None
    last_change: int


def jobs(conn: Connection, *, after: int) -> list[Job]:
    """List jobs with a ledger by id, deleted ones too."""
    return [Job(**row._asdict()) for row in _JOBS.rows(conn, {"after": after})]


def rows(conn: Connection, found: Sequence[Job], member_id: str) -> list[Row]:
    """Read the rows of a person from the ledgers of some jobs, by job and part."""
    if not found:
        return []
    parameters = {**_bound(found), "member_id": member_id}
    return [Row(**row._asdict()) for row in _ROWS.rows(conn, parameters)]


def touched(conn: Connection, found: Sequence[Job], member_id: str) -> list[Touched]:
    """Tell how a person stands to the cohorts of jobs that follow changes, unless suppressed."""
    if not found:
        return []
    parameters = {**_bound(found), "member_id": member_id}
    return [Touched(**row._asdict()) for row in _TOUCHED.rows(conn, parameters)]


def places(conn: Connection, job_ids: Sequence[int]) -> dict[int, Place]:
    """Name what some jobs keep where."""
    found = _PLACES.rows(conn, {"job_ids": list(job_ids)})
    named = [row._asdict() for row in found]
    return {row.pop("id"): Place(**row) for row in named}


def _bound(found: Sequence[Job]) -> dict[str, object]:
    return {"cohort_ids": [one.cohort for one in found], "job_ids": [one.id for one in found]}


_JOBS = Statement("""
    SELECT j.id, j.cohort, d.kind, j.delivered, j.first_seq IS NOT NULL AS begins, j.first_after,
           j.created_at
    FROM sync_jobs j JOIN destinations d ON d.id = j.destination_id
    WHERE d.removed_at IS NULL AND j.cleared_at IS NULL AND j.id > :after
    ORDER BY j.id
""")

# One probe for each pair: of two lists by themselves Postgres would try every combination.
_ROWS = Statement("""
    SELECT l.job_id, l.part, l.state, l.sent, l.batch
    FROM unnest(CAST(:cohort_ids AS bigint[]), CAST(:job_ids AS integer[]))
        AS p (cohort_id, job_id)
    JOIN sync_ledger l ON l.cohort_id = p.cohort_id AND l.job_id = p.job_id
        AND l.member_id = :member_id AND l.state NOT IN (6, 8)
    ORDER BY l.job_id, l.part
""")

_TOUCHED = Statement("""
    SELECT p.job_id, m.entered_at, a.last_change
    FROM unnest(CAST(:cohort_ids AS bigint[]), CAST(:job_ids AS integer[]))
        AS p (cohort_id, job_id)
    JOIN memberships m ON m.cohort_id = p.cohort_id AND m.member_id = :member_id
    JOIN apply_state a ON a.cohort_id = m.cohort_id
    WHERE NOT EXISTS (
        SELECT FROM sync_ledger l
        WHERE l.cohort_id = m.cohort_id AND l.job_id = p.job_id AND l.member_id = :member_id)
    ORDER BY p.job_id
""")

_PLACES = Statement("""
    SELECT j.id, j.cohort AS cohort_id, c.name AS cohort, d.slug,
           coalesce(d.name, d.slug) AS name, d.kind, d.config, j.mapping,
           j.deleted_at IS NOT NULL AS deleted
    FROM sync_jobs j
    JOIN destinations d ON d.id = j.destination_id
    JOIN cohorts c ON c.id = j.cohort
    WHERE j.id = ANY(CAST(:job_ids AS integer[]))
""")
