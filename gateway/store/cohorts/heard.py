"""How fresh cohorts are: what they were last heard of, loaded or looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.core.cohorts import freshness
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from gateway.core.cohorts.freshness import Freshness


class Heard(NamedTuple):
    """What the freshness of a cohort is judged by."""

    last_synced_at: datetime.datetime | None
    created_at: datetime.datetime
    expected_every_seconds: int | None
    fresh_until: datetime.datetime | None
    is_live: bool
    looked_at: datetime.datetime | None


def of(
    conn: Connection, cohort_ids: Iterable[int], *, now: datetime.datetime
) -> dict[int, Freshness]:
    """Judge how fresh some cohorts are, by id; those that are not there are left out."""
    numbers = f"{{{','.join(map(str, cohort_ids))}}}"  # one constant, not a list that is parsed
    return {row.cohort_id: judge(row, now=now) for row in _OF.rows(conn, {"cohort_ids": numbers})}


def judge(heard: Heard, *, now: datetime.datetime) -> Freshness:
    return freshness.of_cohort(
        is_live=heard.is_live,
        looked_at=heard.looked_at,
        every_seconds=heard.expected_every_seconds,
        heard_at=heard.last_synced_at,
        since=heard.created_at,
        now=now,
        until=heard.fresh_until,
    )


_OF = Statement("""
    SELECT i.cohort_id, i.last_synced_at, c.created_at, s.expected_every_seconds, c.fresh_until,
           s.kind = 'people' AND c.schedule IS NULL AS is_live, q.looked_at
    FROM intake_state i
    JOIN cohorts c ON c.id = i.cohort_id
    JOIN sources s ON s.id = c.source_id
    LEFT JOIN rule_states q ON q.cohort_id = i.cohort_id
    WHERE i.cohort_id = ANY(CAST(:cohort_ids AS bigint[]))
""")
