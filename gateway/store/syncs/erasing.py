"""Erasures that reach destinations: asked for, outstanding, done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


def erase(
    conn: Connection,
    member_id: str,
    *,
    source: str | None,
    project_id: str | None,
    now: datetime.datetime,
) -> int:
    """Have a person removed wherever they were sent; returns from how many jobs' ledgers.

    What a vendor has refused, or a receiver of changes was not told of, is forgotten at once.
    """
    parameters = {
        "member_id": member_id,
        "source": source,
        "project_id": project_id,
    }
    found = _JOBS_OF_ERASURE.rows(conn, parameters)
    bound = {
        "member_id": member_id,
        "cohort_ids": [row.cohort for row in found],
        "job_ids": [row.id for row in found],
        "now": now,
    }
    _FORGET_REJECTIONS.run(conn, bound)
    _FORGET_REJECTED.run(conn, bound)
    marked = _ERASE.rows(conn, bound)
    _ASK_ERASURE.run(
        conn,
        {
            "member_id": member_id,
            "cohort_ids": [row.cohort_id for row in marked],
            "job_ids": [row.job_id for row in marked],
            "now": now,
        },
    )
    return len(marked)


def erasing(conn: Connection, *, now: datetime.datetime) -> list[int]:
    """List jobs, deleted ones too, with erasures that can be worked on."""
    return [row.job_id for row in _ERASING.rows(conn, {"now": now})]


def oldest(conn: Connection, cohort_id: int, job_id: int) -> datetime.datetime | None:
    """Say since when the oldest erasure of a job is outstanding; None without any."""
    asked: datetime.datetime | None = _OLDEST.rows(
        conn, {"cohort_id": cohort_id, "job_id": job_id}
    )[0].asked_at
    return asked


_JOBS_OF_ERASURE = Statement("""
    SELECT j.id, j.cohort FROM sync_jobs j
    JOIN cohorts c ON c.id = j.cohort
    JOIN sources s ON s.id = c.source_id
    JOIN destinations d ON d.id = j.destination_id
    WHERE d.removed_at IS NULL
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
""")


_FORGET_REJECTIONS = Statement("""
    DELETE FROM sync_rejections
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND job_id = ANY(:job_ids)
      AND member_id = :member_id
""")


_FORGET_REJECTED = Statement("""
    DELETE FROM sync_ledger
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND job_id = ANY(:job_ids)
      AND member_id = :member_id AND state IN (3, 6, 7, 8)
""")


_ERASE = Statement("""
    UPDATE sync_ledger SET state = 5
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND job_id = ANY(:job_ids)
      AND member_id = :member_id AND state NOT IN (3, 6, 7, 8)
    RETURNING cohort_id, job_id
""")


_ASK_ERASURE = Statement("""
    INSERT INTO sync_erasures (cohort_id, job_id, member_id, asked_at)
    SELECT DISTINCT r.cohort_id, r.job_id, :member_id, CAST(:now AS timestamptz)
    FROM unnest(CAST(:cohort_ids AS bigint[]), CAST(:job_ids AS integer[]))
        AS r (cohort_id, job_id)
    ON CONFLICT (cohort_id, job_id, member_id) DO NOTHING
""")


_ERASING = Statement("""
    SELECT DISTINCT e.job_id FROM sync_erasures e
    JOIN sync_jobs j ON j.id = e.job_id
    JOIN destinations d ON d.id = j.destination_id
    WHERE d.removed_at IS NULL AND d.paused_at IS NULL
      AND (j.erase_at IS NULL OR j.erase_at <= CAST(:now AS timestamptz))
""")


_OLDEST = Statement("""
    SELECT min(asked_at) AS asked_at FROM sync_erasures
    WHERE cohort_id = :cohort_id AND job_id = :job_id
""")
