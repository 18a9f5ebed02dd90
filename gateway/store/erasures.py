"""Who was erased: digests of member ids, ordered among the starts of sessions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core import texts
from gateway.store import apply_state

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


def put(
    conn: Connection,
    member_id: str,
    *,
    source: str | None,
    project_id: str | None,
    now: datetime.datetime,
) -> int:
    """Note an erasure and return its place among the starts of sessions.

    None stands for all sources, or all projects; a source that does not exist gets no note.
    """
    order: int = conn.execute(_NEXT_ORDER).scalar_one()
    parameters = {
        "order": order,
        "project_id": None if project_id is None else texts.kept_id(project_id),
        "digest": hashlib.sha256(member_id.encode()).digest(),
        "now": now,
    }
    if source is None:
        conn.execute(_PUT, parameters)
    else:
        conn.execute(_PUT_FOR_SOURCE, parameters | {"source": source})
    return order


def await_new_cohorts(conn: Connection, *, source: str | None) -> None:
    """Wait for the transactions that are creating a cohort: they hold a key of their source."""
    conn.execute(_AWAIT_NEW_COHORTS, {"source": source})


def await_accepting(conn: Connection, cohort_id: int) -> None:
    """Wait for the transactions that are accepting a page for a cohort."""
    conn.execute(_AWAIT_ACCEPTING, {"cohort_id": cohort_id})


def forget(conn: Connection, cohort_id: int, member_id: str, *, floor: int, order: int) -> bool:
    """Delete what sessions before `order` made of somebody; True if they were a member.

    Whom the completed refresh `floor` kept, it has touched, though nothing was written.
    """
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "floor": floor, "order": order}
    return bool(conn.execute(_FORGET, parameters).scalar_one_or_none())


def exit_nameless(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Write the `exited` of somebody whose id is not kept."""
    parameters = {"cohort_id": cohort_id, "now": now}
    conn.execute(_WRITE_EXIT, parameters)
    conn.execute(_COUNT_EXIT, parameters)


def enter_again(
    conn: Connection,
    cohort_id: int,
    member_id: str,
    *,
    floor: int,
    order: int,
    now: datetime.datetime,
) -> None:
    """Let somebody exit namelessly and enter anew whom a session after `order` found a member.

    To that session they were one already; with what went before it erased, they came with it.
    """
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "floor": floor, "order": order}
    session = conn.execute(_FIND_KEPT, parameters).scalar_one_or_none()
    if session is None:
        return
    exit_nameless(conn, cohort_id, now=now)
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "session": session, "now": now}
    conn.execute(_WRITE_ENTRY, parameters)
    conn.execute(_COUNT_ENTRY, parameters)
    conn.execute(_REPORT_ENTRY, parameters)
    apply_state.raise_sync_version(conn, cohort_id, now=now)
    conn.execute(_ENTER, parameters)


def blank_changes(conn: Connection, cohort_id: int, member_id: str, *, order: int) -> bool:
    """Take somebody's id out of what sessions before `order` changed; True if it was in any.

    And out of the exit, by whatever session, from what those had made.
    """
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "order": order}
    return conn.execute(_BLANK_CHANGES, parameters).rowcount > 0


def since(
    conn: Connection, started_order: int, source_id: int, project_id: str
) -> frozenset[bytes]:
    """Digests (SHA-256) of the people erased from a project after a session began."""
    kept = texts.kept_id(project_id)
    parameters = {"order": started_order, "source_id": source_id, "project_id": kept}
    return frozenset(bytes(digest) for digest in conn.execute(_SINCE, parameters).scalars())


def of_cohort(conn: Connection, cohort_id: int, started_order: int) -> frozenset[bytes]:
    """Digests of the people erased from a cohort's project after a session began."""
    parameters = {"cohort_id": cohort_id, "order": started_order}
    return frozenset(bytes(digest) for digest in conn.execute(_OF_COHORT, parameters).scalars())


_SINCE = text("""
    SELECT member_digest FROM erasures
    WHERE erased_order > :order
      AND (source_id IS NULL OR source_id = :source_id)
      AND (project_id IS NULL OR project_id = :project_id)
""")

_OF_COHORT = text("""
    SELECT e.member_digest FROM erasures e JOIN cohorts c ON c.id = :cohort_id
    WHERE e.erased_order > :order
      AND (e.source_id IS NULL OR e.source_id = c.source_id)
      AND (e.project_id IS NULL OR e.project_id = c.project_id)
""")

