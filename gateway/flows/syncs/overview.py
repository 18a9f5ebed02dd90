"""Sync jobs and their runs as services and operators see them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows.cohorts import read_out
from gateway.flows.cohorts.parts import ListPage
from gateway.flows.syncs.catalog import Trouble
from gateway.store.syncs import cohorts_seen, extent, jobs, refused, runs

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.cohorts_seen import Seen
    from gateway.store.syncs.extent import Extent
    from gateway.store.syncs.jobs import Job
    from gateway.store.syncs.runs import Run

_PART = 5000
# A page does not count on when so many members were sent.
MOST_COUNTED: Final = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunEntry:
    """A run, with its error as one value."""

    number: int
    trigger: str
    state: str
    would_add: int | None
    would_remove: int | None
    added: int
    removed: int
    skipped: Mapping[str, int]
    rejected: Mapping[str, int]
    unconfirmed: int
    requests: int
    retries: int
    receipts: Sequence[object]
    error: Mapping[str, str] | None
    queued_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobEntry:
    """A job as answers show it."""

    id: str
    cohort_id: str
    destination: str
    frequency: str
    mode: str
    mapping: Mapping[str, str]
    suppress: Sequence[str]
    consent: Mapping[str, object] | None
    options: Mapping[str, object]
    state: str
    audience: Mapping[str, object] | None
    created_at: datetime.datetime
    next_run_at: datetime.datetime | None
    last_ok_at: datetime.datetime | None
    error: Trouble | None
    last_run: RunEntry | None
    notify: Sequence[str] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """A job with the name of its cohort, which may be deleted."""

    job: JobEntry
    cohort: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Single:
    """A job with the name of its cohort, a part of its runs, and how many members it concerns."""

    job: JobEntry
    cohort: str
    runs: ListPage[RunEntry, tuple[int]]
    extent: Extent


@dataclasses.dataclass(frozen=True, kw_only=True)
class SingleRun:
    """A run with its job, and the name of the job's cohort."""

    job: JobEntry
    cohort: str
    run: RunEntry


def listing(
    pool: Pool,
    *,
    cohort: int | None,
    slug: str | None,
    state: str | None,
    after: int,
    limit: int,
) -> ListPage[JobEntry, tuple[int]]:
    """List jobs by id."""
    with pool.read() as conn:
        found = jobs.listing(
            conn, cohort=cohort, slug=slug, state=state, after=after, limit=limit + 1
        )
        return ListPage.cut(_entries(conn, found), limit, lambda one: (int(one.id),))


def named(
    pool: Pool,
    *,
    cohort: int | None = None,
    slug: str | None = None,
    state: str | None = None,
    after: int,
    limit: int,
) -> ListPage[Named, tuple[int]]:
    """List jobs as `listing` does, with the names of their cohorts."""
    found = listing(pool, cohort=cohort, slug=slug, state=state, after=after, limit=limit)
    with pool.read() as conn:
        seen = cohorts_seen.get(conn, [int(one.cohort_id) for one in found.items])
    items = [Named(job=one, cohort=_name(seen, one)) for one in found.items]
    return ListPage(items=items, more=found.more, position=lambda one: (int(one.job.id),))


def single(pool: Pool, job_id: int, *, before: int, limit: int) -> Single:
    """Read a job and its runs, newest first. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _require(conn, job_id)
        listed = runs.listing(conn, job_id, before=before, limit=limit + 1)
        seen = cohorts_seen.get(conn, [found.cohort])
        counted = extent.count(conn, found.cohort, job_id, most=MOST_COUNTED)
    job = _entry(found, listed[0] if listed else None)
    part = ListPage.cut([_run(one) for one in listed], limit, lambda one: (one.number,))
    return Single(job=job, cohort=_name(seen, job), runs=part, extent=counted)


def single_run(pool: Pool, job_id: int, number: int) -> SingleRun:
    """Read a run and its job. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _require(conn, job_id)
        run = runs.get(conn, job_id, number)
        seen = cohorts_seen.get(conn, [found.cohort])
    if run is None:
        raise _no_run()
    job = _entry(found, None)
    return SingleRun(job=job, cohort=_name(seen, job), run=_run(run))


