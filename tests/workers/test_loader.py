"""The loader as a process: it is rung for, looks by itself, and may be killed at any time."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.core import moments
from gateway.core.cohorts.load import State
from gateway.core.cohorts.receipt import Receipt
from gateway.flows.cohorts import load_lookup, load_queue
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.load_queue import File, Wanted
from gateway.flows.sources import built_in, cohorts
from gateway.jobs import WakeUps
from gateway.store.db.engine import Pool
from tests import stack
from tests.workers.test_worker import Process, Start, start

__all__ = ["start"]

MOST_MEBIBYTES = 200
NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def cohort(pool: Pool) -> int:
    """Make a list."""
    built_in.make(pool, now=moments.now())
    wanted = cohorts.Wanted(source="lists", name="VIPs")
    return cohorts.create(pool, wanted, max_cohorts=10, now=moments.now()).id


def queue(pool: Pool, cohort: int, data: bytes, bell: WakeUps) -> Receipt:
    """Queue a load of a file."""
    return load_queue.accept_file(
        pool,
        cohort,
        File(data=data),
        Wanted(),
        max_bytes=1 << 30,
        wake_ups=bell,
        now=moments.now(),
    )


def await_state(pool: Pool, one: Receipt, *states: State) -> Receipt:
    """Wait for a state of a load."""
    found = [one]

    def is_there() -> bool:
        found[0] = load_lookup.get(pool, one.cohort_id, one.number)
        return found[0].state in states

    stack.until(is_there)
    return found[0]


def file(rows: int) -> bytes:
    """Write a file of five columns."""
    lines = [
        f"user-{n},user-{n}@example.com,Ada,Lovelace {n % 100},plan {n % 7}" for n in range(rows)
    ]
    return "\n".join(["id,email,first_name,last_name,plan", *lines, ""]).encode()


def staged(pool: Pool) -> int:
    """Count the staged pages."""
    with pool.read() as conn:
        found = conn.execute(text("SELECT count(*) FROM deliveries WHERE number < 0"))
        return int(found.scalar_one())


def members(pool: Pool, cohort: int) -> tuple[int, int]:
    """Apply what waits; returns how many members there are, and how many changes there were."""
    Applier(pool, now=moments.now).drain(cohort)
    with pool.read() as conn:
        row = conn.execute(
            text("SELECT member_count, last_change FROM apply_state WHERE cohort_id = :id"),
            {"id": cohort},
        ).one()
    return row.member_count, row.last_change


def expire(pool: Pool) -> None:
    """Let the leases of readers run out, as they do by themselves after half a minute."""
    with pool.begin() as conn:
        conn.execute(text("UPDATE leases SET leased_until = now() - interval '1 s'"))


def peak_mebibytes(process: Process) -> int:
    """Read the peak memory of a process."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kibibytes) // 1024


@pytest.mark.parametrize("redis_url", [None, NO_REDIS])
def test_loader__with_and_without_redis__reads_what_is_queued(
    start: Start, pool: Pool, cohort: int, valkey_url: str, redis_url: str | None
) -> None:
    url = redis_url or valkey_url
    process = start("loader", REDIS_URL=url)
    process.await_event("worker.started")
    one = queue(pool, cohort, b"a\nb\n", WakeUps(url))
    await_state(pool, one, State.APPLYING)
    assert members(pool, cohort) == (2, 2)
    assert process.end() == 0


def test_loader__killed_while_it_reads__is_replaced_and_nothing_is_applied_twice(
    start: Start, pool: Pool, cohort: int
) -> None:
    bell = WakeUps(NO_REDIS)
    one = queue(pool, cohort, file(300_000), bell)
    first = start("loader", REDIS_URL=NO_REDIS)
    stack.until(lambda: staged(pool) >= 3)
    first.popen.send_signal(signal.SIGKILL)
    first.popen.wait()
    assert members(pool, cohort) == (0, 0)
    expire(pool)
    second = start("loader", REDIS_URL=NO_REDIS)
    done = await_state(pool, one, State.APPLYING, State.FAILED)
    assert done.state == State.APPLYING
    assert done.rows.read == done.rows.accepted == 300_000
    assert peak_mebibytes(second) <= MOST_MEBIBYTES
    assert members(pool, cohort) == (300_000, 300_000)
    assert staged(pool) == 0


def test_loader__told_to_stop_while_it_reads__gives_the_load_back_at_once(
    start: Start, pool: Pool, cohort: int, valkey_url: str
) -> None:
    bell = WakeUps(valkey_url)
    one = queue(pool, cohort, file(100_000), bell)
    first = start("loader")
    stack.until(lambda: staged(pool) >= 3)
    assert first.end() == 0
    with pool.read() as conn:
        (lease,) = conn.execute(text("SELECT holder, deaths FROM leases")).all()
    assert (lease.holder, lease.deaths) == (None, 0)
    start("loader")
    await_state(pool, one, State.APPLYING)
