"""Arrivals: what a page meets, found under the lock of its cohort's counters."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.cohorts import page as pages
from gateway.sources.mixpanel import body
from gateway.store.cohorts import accept
from tests.model import sender
from tests.model.desk import people
from tests.model.sender import ADD, PROJECT, REMOVE

if TYPE_CHECKING:
    from gateway.core.cohorts.page import Page
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.cohorts.accept import Found
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

PAGE = sender.Page(
    cohort="cohort-1", session="s", action=ADD, number=1, total=2, members=people("ab")
)


def parsed(page: sender.Page) -> Page:
    return body.Body(page.body()).page(identity_property=None, max_members=10)


def meet(desk: Desk, cohort_id: int, page: sender.Page) -> Found | None:
    key = page.session and pages.session_key(desk.source_id, PROJECT, page.session)
    with desk.pool.pipeline() as trip:
        return accept.lock(trip, cohort_id, parsed(page), key or None)


@pytest.fixture
def stored(desk: Desk) -> Receipt:
    return desk.post(PAGE)


def test_lock__of_a_closed_or_unknown_cohort__finds_nothing(
    desk: Desk, stored: Receipt, pool: Pool
) -> None:
    assert meet(desk, stored.cohort_id, PAGE) is not None
    assert meet(desk, stored.cohort_id + 1, PAGE) is None
    with pool.begin() as conn:
        conn.execute(text("UPDATE intake_state SET closed = true"))
    assert meet(desk, stored.cohort_id, PAGE) is None


def test_lock__of_a_cohort_that_is_being_opened__waits_and_holds_it(
    desk: Desk, stored: Receipt, pool: Pool
) -> None:
    with pool.begin() as conn:
        conn.execute(text("UPDATE intake_state SET closed = true"))
    with ThreadPoolExecutor(1) as crew, pool.begin() as conn:
        conn.execute(text("UPDATE intake_state SET closed = false"))
        waiting = crew.submit(meet, desk, stored.cohort_id, PAGE)
        _await_a_waiter(pool)
    assert waiting.result() is not None


@pytest.mark.parametrize(
    ("changed", "session", "duplicate"),
    [
        ({}, 1, True),
        ({"total": 5}, 1, True),
        ({"name": "other"}, 1, True),
        ({"number": 2}, 1, False),
        ({"action": REMOVE}, 1, False),
        ({"members": people("a")}, 1, False),
        ({"members": people("ba")}, 1, False),
        ({"session": "t"}, None, False),
        ({"session": None}, None, False),
    ],
)
def test_lock__of_a_page__finds_its_session_and_whether_it_is_stored(
    desk: Desk,
    stored: Receipt,
    changed: dict[str, object],
    session: int | None,
    duplicate: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = meet(desk, stored.cohort_id, dataclasses.replace(PAGE, **changed))  # type: ignore[arg-type]
    assert found is not None
    assert (found.session and found.session.number, found.duplicate) == (session, duplicate)
    assert (found.counters.last_delivery, found.counters.last_session) == (1, 1)


def test_lock__of_a_session_in_another_cohort__does_not_find_it(desk: Desk) -> None:
    desk.post(PAGE)
    other = desk.post(dataclasses.replace(PAGE, cohort="cohort-2", session="t"))
    found = meet(desk, other.cohort_id, PAGE)
    assert found is not None
    assert found.session is None


def test_lock__waited_for__sees_what_was_stored_meanwhile(
    desk: Desk, stored: Receipt, pool: Pool
) -> None:
    page = dataclasses.replace(PAGE, number=2)
    key = pages.session_key(desk.source_id, PROJECT, "s")
    with ThreadPoolExecutor(1) as crew, pool.pipeline() as trip:
        assert accept.lock(trip, stored.cohort_id, parsed(PAGE), key) is not None
        waiting = crew.submit(desk.post, page)
        _await_a_waiter(pool)
        trip.conn.execute(_ANOTHER, {"digest": parsed(page).digest})
        trip.conn.execute(text("UPDATE intake_state SET last_delivery = 2"))
        assert not waiting.done()
    assert waiting.result().number is None


def test_count_replay__waited_for__counts_what_was_stored_meanwhile(
    desk: Desk, stored: Receipt, pool: Pool
) -> None:
    page = parsed(dataclasses.replace(PAGE, number=2))
    key = pages.session_key(desk.source_id, PROJECT, "s")

    def count() -> bool:
        with pool.single() as conn:
            return accept.count_replay(conn, stored.cohort_id, page, key, now=desk.clock())

    assert not count()
    with ThreadPoolExecutor(1) as crew, pool.pipeline() as trip:
        assert accept.lock(trip, stored.cohort_id, page, key) is not None
        waiting = crew.submit(count)
        _await_a_waiter(pool)
        trip.conn.execute(_ANOTHER, {"digest": page.digest})
        assert not waiting.done()
    assert waiting.result()
    with pool.read() as conn:
        assert conn.execute(_DUPLICATES).one() == (1, 1)


def _await_a_waiter(pool: Pool) -> None:
    for _ in range(1000):
        with pool.read() as conn:
            if conn.execute(_WAITERS).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


_WAITERS = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")

_DUPLICATES = text("SELECT duplicate_pages, duplicates FROM intake_state, syncs")

_ANOTHER = text("""
    INSERT INTO deliveries
    SELECT cohort_id, 2, session, action, 2, total_pages, :digest, members, roster, received_at
    FROM deliveries
""")
