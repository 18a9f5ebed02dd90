"""What a run works with: its job, lease, adapter, and the counting of what it does."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import freshness
from gateway.core.syncs.job import Asked, State
from gateway.destinations.adapter import Cohort, Target
from gateway.flows.syncs.ending import Canceled, Stopped
from gateway.store.syncs import cohorts_seen, jobs, runs

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from gateway.destinations.adapter import Account
    from gateway.destinations.facts import Facts
    from gateway.destinations.kinds import Kind
    from gateway.flows.leases import Keeper
    from gateway.flows.syncs.attempts import Attempts
    from gateway.flows.syncs.numbers import Numbers
    from gateway.flows.syncs.tally import Tally
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.cohorts_seen import Seen
    from gateway.store.syncs.jobs import Job

LOOK_SECONDS: Final = 1.0
# Of the name of a cohort, where another has the same: some vendors take few characters.
_APART_CHARACTERS: Final = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """A run that was claimed. `number` is 0 for what is no run, as erasures of a deleted job."""

    pool: Pool
    keeper: Keeper
    job: Job
    number: int
    approved: bool
    kind: Kind
    facts: Facts
    account: Account
    cohort: Seen
    suppress: tuple[int, ...]
    tally: Tally
    attempts: Attempts
    now: Callable[[], datetime.datetime]
    numbers: Numbers

    @property
    def target(self) -> Target:
        """What is sent to, before its audience is known."""
        return target(self.job, self.cohort)

    @property
    def concurrency(self) -> int:
        """How many requests may be under way."""
        return concurrency(self.account, self.facts)

    def report(self) -> None:
        """Note what the run has done so far."""
        with self.keeper.sharing() as conn:
            runs.report(conn, self.job.id, self.number, self.tally.progress())


def concurrency(account: Account, facts: Facts) -> int:
    """Tell how many requests to a destination may be under way, of all its jobs together."""
    asked = int(str(account.config.get("concurrency", 1)))
    return max(1, min(asked, facts.limits.concurrency or asked))


def target(job: Job, cohort: Seen) -> Target:
    """Say what a job sends to."""
    told = Cohort(
        id=str(cohort.id),
        name=cohort.name,
        description=cohort.description,
        created_at=cohort.created_at,
    )
    made = Target(
        cohort=told,
        identifiers=tuple(job.mapping),
        options=job.options,
        consent=job.consent,
        audience=job.audience,
    )
    return named_apart(made) if job.named_apart else made


def named_apart(target: Target) -> Target:
    """Name a cohort so that no other of its name is called alike."""
    cohort = target.cohort
    name = f"{cohort.name[:_APART_CHARACTERS]} ({cohort.id})"
    return dataclasses.replace(target, cohort=dataclasses.replace(cohort, name=name))


class Going:
    """Says whether a run is to go on: its lease is held, and its job neither paused nor gone."""

    def __init__(self, pool: Pool, keeper: Keeper, job: Job, stopping: Callable[[], bool]) -> None:
        self._pool = pool
        self._keeper = keeper
        self._job = job
        self._stopping = stopping
        self._looked = 0.0

    def __call__(self) -> None:
        """Raise ending.Canceled or errors.LeaseLost if not; looks once a second."""
        self._keeper.require()
        if self._stopping():
            raise errors.LeaseLost("this process is to end")
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        with self._pool.read() as conn:
            found = jobs.get(conn, self._job.id)
        if not sends(self._job):
            return  # erasures go on
        if found is None or not sends(found) or found.asked != self._job.asked:
            raise Canceled("canceled", "the job was paused, changed or deleted meanwhile")


def require_cohorts(
    seen: dict[int, Seen], job: Job, suppress: Sequence[int], *, now: datetime.datetime
) -> Seen:
    """Return the cohort of a job. Raises ending.Stopped if it, or one suppressed, is not sound."""
    cohort = seen.get(job.cohort)
    if cohort is None or cohort.deleted:
        raise Stopped("cohort_deleted", "the cohort was deleted; delete this job, or restore it")
    require_suppress(seen, suppress, now=now)
    return cohort


def require_suppress(
    seen: dict[int, Seen], suppress: Sequence[int], *, now: datetime.datetime
) -> None:
    """Raise ending.Stopped if a suppressed cohort is not sound.

    One that is deleted or stale would let members through that it is to keep out.
    """
    for one in suppress:
        found = seen.get(one)
        if found is None or found.deleted:
            raise Stopped("suppress_unreadable", f"the suppressed cohort {one} was deleted")
        fresh = freshness.of_cohort(
            is_live=found.is_live,
            looked_at=found.looked_at,
            every_seconds=found.every_seconds,
            heard_at=found.heard_at,
            since=found.created_at,
            until=found.fresh_until,
            now=now,
        )
        if fresh.stale:
            raise Stopped("suppress_unreadable", f"the suppressed cohort {one} is stale")


def version(seen: dict[int, cohorts_seen.Seen]) -> int:
    """Add up the versions that tell a live job whether anything has changed."""
    return sum(one.version for one in seen.values())


def sends(job: Job) -> bool:
    """Tell whether a job is to send or to remove members, beside those to be erased."""
    if job.deleted_at is not None:
        return False
    return job.state in (State.ACTIVE, State.FAILING) or (
        job.state == State.DONE and is_removal(job)
    )


def is_removal(job: Job) -> bool:
    """Tell whether a job is to take out all it has sent."""
    return job.asked == Asked.REMOVE
