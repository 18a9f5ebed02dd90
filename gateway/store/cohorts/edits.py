"""Edits: the sessions that members are put in and taken out by, and what came of each.

The session of an edit has an id and no key: those of pages that are sent have both, or none.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts.refresh import State
from gateway.store.cohorts.accept import IntakeState
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.edit import Once
    from gateway.store.db.statement import Line

_DONE: Final = (State.APPLIED, State.SUPERSEDED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """The source of a cohort, as far as edits depend on it."""

    slug: str
    kind: str
    paused: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """What an edit meets: the locked counters of its cohort, and the source of that.

    `before` is (digest, session) of the edit that was sent with the same key before, if one was.
    """

    counters: IntakeState
    origin: Origin
    before: tuple[bytes, int] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came of an edit; until it `is_applied`, only the id of its session is of use.

    `unchanged` counts members that neither entered nor exited, and `last_seq` is the newest change
    of the cohort.
    """

    entered: int
    exited: int
    unchanged: int
    skipped: Mapping[str, int]
    session_id: str
    last_seq: int
    is_applied: bool


def open_cohort(line: Line, cohort_id: int, key: bytes | None) -> Opened | None:
    """Lock and read what an edit meets, in one trip; None if its cohort is deleted, or none is.

    `key` is what it is remembered by, if anything. Another request with it holds the counters until
    all of it is stored.
    """
    # No edit has an empty key.
    row = _OPEN.first(line, {"cohort_id": cohort_id, "key": key or b""})
    if row is None:
        return None
    counters = IntakeState(
        last_delivery=row.last_delivery,
        last_session=row.last_session,
        run_session=row.run_session,
        run_action=row.run_action,
        run_from=row.run_from,
        refresh_session=row.refresh_session,
    )
    return Opened(
        counters=counters,
        origin=Origin(slug=row.slug, kind=row.kind, paused=row.paused),
        before=None if row.session is None else (bytes(row.digest), row.session),
    )


def remember(
    line: Line, cohort_id: int, once: Once, session: int, *, now: datetime.datetime
) -> None:
    """Remember an edit by its key; the caller holds the counters of accepting."""
    parameters = {"cohort_id": cohort_id, "session": session, "now": now}
    _REMEMBER.run(line, parameters | dataclasses.asdict(once))


def result(conn: Connection, cohort_id: int, session: int) -> Result:
    """Read what came of an edit, as it is now."""
    rows = conn.execute(_RESULT, {"cohort_id": cohort_id, "session": session}).all()
    skipped = Counter[str]()
    for row in rows:
        skipped.update(row.skipped or {})
    entered, exited = (sum(getattr(row, name) for row in rows) for name in ("entered", "exited"))
    received = sum(row.members_received for row in rows)
    return Result(
        entered=entered,
        exited=exited,
        unchanged=received - skipped.total() - entered - exited,
        skipped=dict(skipped),
        session_id=rows[0].session_id,
        last_seq=rows[0].last_change,
        is_applied=all(row.state in _DONE for row in rows if row.action is not None),
    )


def is_next(conn: Connection, cohort_id: int, *, after: int) -> bool:
    """Tell whether an edit is the next delivery to apply, and no later than the one after one."""
    parameters = {"cohort_id": cohort_id, "after": after}
    return bool(conn.execute(_IS_NEXT, parameters).scalar_one_or_none())


def drop_pages(line: Line, cohort_id: int, numbers: Sequence[int]) -> None:
    """Delete applied pages of edits: they are sent once, so no replay of theirs will come."""
    _DROP_PAGES.run(line, {"cohort_id": cohort_id, "numbers": list(numbers)})


def prune(
    conn: Connection,
    cohort_id: int,
    *,
    before: datetime.datetime,
    live_before: datetime.datetime,
    keys_before: datetime.datetime,
) -> int:
    """Delete what is remembered of applied edits before a moment; returns how many rows.

    Those of live rules are kept for less time.

    What decides between sessions stays: members and tombstones know the number of theirs.
    """
    parameters = {
        "cohort_id": cohort_id,
        "before": before,
        "live_before": live_before,
        "keys_before": keys_before,
    }
    statements = (_PRUNE_KEYS, _PRUNE_RESULTS, _PRUNE_SYNCS, _PRUNE_SESSIONS)
    return sum(conn.execute(one, parameters).rowcount for one in statements)


# Of a session `n`, also where a sync has none that is known.
IS_EDIT: Final = "n.session_key IS NULL AND n.session_id LIKE ANY (ARRAY['edit-%', 'live-%'])"

# The second statement sees what earlier holders of the lock left behind.
_OPEN = Statement("""
    SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR UPDATE;

    SELECT i.last_delivery, i.last_session, i.run_session, i.run_action, i.run_from,
           i.refresh_session, s.slug, s.kind, s.paused_at IS NOT NULL AS paused,
           k.digest, k.session
    FROM intake_state i
    JOIN cohorts c ON c.id = i.cohort_id
    JOIN sources s ON s.id = c.source_id
    LEFT JOIN idempotency_keys k ON k.cohort_id = i.cohort_id AND k.key = :key
    WHERE i.cohort_id = :cohort_id AND NOT i.closed
""")

_REMEMBER = Statement("""
    INSERT INTO idempotency_keys (cohort_id, key, digest, session, at)
    VALUES (:cohort_id, :key, :digest, :session, :now)
""")

_RESULT = text("""
    SELECT n.session_id, a.last_change, y.action, y.skipped, r.state,
           coalesce(y.members_received, 0) AS members_received,
           coalesce(r.entered, 0) AS entered, coalesce(r.exited, 0) AS exited
    FROM sessions n
    JOIN apply_state a ON a.cohort_id = n.cohort_id
    LEFT JOIN syncs y ON y.cohort_id = n.cohort_id AND y.session = n.number
    LEFT JOIN sync_results r
        ON r.cohort_id = y.cohort_id AND r.session = y.session AND r.action = y.action
    WHERE n.cohort_id = :cohort_id AND n.number = :session
""")

_IS_NEXT = text("""
    SELECT d.digest = CAST('edit' AS bytea)
    FROM apply_state a
    JOIN deliveries d ON d.cohort_id = a.cohort_id AND d.number = a.applied_through + 1
    WHERE a.cohort_id = :cohort_id AND a.applied_through <= :after
""")

_DROP_PAGES = Statement("""
    DELETE FROM deliveries WHERE cohort_id = :cohort_id AND number = ANY(:numbers)
""")

_PRUNE_KEYS = text("""
    DELETE FROM idempotency_keys WHERE cohort_id = :cohort_id AND at < :keys_before
""")

# One that waits, or is blocked, still needs its session.
_OLD = (
    """
    SELECT n.number FROM sessions n
    WHERE n.cohort_id = :cohort_id AND n.started_at
        < CASE WHEN n.session_id LIKE 'live-%' THEN :live_before ELSE :before END AND """
    + IS_EDIT
    + """
      AND NOT EXISTS (SELECT FROM deliveries d
                      WHERE d.cohort_id = n.cohort_id AND d.session = n.number)
    """
)

_PRUNE_RESULTS = text(
    "DELETE FROM sync_results WHERE cohort_id = :cohort_id AND session IN (" + _OLD + ")"
)

_PRUNE_SYNCS = text("DELETE FROM syncs WHERE cohort_id = :cohort_id AND session IN (" + _OLD + ")")

_PRUNE_SESSIONS = text(
    "DELETE FROM sessions WHERE cohort_id = :cohort_id AND number IN (" + _OLD + ")"
)
