"""Erasures: digests of member ids, ordered among the starts of sessions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core import texts
from gateway.store.cohorts import apply_state
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


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


def await_new_cohorts(conn: Connection) -> None:
    """Wait for the transactions that are creating a cohort: they hold a key of their source."""
    conn.execute(_AWAIT_NEW_COHORTS)


def await_accepting(line: Line, cohort_id: int) -> None:
    """Wait for the transactions that are accepting a page for a cohort."""
    _AWAIT_ACCEPTING.run(line, {"cohort_id": cohort_id})


def forget(
    conn: Connection,
    cohort_ids: Sequence[int],
    member_id: str,
    *,
    order: int,
    now: datetime.datetime,
) -> None:
    """Delete what sessions before `order` made of a person in some cohorts; members exit nameless.

    What a session after it has touched stays: also by a completed refresh, which writes nothing to
    the memberships that it keeps. The caller holds the cohorts.
    """
    parameters = {"cohort_ids": list(cohort_ids), "member_id": member_id, "order": order}
    deleted = conn.execute(_FORGET, parameters).all()
    exited = [row.cohort_id for row in deleted if row.was_member]
    if exited:
        _exit_nameless(conn, exited, now=now)
    for row in conn.execute(_KEPT, parameters).all():
        here = parameters | {"cohort_id": row.cohort_id, "session": row.session, "now": now}
        if not conn.execute(_WAS_MOVED, here).scalar_one():
            _enter_again(conn, row.cohort_id, here, now=now)


def _exit_nameless(conn: Connection, cohort_ids: Sequence[int], *, now: datetime.datetime) -> None:
    """Write the `exited` of a person without keeping the id."""
    parameters = {"cohort_ids": list(cohort_ids), "now": now}
    conn.execute(_WRITE_EXIT, parameters)
    conn.execute(_COUNT_EXIT, parameters)


def _enter_again(
    conn: Connection, cohort_id: int, parameters: dict[str, object], *, now: datetime.datetime
) -> None:
    """Record an anonymous exit and a new entry for a member found by a session after the erasure.

    To that session the person was one already; with what went before it erased, the person came
    with it.
    """
    _exit_nameless(conn, [cohort_id], now=now)
    conn.execute(_WRITE_ENTRY, parameters)
    conn.execute(_COUNT_ENTRY, parameters)
    conn.execute(_REPORT_ENTRY, parameters)
    apply_state.raise_sync_version(conn, cohort_id, now=now)
    conn.execute(_ENTER, parameters)


def since(
    conn: Connection, started_order: int, source_id: int, project_id: str
) -> Mapping[bytes, int]:
    """Find the people erased from a project after a session began.

    By digest (SHA-256), each with the order of the newest erasure.
    """
    kept = texts.kept_id(project_id)
    parameters = {"order": started_order, "source_id": source_id, "project_id": kept}
    return {bytes(row.digest): row.newest for row in conn.execute(_SINCE, parameters)}


def of_cohort(conn: Connection, cohort_id: int, started_order: int) -> Mapping[bytes, int]:
    """Find the people erased from a cohort's project after a session began, as `since` does."""
    parameters = {"cohort_id": cohort_id, "order": started_order}
    return {bytes(row.digest): row.newest for row in conn.execute(_OF_COHORT, parameters)}


def before(conn: Connection, cohort_id: int, started_order: int) -> frozenset[bytes]:
    """Find the people erased from a cohort's project, but not after a session began."""
    parameters = {"cohort_id": cohort_id, "order": started_order}
    return frozenset(bytes(row.digest) for row in conn.execute(_BEFORE, parameters))


_BEFORE = text("""
    SELECT e.member_digest AS digest
    FROM erasures e JOIN cohorts c ON c.id = :cohort_id
    WHERE (e.source_id IS NULL OR e.source_id = c.source_id)
      AND (e.project_id IS NULL OR e.project_id = c.project_id)
    GROUP BY e.member_digest HAVING max(e.erased_order) < :order
""")

_SINCE = text("""
    SELECT member_digest AS digest, max(erased_order) AS newest FROM erasures
    WHERE erased_order > :order
      AND (source_id IS NULL OR source_id = :source_id)
      AND (project_id IS NULL OR project_id = :project_id)
    GROUP BY member_digest
""")

_OF_COHORT = text("""
    SELECT e.member_digest AS digest, max(e.erased_order) AS newest
    FROM erasures e JOIN cohorts c ON c.id = :cohort_id
    WHERE e.erased_order > :order
      AND (e.source_id IS NULL OR e.source_id = c.source_id)
      AND (e.project_id IS NULL OR e.project_id = c.project_id)
    GROUP BY e.member_digest
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
_AWAIT_NEW_COHORTS = text("SELECT id FROM sources ORDER BY id FOR UPDATE")

# Citus locks rows of one cohort at a time.
_AWAIT_ACCEPTING = Statement("SELECT FROM intake_state WHERE cohort_id = :cohort_id FOR SHARE")

# Whatever is not known to be of a later session goes: sessions are not remembered for ever. But a
# tombstone stays that keeps a later session from bringing the person back, see `flows.erased`.
_FORGET = text("""
    DELETE FROM memberships m
    WHERE m.cohort_id = ANY(:cohort_ids) AND m.member_id = :member_id
      AND NOT EXISTS (
          SELECT FROM sessions s JOIN apply_state a ON a.cohort_id = s.cohort_id
          WHERE s.cohort_id = m.cohort_id AND s.number IN (m.session, a.floor)
            AND s.number >= m.session AND s.started_order > :order)
      AND (m.entered_at IS NOT NULL OR NOT EXISTS (
          SELECT FROM sessions o
          WHERE o.cohort_id = m.cohort_id AND o.number < m.session AND NOT o.forgotten
            AND o.started_order > :order))
    RETURNING m.cohort_id, m.entered_at IS NOT NULL AS was_member
""")

# Members left by `_FORGET` were touched by a later session.
_KEPT = text("""
    SELECT m.cohort_id, max(s.number) AS session
    FROM memberships m
    JOIN apply_state a ON a.cohort_id = m.cohort_id
    JOIN sessions s
        ON s.cohort_id = m.cohort_id AND s.number IN (m.session, a.floor)
        AND s.number >= m.session AND s.started_order > :order
    WHERE m.cohort_id = ANY(:cohort_ids) AND m.member_id = :member_id AND m.entered_at IS NOT NULL
    GROUP BY m.cohort_id
""")

# If no later session has let them enter or exit, it found them there.
_WAS_MOVED = text("""
    SELECT EXISTS (
        SELECT FROM changes c
        WHERE c.cohort_id = :cohort_id
          AND c.session IN (SELECT s.number FROM sessions s
                            WHERE s.cohort_id = :cohort_id AND s.started_order > :order)
          AND :member_id = ANY(c.member_ids))
""")

_WRITE_EXIT = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, member_ids)
    SELECT cohort_id, last_change + 1, last_change + 1, 'exited', :now, ARRAY[NULL]::text[]
    FROM apply_state WHERE cohort_id = ANY(:cohort_ids)
""")

_COUNT_EXIT = text(
    """
    UPDATE apply_state
    SET last_change = last_change + 1, exited = exited + 1, member_count = member_count - 1,
        updated_at = :now, version = """
    + apply_state.VERSION
    + "WHERE cohort_id = ANY(:cohort_ids)"
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
