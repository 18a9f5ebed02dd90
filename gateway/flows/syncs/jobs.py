"""Sync jobs as their operator handles them: made, changed, run, paused, deleted."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from gateway import channels, errors
from gateway.core import fields
from gateway.core.access.actor import GATEWAY
from gateway.core.syncs import job as rules
from gateway.core.syncs import mapping as mappings
from gateway.core.syncs.job import Asked, Mode, State
from gateway.destinations.answers import StopCode
from gateway.destinations.facts import Way
from gateway.errors import Fault
from gateway.flows.cohorts.settings import Same
from gateway.store.db import audit
from gateway.store.syncs import audiences, cohorts_seen, destinations, jobs, positions, runs

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.destinations.kinds import Kind
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.destinations import Listed
    from gateway.store.syncs.jobs import Job


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A job to be made."""

    cohort_id: str
    destination: str
    frequency: str
    mapping: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    mode: str = Mode.MIRROR
    suppress: Sequence[str] = ()
    consent: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notify: Sequence[str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a job; None stays as it is."""

    frequency: str | None = None
    mode: str | None = None
    mapping: Mapping[str, Any] | None = None
    suppress: Sequence[str] | None = None
    notify: Sequence[str] | Same | None = Same.SAME

    def changed(self) -> list[str]:
        """Name what changes."""
        fields = {name: value for name, value in vars(self).items() if name != "notify"}
        notify = [] if isinstance(self.notify, Same) else ["notify"]
        return sorted([*notify, *(name for name, value in fields.items() if value is not None)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """A wanted job without faults."""

    cohort: cohorts_seen.Seen
    destination: Listed
    kind: Kind
    options: Mapping[str, Any]
    suppress: list[int]


def create(
    pool: Pool, wanted: Wanted, setup: Setup, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> int:
    """Make a job, which is due at once.

    Raises errors.Invalid, and errors.Conflict if the cohort has one to that destination.
    """
    with pool.begin() as conn:
        checked = check(conn, wanted, setup)
        cohort, destination = checked.cohort, checked.destination
        first = checked.options.get("start") == "members"
        made = jobs.Made(
            cohort=cohort.id,
            destination_id=destination.id,
            mode=wanted.mode,
            frequency=wanted.frequency,
            mapping=wanted.mapping,
            suppress=checked.suppress,
            consent=wanted.consent,
            options=checked.options,
            delivered=cohort.last_change,
            first_seq=cohort.last_change if first else None,
        )
        job_id = jobs.create(conn, made, now=now)
        if job_id is None:
            other = jobs.current(conn, cohort.id, destination.id)
            raise _job_exists(other)
        if wanted.notify is not None:
            jobs.set_notify(conn, job_id, wanted.notify)
        runs.queue(conn, job_id, "created", now=now)
        audit.write(
            conn,
            actor,
            "sync_job.created",
            job_id,
            now=now,
            cohort_id=str(cohort.id),
            destination=destination.slug,
        )
    return job_id


def check(conn: Connection, wanted: Wanted, setup: Setup) -> Checked:
    """Find what a wanted job names. Raises errors.Invalid with all that is wrong."""
    destination = destinations.share(conn, wanted.destination)
    kind = None if destination is None else setup.kinds.get(destination.kind)
    numbers = [_number(one) for one in (wanted.cohort_id, *wanted.suppress)]
    seen = cohorts_seen.get(conn, [one for one in numbers if one is not None])
    cohort = seen.get(numbers[0] or 0)
    wrong = list(_unknown_cohorts(seen, [wanted.cohort_id], "cohort_id"))
    wrong += _unknown_cohorts(seen, wanted.suppress, "suppress")
    wrong += channels.faults(wanted.notify, setup.channels, "notify")
    if destination is None or kind is None:
        wrong.append(Fault("destination", "there is no such destination"))
    else:
        wrong += _faults(kind, destination, wanted.frequency, wanted.mode, wanted.mapping)
        wrong += fields.faults(kind.options, wanted.options, "options", whole=True)
    if wrong or cohort is None or destination is None or kind is None:
        raise errors.Invalid(wrong)
    read = fields.read(kind.options, wanted.options)
    return Checked(
        cohort=cohort,
        destination=destination,
        kind=kind,
        options=fields.shown(kind.options, read),
        suppress=list(dict.fromkeys(one for one in numbers[1:] if one is not None)),
    )


def _job_exists(job_id: int | None) -> errors.Conflict:
    return errors.Conflict(
        "this cohort has a sync job to this destination; change that one, or delete it",
        code="sync_job_exists",
        id=str(job_id),
    )


def _number(text: str) -> int | None:
    good = text.isascii() and text.isdigit() and len(text) <= 18  # noqa: PLR2004 - of a bigint
    return int(text) if good else None


def _unknown_cohorts(
    seen: Mapping[int, cohorts_seen.Seen], named: Sequence[str], path: str
) -> Iterator[Fault]:
    for place, one in enumerate(named):
        found = seen.get(_number(one) or 0)
        if found is None or found.deleted:
            where = path if path == "cohort_id" else f"{path}.{place}"
            yield Fault(where, "there is no such cohort, or it was deleted")


def _faults(
    kind: Kind, destination: Listed, frequency: str, mode: str, mapping: Mapping[str, Any]
) -> Iterator[Fault]:
    facts = kind.told(fields.shown(kind.config, destination.config))
    if frequency not in rules.FREQUENCIES:
        yield Fault("frequency", f"must be one of {', '.join(rules.FREQUENCIES)}")
    if mode not in facts.modes:
        yield Fault("mode", f"must be one of {', '.join(facts.modes)}")
    yield from mappings.faults(
        mapping,
        known=[one.name for one in facts.identifiers],
        others=facts.others,
        matching=() if facts.way is Way.CHANGES else facts.matching,
    )


def change(
    pool: Pool,
    job_id: int,
    changes: Changes,
    setup: Setup,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> None:
    """Change what a job is set to; it is compared anew at its next run.

    Raises errors.NotFound and errors.Invalid.
    """
    with pool.begin() as conn:
        found = lock(conn, job_id)
        destination = destinations.share(conn, found.slug)
        kind = setup.kinds.get(found.kind)
        frequency, mode = changes.frequency or found.frequency, changes.mode or found.mode
        mapping = found.mapping if changes.mapping is None else changes.mapping
        named = [] if changes.suppress is None else changes.suppress
        numbers = list(dict.fromkeys(one for one in map(_number, named) if one is not None))
        wrong = _set_notify(conn, job_id, changes.notify, setup)
        wrong += _unknown_cohorts(cohorts_seen.get(conn, numbers), named, "suppress")
        if destination is not None and kind is not None:
            wrong += _faults(kind, destination, frequency, mode, mapping)
        if wrong:
            raise errors.Invalid(wrong)
        again = found.state in (State.ACTIVE, State.FAILING)
        planned = found.planned_at if changes.frequency is None else now
        jobs.change(
            conn,
            job_id,
            frequency=frequency,
            mode=mode,
            mapping=mapping,
            suppress=found.suppress if changes.suppress is None else numbers,
            plan_from=found.plan_from if changes.frequency is None else now,
            planned_at=planned if again else found.planned_at,
        )
        audit.write(conn, actor, "sync_job.changed", job_id, now=now, fields=changes.changed())


def _set_notify(
    conn: Connection, job_id: int, names: Sequence[str] | Same | None, setup: Setup
) -> list[Fault]:
    if isinstance(names, Same):
        return []
    jobs.set_notify(conn, job_id, names)
    return list(channels.faults(names, setup.channels, "notify"))


def run(
    pool: Pool,
    job_id: int,
    *,
    asked: Asked = Asked.RUN,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> None:
    """Have a job run now; a resync also starts a job that is stopped or done anew.

    Raises errors.NotFound, and errors.Conflict for a job in which that cannot be.
    """
    with pool.begin() as conn:
        found = lock(conn, job_id)
        if asked is Asked.RUN and found.state not in (State.ACTIVE, State.FAILING):
            raise errors.Conflict(
                f"the job is {found.state}; resume it before it is run", code="wrong_state"
            )
        if found.state == State.PAUSED:
            raise errors.Conflict("the job is paused; resume it first", code="wrong_state")
        if found.asked == Asked.REMOVE:
            raise errors.Conflict(
                "the job is being deleted, and takes out what it has added", code="wrong_state"
            )
        if found.state == State.DONE:
            _require_room(conn, found)
        # A run that is asked for beside a resync is that resync.
        asked = Asked.RESYNC if found.asked == Asked.RESYNC else asked
        runs.cancel(conn, job_id, now=now)
        runs.queue(conn, job_id, asked or "request", now=now)
        jobs.ask(conn, job_id, asked, state=State.ACTIVE, now=now)
        if asked is Asked.RESYNC:
            _start_again(conn, found)
            if found.error_code == StopCode.AUDIENCE_DELETED:
                audiences.forget_audience(conn, job_id)
        audit.write(conn, actor, f"sync_job.{asked or 'run'}_asked", job_id, now=now)


def _require_room(conn: Connection, found: Job) -> None:
    """Raise errors.Conflict where a job that is done cannot be started anew."""
    destination = destinations.lock(conn, found.slug)
    if destination is None or destination.id != found.destination_id:
        raise errors.Conflict("the destination was removed", code="destination_removed")
    other = jobs.current(conn, found.cohort, found.destination_id)
    if other is not None:
        raise _job_exists(other)


def _start_again(conn: Connection, found: Job) -> None:
    """Let a job that follows changes begin with the members of now, or with what comes."""
    cohort = cohorts_seen.get(conn, [found.cohort]).get(found.cohort)
    if cohort is not None:
        positions.start_again(conn, found.id, seq=cohort.last_change, members=True)


def pause(pool: Pool, job_id: int, *, now: datetime.datetime, actor: Actor = GATEWAY) -> None:
    """Send nothing until the job is resumed. Raises errors.NotFound."""
    with pool.begin() as conn:
        found = lock(conn, job_id)
        if found.state == State.DONE:
            raise errors.Conflict("the job is done", code="wrong_state")
        if found.state != State.PAUSED:
            jobs.move(conn, job_id, State.PAUSED, planned_at=found.planned_at)
            runs.cancel(conn, job_id, now=now)
            audit.write(conn, actor, "sync_job.paused", job_id, now=now)


def resume(pool: Pool, job_id: int, *, now: datetime.datetime, actor: Actor = GATEWAY) -> None:
    """Let a job that is paused or stopped go on at once. Raises errors.NotFound."""
    with pool.begin() as conn:
        found = lock(conn, job_id)
        if found.state == State.DONE:
            raise errors.Conflict("the job is done; ask for a resync", code="wrong_state")
        if found.state in (State.PAUSED, State.STOPPED):
            jobs.ask(conn, job_id, found.asked, state=State.ACTIVE, now=now)
            audit.write(conn, actor, "sync_job.resumed", job_id, now=now)


def approve(
    pool: Pool, job_id: int, number: int, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> None:
    """Let a run go on that would remove many. Raises errors.NotFound and errors.Conflict."""
    with pool.begin() as conn:
        found = lock(conn, job_id)
        if runs.get(conn, job_id, number) is None:
            raise errors.NotFound("no such run")
        if not runs.approve(conn, job_id, number):
            raise errors.Conflict("this run does not wait for approval", code="wrong_state")
        jobs.ask(conn, job_id, found.asked, state=State.ACTIVE, now=now)
        audit.write(conn, actor, "sync_run.approved", job_id, now=now, number=number)


def lock(conn: Connection, job_id: int) -> Job:
    """Find a job, which nothing else changes until the transaction ends. Raises errors.NotFound."""
    found = jobs.lock(conn, job_id)
    if found is None:
        raise errors.NotFound("no such sync job, or it was deleted")
    return found
