"""Where the feed ends: what was pruned or restored, and what is still to come."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import feed, restored
from gateway.store.cohorts import feed as feed_rows
from tests.flows.consuming import ALL, Consumer, add, by_cohort, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_feed__that_begins_after_a_pruning__tells_what_is_kept(desk: Desk) -> None:
    cohort_id = add(desk, "one", "a")
    add(desk, "one", "b")
    add(desk, "two", "x")
    prune(desk.pool, cohort_id, 1)
    consumer = Consumer(desk.pool)
    consumer.run(1)
    assert by_cohort(consumer.told) == kept(desk.pool)
    assert len(consumer.told) == 2


def test_feed__of_which_a_part_was_pruned__is_gone_for_those_it_is_new_to(desk: Desk) -> None:
    cohort_id = add(desk, "one", "a")
    behind, ahead = Consumer(desk.pool), Consumer(desk.pool)
    behind.run()
    ahead.run()
    add(desk, "one", "b")
    ahead.run()
    prune(desk.pool, cohort_id, 2)
    with pytest.raises(errors.Gone):
        behind.step()
    add(desk, "one", "c")
    assert ahead.run() == [(cohort_id, 3, "entered", "c")]


def test_feed__pruned_within_what_is_being_read__is_gone(desk: Desk) -> None:
    cohort_id = add(desk, "one", "abc")
    consumer = Consumer(desk.pool)
    consumer.step(1)
    with desk.pool.begin() as conn:
        conn.execute(_PRUNED, {"id": cohort_id, "oldest": 3})
    with pytest.raises(errors.Gone):
        consumer.step(1)


def test_prune__of_the_feed__drops_what_tells_of_nothing_and_nothing_else(desk: Desk) -> None:
    cohort_id = add(desk, "one", "a")
    behind = Consumer(desk.pool)
    behind.step()
    add(desk, "one", "b")
    feed.number(desk.pool)
    add(desk, "one", "c")
    feed.number(desk.pool)
    assert feed.prune(desk.pool, every_seconds=0) == 0
    prune(desk.pool, cohort_id, 2)
    with desk.pool.begin() as conn:
        feed_rows.lock(conn)
        assert feed.prune(desk.pool, every_seconds=0) == 0
    assert feed.prune(desk.pool, every_seconds=0, at_once=1) == 1
    assert feed.prune(desk.pool, at_once=1) == 1, "a round goes on until it is through"
    assert feed.prune(desk.pool, at_once=1) == 0
    assert feed.prune(desk.pool) == 0, "the next one is not due"
    with pytest.raises(errors.Gone):
        behind.step()
    assert Consumer(desk.pool).run(1) == [(cohort_id, 3, "entered", "c")]


def test_feed__of_a_restored_database__is_ahead_of_old_places(desk: Desk) -> None:
    add(desk, "one", "a")
    consumer = Consumer(desk.pool)
    consumer.run()
    restored.begin_epoch(desk.pool, now=desk.clock())
    with pytest.raises(errors.Ahead) as ahead:
        consumer.step()
    again = Consumer(desk.pool)
    again.run()
    assert again.place is not None
    assert ahead.value.epoch == again.place.epoch


def test_feed__after_a_place_that_was_never_given__is_ahead(desk: Desk) -> None:
    consumer = Consumer(desk.pool)
    consumer.step()
    place = consumer.place
    assert place is not None
    consumer.place = feed.Place(
        epoch=place.epoch, position=place.position + 1, seq=0, pruned=place.pruned
    )
    with pytest.raises(errors.Ahead):
        consumer.step()


def test_feed__pruned_while_it_is_read__is_to_be_asked_for_again(desk: Desk) -> None:
    add(desk, "one", "ab")
    consumer = Consumer(desk.pool)
    with desk.pool.begin() as conn:
        conn.execute(text("DELETE FROM changes"))
    with pytest.raises(errors.Unavailable):
        consumer.step()
    assert consumer.place is None


def test_wait__for_changes__ends_with_them_and_holds_no_connection(desk: Desk) -> None:
    consumer = Consumer(desk.pool)
    consumer.step()
    found: list[feed.Part] = []

    def follow() -> None:
        found.append(feed.read(desk.pool, after=consumer.place, source=None, limit=ALL, seconds=60))

    thread = threading.Thread(target=follow)
    thread.start()
    assert any(_idle(desk.pool)), "it waits without a connection"
    assert thread.is_alive()
    cohort_id = add(desk, "one", "a")
    thread.join(30)
    assert [(one.cohort_id, one.member_id) for one in found[0].changes] == [(cohort_id, "a")]


def test_wait__for_nothing__ends_when_its_time_is_up(desk: Desk) -> None:
    begun = time.monotonic()
    part = feed.read(desk.pool, after=None, source=None, limit=ALL, seconds=0.3)
    assert part.changes == []
    assert time.monotonic() - begun >= 0.3


def _idle(pool: Pool) -> Iterator[bool]:
    """Look for a while whether the pool has all its connections."""
    for _ in range(200):
        yield pool.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a QueuePool
        time.sleep(0.01)


def prune(pool: Pool, cohort_id: str, through: int) -> None:
    """Prune changes of one seq each, as retention does."""
    with pool.begin() as conn:
        conn.execute(_PRUNED, {"id": cohort_id, "oldest": through + 1})
        conn.execute(_PRUNE, {"id": cohort_id, "through": through})


_PRUNED = text("UPDATE apply_state SET oldest_change = :oldest WHERE cohort_id = :id")

_PRUNE = text("DELETE FROM changes WHERE cohort_id = :id AND last_seq <= :through")
