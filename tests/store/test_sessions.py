"""Sessions: numbered within a cohort, and placed among the erasures of all of them."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.cohorts import erasures, sessions
from tests import statements
from tests.model.desk import START
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_session__that_is_forgotten__begins_anew(desk: Desk, pool: Pool) -> None:
    desk.send(ADD, "one", "a")
    with pool.begin() as conn:
        conn.execute(text("UPDATE sessions SET forgotten = true"))
    receipt = desk.send(ADD, "one", "a")
    assert receipt.number == 2
    with pool.read() as conn:
        assert sessions.get(conn, receipt.cohort_id, 2).number == 2


def test_started_order__of_one_session_in_two_cohorts__is_that_of_its_first_page(
    desk: Desk, pool: Pool
) -> None:
    first = desk.send(ADD, "one", "a")
    with pool.begin() as conn:
        erasures.put(conn, "z", source=None, project_id=None, now=START)
    desk.send(ADD, "two", "a")
    second = desk.send(ADD, "one", "a", cohort="cohort-2")
    with pool.read() as conn:
        old = sessions.get(conn, first.cohort_id, 1)
        new = sessions.get(conn, first.cohort_id, 2)
        same = sessions.get(conn, second.cohort_id, 1)
    assert old.started_order == same.started_order < new.started_order
    assert (old.erased_since, same.erased_since, new.erased_since) == (True, True, False)


def test_started_order__of_one_session_beginning_in_two_cohorts_at_once__is_the_same(
    desk: Desk, pool: Pool
) -> None:
    cohort_ids = [desk.send(ADD, "zero", "a", cohort=name).cohort_id for name in ("one", "two")]

    def begin(cohort_id: int) -> sessions.Session:
        with pool.begin() as conn:
            ready.wait(10)
            made = sessions.create(
                conn, cohort_id, 2, session_id="s", session_key=b"key", now=START
            )
            time.sleep(0.1)  # the other one waits for this commit
            return made

    ready = threading.Barrier(2)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        one, two = threads.map(begin, cohort_ids)
    assert one.started_order == two.started_order


def test_started_order__of_sessions_without_an_id__is_one_each(desk: Desk, pool: Pool) -> None:
    receipts = [desk.send(ADD, None, "a", cohort=name) for name in ("one", "two")]
    with pool.read() as conn:
        orders = [sessions.get(conn, one.cohort_id, 1).started_order for one in receipts]
    assert orders[0] < orders[1]


def test_session__that_begins__is_looked_for_in_its_own_cohort_alone(
    desk: Desk, pool: Pool
) -> None:
    desk.send(ADD, "zero", "a")
    asked: list[str] = []
    with statements.noted(pool.engine, asked.append):
        desk.send(ADD, "one", "a")
    of_sessions = [one for one in ";".join(asked).split(";") if " sessions " in one]
    assert of_sessions
    assert [one for one in of_sessions if "cohort_id = " not in one and "VALUES" not in one] == []
