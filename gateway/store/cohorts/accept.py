"""Arrivals: pages as they come in, and the counters of their cohort that accepting keeps.

What a page meets and what is stored of it go through a pipeline: a page waits for each round trip,
and so do all that wait for its cohort's counters.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.cohorts.page import Action
from gateway.store.cohorts import session_progress
from gateway.store.cohorts.sessions import ERASED_SINCE, Session
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.page import Arrival, Heading, Page
    from gateway.store.db.statement import Line, Pipeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class IntakeState:
    """The counters of one cohort, locked by the holder of this."""

    last_delivery: int
    last_session: int
    run_session: int
    run_action: str
    run_from: int
    refresh_session: int

    def after(self, session: int, action: Action) -> IntakeState:
        """Return what they are once another delivery of a session is stored."""
        number = self.last_delivery + 1
        same_run = (self.run_session, self.run_action) == (session, action)
        refresh = session if action is Action.REPLACE else 0
        return IntakeState(
            last_delivery=number,
            last_session=max(self.last_session, session),
            run_session=session,
            run_action=action.value,
            run_from=self.run_from if same_run else number,
            refresh_session=max(self.refresh_session, refresh),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a page meets: the cohort's texts, its session if that is known, and itself if stored.

    The counters are locked, and no page is stored or names the cohort without them: it stays so.
    """

    name: str
    description: str | None
    counters: IntakeState
    session: Session | None
    duplicate: bool


def lock(trip: Pipeline, cohort_id: int, page: Heading, session_key: bytes | None) -> Found | None:
    """Lock and read what a page meets; None if its cohort is closed to new pages."""
    row = _LOCK.first(trip, _identity(cohort_id, page, session_key))
    if row is None:
        return None
    session = None
    if row.session is not None:
        session = Session(
            number=row.session, started_order=row.started_order, erased_since=row.erased_since
        )
    counters = IntakeState(
        last_delivery=row.last_delivery,
        last_session=row.last_session,
        run_session=row.run_session,
        run_action=row.run_action,
        run_from=row.run_from,
        refresh_session=row.refresh_session,
    )
    return Found(
        name=row.name,
        description=row.description,
        counters=counters,
        session=session,
        duplicate=row.duplicate,
    )


def counters(conn: Connection, cohort_id: int) -> IntakeState | None:
    """Lock the counters of a cohort; None if it is closed to new pages, or there is none."""
    row = _COUNTERS.first(conn, {"cohort_id": cohort_id})
    return None if row is None else IntakeState(**row._asdict())


def take_session(conn: Connection, cohort_id: int, number: int, *, load: int) -> None:
    """Count the session of a load, of which nothing is stored yet.

    The caller has locked the counters.
    """
    conn.execute(_TAKE_SESSION, {"cohort_id": cohort_id, "number": number, "load": load})


def count_replay(
    line: Line,
    cohort_id: int,
    page: Heading,
    session_key: bytes | None,
    *,
    now: datetime.datetime,
) -> bool:
    """Count a page if it is stored already, and tell whether it is; all in one trip."""
    parameters = _identity(cohort_id, page, session_key) | {"now": now}
    return _REPLAY.first(line, parameters) is not None


def _identity(cohort_id: int, page: Heading, session_key: bytes | None) -> dict[str, object]:
    return {
        "cohort_id": cohort_id,
        # No session has an empty key. A literal NULL would let the planner drop the join with the
        # sessions, and Citus refuses what is left of the one after it.
        "session_key": session_key or b"",
        "action": page.action,
        "page": page.number,
        "digest": page.digest,
    }


def store(
    trip: Line,
    cohort_id: int,
    counters: IntakeState,
    *,
    page: Page,
    packed: bytes,
    arrival: Arrival,
) -> None:
    """Store a page as delivery `last_delivery` of `run_session`, with what is counted of it."""
    stored = {
        **dataclasses.asdict(counters),
        "cohort_id": cohort_id,
        "page": page.number,
        "total_pages": page.total,
        "digest": page.digest,
        "members": page.usable,
        "roster": packed,
        "at": arrival.at,
        "request_id": arrival.request_id,
        "traceparent": arrival.traceparent,
    }
    _STORE.run(trip, stored)
    count(trip, cohort_id, counters, page=page, at=arrival.at)


def count(
    trip: Line, cohort_id: int, counters: IntakeState, *, page: Page, at: datetime.datetime
) -> None:
    """Count a page as `store` does, one that is applied in this transaction and is not kept."""
    stored = {
        **dataclasses.asdict(counters),
        "cohort_id": cohort_id,
        "page": page.number,
        "pages": session_progress.listed([page.number]),
        "total_pages": page.total,
        "received": page.received,
        "at": at,
    }
    _COUNT.run(trip, stored)
    if not session_progress.is_listed(page.number):
        _COUNT_PAGE.run(trip, stored)
    for reason, members in page.skipped.items():
        parameters = {
            "cohort_id": cohort_id,
            "session": counters.run_session,
            "action": page.action,
            "reason": reason,
            "members": members,
        }
        _SKIP.run(trip, parameters)


