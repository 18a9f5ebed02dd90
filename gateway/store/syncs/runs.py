"""Runs of sync jobs: what each did, and the rows that a vendor refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it is kept."""

    job_id: int
    number: int
    trigger: str
    state: str
    approved: bool
    would_add: int | None
    would_remove: int | None
    added: int
    removed: int
    unconfirmed: int
    requests: int
    retries: int
    skipped: Mapping[str, int]
    rejected: Mapping[str, int]
    receipts: Sequence[Any]
    error_code: str | None
    error_message: str | None
    queued_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    retrying_since: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run has done by now."""

    added: int
    removed: int
    unconfirmed: int
    requests: int
    retries: int
    skipped: Mapping[str, int]
    rejected: Mapping[str, int]
    receipts: Sequence[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ref:
    """Which run of a job, and of which cohort."""

    cohort: int
    job_id: int
    number: int


def nothing(job_id: int, *, now: datetime.datetime) -> Run:
    """Make a run that is not kept, for work that is none."""
    return Run(
        job_id=job_id,
        number=0,
        trigger="",
        state="",
        approved=True,
        would_add=None,
        would_remove=None,
        added=0,
        removed=0,
        unconfirmed=0,
        requests=0,
        retries=0,
        skipped={},
        rejected={},
        receipts=(),
        error_code=None,
        error_message=None,
        queued_at=now,
        started_at=None,
        finished_at=None,
        retrying_since=None,
    )


def queue(conn: Connection, job_id: int, trigger: str, *, now: datetime.datetime) -> int:
    """Queue a run and return its number; the caller has locked the job."""
    parameters = {"job_id": job_id, "trigger": trigger, "now": now}
    number: int = conn.execute(_QUEUE, parameters).scalar_one()
    return number


def unfinished(conn: Connection, job_id: int) -> Run | None:
    """Find the newest run that is queued, running or waits for approval."""
    row = conn.execute(_UNFINISHED, {"job_id": job_id}).first()
    return None if row is None else Run(**row._mapping)


def start(conn: Connection, job_id: int, number: int, *, now: datetime.datetime) -> None:
    """Note that a run is being worked on."""
    conn.execute(_START, {"job_id": job_id, "number": number, "now": now})


def get(conn: Connection, job_id: int, number: int) -> Run | None:
    row = conn.execute(_GET, {"job_id": job_id, "number": number}).one_or_none()
    return None if row is None else Run(**row._mapping)


def last(conn: Connection, job_ids: Sequence[int]) -> dict[int, Run]:
    """Find the newest run of each of some jobs."""
    rows = conn.execute(_LAST, {"job_ids": list(job_ids)})
    return {row.job_id: Run(**row._mapping) for row in rows}


def listing(conn: Connection, job_id: int, *, before: int, limit: int) -> list[Run]:
    """List the runs of a job with a number below `before`, newest first."""
    parameters = {"job_id": job_id, "before": before, "limit": limit}
    return [Run(**row._mapping) for row in conn.execute(_LIST, parameters)]


def expect(conn: Connection, job_id: int, number: int, *, add: int, remove: int) -> None:
    """Note what a run would do."""
    parameters = {"job_id": job_id, "number": number, "add": add, "remove": remove}
    conn.execute(_EXPECT, parameters)


def move(conn: Connection, job_id: int, number: int, state: str) -> None:
    conn.execute(_MOVE, {"job_id": job_id, "number": number, "state": state})


def postpone(
    conn: Connection,
    job_id: int,
    number: int,
    *,
    since: datetime.datetime,
    code: str,
    message: str,
) -> None:
    """Let a run be gone on with later, as its vendor has answered nothing since a moment."""
    parameters = {
        "job_id": job_id,
        "number": number,
        "since": since,
        "code": code,
        "message": message,
    }
    conn.execute(_POSTPONE, parameters)


def forget_rows(conn: Connection, *, before: datetime.datetime, limit: int) -> list[Ref]:
    """Note of the oldest runs that the rows which were refused go; returns which runs."""
    rows = conn.execute(_FORGET_ROWS, {"before": before, "limit": limit})
    return [Ref(cohort=row.cohort, job_id=row.job_id, number=row.number) for row in rows]


def prune(conn: Connection, *, before: datetime.datetime, limit: int) -> int:
    """Delete runs that ended before a moment, but the newest of each job; returns how many."""
    return conn.execute(_PRUNE, {"before": before, "limit": limit}).rowcount


def approve(conn: Connection, job_id: int, number: int) -> bool:
    """Approve a run that waits for it; False if it does not."""
    return conn.execute(_APPROVE, {"job_id": job_id, "number": number}).rowcount == 1


def cancel(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """End the runs of a job that have not been begun, or wait for approval."""
    conn.execute(_CANCEL, {"job_id": job_id, "now": now})


def cancel_begun(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """End a run that a process had begun which died, as its job is not to go on."""
    conn.execute(_CANCEL_BEGUN, {"job_id": job_id, "now": now})


def report(conn: Connection, job_id: int, number: int, progress: Progress) -> None:
    """Note what a run has done by now."""
    parameters = {
        **dataclasses.asdict(progress),
        "skipped": orjson.dumps(progress.skipped).decode(),
        "rejected": orjson.dumps(progress.rejected).decode(),
        "receipts": orjson.dumps(progress.receipts).decode(),
        "job_id": job_id,
        "number": number,
    }
    conn.execute(_REPORT, parameters)


def finish(
    conn: Connection,
    job_id: int,
    number: int,
    state: str,
    *,
    now: datetime.datetime,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """End a run."""
    parameters = {
        "job_id": job_id,
        "number": number,
        "state": state,
        "now": now,
        "code": code,
        "message": message,
    }
    conn.execute(_FINISH, parameters)


_RUN = """
    SELECT job_id, number, trigger, state, approved, would_add, would_remove, added, removed,
           unconfirmed, requests, retries, skipped, rejected, receipts, error_code, error_message,
           queued_at, started_at, finished_at, retrying_since
    FROM sync_runs
