"""Hours: how many entered and exited a cohort in each, and how many members it then had.

A row is written in the transaction of what changed the members, by the holder of the cohort's
lock. An hour without changes has no row.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


HOUR: Final = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hour:
    """An hour of one cohort; `members` is how many there were at its end, or are by now."""

    hour: datetime.datetime
    members: int
    entered: int
    exited: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flow:
    """How many entered and exited in an hour, in all cohorts together."""

    hour: datetime.datetime
    entered: int
    exited: int


def beginning(moment: datetime.datetime) -> datetime.datetime:
    """Return the beginning of the hour of UTC that a moment is in."""
    return moment.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)


def add(line: Line, cohort_id: int, *, entered: int, exited: int, now: datetime.datetime) -> None:
    """Count a change into its hour, once `apply_state` has the number of members after it."""
    if not entered and not exited:
        return
    parameters = {
        "cohort_id": cohort_id,
        "hour": beginning(now),
        "entered": entered,
        "exited": exited,
    }
    _ADD.run(line, parameters)


def listing(
    conn: Connection,
    cohort_id: int,
    *,
    since: datetime.datetime,
    step: datetime.timedelta = HOUR,
) -> list[Hour]:
    """List the hours of a cohort since one, and the newest before it, in order.

    Of each step, counted from `since`, only the newest hour: a year has thousands.
    """
    rows = conn.execute(_LIST, {"cohort_id": cohort_id, "since": since, "step": step})
    return [Hour(**row._mapping) for row in rows]


def flows(conn: Connection, *, since: datetime.datetime) -> list[Flow]:
    """Sum the hours of all cohorts since one, in order."""
    return [Flow(**row._mapping) for row in conn.execute(_FLOWS, {"since": since})]


def prune(conn: Connection, cohort_id: int, *, before: datetime.datetime) -> int:
    """Delete the hours of a cohort before a moment but the newest of them; returns how many.

    That one says how many members there were at the moment.
    """
    return conn.execute(_PRUNE, {"cohort_id": cohort_id, "before": before}).rowcount


_ADD = Statement("""
    INSERT INTO cohort_hours (cohort_id, hour, members, entered, exited)
    SELECT cohort_id, :hour, member_count, :entered, :exited
    FROM apply_state WHERE cohort_id = :cohort_id
    ON CONFLICT (cohort_id, hour) DO UPDATE
    SET members = excluded.members, entered = cohort_hours.entered + excluded.entered,
        exited = cohort_hours.exited + excluded.exited
""")

_LIST = text("""
    SELECT DISTINCT ON (date_bin(:step, hour, :since)) hour, members, entered, exited
    FROM cohort_hours
    WHERE cohort_id = :cohort_id AND hour >= coalesce(
        (SELECT max(hour) FROM cohort_hours WHERE cohort_id = :cohort_id AND hour <= :since),
        :since)
    ORDER BY date_bin(:step, hour, :since), hour DESC
""")

_FLOWS = text("""
    SELECT hour, CAST(sum(entered) AS bigint) AS entered, CAST(sum(exited) AS bigint) AS exited
    FROM cohort_hours WHERE hour >= :since GROUP BY hour ORDER BY hour
""")

_PRUNE = text("""
    DELETE FROM cohort_hours
    WHERE cohort_id = :cohort_id AND hour < (
        SELECT max(hour) FROM cohort_hours WHERE cohort_id = :cohort_id AND hour < :before)
""")
