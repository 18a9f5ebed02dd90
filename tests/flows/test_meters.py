"""What worker processes count, over sleeps, restarts and outages."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.health import heartbeats as meters
from gateway.flows.health.duty import Duty
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from gateway.store.health import meters as totals

NOWHERE = "postgresql+psycopg2://u:p@127.0.0.1:1/d"


def heart(pool: Pool, counts: meters.ApplyMeters, name: str = "a") -> meters.Heartbeat:
    return meters.Heartbeat(pool, name=name, kind=meters.WORKER, meters=counts, duty=Duty())


def histogram(pool: Pool) -> tuple[dict[float, float], float]:
    """Return the buckets that are not empty and the sum, over all workers there ever were."""
    with pool.read() as conn:
        counts, seconds = meters.histogram(totals.of_workers(conn))
    return {bound: count for bound, count in counts.items() if count}, seconds


def alive(pool: Pool) -> int:
    with pool.read() as conn:
        return heartbeats.alive(conn, heartbeats.WORKER)


def fall_asleep(pool: Pool) -> None:
    """Make everybody's last beat so old that the next scheduler retires them."""
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = beat_at - interval '1 hour'"))
    meters.retire(pool)


def test_histogram__of_what_was_observed__has_it_in_its_buckets() -> None:
    counts = meters.ApplyMeters()
    for seconds in (0.005, 0.006, 61, 1000):
        counts.observe(seconds)
    found, seconds = meters.histogram(counts.read())
    assert list(found) == list(meters.APPLY_BUCKETS_SECONDS)
    assert {bound: count for bound, count in found.items() if count} == {
        0.005: 1,
        0.01: 1,
        float("inf"): 2,
    }
    assert seconds == 1061.011


def test_histogram__of_another_version__keeps_its_buckets() -> None:
    found, seconds = meters.histogram({"apply_seconds_count_0.3": 2, "apply_seconds_sum": 0.5})
    assert (found[0.3], seconds) == (2, 0.5)
    assert meters.histogram({})[1] == 0


def test_heart__of_several_workers__adds_up(pool: Pool) -> None:
    for name in ("a", "b"):
        counts = meters.ApplyMeters()
        one = heart(pool, counts, name)
        one.beat()
        counts.observe(0.5)
        one.beat()
        one.beat()
    assert histogram(pool) == ({0.5: 2}, 1.0)
    assert alive(pool) == 2


def test_heart__stopped__is_not_alive_and_keeps_what_it_counted_last(pool: Pool) -> None:
    counts = meters.ApplyMeters()
    one = heart(pool, counts)
    one.beat()
    counts.observe(0.5)
    one.stop()
    assert alive(pool) == 0
    assert histogram(pool) == ({0.5: 1}, 0.5)


def test_heart__retired_in_its_sleep__joins_again_and_counts_nothing_twice(pool: Pool) -> None:
    counts = meters.ApplyMeters()
    one = heart(pool, counts)
    for _ in range(3):
        counts.observe(0.5)
        one.beat()
        fall_asleep(pool)
        assert alive(pool) == 0
    counts.observe(0.5)
    one.beat()
    assert alive(pool) == 1
    assert histogram(pool) == ({0.5: 4}, 2.0)
    one.stop()
    assert histogram(pool) == ({0.5: 4}, 2.0)


def test_heart__database_away__counts_on_until_it_is_back(pool: Pool) -> None:
    counts = meters.ApplyMeters()
    counts.observe(0.5)
    away = Pool(NOWHERE, name="away", size=1, limit_seconds=1)
    with pytest.raises(errors.Unavailable):
        heart(away, counts).beat()
    heart(pool, counts).beat()
    assert histogram(pool) == ({0.5: 1}, 0.5)


def test_retire__nobody_silent__changes_nothing(pool: Pool) -> None:
    counts = meters.ApplyMeters()
    counts.observe(0.5)
    heart(pool, counts).beat()
    meters.retire(pool)
    assert alive(pool) == 1
    assert histogram(pool) == ({0.5: 1}, 0.5)
