"""Loads: a row for each, and its pages, which are staged in the inbox where nothing sees them.

Locks are taken in this order: `apply_state`, `intake_state`, the row of the load.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.cohorts import load as rules
from gateway.core.cohorts.load import Load, Mode, State
from gateway.store.cohorts.sessions import ERASED_SINCE, Session
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Members
    from gateway.store.cohorts.accept import IntakeState
    from gateway.store.db.statement import Line, Pipeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a load that was applied did, and the seq of the cohort after it."""

    entered: int | None
    exited: int | None
    last_seq: int | None


def next_number(conn: Connection) -> int:
    """Return the number of a load that is about to be created; later loads have higher ones."""
    return int(conn.execute(_NEXT_NUMBER).scalar_one())


def create(
    conn: Connection,
    cohort_id: int,
    number: int,
    *,
    mode: Mode,
    session: int,
    now: datetime.datetime,
    state: State = State.READING,
) -> Load:
    """Create a load that is being read for the first time, or is about to be."""
    parameters = {"cohort_id": cohort_id, "number": number, "mode": mode, "session": session}
    conn.execute(_CREATE, parameters | {"state": state, "now": now})
    return _load(conn.execute(_GET, parameters).one())


def get(line: Line, cohort_id: int, number: int) -> Load | None:
    """Read a load, None if there is none."""
    row = _READ.first(line, {"cohort_id": cohort_id, "number": number})
    return None if row is None else _load(row)


def lock(conn: Connection, cohort_id: int, number: int) -> Load | None:
    """Read a load that stays as it is until the transaction ends, None if there is none."""
    row = conn.execute(_LOCK, {"cohort_id": cohort_id, "number": number}).one_or_none()
    return None if row is None else _load(row)


def waiting_before(conn: Connection, cohort_id: int, number: int) -> list[Load]:
    """Lock the loads of a cohort that wait for an approval and are older than one."""
    rows = conn.execute(_WAITING_BEFORE, {"cohort_id": cohort_id, "number": number})
    return [_load(row) for row in rows]


def lock_running(conn: Connection, cohort_id: int) -> list[Load]:
    """Lock the loads of a cohort that are queued or being read."""
    return [_load(row) for row in conn.execute(_LOCK_RUNNING, {"cohort_id": cohort_id})]


def restart(conn: Connection, load: Load, *, session: int, begun_at: datetime.datetime) -> Load:
    """Begin another epoch of a load that the caller has locked, without pages, in a session."""
    drop_pages(conn, load)
    parameters = {"cohort_id": load.cohort_id, "number": load.number, "session": session}
    conn.execute(_RESTART, parameters | {"begun_at": begun_at})
    return _load(conn.execute(_GET, parameters).one())


def drop_pages(conn: Connection, load: Load) -> None:
    """Delete the staged pages of a load."""
    _DROP_PAGES.run(conn, _staged(load.cohort_id, load.session))


def forget_session(conn: Connection, load: Load) -> None:
    """Delete the session of a load that nothing was applied of."""
    conn.execute(_FORGET_SESSION, {"cohort_id": load.cohort_id, "session": load.session})


def count_page(trip: Pipeline, load: Load, page: int, members: Members) -> Session | None:
    """Make room for the next page of a load and return its session.

    None unless this epoch is the one that is being read, and has all pages before this one. One
    that is there already is not counted again. No erasure is noted and missed until the
    transaction ends: erasing waits for the counters of accepting, which are locked here.
    """
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "epoch": load.epoch,
        "page": page,
        "members": members.usable,
        "received": members.received,
        "skipped": json.dumps(dict(members.skipped)),
    }
    row = _COUNT_PAGE.first(trip, parameters)
    return None if row is None else Session(**row._asdict())


