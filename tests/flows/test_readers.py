"""Reading from a replica: a real one, that keeps up, falls behind, goes away, and comes back."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import erase, lookup
from gateway.flows.cohorts import read_routing as readers
from gateway.flows.cohorts.lookup import Preconditions
from gateway.flows.cohorts.read_routing import ReadRouter, ReplicaLag
from gateway.store.db.engine import Pool
from tests import replica as replicas
from tests.model.desk import Desk
from tests.model.sender import ADD

WHERE = text("SELECT pg_is_in_recovery()")


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture(scope="module")
def shared_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Lend a server of their own to the tests of this file."""
    with replicas.primary(tmp_path_factory.mktemp("primary")) as pool:
        yield pool


@pytest.fixture(scope="module")
def replica(shared_pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Follow the database of the tests."""
    with replicas.following(shared_pool, tmp_path_factory.mktemp("replica")) as server:
        pool = Pool(server.url, name="replica", size=4, limit_seconds=10)
        yield pool
        pool.close()


def on_replica(readers: ReadRouter) -> bool:
    """Tell whether a reader is sent to the replica."""
    return bool(readers.ask(lambda conn: conn.execute(WHERE).scalar_one()))


def test_readers__without_a_replica__ask_the_primary(pool: Pool) -> None:
    alone = ReadRouter(pool)
    assert not on_replica(alone)
    alone.settle()


def test_replica__that_keeps_up__is_read_and_shows_what_was_applied(
    desk: Desk, replica: Pool
) -> None:
    receipt = desk.send(ADD, "s1", "ab")
    desk.settle(receipt)
    replicas.await_replay(desk.pool, replica)
    both = ReadRouter(desk.pool, replica)
    assert on_replica(both)
    assert lookup.cohort(both, receipt.cohort_id, now=desk.clock()).member_count == 2
    assert '"a@example.com"' in lookup.member(both, receipt.cohort_id, "a")


def test_replica__behind_the_seq_asked_for__leaves_it_to_the_primary(
    desk: Desk, replica: Pool
) -> None:
    receipt = desk.send(ADD, "s1", "a")
    desk.settle(receipt)
    both = ReadRouter(desk.pool, replica, clock=Clock())
    with replicas.paused(desk.pool, replica):
        assert on_replica(both)
        desk.settle(desk.send(ADD, "s2", "b"))
        look = functools.partial(lookup.cohort, both, receipt.cohort_id, now=desk.clock())
        assert look().last_seq == 1
        assert look(min_seq=1).last_seq == 1
        assert look(min_seq=2).last_seq == 2
        with pytest.raises(ReplicaLag) as raised:
            look(min_seq=3)
        assert (raised.value.status, raised.value.retry_after_seconds) == (503, 1)
        assert on_replica(both)


def test_replica__that_does_not_know_the_cohort_yet__leaves_it_to_the_primary(
    desk: Desk, replica: Pool
) -> None:
    both = ReadRouter(desk.pool, replica, clock=Clock())
    with replicas.paused(desk.pool, replica):
        assert on_replica(both)
        receipt = desk.send(ADD, "s1", "a")
        desk.settle(receipt)
        asker = Preconditions(min_seq=1)
        found = lookup.members(both, receipt.cohort_id, after="", limit=9, asker=asker)
        assert found.answer is not None
        assert [one.member_id for one in found.answer.items] == ["a"]
        for min_seq in (0, 1):
            with pytest.raises(errors.NotFound):
                lookup.cohort(both, 10**9, now=desk.clock(), min_seq=min_seq)


def test_replica__too_far_behind__is_left_and_joined_again(desk: Desk, replica: Pool) -> None:
    clock = Clock()
    both = ReadRouter(desk.pool, replica, clock=clock)
    with replicas.paused(desk.pool, replica):
        assert on_replica(both)
        desk.settle(desk.send(ADD, "s1", "a"))
        replicas.flush(desk.pool)
        clock.now += readers.MOST_BEHIND_SECONDS - 0.1
        assert on_replica(both)
        clock.now += 1
        assert not on_replica(both)
    replicas.await_replay(desk.pool, replica)
    clock.now += readers.LOOK_SECONDS
    assert on_replica(both)


def test_replica__with_nothing_to_replay__is_never_behind(desk: Desk, replica: Pool) -> None:
    replicas.await_replay(desk.pool, replica)
    clock = Clock()
    both = ReadRouter(desk.pool, replica, clock=clock)
    for _ in range(3):
        assert on_replica(both)
        clock.now += 3600


def test_replica__of_another_database__is_not_read(pool: Pool) -> None:
    for name, usable in (("postgres", False), (pool.engine.url.database, True)):
        url = pool.engine.url.set(database=name).render_as_string(hide_password=False)
        other = Pool(url, name="other", size=1, limit_seconds=2)
        both = ReadRouter(pool, other)
        assert both.choose(lambda chosen, other=other: chosen is other) is usable  # type: ignore[misc]
        other.close()


def test_replica__that_nobody_answers_at__is_asked_again_only_after_a_pause(
    desk: Desk, replica: Pool
) -> None:
    replicas.await_replay(desk.pool, replica)
    clock = Clock()
    url = replica.engine.url.set(port=1)
    away = Pool(url.render_as_string(hide_password=False), name="r", size=1, limit_seconds=2)
    both = ReadRouter(desk.pool, away, clock=clock)
    assert not on_replica(both)
    both._replica = replica  # noqa: SLF001 - it comes back at its address
    assert not on_replica(both)
    clock.now += readers.PAUSE_SECONDS
    assert on_replica(both)


def test_replica__that_fails_in_the_middle__leaves_the_question_to_the_primary(
    desk: Desk, replica: Pool
) -> None:
    both = ReadRouter(desk.pool, replica)
    replicas.await_replay(desk.pool, replica)
    for refused in ("CREATE TABLE nowhere ()", "SELECT 1 FROM no_such_table"):
        asked: list[bool] = []

        def look(conn: object, asked: list[bool] = asked, refused: str = refused) -> bool:
            asked.append(bool(conn.execute(WHERE).scalar_one()))  # type: ignore[attr-defined]
            if asked[-1]:
                conn.execute(text(refused))  # type: ignore[attr-defined]
            return asked[-1]

        assert both.ask(look) is False
        assert asked == [True, False]


def test_erase__with_a_replica__is_settled_once_the_replica_shows_it(
    desk: Desk, replica: Pool
) -> None:
    receipt = desk.send(ADD, "s1", "a")
    desk.settle(receipt)
    both = ReadRouter(desk.pool, replica)
    with replicas.paused(desk.pool, replica):
        assert on_replica(both)
        erase.erase(desk.pool, "a", erase.Where(), now=desk.clock())
        assert '"a"' in lookup.member(both, receipt.cohort_id, "a")
        settling = threading.Thread(target=both.settle)
        settling.start()
        settling.join(0.3)
        assert settling.is_alive()
    settling.join(20)
    assert not settling.is_alive()
    with pytest.raises(errors.NotFound):
        lookup.member(both, receipt.cohort_id, "a")


def test_erase__replica_never_shows_it__is_settled_when_everybody_has_left_it(
    desk: Desk, replica: Pool
) -> None:
    receipt = desk.send(ADD, "s1", "a")
    desk.settle(receipt)
    both = ReadRouter(desk.pool, replica)
    with replicas.paused(desk.pool, replica):
        assert on_replica(both)
        erase.erase(desk.pool, "a", erase.Where(), now=desk.clock())
        began = time.monotonic()
        both.settle()
        assert time.monotonic() - began >= readers.SETTLED_SECONDS
        with pytest.raises(errors.NotFound):
            lookup.member(both, receipt.cohort_id, "a")