_NEXT_ORDER = text("SELECT nextval('event_order')")

_PUT = text("""
    INSERT INTO erasures (erased_order, source_id, project_id, member_digest, erased_at)
    VALUES (:order, NULL, :project_id, :digest, :now)
""")

_PUT_FOR_SOURCE = text("""
    INSERT INTO erasures (erased_order, source_id, project_id, member_digest, erased_at)
    SELECT :order, id, :project_id, :digest, :now FROM sources WHERE slug = :source
""")

# Conflicts with the FOR KEY SHARE that the foreign key of a new cohort takes.
_AWAIT_NEW_COHORTS = text("""
    SELECT id FROM sources WHERE CAST(:source AS text) IS NULL OR slug = :source
    ORDER BY id FOR UPDATE
""")

# Citus locks rows of one cohort at a time.
_AWAIT_ACCEPTING = text("SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR SHARE")

# Whatever is not known to be of a later session goes: sessions are not remembered for ever.
_FORGET = text("""
    DELETE FROM memberships m
    WHERE m.cohort_id = :cohort_id AND m.member_id = :member_id
      AND NOT EXISTS (SELECT FROM sessions s
                      WHERE s.cohort_id = m.cohort_id AND s.number = greatest(m.session, :floor)
                        AND s.started_order > :order)
    RETURNING m.entered_at IS NOT NULL
""")

# Who is a member after `_FORGET` was touched by a later session. If none has let them enter or
# exit, it found them there.
_FIND_KEPT = text("""
    SELECT greatest(m.session, :floor) FROM memberships m
    WHERE m.cohort_id = :cohort_id AND m.member_id = :member_id AND m.entered_at IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM changes c
          WHERE c.cohort_id = m.cohort_id
            AND c.session IN (SELECT s.number FROM sessions s
                              WHERE s.cohort_id = :cohort_id AND s.started_order > :order)
            AND :member_id = ANY(c.member_ids))
""")

_WRITE_EXIT = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, member_ids)
    SELECT cohort_id, last_change + 1, last_change + 1, 'exited', :now, ARRAY[NULL]::text[]
    FROM apply_state WHERE cohort_id = :cohort_id
""")

_COUNT_EXIT = text(
    """
    UPDATE apply_state
    SET last_change = last_change + 1, exited = exited + 1, member_count = member_count - 1,
        updated_at = :now, version = """
    + apply_state.VERSION
    + "WHERE cohort_id = :cohort_id"
)

_WRITE_ENTRY = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, session, member_ids)
    SELECT cohort_id, last_change + 1, last_change + 1, 'entered', :now, :session,
           ARRAY[CAST(:member_id AS text)]
    FROM apply_state WHERE cohort_id = :cohort_id
""")

_COUNT_ENTRY = text("""
    UPDATE apply_state
    SET last_change = last_change + 1, entered = entered + 1, member_count = member_count + 1
    WHERE cohort_id = :cohort_id
""")

# A session that adds nearly always has one action that does; of two, the diff gets it.
_REPORT_ENTRY = text("""
    UPDATE sync_results SET entered = entered + 1
    WHERE cohort_id = :cohort_id AND session = :session
      AND action = (SELECT min(r.action) FROM sync_results r
                    WHERE r.cohort_id = :cohort_id AND r.session = :session
                      AND r.action <> 'remove_members')
""")

_ENTER = text("""
    UPDATE memberships SET session = :session, entered_at = :now
    WHERE cohort_id = :cohort_id AND member_id = :member_id
""")

_BLANK_CHANGES = text("""
    WITH named AS (
        SELECT c.first_seq, c.kind,
               EXISTS (SELECT FROM sessions s
                       WHERE s.cohort_id = c.cohort_id AND s.number = c.session
                         AND s.started_order > :order) AS later
        FROM changes c
        WHERE c.cohort_id = :cohort_id AND :member_id = ANY(c.member_ids))
    UPDATE changes SET member_ids = array_replace(member_ids, :member_id, NULL)
    WHERE cohort_id = :cohort_id
      AND first_seq IN (
          SELECT first_seq FROM named
          WHERE NOT later
             OR kind = 'exited' AND first_seq = (SELECT min(first_seq) FROM named WHERE later))
""")
