"""Loads that read what a definition says: asked for, planned, or because it changed."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway import aside, errors
from gateway.core.access.actor import GATEWAY
from gateway.core.cohorts import kinds
from gateway.core.cohorts import load as rules
from gateway.core.cohorts import schedule as schedules
from gateway.core.cohorts.failures import Failure
from gateway.core.cohorts.load import Mode, State, Trigger
from gateway.flows.cohorts import load, load_queue, lookup
from gateway.flows.cohorts.load_queue import Wanted
from gateway.store.cohorts import accept, definitions, loads, plans, receipts
from gateway.store.cohorts.receipts import Asked
from gateway.store.db import audit, leases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.load import Load
    from gateway.core.cohorts.receipt import Receipt
    from gateway.flows.cohorts.load_queue import File
    from gateway.jobs import WakeUps
    from gateway.store.cohorts.plans import Plan
    from gateway.store.db.engine import Pool

# Of one look at what is due; the next look is a second later.
AT_ONCE: Final = 1000
# Failures that may pass, so they are tried again before the next planned time.
PASSING: Final = (Failure.UNREACHABLE, Failure.TIMED_OUT)
# The same of a rule that no schedule loads again: a cohort that it names may be restored.
PASSING_UNPLANNED: Final = (*PASSING, Failure.COHORT_DELETED)
# After other failures, and in the end, a live rule waits as long as for its daily whole evaluation.
UNPLANNED_AGAIN: Final = datetime.timedelta(days=1)

# How often a paused database is looked at that has a definition to be read.
HELD_AGAIN: Final = datetime.timedelta(seconds=5)


def accept_load(
    pool: Pool,
    cohort_id: int,
    file: File,
    wanted: Wanted,
    *,
    max_bytes: int,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Queue a load of a file, or without one of what the definition of the cohort says.

    Raises as `load_queue.accept_file` does.
    """
    with pool.read() as conn:
        plan = plans.get(conn, cohort_id)
    is_read = plan is not None and plan.kind in kinds.DEFINED
    if is_read and file.data is None and file.upload is None:
        return request(pool, cohort_id, wanted, wake_ups=wake_ups, now=now, actor=actor)
    return load_queue.accept_file(
        pool,
        cohort_id,
        file,
        wanted,
        max_bytes=max_bytes,
        wake_ups=wake_ups,
        now=now,
        actor=actor,
    )


