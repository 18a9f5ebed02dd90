"""Status: how the gateway is doing, and what waits to be applied or is stuck."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import gateway
from gateway.flows.cohorts.parts import Slice
from gateway.flows.health import duty
from gateway.store.cohorts import backlog
from gateway.store.health import heartbeats

if TYPE_CHECKING:
    import datetime

    from gateway.store.cohorts.backlog import Delivery
    from gateway.store.db.engine import Pool


# A page that waits for so long waits although the processes seem to work.
OLD_SECONDS: Final = 300.0


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
    redis: str


def status(pool: Pool, *, redis_up: bool, now: datetime.datetime) -> Status:
    """Say how the gateway is doing: degraded when not all that applies what it accepts works."""
    with pool.read() as conn:
        totals = backlog.totals(conn, now=now)
        pulses = heartbeats.pulses(conn)
    workers, scheduler = pulses
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
        workers_trouble=duty.trouble(workers),
        scheduler_alive=scheduler.alive > 0,
        scheduler_trouble=duty.trouble(scheduler),
        redis="up" if redis_up else "down",
    )


def deliveries(
    pool: Pool, *, state: str | None, after: tuple[int, int], limit: int
) -> Slice[Delivery, tuple[int, int]]:
    """List pending and blocked deliveries, or those of one state, by cohort and number."""
    wanted = None if state is None else backlog.State(state)
    with pool.read() as conn:
        found = backlog.listing(conn, state=wanted, after=after, limit=limit + 1)
    return Slice.cut(found, limit, lambda delivery: (delivery.cohort_id, delivery.number))