def put_page(
    trip: Pipeline, load: Load, page: int, *, members: int, packed: bytes, now: datetime.datetime
) -> None:
    """Stage a page that was counted; one that is staged already stays as it is."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": rules.staged_number(load.session, page),
        "session": load.session,
        "action": load.mode.action,
        "page": page,
        "members": members,
        "roster": packed,
        "now": now,
    }
    _PUT_PAGE.run(trip, parameters)


def seal(conn: Connection, load: Load, counters: IntakeState, *, now: datetime.datetime) -> None:
    """Make a load visible as delivery `last_delivery` of its session, of which nothing was seen.

    The caller has locked both the load and the counters, which are those after it.
    """
    total = max(load.pages, 1)  # an empty load is one empty page
    parameters = {
        "cohort_id": load.cohort_id,
        "load": load.number,
        "session": load.session,
        "action": load.mode.action,
        "members": load.members,
        "received": load.received,
        "pages": f"{{[1,{total}]}}",
        "total_pages": total,
        "skipped": json.dumps(dict(load.skipped)),
        "begun_at": load.begun_at,
        "last_delivery": counters.last_delivery,
        "run_from": counters.run_from,
        "refresh_session": counters.refresh_session,
        "now": now,
    }
    _SEAL.run(conn, parameters)
    for reason, members in load.skipped.items():
        skip = {"cohort_id": load.cohort_id, "reason": reason, "members": members}
        conn.execute(_COUNT_SKIPS, skip)


def end(
    line: Line,
    cohort_id: int,
    number: int,
    *,
    session: int,
    state: State,
    now: datetime.datetime,
    outcome: Outcome | None = None,
) -> None:
    """Give a load its last state and delete its pages; one that was applied has an outcome."""
    done = outcome or Outcome(entered=None, exited=None, last_seq=None)
    parameters = {"cohort_id": cohort_id, "number": number, "state": state, "now": now}
    _END.run(line, parameters | dataclasses.asdict(done))
    _DROP_PAGES.run(line, _staged(cohort_id, session))


def prune(conn: Connection, cohort_id: int, *, before: datetime.datetime) -> int:
    """Delete loads that ended before a moment; returns how many."""
    return conn.execute(_PRUNE, {"cohort_id": cohort_id, "before": before}).rowcount


def cancel_all(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Cancel the loads of a cohort that is being deleted with the pages in its inbox."""
    conn.execute(_CANCEL_ALL, {"cohort_id": cohort_id, "now": now})


def _staged(cohort_id: int, session: int) -> dict[str, int]:
    first, last = rules.staged_number(session, rules.MAX_PAGES), rules.staged_number(session, 1)
    return {"cohort_id": cohort_id, "first": first, "last": last}


def _load(row: object) -> Load:
    fields = row._asdict()  # type: ignore[attr-defined]
    return Load(**{**fields, "mode": Mode(fields["mode"]), "state": State(fields["state"])})


_SELECT = """
    SELECT cohort_id, number, mode, state, session, epoch, pages, members, received, skipped,
           begun_at, bare, shrink_waived, same_at
    FROM loads
"""

_COLUMNS = _SELECT + "WHERE cohort_id = :cohort_id AND number = :number "

_LOCK_RUNNING = text(
    _SELECT
    + """
    WHERE cohort_id = :cohort_id AND state IN ('queued', 'reading')
    ORDER BY number FOR UPDATE
    """
)

_WAITING_BEFORE = text(
    _SELECT
    + """
    WHERE cohort_id = :cohort_id AND number < :number AND state = 'needs_approval'
    ORDER BY number FOR UPDATE
    """
)

_READ = Statement(_COLUMNS)
_GET = text(_COLUMNS)
_LOCK = text(_COLUMNS + "FOR UPDATE")

_NEXT_NUMBER = text("SELECT nextval('event_order')")

_CREATE = text("""
    INSERT INTO loads (cohort_id, number, mode, state, session, epoch, begun_at, queued_at)
    VALUES (:cohort_id, :number, :mode, :state, :session, 1, :now, :now)
""")

_RESTART = text("""
    UPDATE loads
    SET state = 'reading', epoch = epoch + 1, session = :session, begun_at = :begun_at, pages = 0,
        members = 0, received = 0, skipped = '{}', duplicates = 0, warnings = '{}', progress = NULL,
        same_at = NULL
    WHERE cohort_id = :cohort_id AND number = :number
""")

