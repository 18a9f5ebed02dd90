"""Sync jobs: made, changed, found when they are due, and moved from state to state."""

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
class Made:
    """A job to be created."""

    cohort: int
    destination_id: int
    mode: str
    frequency: str
    mapping: Mapping[str, str]
    suppress: Sequence[int]
    consent: Mapping[str, Any] | None
    options: Mapping[str, Any]
    delivered: int
    first_seq: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it is kept, with the slug and kind of its destination."""

    id: int
    cohort: int
    destination_id: int
    slug: str
    kind: str
    mode: str
    frequency: str
    mapping: Mapping[str, str]
    suppress: list[int]
    consent: Mapping[str, Any] | None
    options: Mapping[str, Any]
    state: str
    asked: str
    planned_at: datetime.datetime | None
    failures: int
    error_code: str | None
    error_message: str | None
    error_at: datetime.datetime | None
    last_ok_at: datetime.datetime | None
    audience: str
    audience_name: str | None
    synced_version: int | None
    delivered: int
    under_way: int | None
    first_seq: int | None
    first_after: str | None
    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    plan_from: datetime.datetime
    named_apart: bool
    notify: list[str] | None


def create(conn: Connection, made: Made, *, now: datetime.datetime) -> int | None:
    """Create a job that is due now; None if the cohort has one to that destination."""
    parameters = {
        **dataclasses.asdict(made),
        "mapping": orjson.dumps(made.mapping).decode(),
        "consent": None if made.consent is None else orjson.dumps(made.consent).decode(),
        "options": orjson.dumps(made.options).decode(),
        "suppress": list(made.suppress),
        "first_after": None if made.first_seq is None else "",
        "now": now,
    }
    return conn.execute(_CREATE, parameters).scalar_one_or_none()


def current(conn: Connection, cohort: int, destination_id: int) -> int | None:
    """Find the job of a cohort and destination that is not done."""
    parameters = {"cohort": cohort, "destination_id": destination_id}
    return conn.execute(_CURRENT, parameters).scalar_one_or_none()


def get(conn: Connection, job_id: int) -> Job | None:
    """Read a job; None if there is none, or it was deleted."""
    row = conn.execute(_GET, {"id": job_id}).one_or_none()
    return None if row is None else Job(**row._mapping)


def get_any(conn: Connection, job_id: int) -> Job | None:
    """Read a job, deleted or not."""
    row = conn.execute(_GET_ANY, {"id": job_id}).one_or_none()
    return None if row is None else Job(**row._mapping)


def destination_of(conn: Connection, job_id: int) -> int:
    """Tell where a job sends to; 0 if there is no such job."""
    found: int = conn.execute(_DESTINATION_OF, {"id": job_id}).scalar_one()
    return found


def lock(conn: Connection, job_id: int) -> Job | None:
    """Read a job that nothing else changes until the transaction ends; None without one."""
    if conn.execute(_LOCK, {"id": job_id}).one_or_none() is None:
        return None
    return get(conn, job_id)


def listing(
    conn: Connection,
    *,
    cohort: int | None = None,
    slug: str | None = None,
    state: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Job]:
    """List jobs by id, from the first beyond `after`."""
    parameters = {"cohort": cohort, "slug": slug, "state": state, "after": after, "limit": limit}
    return [Job(**row._mapping) for row in conn.execute(_LIST, parameters)]


def using(conn: Connection, destination_id: int, *, limit: int) -> list[int]:
    """List jobs to a destination that are not done."""
    parameters = {"destination_id": destination_id, "limit": limit}
    return list(conn.execute(_USING, parameters).scalars())


def change(
    conn: Connection,
    job_id: int,
    *,
    frequency: str,
    mode: str,
    mapping: Mapping[str, str],
    suppress: Sequence[int],
    planned_at: datetime.datetime | None,
    plan_from: datetime.datetime,
) -> None:
    """Change what a job is set to; what it has synced is compared anew."""
    parameters = {
        "id": job_id,
        "plan_from": plan_from,
        "frequency": frequency,
        "mode": mode,
        "mapping": orjson.dumps(mapping).decode(),
        "suppress": list(suppress),
        "planned_at": planned_at,
    }
    conn.execute(_CHANGE, parameters)


def set_notify(conn: Connection, job_id: int, channels: Sequence[str] | None) -> None:
    """Set where notices of a job go; None is where its cohort says."""
    named = None if channels is None else list(channels)
    conn.execute(_SET_NOTIFY, {"id": job_id, "notify": named})


def ask(conn: Connection, job_id: int, asked: str, *, state: str, now: datetime.datetime) -> None:
    """Note what a person asked for; the job is due at once."""
    conn.execute(_ASK, {"id": job_id, "asked": asked, "state": state, "now": now})


def move(
    conn: Connection, job_id: int, state: str, *, planned_at: datetime.datetime | None = None
) -> None:
    """Set a state, and when the job is due."""
    conn.execute(_MOVE, {"id": job_id, "state": state, "planned_at": planned_at})


def succeed(
    conn: Connection,
    job_id: int,
    *,
    state: str,
    planned_at: datetime.datetime | None,
    version: int | None,
    now: datetime.datetime,
) -> None:
    """Note that a run ended well; a job that was paused meanwhile stays so."""
    parameters = {
        "id": job_id,
        "state": state,
        "planned_at": planned_at,
        "version": version,
        "now": now,
    }
    conn.execute(_SUCCEED, parameters)


def fail(
    conn: Connection,
    job_id: int,
    *,
    state: str,
    code: str,
    message: str,
    planned_at: datetime.datetime | None,
    now: datetime.datetime,
) -> None:
    """Note that a run failed; a job that was paused meanwhile stays so."""
    parameters = {
        "id": job_id,
        "state": state,
        "code": code,
        "message": message,
        "planned_at": planned_at,
        "now": now,
    }
    conn.execute(_FAIL, parameters)


def wait(conn: Connection, job_id: int) -> None:
    """Let a job wait for a person's approval."""
    conn.execute(_WAIT, {"id": job_id})


