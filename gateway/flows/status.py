"""Status: how the gateway is doing, and what waits to be applied or is stuck."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import gateway
from gateway.flows.lookup import Slice
from gateway.store import backlog, heartbeats

if TYPE_CHECKING:
    import datetime

    from gateway.store.backlog import Delivery
    from gateway.store.engine import Pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """The numbers that tell an operator whether to look closer."""

    status: str
    version: str
    pending_deliveries: int
    oldest_pending_seconds: float | None
    blocked_deliveries: int
    workers_alive: int
    scheduler_alive: bool
    redis: str


def status(pool: Pool, *, redis_up: bool, now: datetime.datetime) -> Status:
    """Say how the gateway is doing; it is degraded when nobody may be applying what it accepts."""
    with pool.read() as conn:
        totals = backlog.totals(conn, now=now)
        workers_alive = heartbeats.alive(conn, heartbeats.WORKER)
        scheduler_alive = heartbeats.alive(conn, heartbeats.SCHEDULER) > 0
    well = redis_up and scheduler_alive and workers_alive > 0
    return Status(
        status="ok" if well else "degraded",
        version=gateway.__version__,
        pending_deliveries=totals.pending,
        oldest_pending_seconds=totals.oldest_seconds,
        blocked_deliveries=totals.blocked,
        workers_alive=workers_alive,
        scheduler_alive=scheduler_alive,
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
