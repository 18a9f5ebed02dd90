"""Loaders die, and Postgres is restarted, while a file is read into a list."""

from __future__ import annotations

import signal

import pytest
from sqlalchemy import text

from gateway.core import moments
from gateway.core.cohorts.receipt import Receipt
from gateway.flows.cohorts import load_lookup, load_queue
from gateway.flows.cohorts.load_queue import File, Wanted
from gateway.flows.sources import cohorts
from gateway.jobs import WakeUps
from gateway.store.db.engine import Pool
from tests.faults.trial import Bench
from tests.stack import until

ROWS = 150_000
# A lease runs out after 30 s, and a loader looks every 5; then the file is read from the start.
TAKEOVER_SECONDS = 120.0


@pytest.fixture
def cohort(bench: Bench, request: pytest.FixtureRequest) -> int:
    """Make a list."""
    wanted = cohorts.Wanted(source="lists", name=request.node.name)
    return cohorts.create(bench.pool, wanted, max_cohorts=1000, now=moments.now()).id


def queue(bench: Bench, cohort: int) -> Receipt:
    """Queue a load of many rows, and wait until some of it was read."""
    lines = [f"user-{n},user-{n}@example.com,Ada" for n in range(ROWS)]
    file = File(data="\n".join(["id,email,first_name", *lines, ""]).encode())
    bell = WakeUps(bench.installation.environ["REDIS_URL"])
    found = load_queue.accept_file(
        bench.pool,
        cohort,
        file,
        Wanted(),
        max_bytes=1 << 30,
        wake_ups=bell,
        now=moments.now(),
    )
    until(lambda: staged(bench.pool, cohort) >= 2)
    return found


def staged(pool: Pool, cohort: int) -> int:
    """Count the staged pages of a cohort."""
    with pool.read() as conn:
        found = conn.execute(
            text("SELECT count(*) FROM deliveries WHERE number < 0 AND cohort_id = :id"),
            {"id": cohort},
        )
        return int(found.scalar_one())


def require_applied_once(bench: Bench, cohort: int, one: Receipt) -> None:
    """Wait for the end of a load, and see that it was applied, and once."""

    def is_over() -> bool:
        return load_lookup.get(bench.pool, cohort, one.number).is_over

    until(is_over, TAKEOVER_SECONDS)
    done = load_lookup.get(bench.pool, cohort, one.number)
    assert (done.state, done.error, done.entered) == ("applied", None, ROWS)
    with bench.pool.read() as conn:
        (counted,) = conn.execute(
            text("SELECT member_count, last_change FROM apply_state WHERE cohort_id = :id"),
            {"id": cohort},
        )
    assert tuple(counted) == (ROWS, ROWS)
    assert staged(bench.pool, cohort) == 0


@pytest.mark.long
@pytest.mark.timeout(240)
def test_loader__killed_while_it_reads__is_taken_over_and_nothing_is_applied_twice(
    bench: Bench, cohort: int
) -> None:
    one = queue(bench, cohort)
    (loader,) = [part for part in bench.installation.programs if part.name == "loader"]
    loader.send(signal.SIGKILL)
    loader.await_running(2)
    require_applied_once(bench, cohort, one)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_postgres__restarted_while_a_file_is_read__has_it_read_again(
    bench: Bench, cohort: int
) -> None:
    one = queue(bench, cohort)
    starts = bench.installation.postgres.starts
    bench.installation.postgres.send(signal.SIGQUIT)
    bench.installation.postgres.await_running(starts + 1)
    until(bench.installation.is_ready)
    require_applied_once(bench, cohort, one)