_FORGET_SESSION = text("""
    DELETE FROM sessions WHERE cohort_id = :cohort_id AND number = :session
""")

# The last statement sees what the first has waited for.
_COUNT_PAGE = Statement(
    """
    SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR NO KEY UPDATE;

    UPDATE loads
    SET pages = pages + 1, members = members + :members, received = received + :received,
        skipped = (
            SELECT coalesce(jsonb_object_agg(reason, found), '{}')
            FROM (SELECT reason, sum(CAST(found AS bigint)) AS found
                  FROM (SELECT * FROM jsonb_each_text(loads.skipped) AS before (reason, found)
                        UNION ALL
                        SELECT * FROM jsonb_each_text(CAST(:skipped AS jsonb))
                            AS more (reason, found)) parts
                  GROUP BY reason) sums)
    WHERE cohort_id = :cohort_id AND number = :number AND epoch = :epoch AND state = 'reading'
      AND pages = :page - 1;

    SELECT s.number, s.started_order, """
    + ERASED_SINCE
    + """
    FROM loads l
    JOIN sessions s ON s.cohort_id = l.cohort_id AND s.number = l.session
    WHERE l.cohort_id = :cohort_id AND l.number = :number AND l.epoch = :epoch
      AND l.state = 'reading' AND l.pages >= :page
    """
)

_PUT_PAGE = Statement("""
    INSERT INTO deliveries
        (cohort_id, number, session, action, page, total_pages, digest, members, roster,
         received_at)
    VALUES
        (:cohort_id, :number, :session, :action, :page, :page, '', :members, :roster, :now)
    ON CONFLICT (cohort_id, number) DO NOTHING
""")

# Its digest is none that a page has: the identity of the first staged page is another one.
_SEAL = Statement("""
    INSERT INTO deliveries
        (cohort_id, number, session, action, page, total_pages, digest, members, roster,
         received_at, load)
    VALUES
        (:cohort_id, :last_delivery, :session, :action, 1, 1, 'sealed', :members, '', :now, :load);

    INSERT INTO syncs
        (cohort_id, session, action, total_pages, pages, members_received, skipped, started_at,
         last_received_at)
    VALUES
        (:cohort_id, :session, :action, :total_pages, CAST(:pages AS int8multirange), :received,
         CAST(:skipped AS jsonb), :begun_at, :now)
    ON CONFLICT (cohort_id, session, action) DO UPDATE
    SET total_pages = excluded.total_pages, pages = excluded.pages,
        members_received = excluded.members_received, skipped = excluded.skipped,
        last_received_at = excluded.last_received_at;

    UPDATE intake_state
    SET last_delivery = :last_delivery, run_session = :session, run_action = :action,
        run_from = :run_from, refresh_session = :refresh_session, last_synced_at = :now,
        accepted_pages = accepted_pages + :total_pages,
        accepted_members = accepted_members + :received
    WHERE cohort_id = :cohort_id;

    UPDATE loads SET state = 'applying', expires_at = NULL
    WHERE cohort_id = :cohort_id AND number = :load
""")

_COUNT_SKIPS = text("""
    INSERT INTO skips (cohort_id, reason, members) VALUES (:cohort_id, :reason, :members)
    ON CONFLICT (cohort_id, reason) DO UPDATE SET members = skips.members + excluded.members
""")

_END = Statement("""
    UPDATE loads
    SET state = :state, ended_at = :now, expires_at = NULL, entered = :entered, exited = :exited,
        last_seq = :last_seq
    WHERE cohort_id = :cohort_id AND number = :number
""")

_DROP_PAGES = Statement("""
    DELETE FROM deliveries WHERE cohort_id = :cohort_id AND number BETWEEN :first AND :last
""")

_PRUNE = text("DELETE FROM loads WHERE cohort_id = :cohort_id AND ended_at < :before")

_CANCEL_ALL = text("""
    UPDATE loads SET state = 'canceled', ended_at = :now, expires_at = NULL
    WHERE cohort_id = :cohort_id
      AND state IN ('queued', 'reading', 'needs_approval', 'applying')
""")