def note_duplicate(
    trip: Pipeline, cohort_id: int, *, session: int, action: Action, now: datetime.datetime
) -> None:
    """Count a replay; it moves nothing but the time the cohort was last heard of."""
    parameters = {"cohort_id": cohort_id, "session": session, "action": action, "now": now}
    _DUPLICATE.run(trip, parameters)


_COUNTERS = Statement("""
    SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR UPDATE;

    SELECT last_delivery, last_session, run_session, run_action, run_from, refresh_session
    FROM intake_state WHERE cohort_id = :cohort_id AND NOT closed
""")

_TAKE_SESSION = text("""
    UPDATE intake_state
    SET last_session = :number, last_load = :load
    WHERE cohort_id = :cohort_id
""")

# The second statement sees what earlier holders of the lock left behind. The first one locks
# closed counters too: they may be open again when the second looks.
_LOCK = Statement(
    """
    SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR UPDATE;

    SELECT i.last_delivery, i.last_session, i.run_session, i.run_action, i.run_from,
           i.refresh_session, s.number AS session, s.started_order,
           d.number IS NOT NULL AS duplicate, c.name, c.description, """
    + ERASED_SINCE
    + """
    FROM intake_state i
    JOIN cohorts c ON c.id = i.cohort_id
    LEFT JOIN sessions s
        ON s.cohort_id = i.cohort_id AND s.session_key = :session_key AND NOT s.forgotten
    LEFT JOIN deliveries d
        ON d.cohort_id = i.cohort_id AND d.session = s.number AND d.action = :action
           AND d.page = :page AND d.digest = :digest
    WHERE i.cohort_id = :cohort_id AND NOT i.closed
    """
)

_STORE = Statement("""
    INSERT INTO deliveries
        (cohort_id, number, session, action, page, total_pages, digest, members, roster,
         received_at, request_id, traceparent)
    VALUES
        (:cohort_id, :last_delivery, :run_session, :run_action, :page, :total_pages, :digest,
         :members, :roster, :at, :request_id, :traceparent)
""")

_COUNT = Statement("""
    INSERT INTO syncs
        (cohort_id, session, action, total_pages, pages, members_received, started_at,
         last_received_at)
    VALUES
        (:cohort_id, :run_session, :run_action, :total_pages, CAST(:pages AS int8multirange),
         :received, :at, :at)
    ON CONFLICT (cohort_id, session, action) DO UPDATE
    SET total_pages = greatest(syncs.total_pages, excluded.total_pages),
        pages = syncs.pages + excluded.pages,
        members_received = syncs.members_received + excluded.members_received,
        last_received_at = excluded.last_received_at;

    UPDATE intake_state
    SET last_delivery = :last_delivery, last_session = :last_session, run_session = :run_session,
        run_action = :run_action, run_from = :run_from, refresh_session = :refresh_session,
        last_synced_at = :at, accepted_pages = accepted_pages + 1,
        accepted_members = accepted_members + :received
    WHERE cohort_id = :cohort_id
""")

# The page itself is stored by now.
_COUNT_PAGE = Statement("""
    UPDATE syncs SET more_pages = more_pages + 1
    WHERE cohort_id = :cohort_id AND session = :run_session AND action = :run_action
      AND NOT EXISTS (
          SELECT FROM deliveries
          WHERE cohort_id = :cohort_id AND session = :run_session AND action = :run_action
            AND page = :page AND number < :last_delivery)
""")

_SKIP = Statement("""
    UPDATE syncs
    SET skipped = skipped || jsonb_build_object(
        CAST(:reason AS text),
        coalesce(CAST(skipped ->> CAST(:reason AS text) AS bigint), 0) + :members)
    WHERE cohort_id = :cohort_id AND session = :session AND action = :action;

    INSERT INTO skips (cohort_id, reason, members) VALUES (:cohort_id, :reason, :members)
    ON CONFLICT (cohort_id, reason) DO UPDATE SET members = skips.members + excluded.members
""")

_DUPLICATE = Statement("""
    UPDATE syncs SET duplicates = duplicates + 1
    WHERE cohort_id = :cohort_id AND session = :session AND action = :action;

    UPDATE intake_state SET last_synced_at = :now, duplicate_pages = duplicate_pages + 1
    WHERE cohort_id = :cohort_id
""")

_STORED = """
    SELECT s.number FROM intake_state i
    JOIN sessions s
        ON s.cohort_id = i.cohort_id AND s.session_key = :session_key AND NOT s.forgotten
    JOIN deliveries d
        ON d.cohort_id = i.cohort_id AND d.session = s.number AND d.action = :action
           AND d.page = :page AND d.digest = :digest
    WHERE i.cohort_id = :cohort_id AND NOT i.closed
"""

# Under the lock the page cannot be stored between the two. The counters come first, as they do for
# storing one: transactions that take both rows never cross.
_REPLAY = Statement(
    """
    SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR UPDATE;

    UPDATE intake_state SET last_synced_at = :now, duplicate_pages = duplicate_pages + 1
    WHERE cohort_id = :cohort_id AND EXISTS ("""
    + _STORED
    + """);

    UPDATE syncs SET duplicates = duplicates + 1
    WHERE cohort_id = :cohort_id AND action = :action AND session = ("""
    + _STORED
    + """)
    RETURNING session
    """
)
