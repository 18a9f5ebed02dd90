"""Sessions: numbered within a cohort, and placed among the erasures of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core import page as pages
from gateway.store import erasures, sessions
from tests.model.desk import START
from tests.model.sender import ADD, PROJECT

if TYPE_CHECKING:
    from gateway.store.engine import Pool
    from tests.model.desk import Desk


def test_session__of_a_cohort__is_found_by_its_key_alone(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "one", "a")
    desk.send(ADD, "two", "a")
    key = pages.session_key(desk.source_id, PROJECT, "two")
    with pool.read() as conn:
        found = sessions.find(conn, receipt.cohort_id, key)
        assert found is not None
        assert found.number == 2
        assert sessions.find(conn, receipt.cohort_id + 1, key) is None
        assert sessions.find(conn, receipt.cohort_id, pages.session_key(0, PROJECT, "two")) is None


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
