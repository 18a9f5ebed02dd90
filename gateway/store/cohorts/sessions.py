"""Sessions: the exports of a cohort, numbered in the order their first pages were stored."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core import texts
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A session of one cohort.

    `started_order` places its first page, in whichever cohort of the project that came, among the
    erasures; `erased_since` tells whether an erasure came after it.
    """

    number: int
    started_order: int
    erased_since: bool


def get(line: Line, cohort_id: int, number: int) -> Session:
    (row,) = _GET.rows(line, {"cohort_id": cohort_id, "number": number})
    return Session(**row._asdict())


def next_order(line: Line) -> int:
    """Return the place among the erasures of a session that is about to be created."""
    (order,) = _NEXT_ORDER.column(line, {})
    return int(order)


def create(
    line: Line,
    cohort_id: int,
    number: int,
    *,
    session_id: str | None,
    session_key: bytes | None,
    now: datetime.datetime,
    order: int | None = None,
) -> Session:
    """Number a new session; its place is `order` if that is given.

    The caller holds the cohort's counters.
    """
    if order is None and session_key is not None:
        (order,) = _START.column(line, {"session_key": session_key})
    parameters = {
        "cohort_id": cohort_id,
        "number": number,
        "session_id": None if session_id is None else texts.shown_id(session_id),
        "session_key": session_key,
        "started_order": next_order(line) if order is None else order,
        "now": now,
    }
    return Session(**_CREATE.first(line, parameters)._asdict())


def latest_start(conn: Connection, cohort_id: int, *, before: int) -> int:
    """Return the highest `started_order` among a cohort's sessions before one, 0 if there are none.

    It is above that session's own if that had been heard of in another cohort, or before a deletion
    of this one.
    """
    parameters = {"cohort_id": cohort_id, "number": before}
    return int(conn.execute(_LATEST_START, parameters).scalar_one())


ERASED_SINCE = """
    EXISTS (SELECT 1 FROM erasures e WHERE e.erased_order > s.started_order) AS erased_since
"""

_READ = (
    "SELECT s.number, s.started_order, "
    + ERASED_SINCE
    + "FROM sessions s WHERE s.cohort_id = :cohort_id AND s.number = :number"
)

_GET = Statement(_READ)

# A row for each session that has an id, whatever its cohorts: where those are spread over machines,
# to look among theirs would need all of them. The second statement sees what the first waited for.
_START = Statement("""
    INSERT INTO session_starts (session_key, started_order)
    VALUES (:session_key, nextval('event_order'))
    ON CONFLICT (session_key) DO NOTHING;

    SELECT started_order FROM session_starts WHERE session_key = :session_key
""")

_LATEST_START = text("""
    SELECT coalesce(max(started_order), 0) FROM sessions
    WHERE cohort_id = :cohort_id AND number < :number AND NOT forgotten
""")

_NEXT_ORDER = Statement("SELECT nextval('event_order')")

_CREATE = Statement(
    """
    INSERT INTO sessions (cohort_id, number, session_id, session_key, started_order, started_at)
    VALUES (:cohort_id, :number, :session_id, :session_key, :started_order, :now);
    """
    + _READ
)
