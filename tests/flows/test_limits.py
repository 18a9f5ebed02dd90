"""The backlog and the rate at which senders are asked to slow down."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts import page as pages
from gateway.flows.cohorts import admin, backlog_limit
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.store.sources import sources
from tests import statements
from tests.model import desk as desks
from tests.model.sender import ADD, PROJECT

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_backlog__as_full_as_allowed__throttles_until_it_is_applied(desk: Desk, pool: Pool) -> None:
    desk.intake = desks.intake(pool, desk.bell, max_pending_pages=2)
    desk.send(ADD, "one", "a")
    receipt = desk.send(ADD, "two", "b", cohort="cohort-2")
    with pytest.raises(errors.RateLimited) as caught:
        desk.send(ADD, "three", "c")
    assert caught.value.retry_after_seconds > 1
    desk.settle(receipt)
    assert desk.send(ADD, "three", "c").number == 2


def test_cohorts__as_many_as_allowed__throttle_new_ones_alone(desk: Desk, pool: Pool) -> None:
    desk.intake = desks.intake(pool, desk.bell, max_cohorts=2)
    first = desk.send(ADD, "one", "a")
    desk.send(ADD, "two", "a", cohort="cohort-2")
    with pytest.raises(errors.RateLimited) as caught:
        desk.send(ADD, "three", "a", cohort="cohort-3")
    assert caught.value.retry_after_seconds > 1
    assert desk.send(ADD, "four", "a", cohort="cohort-2").number == 2
    admin.delete_cohort(pool, first.cohort_id, now=desk.clock())
    assert desk.send(ADD, "three", "a", cohort="cohort-3").number == 1


def test_cohorts__one_that_was_created_meanwhile__has_its_room(desk: Desk, pool: Pool) -> None:
    made = Limits(pool, max_pending_pages=10, rate_per_second=None, max_cohorts=1)
    desk.send(ADD, "one", "a")
    with pool.read() as conn:
        source = sources.find(conn, desk.slug, now=desk.clock())
    assert source is not None
    made.require_room(source.ref, pages.cohort_key(PROJECT, "cohort-1"))
    with pytest.raises(errors.RateLimited):
        made.require_room(source.ref, pages.cohort_key(PROJECT, "cohort-2"))


def test_backlog__far_from_full__is_counted_once_a_second(desk: Desk, pool: Pool) -> None:
    largest = backlog_limit.CAREFUL_PAGES + 1
    made = Limits(pool, max_pending_pages=largest, rate_per_second=None)
    made.require(desk.source_id)
    desk.send(ADD, "s", "a")
    made.require(desk.source_id)
    assert made._count.pages == 0  # noqa: SLF001 - believed, and not counted again
    time.sleep(backlog_limit.COUNT_BELIEVED_SECONDS)
    made.require(desk.source_id)
    assert made._count.pages == 1  # noqa: SLF001


def test_backlog__that_cannot_be_counted__is_what_it_was_and_holds_no_page_up_again(
    desk: Desk, pool: Pool
) -> None:
    made = Limits(pool, max_pending_pages=2, rate_per_second=None)
    desk.send(ADD, "one", "a")
    made.require(desk.source_id)
    counting = pool.engine.connect()
    try:
        # As with Citus and a node that does not answer.
        counting.execute(text("LOCK TABLE blocked_deliveries IN ACCESS EXCLUSIVE MODE"))
        desk.intake = desks.intake(pool, desk.bell, max_pending_pages=2)
        assert desk.send(ADD, "two", "b").number == 2
        assert desk.send(ADD, "three", "c").number == 3
        made.require(desk.source_id)
        asked: list[str] = []
        with statements.noted(pool.engine, asked.append):
            made.require(desk.source_id)
        assert asked == []
    finally:
        counting.close()
    made._count = dataclasses.replace(made._count, until=0.0)  # noqa: SLF001 - a while later
    with pytest.raises(errors.RateLimited):
        made.require(desk.source_id)


def test_backlog__while_one_page_counts_it__is_what_it_was_for_the_others(
    desk: Desk, pool: Pool
) -> None:
    made = Limits(pool, max_pending_pages=backlog_limit.CAREFUL_PAGES + 1, rate_per_second=None)
    made.require(desk.source_id)
    made._count = dataclasses.replace(made._count, until=0.0)  # noqa: SLF001 - a second later
    counting = pool.engine.connect()
    try:
        counting.execute(text("LOCK TABLE blocked_deliveries IN ACCESS EXCLUSIVE MODE"))
        asked: list[str] = []
        with (
            concurrent.futures.ThreadPoolExecutor() as threads,
            statements.noted(pool.engine, asked.append),
        ):
            list(threads.map(lambda _: made.require(desk.source_id), range(4)))
        assert len(asked) == 1
    finally:
        counting.close()


def test_rate__of_a_source_over_its_limit__throttles_that_source(desk: Desk, pool: Pool) -> None:
    made = Limits(pool, max_pending_pages=10, rate_per_second=5)
    answers = [_ask(made, desk.source_id) for _ in range(20)]
    assert answers[0] is None
    assert 1 in answers
    assert _ask(made, desk.source_id + 1) is None
    time.sleep(1.1)
    assert _ask(made, desk.source_id) is None


def _ask(made: Limits, source_id: int) -> int | None:
    try:
        made.require(source_id)
    except errors.RateLimited as error:
        return error.retry_after_seconds
    return None
