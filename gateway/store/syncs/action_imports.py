"""How the sending of actions to the Mixpanel of each source fares, and which are due."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gateway.core.syncs.forwarding import State

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
    """Where the actions of a source go; what is written of it names its `generation`."""

    source_id: int
    slug: str
    config: Mapping[str, Any]
    generation: int
    attempts: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """How it fares: counts since it was set up, and of what waits the number and the oldest."""

    source_id: int
    source: str
    state: State
    waiting: int
    oldest_at: datetime.datetime | None
    sent: int
    rejected: int
    last_sent_at: datetime.datetime | None
    next_at: datetime.datetime | None
    failing_since: datetime.datetime | None
    error_code: str | None
    error_message: str | None
    error_at: datetime.datetime | None


def due(conn: Connection, *, now: datetime.datetime) -> list[int]:
    """List the sources of which actions are to be sent now."""
    return list(conn.execute(_DUE, {"now": now}).scalars())


def find(conn: Connection, source_id: int) -> Import | None:
    """Find where the actions of a source go; None if they go nowhere, or were stopped."""
    row = conn.execute(_FIND, {"source_id": source_id}).one_or_none()
    return None if row is None else Import(**row._mapping)


def note(
    conn: Connection, found: Import, *, sent: int, rejected: int, now: datetime.datetime
) -> None:
    """Note that Mixpanel has answered: so many were taken, so many refused."""
    parameters = {"source_id": found.source_id, "sent": sent, "rejected": rejected, "now": now}
    conn.execute(_NOTE, parameters)


def postpone(
    conn: Connection,
    found: Import,
    *,
    code: str,
    message: str,
    until: datetime.datetime,
    now: datetime.datetime,
) -> None:
    """Have it tried again at a later time; nothing changes if the source was changed meanwhile."""
    _fail(conn, found, State.FAILING, code=code, message=message, until=until, now=now)


def stop(
    conn: Connection, found: Import, *, code: str, message: str, now: datetime.datetime
) -> None:
    """Have it wait for a person; nothing changes if the source was changed meanwhile."""
    _fail(conn, found, State.STOPPED, code=code, message=message, until=None, now=now)


def mend(conn: Connection, source_id: int) -> None:
    """Let it go on at once, after the source was changed, or was found to be well."""
    conn.execute(_MEND, {"source_id": source_id})


def standings(conn: Connection, source_ids: Sequence[int] | None = None) -> list[Standing]:
    """Tell how the sources that forward actions fare, all of them or some, by slug."""
    found = conn.execute(_STANDINGS, {"source_ids": source_ids})
    return [Standing(**{**row._mapping, "state": State(row.state)}) for row in found]


def _fail(
    conn: Connection,
    found: Import,
    state: State,
    *,
    code: str,
    message: str,
    until: datetime.datetime | None,
    now: datetime.datetime,
) -> None:
    parameters = {
        "source_id": found.source_id,
        "generation": found.generation,
        "state": state,
        "code": code,
        "message": message,
        "until": until,
        "now": now,
    }
    conn.execute(_FAIL, parameters)


_DUE = text("""
    SELECT s.id FROM sources s
    LEFT JOIN action_imports i ON i.source_id = s.id
    WHERE s.removed_at IS NULL AND jsonb_typeof(s.config -> 'import') = 'object'
      AND coalesce(i.state, 'active') <> 'stopped'
      AND coalesce(i.next_at <= :now, true)
      AND EXISTS (SELECT FROM action_outbox o
                  WHERE o.source_id = s.id AND o.rejected_at IS NULL)
    ORDER BY s.id
""")

_FIND = text("""
    SELECT s.id AS source_id, s.slug, s.config -> 'import' AS config,
           coalesce(i.generation, 0) AS generation, coalesce(i.attempts, 0) AS attempts
    FROM sources s
    LEFT JOIN action_imports i ON i.source_id = s.id
    WHERE s.id = :source_id AND s.removed_at IS NULL
      AND jsonb_typeof(s.config -> 'import') = 'object'
      AND coalesce(i.state, 'active') <> 'stopped'
""")

_NOTE = text("""
    INSERT INTO action_imports AS i (source_id, sent, rejected, last_sent_at)
    VALUES (:source_id, :sent, :rejected, CASE WHEN :sent > 0 THEN :now END)
    ON CONFLICT (source_id) DO UPDATE
    SET sent = i.sent + excluded.sent, rejected = i.rejected + excluded.rejected,
        last_sent_at = coalesce(excluded.last_sent_at, i.last_sent_at),
        state = 'active', attempts = 0, next_at = NULL, failing_since = NULL,
        error_code = NULL, error_message = NULL, error_at = NULL
""")

_FAIL = text("""
    INSERT INTO action_imports AS i (source_id, state, attempts, next_at, failing_since,
                                     error_code, error_message, error_at)
    VALUES (:source_id, :state, 1, :until, :now, :code, :message, :now)
    ON CONFLICT (source_id) DO UPDATE
    SET state = excluded.state, attempts = i.attempts + 1, next_at = excluded.next_at,
        failing_since = coalesce(i.failing_since, excluded.failing_since),
        error_code = excluded.error_code, error_message = excluded.error_message,
        error_at = excluded.error_at
    WHERE i.generation = :generation
""")

_MEND = text("""
    INSERT INTO action_imports AS i (source_id, generation) VALUES (:source_id, 1)
    ON CONFLICT (source_id) DO UPDATE
    SET generation = i.generation + 1, state = 'active', attempts = 0, next_at = NULL,
        failing_since = NULL, error_code = NULL, error_message = NULL, error_at = NULL
""")

_STANDINGS = text("""
    SELECT s.id AS source_id, s.slug AS source, coalesce(i.state, 'active') AS state,
           w.waiting, f.recorded_at AS oldest_at, coalesce(i.sent, 0) AS sent,
           coalesce(i.rejected, 0) AS rejected, i.last_sent_at, i.next_at, i.failing_since,
           i.error_code, i.error_message, i.error_at
    FROM sources s
    LEFT JOIN action_imports i ON i.source_id = s.id
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting FROM action_outbox o
        WHERE o.source_id = s.id AND o.rejected_at IS NULL) w
    LEFT JOIN LATERAL (
        SELECT a.recorded_at
        FROM (SELECT * FROM action_outbox
              WHERE source_id = s.id AND rejected_at IS NULL ORDER BY id LIMIT 1) o
        JOIN actions a ON a.source_id = o.source_id AND a.member_id = o.member_id
                      AND a.action = o.action AND a.key = o.key) f ON true
    WHERE s.removed_at IS NULL AND jsonb_typeof(s.config -> 'import') = 'object'
      AND (CAST(:source_ids AS bigint[]) IS NULL
           OR s.id = ANY(CAST(:source_ids AS bigint[])))
    ORDER BY s.slug
""")