def request(
    pool: Pool,
    cohort_id: int,
    wanted: Wanted,
    *,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Queue a load of what the definition of a cohort says.

    Raises errors.NotFound, and errors.Conflict (`source_paused`, `load_running`).
    """
    with pool.begin() as conn:
        hold(conn, cohort_id)
        plan = plans.get(conn, cohort_id)
        if plan is None:
            raise errors.NotFound(lookup.NO_COHORT)
        load_queue.require_open(conn, cohort_id, plan.source, paused=plan.paused)
        one = start(conn, plan, Trigger.REQUEST, wanted, by=actor.name, now=now)
        audit.write(conn, actor, "load.requested", one_id(one), now=now, mode=one.mode.value)
        found = receipts.get(conn, cohort_id, one.number)
    wake(wake_ups)
    return load_queue.shown(found)


def start(
    conn: Connection,
    plan: Plan,
    trigger: Trigger,
    wanted: Wanted,
    *,
    by: str | None,
    now: datetime.datetime,
) -> Load:
    """Queue a load of a cohort with a definition. Raises errors.NotFound for a deleted one.

    It gets its place in order when its reading begins.
    """
    counters, defined = (
        accept.counters(conn, plan.cohort_id),
        definitions.latest(conn, plan.cohort_id),
    )
    if counters is None:
        raise errors.NotFound(lookup.NO_COHORT)
    one = load.take_place(conn, plan.cohort_id, counters, wanted.mode, State.QUEUED, now=now)
    asked = Asked(
        trigger=trigger,
        review=wanted.review,
        upload=None,
        options={},
        file=None,
        requested_by=by,
        definition_number=None if defined is None else defined.number,
    )
    receipts.describe(conn, one, asked)
    leases.offer(conn, load_queue.KIND, one_id(one))
    return one


def hold(conn: Connection, cohort_id: int) -> None:
    """Let no load of a cohort begin or end before the transaction does; call before its lock."""
    accept.counters(conn, cohort_id)


def begin(conn: Connection, cohort_id: int, *, by: str | None, now: datetime.datetime) -> None:
    """Start a load of a cohort with a definition, in place of one that is queued or read.

    The caller has locked its counters and then the cohort. While a database is paused nothing is
    started, but when it is resumed; people that are kept here are there all the same.
    """
    plan = plans.get(conn, cohort_id)
    if plan is None or plan.kind not in kinds.DEFINED:
        return
    if _is_held(plan):
        if plan.schedule is None:
            plans.plan(conn, cohort_id, planned_at=None, due_at=now + HELD_AGAIN, failures=0)
        return
    accept.counters(conn, cohort_id)
    if _is_tried_again(plan):
        plans.plan(conn, cohort_id, planned_at=None, due_at=None, failures=0)
    for one in loads.lock_running(conn, cohort_id):
        load.end(conn, one, State.CANCELED, now=now)
    start(conn, plan, Trigger.DEFINITION, Wanted(), by=by, now=now)


def set_schedule(
    conn: Connection, cohort_id: int, given: Mapping[str, Any] | None, *, now: datetime.datetime
) -> None:
    """Set when a cohort that the caller has locked is loaded; None for never."""
    planned_at = fresh_until = None
    before = plans.get(conn, cohort_id)
    if given is not None:
        schedule = schedules.read(given)
        planned_at = schedules.after(schedule, now, anchor=now)
        started_at = plans.last_started(conn, cohort_id)
        # One that was never loaded is stale until it is.
        fresh_until = now if started_at is None else schedules.fresh_until(schedule, started_at)
    plans.set_schedule(
        conn, cohort_id, given, planned_at=planned_at, fresh_until=fresh_until, now=now
    )
    if given is None and before is not None and before.schedule is not None:
        _make_live(conn, before, now=now)


def _make_live(conn: Connection, before: Plan, *, now: datetime.datetime) -> None:
    """Have a rule that lost its schedule before any load was applied be evaluated without one."""
    if before.kind == kinds.PEOPLE and plans.last_started(conn, before.cohort_id) is None:
        plans.plan(conn, before.cohort_id, planned_at=None, due_at=now, failures=0)


def tick(pool: Pool, wake_ups: WakeUps, *, now: datetime.datetime) -> int:
    """Queue what schedules have due; returns how many loads. Two at once queue nothing twice."""
    queued = 0
    with pool.read() as conn:
        due = plans.due(conn, now=now, limit=AT_ONCE)
    for cohort_id in due:
        with pool.begin() as conn:
            accept.counters(conn, cohort_id)
            plan = plans.lock_due(conn, cohort_id, now=now)
            queued += plan is not None and _queue_due(conn, plan, now=now)
    if queued:
        wake(wake_ups)
    return queued


def _queue_due(conn: Connection, plan: Plan, *, now: datetime.datetime) -> bool:
    """Plan the next time, and queue a load unless one still runs or the source is paused."""
    if plan.schedule is None:
        return _queue_again(conn, plan, now=now)
    next_at = _next(plan, now)
    plans.plan(conn, plan.cohort_id, planned_at=next_at, due_at=next_at, failures=plan.failures)
    if plan.paused or plan.kind not in kinds.DEFINED:
        return False
    if receipts.running(conn, plan.cohort_id) is not None:
        return False
    start(conn, plan, Trigger.SCHEDULE, Wanted(), by=None, now=now)
    return True


def _queue_again(conn: Connection, plan: Plan, *, now: datetime.datetime) -> bool:
    """Queue a load of a definition that none has read yet; while another load runs it stays due.

    It is the first of a live rule once more, or of a database that was paused when it was set.
    """
    if _is_held(plan):
        again = now + HELD_AGAIN
        plans.plan(conn, plan.cohort_id, planned_at=None, due_at=again, failures=plan.failures)
        return False
    if receipts.running(conn, plan.cohort_id) is not None:
        return False
    plans.plan(conn, plan.cohort_id, planned_at=None, due_at=None, failures=plan.failures)
    start(conn, plan, Trigger.DEFINITION, Wanted(), by=None, now=now)
    return True


def _is_held(plan: Plan) -> bool:
    """Tell whether nothing may be read now: the source is a database, and paused."""
    return plan.paused and plan.kind in kinds.DATABASES


def _next(plan: Plan, now: datetime.datetime) -> datetime.datetime | None:
    assert plan.schedule is not None, "nothing else is due"  # noqa: S101
    assert plan.scheduled_at is not None, "it is set with the schedule"  # noqa: S101
    if plan.planned_at is not None and plan.planned_at > now:
        return plan.planned_at  # a try in between
    schedule = schedules.read(plan.schedule)
    return schedules.after(schedule, now, anchor=plan.scheduled_at)


def note_failed(
    conn: Connection, cohort_id: int, number: int, failure: str, *, now: datetime.datetime
) -> None:
    """Plan another try of a cohort with a schedule, if what failed may pass, or of a live rule."""
    plan = plans.get(conn, cohort_id)
    if plan is None:
        return
    if plan.schedule is None:
        _note_unplanned(conn, plan, number, failure, now=now)
        return
    passing = failure in PASSING
    failures = plan.failures + 1 if passing else 0
    again = schedules.retry_at(failures, now, plan.planned_at) if passing else None
    plans.plan(
        conn,
        cohort_id,
        planned_at=plan.planned_at,
        due_at=again or plan.planned_at,
        failures=failures if again else 0,
    )


def _note_unplanned(
    conn: Connection, plan: Plan, number: int, failure: str, *, now: datetime.datetime
) -> None:
    """Plan another try of a load that puts a rule in force: until then no look is at it."""
    trigger = receipts.asked(conn, plan.cohort_id, number).trigger
    if plan.kind != kinds.PEOPLE or trigger != Trigger.DEFINITION:
        return
    failures, passing = plan.failures + 1, failure in PASSING_UNPLANNED
    again = schedules.retry_at(failures, now, None) if passing else None
    due_at = again or now + UNPLANNED_AGAIN
    plans.plan(conn, plan.cohort_id, planned_at=None, due_at=due_at, failures=failures)


def hasten(conn: Connection, *, now: datetime.datetime) -> None:
    """Have rules tried at once that failed for a cohort that was deleted: one was restored."""
    plans.hasten(conn, plans.missing_cohorts(conn), now=now)


def note_applied(conn: Connection, cohort_id: int, number: int) -> None:
    """Note that a load of a cohort was applied: it is fresh from the start of its reading on."""
    plan = plans.get(conn, cohort_id)
    if plan is None:
        return
    if plan.schedule is None:
        if _is_tried_again(plan) and _replaces(conn, cohort_id, number):
            plans.plan(conn, cohort_id, planned_at=None, due_at=None, failures=0)
        return
    plans.plan(conn, cohort_id, planned_at=plan.planned_at, due_at=plan.planned_at, failures=0)
    started_at = plans.started(conn, cohort_id, number)
    until = started_at and schedules.fresh_until(schedules.read(plan.schedule), started_at)
    plans.freshen(conn, cohort_id, until=until)


def _is_tried_again(plan: Plan) -> bool:
    return plan.schedule is None and (plan.failures > 0 or plan.due_at is not None)


def _replaces(conn: Connection, cohort_id: int, number: int) -> bool:
    return load_queue.shown(receipts.get(conn, cohort_id, number)).mode == Mode.REPLACE


def one_id(one: Load) -> str:
    return rules.load_id(one.cohort_id, one.number)


def wake(wake_ups: WakeUps) -> None:
    with aside.harmless("wake_up"):
        wake_ups.notify_loader()
