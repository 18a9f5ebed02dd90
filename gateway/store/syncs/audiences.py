"""Audiences of jobs: which is sent to, and which jobs share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.syncs.jobs import Job


def set_creating(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """Note that an audience is about to be created."""
    conn.execute(_SET_CREATING, {"id": job_id, "now": now})


def take_audience(
    conn: Connection, job: Job, audience: str, name: str, *, apart: bool, shared: bool
) -> bool:
    """Note which audience a job sends to; False if that is the one of another cohort.

    The caller has locked the destination. What is `shared` may be of several cohorts; with `apart`
    the id of the cohort stands in the name.
    """
    parameters = {
        "id": job.id,
        "cohort": job.cohort,
        "destination_id": job.destination_id,
        "audience": audience,
        "name": name,
        "apart": apart,
        "shared": shared,
    }
    return conn.execute(_TAKE_AUDIENCE, parameters).rowcount == 1


def forget_audience(conn: Connection, job_id: int) -> None:
    """Have a job find its audience anew."""
    conn.execute(_FORGET_AUDIENCE, {"id": job_id})


def siblings(conn: Connection, job: Job) -> list[int]:
    """List other jobs that keep the same cohort in the same audience, and are not done."""
    parameters = {
        "id": job.id,
        "cohort": job.cohort,
        "destination_id": job.destination_id,
        "audience": job.audience,
    }
    return list(conn.execute(_SIBLINGS, parameters).scalars())


_SET_CREATING = text("UPDATE sync_jobs SET creating_at = :now WHERE id = :id")

_TAKE_AUDIENCE = text("""
    UPDATE sync_jobs SET audience = :audience, audience_name = :name, named_apart = :apart
    WHERE id = :id AND (:shared OR NOT EXISTS (
        SELECT FROM sync_jobs o
        WHERE o.destination_id = :destination_id AND o.cohort <> :cohort
          AND o.audience = :audience))
""")

_FORGET_AUDIENCE = text("""
    UPDATE sync_jobs SET audience = '', audience_name = NULL WHERE id = :id
""")

_SIBLINGS = text("""
    SELECT id FROM sync_jobs
    WHERE cohort = :cohort AND destination_id = :destination_id AND audience = :audience
      AND id <> :id AND deleted_at IS NULL AND state <> 'done'
""")
