"""The job: what it does with the ring, with its time, and with trouble."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable

import pytest
import redis

from gateway import jobs
from gateway.flows.cohorts.apply import Applier, Drained
from gateway.store.cohorts import backlog
from gateway.store.db.engine import Pool
from tests.model.desk import Desk
from workers import apply, runtime
from workers.runtime import Runtime


class Hurried(Applier):
    """An applier whose time is up before it begins."""

    def drain(self, cohort_id: int, *, budget_seconds: float = 0.0) -> Drained:
        """Find that time is up."""
        return super().drain(cohort_id, budget_seconds=budget_seconds)


@pytest.fixture
def process(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a worker process that has not begun yet."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    runtime.current.cache_clear()


def pending(pool: Pool, desk: Desk) -> int:
    with pool.read() as conn:
        return backlog.totals(conn, now=desk.clock()).pending


def test_drain__of_a_rung_cohort__takes_the_ring_down_and_applies(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    assert made.wake_ups.notify(cohort_id)
    apply.apply(made, cohort_id)
    assert pending(desk.pool, desk) == 0
    assert not client.exists(jobs.pending_key(cohort_id))
    assert made.meters.read()["apply_seconds_sum"] > 0


def test_drain__out_of_time__rings_again(made: Runtime, desk: Desk, client: redis.Redis) -> None:
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    apply.apply(dataclasses.replace(made, applier=Hurried(made.pool, now=desk.clock)), cohort_id)
    assert pending(desk.pool, desk) == 1
    assert client.exists(jobs.pending_key(cohort_id))
    assert jobs.queue(client).count == 1


@pytest.mark.usefixtures("process")
def test_job__in_a_worker__applies(desk: Desk) -> None:
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    apply.drain(cohort_id)
    assert pending(desk.pool, desk) == 0
    assert runtime.current().settings.database_url == os.environ["DATABASE_URL"]


@pytest.mark.usefixtures("process")
def test_job__database_away__is_logged_and_tells_rq_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d")
    apply.drain(7)
    (logged,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (logged["event"], logged["cohort_id"], logged["level"]) == ("apply.failed", 7, "error")
    assert "Unavailable: the database did not answer" in logged["exception"]


@pytest.mark.usefixtures("process")
def test_job__redis_away_meanwhile__applies_and_logs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    apply.drain(cohort_id)
    assert '"event":"apply.failed"' in capsys.readouterr().err
    assert pending(desk.pool, desk) == 0


class Counting(Applier):
    """An applier that counts its drains, and for which something happens before one of them."""

    def __init__(self, made: Runtime, desk: Desk, before: Callable[[int], None]) -> None:
        super().__init__(made.pool, now=desk.clock)
        self._before = before
        self.drains = 0

    def drain(self, cohort_id: int, *, budget_seconds: float = 5.0) -> Drained:
        """Drain as ever."""
        self._before(self.drains)
        self.drains += 1
        return super().drain(cohort_id, budget_seconds=budget_seconds)


def test_drain__sync_whose_pages_still_come__listens_and_applies_them_without_a_ring(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    def send(number: int) -> None:
        if number in (1, 2):
            assert client.exists(jobs.pending_key(cohort_id))
            desk.send("add_members", "s1", "bcd"[number], page=(number + 1, 3))

    cohort_id = desk.send("add_members", "s1", "a", page=(1, 3)).cohort_id
    assert made.wake_ups.notify(cohort_id)
    client.delete(jobs.queue(client).key)  # as if a worker had taken the job
    applier = Counting(made, desk, send)
    apply.apply(dataclasses.replace(made, applier=applier), cohort_id)
    assert (pending(desk.pool, desk), applier.drains) == (0, 4)
    assert not client.exists(jobs.pending_key(cohort_id))


def test_drain__sync_that_is_whole__listens_for_nothing(made: Runtime, desk: Desk) -> None:
    cohort_id = desk.send("add_members", "s1", "a").cohort_id
    applier = Counting(made, desk, lambda _: None)
    apply.apply(dataclasses.replace(made, applier=applier), cohort_id)
    assert applier.drains == 2  # and once more after the ring was taken down


@pytest.mark.parametrize("action", ["add_members", "members"])
def test_drain__sync_that_stops_halfway__ends_soon(made: Runtime, desk: Desk, action: str) -> None:
    cohort_id = desk.send(action, "s1", "a", page=(1, 9)).cohort_id
    applier = Counting(made, desk, lambda _: None)
    apply.apply(dataclasses.replace(made, applier=applier), cohort_id)
    assert 2 <= applier.drains <= apply.LISTENS + 2


def test_drain__another_cohort_waits__does_not_listen(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    other = desk.send("add_members", "s1", "a", cohort="cohort-2").cohort_id
    cohort_id = desk.send("add_members", "s1", "a", page=(1, 9)).cohort_id
    assert made.wake_ups.notify(other)
    applier = Counting(made, desk, lambda _: None)
    apply.apply(dataclasses.replace(made, applier=applier), cohort_id)
    assert applier.drains == 2
    assert jobs.queue(client).count == 1


def test_drain__page_that_rang_in_vain__is_found_after_the_ring_is_down(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    def send(number: int) -> None:
        if number == 1:
            desk.send("add_members", "s2", "b")

    cohort_id = desk.send("add_members", "s1", "a").cohort_id
    apply.apply(dataclasses.replace(made, applier=Counting(made, desk, send)), cohort_id)
    assert pending(desk.pool, desk) == 0
    assert jobs.queue(client).count == 0
