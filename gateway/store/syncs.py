"""Syncs: what was received of each session and action, and what came of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.refresh import State
from gateway.store.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.page import Action
    from gateway.store.statement import Line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How much of a sync has been applied: distinct pages, the largest total, and its state.

    `blocked` tells whether deliveries of it are.
    """

    pages: int
    total_pages: int
    state: State
    blocked: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reception:
    """Whether pages 1 to the largest total are stored, and when the newest one came.

    `applied_total_pages` is the largest total among the pages that have been applied.
    """

    complete: bool
    total_pages: int
    applied_total_pages: int
    last_received_at: datetime.datetime


def reception(line: Line, cohort_id: int, session: int, action: Action) -> Reception:
    """Read how much of a sync has been stored, and when its newest page came."""
    parameters = {"cohort_id": cohort_id, "session": session, "action": action}
    (row,) = _RECEPTION.rows(line, parameters)
    return Reception(**row._asdict())


def is_whole(conn: Connection, cohort_id: int, session: int, *, through: int) -> bool:
    """Tell whether a refresh's pages from 1 to its largest total are here, up to a delivery.

    Counted from the deliveries themselves: one that has expired is not here, and without it the
    refresh must not speak for the cohort; nor while any of its deliveries is blocked.
    """
    parameters = {"cohort_id": cohort_id, "session": session, "through": through}
    return bool(conn.execute(_IS_WHOLE, parameters).scalar_one())


def advance(
    line: Line,
    cohort_id: int,
    session: int,
    action: Action,
    *,
    pages: Sequence[int],
    total_pages: int,
    entered: int,
    exited: int,
) -> Progress:
    """Note applied pages of a sync and read how far it has come."""
    key = {"cohort_id": cohort_id, "session": session, "action": action}
    ranges = "{" + ",".join(f"[{page},{page}]" for page in pages) + "}"
    parameters = {"pages": ranges, "total_pages": total_pages, "entered": entered, "exited": exited}
    (row,) = _ADVANCE.rows(line, key | parameters)
    return Progress(
        pages=row.pages,
        total_pages=row.total_pages,
        state=State(row.state),
        blocked=row.blocked,
    )


def set_state(
    line: Line,
    cohort_id: int,
    session: int,
    action: Action,
    *,
    state: State,
    completed_at: datetime.datetime | None,
) -> None:
    """Give a sync its state; a sync without a row yet gets one."""
    _SET_STATE.run(
        line,
        {
            "cohort_id": cohort_id,
            "session": session,
            "action": action,
            "state": state,
            "completed_at": completed_at,
        },
    )


def supersede_older(conn: Connection, cohort_id: int, session: int) -> None:
    """Close what older sessions left incomplete when a newer refresh completes."""
    conn.execute(_SUPERSEDE, {"cohort_id": cohort_id, "session": session})


_RECEPTION = Statement("""
    SELECT y.pages @> int8range(1, y.total_pages, '[]') AS complete, y.total_pages,
           coalesce(r.total_pages, 0) AS applied_total_pages, y.last_received_at
    FROM syncs y
    LEFT JOIN sync_results r
        ON r.cohort_id = y.cohort_id AND r.session = y.session AND r.action = y.action
    WHERE y.cohort_id = :cohort_id AND y.session = :session AND y.action = :action
""")

_IS_WHOLE = text("""
    SELECT coalesce(d.pages, '{}')
           @> int8range(1, greatest(r.total_pages, d.total_pages, 1), '[]')
           AND NOT EXISTS (
               SELECT 1 FROM blocked_deliveries b
               JOIN deliveries o ON o.cohort_id = b.cohort_id AND o.number = b.number
               WHERE b.cohort_id = :cohort_id AND o.session = :session AND o.action = 'members')
    FROM (SELECT range_agg(int8range(page, page, '[]')) AS pages, max(total_pages) AS total_pages
          FROM deliveries
          WHERE cohort_id = :cohort_id AND session = :session AND action = 'members'
            AND number <= :through) d
    LEFT JOIN sync_results r
        ON r.cohort_id = :cohort_id AND r.session = :session AND r.action = 'members'
""")

_ADVANCE = Statement("""
    INSERT INTO sync_results
        (cohort_id, session, action, total_pages, pages, entered, exited, state)
    VALUES
        (:cohort_id, :session, :action, :total_pages, CAST(:pages AS int8multirange),
         :entered, :exited, 'receiving')
    ON CONFLICT (cohort_id, session, action) DO UPDATE
    SET total_pages = greatest(sync_results.total_pages, excluded.total_pages),
        pages = sync_results.pages + excluded.pages,
        entered = sync_results.entered + excluded.entered,
        exited = sync_results.exited + excluded.exited;

    SELECT r.total_pages, r.state,
           (SELECT coalesce(CAST(sum(upper(p) - lower(p)) AS bigint), 0) FROM unnest(r.pages) p)
               AS pages,
           EXISTS (
               SELECT 1 FROM blocked_deliveries b
               JOIN deliveries d ON d.cohort_id = b.cohort_id AND d.number = b.number
               WHERE b.cohort_id = :cohort_id AND d.session = :session AND d.action = :action)
               AS blocked
    FROM sync_results r
    WHERE r.cohort_id = :cohort_id AND r.session = :session AND r.action = :action
""")

_SET_STATE = Statement("""
    INSERT INTO sync_results (cohort_id, session, action, total_pages, pages, state, completed_at)
    VALUES (:cohort_id, :session, :action, 0, '{}', :state, :completed_at)
    ON CONFLICT (cohort_id, session, action) DO UPDATE
    SET state = excluded.state, completed_at = excluded.completed_at
""")

_SUPERSEDE = text("""
    UPDATE sync_results SET state = 'superseded'
    WHERE cohort_id = :cohort_id AND session < :session AND state = 'receiving'
""")