def entry(pool: Pool, job_id: int) -> JobEntry:
    """Read one job. Raises errors.NotFound."""
    with pool.read() as conn:
        (found,) = _entries(conn, [_require(conn, job_id)])
    return found


def count(pool: Pool, job_id: int, *, most: int | None = None) -> Extent:
    """Count the members that a deletion or a resync of a job concerns. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _require(conn, job_id)
        return extent.count(conn, found.cohort, job_id, most=most)


def list_runs(
    pool: Pool, job_id: int, *, before: int, limit: int
) -> ListPage[RunEntry, tuple[int]]:
    """List the runs of a job, newest first. Raises errors.NotFound."""
    with pool.read() as conn:
        _require(conn, job_id)
        found = runs.listing(conn, job_id, before=before, limit=limit + 1)
    return ListPage.cut([_run(one) for one in found], limit, lambda one: (one.number,))


def run(pool: Pool, job_id: int, number: int) -> RunEntry:
    """Read one run. Raises errors.NotFound."""
    with pool.read() as conn:
        _require(conn, job_id)
        found = runs.get(conn, job_id, number)
    if found is None:
        raise _no_run()
    return _run(found)


def rejected(
    pool: Pool, job_id: int, number: int, *, now: datetime.datetime, actor: Actor
) -> Iterator[tuple[str, str, str]]:
    """Read the rejected rows of a run, a part at a time. Raises errors.NotFound."""
    run(pool, job_id, number)
    with pool.read() as conn:
        cohort = _require(conn, job_id).cohort
    read_out.note(pool, actor, "sync_run.rejected_rows_read", job_id, now=now, number=number)
    return _rejected(pool, cohort, job_id, number)


def _rejected(pool: Pool, cohort: int, job_id: int, number: int) -> Iterator[tuple[str, str, str]]:
    after = ""
    while True:
        with pool.read() as conn:
            found = refused.rejections(conn, cohort, job_id, number, after=after, limit=_PART)
        yield from found
        if len(found) < _PART:
            return
        after = found[-1][0]


def _require(conn: Connection, job_id: int) -> Job:
    found = jobs.get(conn, job_id)
    if found is None:
        raise errors.NotFound("no such sync job, or it was deleted")
    return found


def _no_run() -> errors.NotFound:
    return errors.NotFound("no such run")


def _name(seen: Mapping[int, Seen], job: JobEntry) -> str:
    cohort = seen.get(int(job.cohort_id))
    return "" if cohort is None else cohort.name


def _entries(conn: Connection, found: Sequence[Job]) -> list[JobEntry]:
    newest = runs.last(conn, [one.id for one in found])
    return [_entry(one, newest.get(one.id)) for one in found]


def _entry(one: Job, last: Run | None) -> JobEntry:
    error = None
    if one.error_code is not None and one.error_at is not None:
        error = Trouble(code=one.error_code, message=one.error_message or "", at=one.error_at)
    return JobEntry(
        notify=one.notify,
        id=str(one.id),
        cohort_id=str(one.cohort),
        destination=one.slug,
        frequency=one.frequency,
        mode=one.mode,
        mapping=one.mapping,
        suppress=[str(cohort) for cohort in one.suppress],
        consent=one.consent,
        options=one.options,
        state=one.state,
        audience={"id": one.audience, "name": one.audience_name} if one.audience else None,
        created_at=one.created_at,
        next_run_at=one.planned_at if one.state in ("active", "failing") else None,
        last_ok_at=one.last_ok_at,
        error=error,
        last_run=None if last is None else _run(last),
    )


def _run(one: Run) -> RunEntry:
    error = None
    if one.error_code is not None:
        error = {"code": one.error_code, "message": one.error_message or ""}
    return RunEntry(
        number=one.number,
        trigger=one.trigger,
        state=one.state,
        would_add=one.would_add,
        would_remove=one.would_remove,
        added=one.added,
        removed=one.removed,
        skipped=one.skipped,
        rejected=one.rejected,
        unconfirmed=one.unconfirmed,
        requests=one.requests,
        retries=one.retries,
        receipts=one.receipts,
        error=error,
        queued_at=one.queued_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )
