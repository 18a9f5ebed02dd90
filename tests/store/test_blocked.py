"""Blocked deliveries: set aside, asked for again, set aside again, and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.cohorts import backlog, blocked
from tests.model.desk import START
from tests.model.sender import ADD

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def put(conn: Connection, cohort_id: int, number: int) -> None:
    blocked.put(conn, cohort_id, number, attempts=3, code="poison", reason="it is bad", now=START)


def test_requested__of_several__is_the_oldest_asked_for(desk: Desk, pool: Pool) -> None:
    cohort_id = desk.send(ADD, "s", "a").cohort_id
    with pool.begin() as conn:
        for number in (1, 2, 3):
            put(conn, cohort_id, number)
        assert blocked.requested(conn, cohort_id) is None
        assert backlog.request_retry(conn, cohort_id, 3, now=START)
        assert backlog.request_retry(conn, cohort_id, 2, now=START)
        assert not backlog.request_retry(conn, cohort_id, 2, now=START)
        assert blocked.requested(conn, cohort_id) == 2
        put(conn, cohort_id, 2)
        assert blocked.requested(conn, cohort_id) == 3
        blocked.clear(conn, cohort_id, 3)
        assert blocked.requested(conn, cohort_id) is None
        assert not backlog.request_retry(conn, cohort_id, 3, now=START)
