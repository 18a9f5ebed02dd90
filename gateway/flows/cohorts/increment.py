"""Increments of live cohorts: what a look at a rule moves, stored as edits are.

Each is a session of its own; its pages go when they are applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts import edit as rules
from gateway.core.cohorts.page import Arrival
from gateway.flows.cohorts import edit_pages, load
from gateway.store.cohorts import accept, sessions

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.edit import Edit


def store(conn: Connection, cohort_id: int, moved: Edit, *, now: datetime.datetime) -> str:
    """Store what moves, in the transaction that found it; returns the id of the session.

    The caller rings for the cohort afterwards. Raises errors.NotFound for a deleted one.
    """
    counters = accept.counters(conn, cohort_id)
    if counters is None:
        raise errors.NotFound(load.CLOSED)
    order = sessions.next_order(conn)
    session_id = rules.live_session_id(order)
    session = sessions.create(
        conn,
        cohort_id,
        counters.last_session + 1,
        session_id=session_id,
        session_key=None,
        now=now,
        order=order,
    )
    arrival = Arrival(at=now, request_id=session_id)
    edit_pages.put(conn, cohort_id, counters, session.number, moved, arrival)
    return session_id
