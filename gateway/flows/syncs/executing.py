"""One claim of a job: its run is begun or taken over, worked on, and its end noted."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.core.syncs import job as rules
from gateway.core.syncs.job import Asked, RunState, State
from gateway.destinations.facts import Way
from gateway.flows.syncs import follow, keep, work
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.attempts import Attempts
from gateway.flows.syncs.ending import (
    Canceled,
    Ended,
    Failed,
    NeedsApproval,
    Stopped,
    Unanswered,
)
from gateway.flows.syncs.lanes import Paced
from gateway.flows.syncs.numbers import Numbers
from gateway.flows.syncs.tally import Counting, Tally
from gateway.flows.syncs.work import Going, Work
from gateway.store.db import leases
from gateway.store.db.leases import Died
from gateway.store.syncs import agenda, cohorts_seen, destinations, erasing, jobs, runs, secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gateway.destinations.adapter import Account
    from gateway.destinations.kinds import Kind
    from gateway.flows.leases import Keeper
    from gateway.flows.syncs.lanes import Lanes
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.jobs import Job
    from gateway.store.syncs.runs import Run

# Erasures at which there was a bug.
BUG_WAITS: Final = datetime.timedelta(minutes=5)

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tools:
    """What every claim works with; `stopping` says that this process is to end."""

    pool: Pool
    setup: Setup
    suppress: tuple[int, ...]
    stopping: Callable[[], bool]
    patience_seconds: float
    lanes: Lanes


@dataclasses.dataclass(frozen=True, kw_only=True)
class _End:
    """How a run ended; a version if it ended well."""

    error: Ended | None
    version: int | None


def execute(tools: Tools, keeper: Keeper) -> None:
    """Work on what was claimed. Raises errors.LeaseLost, and what Postgres does."""
    job_id, now = int(keeper.lease.key), tools.setup.now()
    with keeper.writing() as conn:
        job = jobs.get_any(conn, job_id)
        run = None if job is None else _begin(conn, job, now=now)
    if job is None:
        with tools.pool.begin() as conn:
            leases.finish(conn, keeper.lease)
        return
    if run is None:
        _only_erase(tools, keeper, job)
        return
    _log.info("sync.started", job_id=job.id, run=run.number)
    tally = Tally(run)
    try:
        if isinstance(keeper.lease, Died):
            raise Failed("sender_died", "process after process has ended at this job")
        end = _End(error=None, version=_work(tools, keeper, job, run, tally))
    except Ended as error:
        end = _End(error=error, version=None)
    except errors.SecretUnreadable as error:
        end = _End(error=Stopped(error.code, str(error)), version=None)
    _note(tools, keeper, job, run, tally, end)


def _begin(conn: Connection, job: Job, *, now: datetime.datetime) -> Run | None:
    """Begin the run that was queued, go on with one that was begun, or make one.

    None for a job that is not to send now: only its erasures are worked on.
    """
    if not work.sends(job):
        runs.cancel_begun(conn, job.id, now=now)
        return None
    found = runs.unfinished(conn, job.id)
    if found is not None and found.state == RunState.NEEDS_APPROVAL:
        return None
    if job.planned_at is None or job.planned_at > now:
        return None
    number = runs.queue(conn, job.id, "schedule", now=now) if found is None else found.number
    runs.start(conn, job.id, number, now=now)
    return runs.get(conn, job.id, number)


def _work(tools: Tools, keeper: Keeper, job: Job, run: Run, tally: Tally) -> int:
    """Do a run; returns the version of the cohorts that it was begun at. Raises ending.Ended."""
    suppress = tuple(sorted({*job.suppress, *tools.suppress}))
    with tools.pool.begin() as conn:
        seen = cohorts_seen.get(conn, [job.cohort, *suppress])
    version = work.version(seen)
    if work.is_removal(job):
        cohort = seen.get(job.cohort)
        if cohort is None:
            raise Stopped("cohort_deleted", "the cohort is not known any more")
        suppress = ()
    else:
        cohort = work.require_cohorts(seen, job, suppress, now=tools.setup.now())
    made = make(tools, keeper, job, run, tally, cohort=cohort, suppress=suppress)
    if made.facts.way is Way.CHANGES:
        if not work.is_removal(job):
            follow.run(made)
    else:
        keep.run(made)
    return version


def make(
    tools: Tools,
    keeper: Keeper,
    job: Job,
    run: Run,
    tally: Tally,
    *,
    cohort: cohorts_seen.Seen,
    suppress: tuple[int, ...],
) -> Work:
    """Wire a run. Raises ending.Stopped and errors.SecretUnreadable."""
    kind, account = _account(tools, job)
    facts = kind.told(account.config)
    going = Going(tools.pool, keeper, job, tools.stopping)
    lane = tools.lanes.of(job.destination_id, work.concurrency(account, facts), facts.limits)
    paced = Paced(Counting(account.client, tally), lane, going)
    account = dataclasses.replace(account, client=paced)
    return Work(
        pool=tools.pool,
        keeper=keeper,
        job=job,
        number=run.number,
        approved=run.approved,
        kind=kind,
        facts=facts,
        account=account,
        cohort=cohort,
        suppress=suppress,
        tally=tally,
        attempts=Attempts(tally, going, account.secrets, patience_seconds=tools.patience_seconds),
        now=tools.setup.now,
        numbers=Numbers(tools.setup.now),
    )


def _account(tools: Tools, job: Job) -> tuple[Kind, Account]:
    """Read what a job sends to. Raises ending.Stopped and errors.SecretUnreadable."""
    with tools.pool.read() as conn:
        (found, *_) = destinations.listing(conn, slug=job.slug) or (None,)
        if found is None or found.id != job.destination_id:
            raise Stopped("destination_removed", "the destination was removed")
        sealed = secrets.of_destinations(conn, [found.id])
    kind = tools.setup.kinds.get(found.kind)
    if kind is None or kind.reason is not None:
        raise Stopped("kind_unavailable", "this kind of destination is not available here")
    return kind, tools.setup.account(found, sealed)


def _note(tools: Tools, keeper: Keeper, job: Job, run: Run, tally: Tally, end: _End) -> None:
    """Note how a run ended, in the transaction that ends its lease."""
    now = tools.setup.now()
    progress = tally.progress()
    with keeper.sharing() as conn:
        jobs.lock(conn, job.id)
        runs.report(conn, job.id, run.number, progress)
        if end.error is None:
            partial = bool(progress.rejected)
            state = RunState.PARTIAL if partial else RunState.DONE
            runs.finish(conn, job.id, run.number, state, now=now)
            _succeed(conn, job, end.version, now=now)
        else:
            since = _unanswered_since(run, progress, now=now)
            _end(conn, job, run, end.error, since=since, now=now)
        leases.finish(conn, keeper.lease)
    _log.info(
        "sync.ended",
        job_id=job.id,
        run=run.number,
        reason=None if end.error is None else end.error.reason,
    )


def _succeed(conn: Connection, job: Job, version: int | None, *, now: datetime.datetime) -> None:
    if job.asked == Asked.REMOVE:
        jobs.delete(conn, job.id, now=now)
        return
    planned = rules.next_due(job.frequency, job.plan_from, now)
    state = State.DONE if planned is None else State.ACTIVE
    jobs.succeed(conn, job.id, state=state, planned_at=planned, version=version, now=now)


def _unanswered_since(
    run: Run, progress: runs.Progress, *, now: datetime.datetime
) -> datetime.datetime:
    """Say since when the vendor has answered nothing of a run: by its last claim, or since now."""
    answered = progress.added + progress.removed > run.added + run.removed
    return now if answered or run.retrying_since is None else run.retrying_since


def _end(
    conn: Connection,
    job: Job,
    run: Run,
    error: Ended,
    *,
    since: datetime.datetime,
    now: datetime.datetime,
) -> None:
    """Note a run that did not end well, and what becomes of its job."""
    if isinstance(error, NeedsApproval):
        runs.move(conn, job.id, run.number, RunState.NEEDS_APPROVAL)
        jobs.wait(conn, job.id)
        return
    reason, message = error.reason, str(error)
    if isinstance(error, Unanswered) and now - since < rules.RETRIED:
        runs.postpone(conn, job.id, run.number, since=since, code=reason, message=message)
    else:
        state = RunState.CANCELED if isinstance(error, Canceled) else RunState.FAILED
        runs.finish(conn, job.id, run.number, state, now=now, code=reason, message=message)
    if isinstance(error, Stopped):
        _fail(conn, job, State.STOPPED, error, planned_at=None, now=now)
    elif isinstance(error, Failed):
        seconds = rules.wait_seconds(job.failures + 1, asked_seconds=error.after_seconds)
        planned = now + datetime.timedelta(seconds=seconds)
        _fail(conn, job, State.FAILING, error, planned_at=planned, now=now)


def _fail(
    conn: Connection,
    job: Job,
    state: State,
    error: Ended,
    *,
    planned_at: datetime.datetime | None,
    now: datetime.datetime,
) -> None:
    jobs.fail(
        conn,
        job.id,
        state=state,
        code=error.reason,
        message=str(error),
        planned_at=planned_at,
        now=now,
    )


def note_bug(conn: Connection, job_id: int, *, now: datetime.datetime) -> None:
    """Note that a bug ended a run, or erasures, so that they are tried again after a wait."""
    job = jobs.get_any(conn, job_id)
    if job is None:
        return
    run = runs.unfinished(conn, job_id)
    if run is None:
        agenda.delay_erasures(conn, job_id, until=now + BUG_WAITS)
        return
    error = Failed("broken", "a bug in the gateway; its log says more")
    _end(conn, job, run, error, since=now, now=now)


def _only_erase(tools: Tools, keeper: Keeper, job: Job) -> None:
    """Work on the erasures of a job that sends nothing now, as one that is paused or deleted."""
    with tools.pool.begin() as conn:
        seen = cohorts_seen.get(conn, [job.cohort])
        asked_at = erasing.oldest(conn, job.cohort, job.id)
    cohort, failed = seen.get(job.cohort), False
    if asked_at is not None and cohort is not None:
        tally = Tally(_no_run(job))
        try:
            made = make(tools, keeper, job, _no_run(job), tally, cohort=cohort, suppress=())
            adapter = setups.adapter(made.kind, made.account)
            failed = not keep.erase(made, adapter, keep.scope_of(made))
            why = keep.CANNOT_ERASE
        except (Ended, errors.SecretUnreadable) as error:
            failed, why = True, type(error).__name__
        if failed:
            _log.warning("sync.erasure_waits", job_id=job.id, error=why)
    with keeper.sharing() as conn:
        if failed and asked_at is not None:
            now = tools.setup.now()
            seconds = rules.wait_seconds(1, asked_seconds=(now - asked_at).total_seconds())
            agenda.delay_erasures(conn, job.id, until=now + datetime.timedelta(seconds=seconds))
        leases.finish(conn, keeper.lease)


def _no_run(job: Job) -> Run:
    return runs.nothing(job.id, now=job.created_at)
