"""Syncs: what was received of each session and action, and what came of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts.page import Action
from gateway.core.cohorts.refresh import State
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


# Pages with numbers up to this are kept as ranges, however the numbers are scattered. One beyond
# is counted unless a delivery that is kept has its number: a row that gained a range with each page
# would be written anew, ever longer, as often.
LISTED_PAGES: Final = 1000


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


def is_listed(page: int) -> bool:
    """Tell whether a page is kept by its number; a diff may have negative ones."""
    return abs(page) <= LISTED_PAGES


def listed(pages: Iterable[int]) -> str:
    """Write those of some pages that are kept by their number as a multirange."""
    return "{" + ",".join(f"[{page},{page}]" for page in pages if is_listed(page)) + "}"


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
    pages: Mapping[int, int],
    total_pages: int,
    entered: int,
    exited: int,
) -> Progress:
    """Note applied pages of a sync and read how far it has come.

    `pages` are their numbers by delivery, of adjacent deliveries. That a refresh is complete is
    known by its deliveries, so its pages that are not listed are not counted.
    """
    key = {"cohort_id": cohort_id, "session": session, "action": action}
    counts = {"total_pages": total_pages, "entered": entered, "exited": exited}
    _ADVANCE.run(line, key | counts | {"pages": listed(set(pages.values()))})
    if action is not Action.REPLACE and not all(map(is_listed, pages.values())):
        run = {"first": min(pages), "last": max(pages), "listed": LISTED_PAGES}
        _COUNT_PAGES.run(line, key | run)
    (row,) = _PROGRESS.rows(line, key)
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


def forget(conn: Connection, cohort_id: int, session: int) -> None:
    """Delete what was received of a session of which nothing was applied."""
    conn.execute(_FORGET, {"cohort_id": cohort_id, "session": session})


def supersede_older(conn: Connection, cohort_id: int, session: int) -> None:
    """Close what older sessions left incomplete when a newer refresh completes."""
    conn.execute(_SUPERSEDE, {"cohort_id": cohort_id, "session": session})


_RECEPTION = Statement("""
    SELECT y.more_pages + (SELECT coalesce(sum(upper(p) - lower(p)), 0) FROM unnest(y.pages) p)
               >= y.total_pages AS complete,
           y.total_pages,
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
        exited = sync_results.exited + excluded.exited
""")

# A page counts once, with the first delivery of it that is applied. Each is probed for, as in
# `delta`.
_COUNT_PAGES = Statement("""
    UPDATE sync_results
    SET more_pages = more_pages + (
        SELECT count(DISTINCT d.page)
        FROM deliveries d
        LEFT JOIN LATERAL (
            SELECT o.number
            FROM deliveries o
            JOIN apply_state a ON a.cohort_id = o.cohort_id
            LEFT JOIN blocked_deliveries b ON b.cohort_id = o.cohort_id AND b.number = o.number
            WHERE o.cohort_id = d.cohort_id AND o.session = d.session AND o.action = d.action
              AND o.page = d.page AND o.number <= a.applied_through
              AND o.number NOT BETWEEN :first AND :last AND b.number IS NULL
            LIMIT 1) before ON true
        WHERE d.cohort_id = :cohort_id AND d.number BETWEEN :first AND :last
          AND abs(d.page) > :listed AND before.number IS NULL)
    WHERE cohort_id = :cohort_id AND session = :session AND action = :action
""")

_PROGRESS = Statement("""
    SELECT r.total_pages, r.state,
           r.more_pages + (
               SELECT coalesce(CAST(sum(upper(p) - lower(p)) AS bigint), 0) FROM unnest(r.pages) p)
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

_FORGET = text("DELETE FROM syncs WHERE cohort_id = :cohort_id AND session = :session")

_SUPERSEDE = text("""
    UPDATE sync_results SET state = 'superseded'
    WHERE cohort_id = :cohort_id AND session < :session AND state = 'receiving'
""")
