"""Sessions: numbered within a cohort, and placed among the erasures of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store import erasures, sessions
from tests.model.desk import START
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.store.engine import Pool
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
