"""Syncs: what was received of a session and action, and how much of it is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.cohorts.page import Action
from gateway.core.cohorts.refresh import State
from gateway.store.cohorts import blocked, session_progress
from tests.model.desk import START
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_reception__of_a_refresh__is_complete_when_every_page_is_in(desk: Desk, pool: Pool) -> None:
    found = []
    for number, total in ((3, 3), (1, 2), (2, 2), (1, 4)):
        desk.clock.tick(1)
        receipt = desk.send(MEMBERS, "s", "abc"[:number], page=(number, total))
        with pool.read() as conn:
            found.append(session_progress.reception(conn, receipt.cohort_id, 1, Action.REPLACE))
    assert [one.complete for one in found] == [False, False, True, True]
    assert [one.total_pages for one in found] == [3, 3, 3, 3]


def test_reception__of_a_refresh_of_many_pages__counts_those_beyond_the_listed_ones(
    desk: Desk, pool: Pool
) -> None:
    most = session_progress.LISTED_PAGES
    desk.send(MEMBERS, "s", "a", page=(most + 2, most + 2))
    desk.send(MEMBERS, "s", "b", page=(most + 2, most + 2))
    receipt = desk.send(MEMBERS, "s", "c", page=(most + 1, most + 2))
    found = []
    with pool.begin() as conn:
        for listed in (most - 1, most):
            conn.execute(_RECEIVE, {"pages": f"{{[1,{listed}]}}"})
            found.append(
                session_progress.reception(conn, receipt.cohort_id, 1, Action.REPLACE).complete
            )
    assert found == [False, True]


def test_is_whole__up_to_a_delivery__counts_what_is_kept(desk: Desk, pool: Pool) -> None:
    pages = [desk.send(MEMBERS, "s", "a", page=(number, 3)) for number in (1, 2, 3)]
    cohort_id = pages[-1].cohort_id
    with pool.begin() as conn:
        whole = [
            session_progress.is_whole(conn, cohort_id, 1, through=through) for through in (0, 2, 3)
        ]
        assert whole == [False, False, True]
        conn.execute(text("DELETE FROM deliveries WHERE number = 1"))
        assert not session_progress.is_whole(conn, cohort_id, 1, through=3)


def test_advance__page_by_page__counts_distinct_pages_and_sums(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(MEMBERS, "s", "a")
    key = (receipt.cohort_id, 7, Action.ADD)
    with pool.begin() as conn:
        *_, progress = [
            session_progress.advance(
                conn, *key, pages=pages, total_pages=total, entered=2, exited=1
            )
            for pages, total in (({1: 1, 2: 2}, 5), ({3: 2, 4: 9}, 4), ({5: -3}, 1))
        ]
        row = conn.execute(text("SELECT entered, exited FROM sync_results")).one()
    expected = session_progress.Progress(
        pages=4, total_pages=5, state=State.RECEIVING, blocked=False
    )
    assert progress == expected
    assert tuple(row) == (6, 3)


def test_advance__of_pages_beyond_the_listed_ones__counts_each_once(desk: Desk, pool: Pool) -> None:
    pages = [(2001, "a"), (2003, "b"), (2001, "c"), (-2001, "d"), (1000, "e"), (2003, "f")]
    for number, members in pages:
        desk.send(ADD, "s", members, page=(number, 9))
    cohort_id = desk.send(ADD, "t", "a", page=(2005, 9)).cohort_id
    desk.send(REMOVE, "s", "a", page=(2005, 9))
    key = (cohort_id, 1, Action.ADD)
    found = []
    with pool.begin() as conn:
        for first, last in ((1, 3), (4, 5), (6, 6)):
            run = {number: pages[number - 1][0] for number in range(first, last + 1)}
            progress = session_progress.advance(
                conn, *key, pages=run, total_pages=9, entered=0, exited=0
            )
            conn.execute(text("UPDATE apply_state SET applied_through = :last"), {"last": last})
            found.append(progress.pages)
    assert found == [2, 4, 4]


def test_advance__of_a_sync_with_a_blocked_page__tells_so_of_that_sync_only(
    desk: Desk, pool: Pool
) -> None:
    cohort_id = desk.send(ADD, "s", "a").cohort_id
    desk.send(REMOVE, "s", "a")
    desk.send(ADD, "t", "a")
    found = {}
    with pool.begin() as conn:
        blocked.put(conn, cohort_id, 3, attempts=3, code="poison", reason="bad", now=START)
        for session in (1, 2):
            for action in (Action.ADD, Action.REMOVE):
                key = (cohort_id, session, action)
                found[session, action] = session_progress.advance(
                    conn, *key, pages={3: 1}, total_pages=1, entered=0, exited=0
                )
    assert [key for key, progress in found.items() if progress.blocked] == [(2, Action.ADD)]


def test_supersede__older_syncs__only_those_still_receiving(desk: Desk, pool: Pool) -> None:
    cohort_id = desk.send(MEMBERS, "s", "a").cohort_id
    states = {1: State.RECEIVING, 2: State.APPLIED, 3: State.BLOCKED, 4: State.RECEIVING}
    with pool.begin() as conn:
        for session, state in states.items():
            session_progress.set_state(
                conn, cohort_id, session, Action.ADD, state=state, completed_at=START
            )
        session_progress.supersede_older(conn, cohort_id, 4)
        found = conn.execute(text("SELECT state FROM sync_results ORDER BY session")).scalars()
        assert list(found) == ["superseded", "applied", "blocked", "receiving"]


_RECEIVE = text("UPDATE syncs SET pages = CAST(:pages AS int8multirange)")
