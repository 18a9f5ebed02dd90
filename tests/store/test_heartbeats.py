"""Heartbeats of processes that live, sleep, end and are retired, with two connections at once."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, text

from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats, meters


def add(pool: Pool, name: str, counts: dict[str, float], *, age_seconds: float = 0) -> None:
    """Let a worker join and beat, and make its last beat so old."""
    with pool.begin() as conn:
        heartbeats.join(conn, name, heartbeats.WORKER)
        assert heartbeats.beat(conn, name, counts)
        age(conn, name, age_seconds)


def age(conn: Connection, name: str, seconds: float) -> None:
    aged = text("UPDATE workers SET beat_at = now() - make_interval(secs => :s) WHERE name = :name")
    conn.execute(aged, {"s": seconds, "name": name})


def sums(pool: Pool) -> dict[str, float]:
    with pool.read() as conn:
        return meters.of_workers(conn)


def rows(pool: Pool) -> list[str]:
    with pool.read() as conn:
        found = conn.execute(text("SELECT DISTINCT worker FROM worker_meters ORDER BY worker"))
        return list(found.scalars())


def test_beat__before_joining__keeps_nothing(pool: Pool) -> None:
    with pool.begin() as conn:
        assert not heartbeats.beat(conn, "a", {"m": 1})
    assert sums(pool) == {}


def test_beat__again__replaces_what_was_counted(pool: Pool) -> None:
    add(pool, "a", {"m": 1})
    add(pool, "a", {"m": 3, "n": 1})
    add(pool, "b", {"m": 4})
    assert sums(pool) == {"m": 7, "n": 1}


def test_pulses__of_each_kind__tell_alive_and_last_beat(pool: Pool) -> None:
    add(pool, "a", {})
    add(pool, "b", {}, age_seconds=heartbeats.ALIVE_SECONDS + 1)
    with pool.read() as conn:
        worker, scheduler, loader, sender = heartbeats.pulses(conn)
        assert heartbeats.alive(conn, heartbeats.WORKER) == 1
        now = conn.execute(text("SELECT extract(epoch FROM now())")).scalar_one()
    assert (worker.kind, worker.alive) == ("worker", 1)
    assert worker.last_beat is not None
    assert 0 <= float(now) - worker.last_beat < heartbeats.ALIVE_SECONDS
    assert (scheduler.kind, scheduler.alive, scheduler.last_beat) == ("scheduler", 0, None)
    assert (loader.kind, loader.alive) == ("loader", 0)
    assert (sender.kind, sender.alive) == ("sender", 0)


def test_leave__of_one__keeps_its_counts_and_no_row(pool: Pool) -> None:
    add(pool, "a", {"m": 1, "n": 2})
    add(pool, "b", {"m": 4})
    with pool.begin() as conn:
        heartbeats.leave(conn, "a")
    assert sums(pool) == {"m": 5, "n": 2}
    assert rows(pool) == ["b", heartbeats.RETIRED]
    with pool.read() as conn:
        assert heartbeats.alive(conn, heartbeats.WORKER) == 1


def test_retire__long_silent_ones__keeps_their_counts_and_no_rows(pool: Pool) -> None:
    long_ago = heartbeats.FORGOTTEN_SECONDS + 1
    for round_ in range(2):
        for name in ("a", "b", "c"):
            add(pool, f"{name}{round_}", {"m": 1}, age_seconds=long_ago)
        add(pool, "alive", {"m": 10})
        with pool.begin() as conn:
            heartbeats.retire(conn)
    assert sums(pool) == {"m": 16}
    assert rows(pool) == ["alive", heartbeats.RETIRED]


def test_retire__by_two_schedulers_at_once__counts_nobody_twice(pool: Pool) -> None:
    for number in range(20):
        add(pool, f"w{number}", {"m": 1, "n": 2}, age_seconds=heartbeats.FORGOTTEN_SECONDS + 1)
    ready = threading.Barrier(2)

    def retire() -> None:
        with pool.begin() as conn:
            ready.wait()
            heartbeats.retire(conn)

    threads = [threading.Thread(target=retire) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums(pool) == {"m": 20, "n": 40}
    assert rows(pool) == [heartbeats.RETIRED]


def test_retire__while_the_sleeper_beats__leaves_it_alone(pool: Pool) -> None:
    add(pool, "a", {"m": 1}, age_seconds=heartbeats.FORGOTTEN_SECONDS + 1)
    retired = threading.Event()

    def retire() -> None:
        with pool.begin() as conn:
            heartbeats.retire(conn)
        retired.set()

    thread = threading.Thread(target=retire)
    with pool.begin() as conn:
        assert heartbeats.beat(conn, "a", {"m": 2})
        thread.start()
        assert not retired.wait(0.3)
    thread.join()
    assert sums(pool) == {"m": 2}
    assert rows(pool) == ["a"]


def test_beat__while_it_is_retired__finds_itself_gone(pool: Pool) -> None:
    add(pool, "a", {"m": 1}, age_seconds=heartbeats.FORGOTTEN_SECONDS + 1)
    known: list[bool] = []

    def beat() -> None:
        with pool.begin() as conn:
            known.append(heartbeats.beat(conn, "a", {"m": 2}))

    thread = threading.Thread(target=beat)
    with pool.begin() as conn:
        heartbeats.retire(conn)
        thread.start()
        thread.join(0.3)
        assert known == []
    thread.join()
    assert known == [False]
    assert sums(pool) == {"m": 1}
