"""The feed over all cohorts: nothing is missed or told twice, whatever commits when."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.flows.cohorts import erase, feed
from gateway.store.cohorts import apply_state, removals
from gateway.store.cohorts import feed as feed_rows
from tests.flows.consuming import ALL, Consumer, add, by_cohort, catch_up, kept, positions
from tests.model.sender import MEMBERS, REMOVE

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


@pytest.mark.parametrize("limit", [1, 2, 3, 7, ALL])
def test_feed__from_its_start__tells_each_cohort_in_order_and_stays_so(
    desk: Desk, limit: int
) -> None:
    add(desk, "one", "abc")
    add(desk, "two", "xyz")
    early = Consumer(desk.pool)
    early.run(limit)
    desk.settle(desk.send(MEMBERS, "one-more", "cd", cohort="one"))
    desk.settle(desk.send(REMOVE, "two-less", "x", cohort="two"))
    early.run(limit)
    late = Consumer(desk.pool)
    late.run(limit)
    assert late.told == early.told
    assert by_cohort(late.told) == kept(desk.pool)
    assert early.step() == late.step() == []


def test_feed__of_a_commit_in_flight__tells_it_later_and_nothing_twice(desk: Desk) -> None:
    first, second = add(desk, "one", "a"), add(desk, "two", "x")
    consumer = Consumer(desk.pool)
    consumer.run()
    with desk.pool.begin() as conn:
        apply_state.lock(conn, int(first))
        removals.let_everyone_exit(conn, int(first), now=desk.clock())
        add(desk, "two", "y")
        assert consumer.run() == [(second, 2, "entered", "y")]
    assert consumer.run() == [(first, 2, "exited", "a")]
    assert by_cohort(consumer.told) == kept(desk.pool)


def test_feed__while_another_process_numbers__waits_for_nothing(desk: Desk) -> None:
    cohort_id = add(desk, "one", "a")
    consumer = Consumer(desk.pool)
    with desk.pool.begin() as conn:
        assert feed_rows.lock(conn) is not None
        assert consumer.run() == []
    assert consumer.run() == [(cohort_id, 1, "entered", "a")]


def test_feed__numbered_meanwhile_by_another__is_numbered_once(desk: Desk, pool: Pool) -> None:
    add(desk, "one", "a")

    class Late:
        """A pool at the first transaction of which another has numbered everything."""

        def read(self) -> object:
            return pool.read()

        def begin(self) -> object:
            feed.number(pool)
            return pool.begin()

    before = positions(pool)
    feed.number(Late())  # type: ignore[arg-type] # as much of a pool as is called
    assert positions(pool) == before + 1


def test_number__of_more_than_one_transaction_takes__numbers_all(desk: Desk) -> None:
    for number in range(5):
        add(desk, f"c{number}", "a")
    before = positions(desk.pool)
    feed.number(desk.pool, at_once=2)
    assert positions(desk.pool) == before + 5
    assert len(Consumer(desk.pool).run()) == 5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_feed__beside_many_commits__tells_each_consumer_all_once_in_one_order(
    desk: Desk, seed: int
) -> None:
    ids = [int(add(desk, f"c{number}", "a")) for number in range(4)]
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    pauses = {one: [draw.uniform(0, 0.008) for _ in range(25)] for one in ids}
    over = threading.Event()

    def write(cohort_id: int) -> None:
        for pause in pauses[cohort_id]:
            with desk.pool.begin() as conn:
                state = apply_state.lock(conn, cohort_id)
                assert state is not None
                _enter(conn, cohort_id, state.last_change + 1)
                time.sleep(pause)  # in flight, while others commit and consumers read

    def follow(consumer: Consumer, limit: int) -> None:
        while not over.is_set():
            consumer.step(limit)
        consumer.run(limit)

    consumers = [Consumer(desk.pool) for _ in range(3)]
    readers = [
        threading.Thread(target=follow, args=(consumer, limit))
        for consumer, limit in zip(consumers, (1, 5, ALL), strict=True)
    ]
    writers = [threading.Thread(target=write, args=(one,)) for one in ids]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    catch_up(consumers)
    first, *others = consumers
    assert len(first.told) == 4 * 26
    assert by_cohort(first.told) == kept(desk.pool)
    assert [one.told for one in others] == [first.told] * 2


def test_feed__of_a_source__is_of_its_cohorts_and_comes_to_the_end(desk: Desk) -> None:
    add(desk, "one", "abc")
    assert Consumer(desk.pool, source="desk").run(2) == Consumer(desk.pool).run()
    elsewhere = Consumer(desk.pool, source="nowhere")
    assert elsewhere.run() == []
    assert elsewhere.place is not None
    assert elsewhere.place.position == positions(desk.pool) + 1


def test_feed__of_a_deleted_cohort__ends_with_its_exits(desk: Desk) -> None:
    cohort_id = add(desk, "one", "a")
    with desk.pool.begin() as conn:
        removals.let_everyone_exit(conn, int(cohort_id), now=desk.clock())
        removals.close(conn, int(cohort_id), now=desk.clock())
    assert [change for *_, change, _ in Consumer(desk.pool).run()] == ["entered", "exited"]


def test_feed__of_an_erased_person__does_not_name_them(desk: Desk) -> None:
    add(desk, "one", "ab")
    add(desk, "two", "b")
    erase.erase(desk.pool, "a", erase.Where(), now=desk.clock(), redact_seconds=0)
    found = [(change, member) for *_, change, member in Consumer(desk.pool).run()]
    assert found == [
        ("entered", None),
        ("entered", "b"),
        ("exited", None),
        ("entered", "b"),
    ]


def _enter(conn: Connection, cohort_id: int, seq: int) -> None:
    conn.execute(_CHANGE, {"id": cohort_id, "seq": seq})
    conn.execute(_COUNT, {"id": cohort_id, "seq": seq})


_CHANGE = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, member_ids)
    VALUES (:id, :seq, :seq, 'entered', now(), ARRAY['m'])
""")

_COUNT = text("UPDATE apply_state SET last_change = :seq WHERE cohort_id = :id")
