"""The status, and the backlog that it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.health import processes
from gateway.flows.cohorts import admin
from gateway.flows.health import status
from gateway.store.health import heartbeats
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.flows.health.status import Status
    from tests.model.desk import Desk


def look(desk: Desk, *, redis_up: bool = True) -> Status:
    return status.status(desk.pool, redis_up=redis_up, now=desk.clock())


def listed(desk: Desk, state: str | None = None) -> list[tuple[int, str]]:
    found = status.deliveries(desk.pool, state=state, after=(0, 0), limit=100)
    return [(one.number, one.state) for one in found.items]


def test_status__everything_alive__is_ok_and_anything_dead_degrades_it(desk: Desk) -> None:
    assert look(desk).status == "degraded"
    with desk.pool.begin() as conn:
        heartbeats.join(conn, "worker-1", heartbeats.WORKER)
    assert look(desk).status == "degraded"
    with desk.pool.begin() as conn:
        heartbeats.join(conn, "scheduler-1", heartbeats.SCHEDULER)
        heartbeats.join(conn, "loader-1", processes.LOADER)
    assert look(desk).status == "degraded"
    with desk.pool.begin() as conn:
        heartbeats.join(conn, "sender-1", processes.SENDER)
    assert look(desk).status == "ok"
    assert look(desk, redis_up=False).status == "degraded"
    desk.send(ADD, "s", "a")
    desk.clock.tick(status.OLD_SECONDS + 1)
    assert look(desk).status == "degraded", "pages wait, whatever the processes say"


@pytest.mark.parametrize("kind", processes.KINDS)
def test_status__process_that_cannot_work__is_degraded_and_says_why(desk: Desk, kind: str) -> None:
    with desk.pool.begin() as conn:
        for one in processes.KINDS:
            heartbeats.join(conn, one, one)
        heartbeats.beat(conn, kind, {}, heartbeats.Condition(trouble="it cannot"))
    found = look(desk)
    assert (found.status, found.workers_alive, found.scheduler_alive) == ("degraded", 1, True)
    assert found.workers_working == (0 if kind == heartbeats.WORKER else 1)
    assert found.processes[kind].trouble == "it cannot"
    assert (found.workers_trouble == "it cannot") == (kind == processes.WORKER)
    assert (found.scheduler_trouble == "it cannot") == (kind == processes.SCHEDULER)
    with desk.pool.begin() as conn:
        heartbeats.beat(conn, kind, {})
    assert look(desk).status == "ok"


def test_status__clock_behind_the_page__is_not_negative(desk: Desk) -> None:
    desk.send(ADD, "s1", "a")
    desk.clock.tick(-60)
    assert look(desk).oldest_pending_seconds == 0


def test_backlog__through_blocking_and_retrying__counts_each_page_once(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "a")
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'damaged'"))
    desk.send(ADD, "s2", "b")
    assert listed(desk) == [(1, "pending"), (2, "pending")]
    assert (look(desk).pending_deliveries, look(desk).blocked_deliveries) == (2, 0)
    desk.settle(receipt)
    desk.send(ADD, "s3", "c")
    assert listed(desk) == [(1, "blocked"), (3, "pending")]
    assert listed(desk, "blocked") == [(1, "blocked")]
    assert listed(desk, "pending") == [(3, "pending")]
    assert (look(desk).pending_deliveries, look(desk).blocked_deliveries) == (1, 1)
    admin.retry_delivery(desk.pool, receipt.cohort_id, 1, now=desk.clock())
    assert listed(desk, "pending") == [(1, "pending"), (3, "pending")]
    assert (look(desk).pending_deliveries, look(desk).blocked_deliveries) == (2, 0)
    desk.settle(receipt)
    assert (look(desk).pending_deliveries, look(desk).blocked_deliveries) == (0, 1)


def test_deliveries__limited__end_where_the_next_begin(desk: Desk) -> None:
    receipts = [
        desk.send(ADD, f"s{number}", "a", cohort=cohort)
        for cohort in ("first", "second")
        for number in range(3)
    ]
    after, numbers = (0, 0), []
    while True:
        found = status.deliveries(desk.pool, state="pending", after=after, limit=2)
        numbers += [(one.cohort_id, one.number) for one in found.items]
        if found.end is None:
            break
        after = found.end
    assert numbers == [(one.cohort_id, one.number) for one in receipts]
