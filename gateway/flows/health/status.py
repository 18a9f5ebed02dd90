"""Status: how the gateway is doing, and what waits to be applied or is stuck."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import gateway
from gateway.core.health import processes
from gateway.flows.cohorts.parts import ListPage
from gateway.flows.health import duty
from gateway.store.cohorts import backlog, cohorts
from gateway.store.health import heartbeats

if TYPE_CHECKING:
    import datetime

    from gateway.store.cohorts.backlog import Delivery
    from gateway.store.db.engine import Pool


# A page that waits for so long waits although the processes seem to work.
OLD_SECONDS: Final = 300.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processes:
    """How the processes of one kind do; `trouble` says why one of them does not work."""

    alive: int
    working: int
    trouble: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """The numbers that tell an operator whether to look closer."""

    status: str
    version: str
    pending_deliveries: int
    oldest_pending_seconds: float | None
    blocked_deliveries: int
    workers_alive: int
    workers_working: int
    workers_trouble: str | None
    scheduler_alive: bool
    scheduler_trouble: str | None
    processes: dict[str, Processes]
    redis: str


def status(pool: Pool, *, redis_up: bool, now: datetime.datetime) -> Status:
    """Say how the gateway is doing: degraded when not all that applies what it accepts works."""
    with pool.read() as conn:
        totals = backlog.totals(conn, now=now)
        pulses = heartbeats.pulses(conn)
    found = {
        one.kind: Processes(alive=one.alive, working=one.working, trouble=duty.trouble(one))
        for one in pulses
    }
    workers, scheduler = found[processes.WORKER], found[processes.SCHEDULER]
    late = (totals.oldest_seconds or 0) > OLD_SECONDS
    well = redis_up and duty.all_work(pulses) and not late
    return Status(
        status="ok" if well else "degraded",
        version=gateway.__version__,
        pending_deliveries=totals.pending,
        oldest_pending_seconds=totals.oldest_seconds,
        blocked_deliveries=totals.blocked,
        workers_alive=workers.alive,
        workers_working=workers.working,
        workers_trouble=workers.trouble,
        scheduler_alive=scheduler.alive > 0,
        scheduler_trouble=scheduler.trouble,
        processes=found,
        redis="up" if redis_up else "down",
    )


def deliveries(
    pool: Pool, *, state: str | None, after: tuple[int, int], limit: int
) -> ListPage[Delivery, tuple[int, int]]:
    """List pending and blocked deliveries, or those of one state, by cohort and number."""
    wanted = None if state is None else backlog.State(state)
    with pool.read() as conn:
        found = backlog.listing(conn, state=wanted, after=after, limit=limit + 1)
    return ListPage.cut(found, limit, lambda delivery: (delivery.cohort_id, delivery.number))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """A delivery and the name of its cohort."""

    delivery: Delivery
    cohort: str


def named_deliveries(
    pool: Pool, *, state: str | None, after: tuple[int, int], limit: int
) -> ListPage[Named, tuple[int, int]]:
    """List them as `deliveries` does, with the names of their cohorts."""
    found = deliveries(pool, state=state, after=after, limit=limit)
    with pool.read() as conn:
        labels = cohorts.labels(conn, sorted({one.cohort_id for one in found.items}))
    named = [
        Named(delivery=one, cohort=labels[one.cohort_id][-1] if one.cohort_id in labels else "")
        for one in found.items
    ]
    return ListPage(
        items=named,
        more=found.more,
        position=lambda one: (one.delivery.cohort_id, one.delivery.number),
    )