def delete(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """Delete a job; its ledger stays for erasures."""
    conn.execute(_DELETE, {"id": job_id, "now": now})


_COLUMNS = """
    SELECT j.id, j.cohort, j.destination_id, d.slug, d.kind, j.mode, j.frequency, j.mapping,
           j.suppress, j.consent, j.options, j.state, j.asked, j.planned_at, j.failures,
           j.error_code, j.error_message, j.error_at, j.last_ok_at, j.audience, j.audience_name,
           j.synced_version, j.delivered, j.under_way, j.first_seq, j.first_after, j.created_at,
           j.deleted_at, coalesce(j.plan_from, j.created_at) AS plan_from, j.named_apart,
           j.notify
    FROM sync_jobs j JOIN destinations d ON d.id = j.destination_id
"""

_CREATE = text("""
    INSERT INTO sync_jobs (cohort, destination_id, mode, frequency, mapping, suppress, consent,
                           options, state, planned_at, plan_from, delivered, first_seq,
                           first_after, created_at)
    VALUES (:cohort, :destination_id, :mode, :frequency, CAST(:mapping AS jsonb), :suppress,
            CAST(:consent AS jsonb), CAST(:options AS jsonb), 'active', :now, :now, :delivered,
            :first_seq, :first_after, :now)
    ON CONFLICT (cohort, destination_id) WHERE deleted_at IS NULL AND state <> 'done' DO NOTHING
    RETURNING id
""")

_CURRENT = text("""
    SELECT id FROM sync_jobs
    WHERE cohort = :cohort AND destination_id = :destination_id
      AND deleted_at IS NULL AND state <> 'done'
""")

_GET = text(_COLUMNS + " WHERE j.id = :id AND j.deleted_at IS NULL")

_GET_ANY = text(_COLUMNS + " WHERE j.id = :id")

_DESTINATION_OF = text("""
    SELECT coalesce(min(destination_id), 0) FROM sync_jobs WHERE id = :id
""")

_LOCK = text("SELECT id FROM sync_jobs WHERE id = :id AND deleted_at IS NULL FOR NO KEY UPDATE")

_LIST = text(
    _COLUMNS
    + """
    WHERE j.deleted_at IS NULL AND j.id > :after
      AND (CAST(:cohort AS bigint) IS NULL OR j.cohort = :cohort)
      AND (CAST(:slug AS text) IS NULL OR d.slug = :slug)
      AND (CAST(:state AS text) IS NULL OR j.state = :state)
    ORDER BY j.id LIMIT :limit
    """
)

_USING = text("""
    SELECT id FROM sync_jobs
    WHERE destination_id = :destination_id AND deleted_at IS NULL AND state <> 'done'
    ORDER BY id LIMIT :limit
""")

_CHANGE = text("""
    UPDATE sync_jobs
    SET frequency = :frequency, mode = :mode, mapping = CAST(:mapping AS jsonb),
        suppress = :suppress, planned_at = :planned_at, plan_from = :plan_from,
        synced_version = NULL
    WHERE id = :id
""")

_SET_NOTIFY = text("UPDATE sync_jobs SET notify = CAST(:notify AS text[]) WHERE id = :id")

_ASK = text("""
    UPDATE sync_jobs
    SET asked = :asked, state = :state, planned_at = :now, synced_version = NULL
    WHERE id = :id
""")

_MOVE = text("UPDATE sync_jobs SET state = :state, planned_at = :planned_at WHERE id = :id")

_SUCCEED = text("""
    UPDATE sync_jobs
    SET state = CASE WHEN state IN ('active', 'failing') THEN :state ELSE state END,
        asked = '', planned_at = :planned_at, synced_version = :version, failures = 0,
        error_code = NULL, error_message = NULL, error_at = NULL, last_ok_at = :now
    WHERE id = :id
""")

_FAIL = text("""
    UPDATE sync_jobs
    SET state = CASE WHEN state IN ('active', 'failing') THEN :state ELSE state END,
        planned_at = :planned_at, failures = failures + 1,
        error_code = :code, error_message = :message, error_at = :now
    WHERE id = :id
""")

_WAIT = text("UPDATE sync_jobs SET planned_at = NULL WHERE id = :id")

_DELETE = text("UPDATE sync_jobs SET deleted_at = :now WHERE id = :id")