"""

_QUEUE = text("""
    INSERT INTO sync_runs (job_id, number, trigger, state, queued_at)
    SELECT :job_id, coalesce(max(number), 0) + 1, :trigger, 'queued', :now
    FROM sync_runs WHERE job_id = :job_id
    RETURNING number
""")

_UNFINISHED = text(
    _RUN
    + """
    WHERE job_id = :job_id AND state IN ('queued', 'running', 'needs_approval')
    ORDER BY number DESC LIMIT 1
    """
)

_START = text("""
    UPDATE sync_runs SET state = 'running', started_at = coalesce(started_at, :now)
    WHERE job_id = :job_id AND number = :number
""")

_GET = text(_RUN + " WHERE job_id = :job_id AND number = :number")

_LAST = text("""
    SELECT DISTINCT ON (job_id)
           job_id, number, trigger, state, approved, would_add, would_remove, added, removed,
           unconfirmed, requests, retries, skipped, rejected, receipts, error_code, error_message,
           queued_at, started_at, finished_at, retrying_since
    FROM sync_runs WHERE job_id = ANY(:job_ids) ORDER BY job_id, number DESC
""")

_LIST = text(
    _RUN
    + """
    WHERE job_id = :job_id AND number < :before ORDER BY number DESC LIMIT :limit
    """
)

_EXPECT = text("""
    UPDATE sync_runs SET would_add = :add, would_remove = :remove
    WHERE job_id = :job_id AND number = :number
""")

_MOVE = text("""
    UPDATE sync_runs SET state = :state WHERE job_id = :job_id AND number = :number
""")

_POSTPONE = text("""
    UPDATE sync_runs
    SET state = 'queued', retrying_since = :since, error_code = :code, error_message = :message
    WHERE job_id = :job_id AND number = :number
""")

_FORGET_ROWS = text("""
    WITH old AS (
        SELECT r.job_id, r.number, j.cohort
        FROM sync_runs r JOIN sync_jobs j ON j.id = r.job_id
        WHERE r.finished_at < :before AND NOT r.rows_forgotten
        LIMIT :limit FOR NO KEY UPDATE OF r SKIP LOCKED)
    UPDATE sync_runs r SET rows_forgotten = true
    FROM old WHERE r.job_id = old.job_id AND r.number = old.number
    RETURNING old.cohort, r.job_id, r.number
""")

_PRUNE = text("""
    DELETE FROM sync_runs WHERE (job_id, number) IN (
        SELECT r.job_id, r.number FROM sync_runs r
        WHERE r.finished_at < :before AND r.rows_forgotten
          AND EXISTS (SELECT FROM sync_runs n WHERE n.job_id = r.job_id AND n.number > r.number)
        LIMIT :limit FOR UPDATE SKIP LOCKED)
""")

_APPROVE = text("""
    UPDATE sync_runs SET state = 'queued', approved = true
    WHERE job_id = :job_id AND number = :number AND state = 'needs_approval'
""")

_CANCEL = text("""
    UPDATE sync_runs SET state = 'canceled', finished_at = :now
    WHERE job_id = :job_id AND state IN ('queued', 'needs_approval')
""")

_CANCEL_BEGUN = text("""
    UPDATE sync_runs SET state = 'canceled', finished_at = :now
    WHERE job_id = :job_id AND state = 'running'
""")

_REPORT = text("""
    UPDATE sync_runs
    SET added = :added, removed = :removed, unconfirmed = :unconfirmed, requests = :requests,
        retries = :retries, skipped = CAST(:skipped AS jsonb),
        rejected = CAST(:rejected AS jsonb), receipts = CAST(:receipts AS jsonb)
    WHERE job_id = :job_id AND number = :number
""")

_FINISH = text("""
    UPDATE sync_runs
    SET state = :state, finished_at = :now, error_code = :code, error_message = :message
    WHERE job_id = :job_id AND number = :number
""")
