"""Removing people and events: by erasure, by a deletion that was asked for, and by age."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deletion:
    """Events to be deleted: of a name and before a time, None for any, up to an arrival."""

    id: int
    source_id: int
    name: str | None
    before: datetime.datetime | None
    up_to: int


def sources(conn: Connection, kind: str, slug: str | None) -> list[int]:
    """List the sources of a kind, or the one of a slug if it is of the kind."""
    return list(conn.execute(_SOURCES, {"kind": kind, "slug": slug}).scalars())


def hold(conn: Connection, source_id: int) -> None:
    """Wait until no request brings people or events; those that come wait for the transaction."""
    conn.execute(_HOLD, {"source_id": source_id})


def forget(
    conn: Connection, source_id: int, person_id: str, digest: bytes, *, now: datetime.datetime
) -> None:
    """Remove a person with all events, and keep out what comes of their time."""
    parameters = {"source_id": source_id, "person_id": person_id, "digest": digest, "now": now}
    conn.execute(_NOTE, parameters)
    rows = conn.execute(_FORGET_EVENTS, parameters).all()
    _uncount(conn, source_id, rows)
    conn.execute(_FORGET_PERSON, parameters)
    conn.execute(_FORGET_REJECTED, parameters)
    conn.execute(_FORGET_SAMPLES, parameters)


def request_deletion(
    conn: Connection,
    source_id: int,
    *,
    name: str | None,
    before: datetime.datetime | None,
    now: datetime.datetime,
) -> int:
    """Note that events are to be deleted; those that arrive from now on stay."""
    parameters = {"source_id": source_id, "name": name, "before": before, "now": now}
    return int(conn.execute(_REQUEST, parameters).scalar_one())


def next_deletion(conn: Connection, deletion_id: int | None = None) -> Deletion | None:
    """Claim a deletion that no other process is at: that one, or the oldest."""
    row = conn.execute(_CLAIM, {"id": deletion_id}).one_or_none()
    return None if row is None else Deletion(**row._mapping)


def delete_events(conn: Connection, deletion: Deletion, *, below: int, limit: int) -> int:
    """Delete some of the events, and forget their ids; returns how many."""
    parameters = dataclasses.asdict(deletion) | {"below": below, "limit": limit}
    rows = conn.execute(_DELETE, parameters).all()
    ids = [(row.event_id, row.received_at) for row in rows if row.event_id is not None]
    if ids:
        parameters = {
            "source_id": deletion.source_id,
            "event_ids": [one for one, _ in ids],
            "received": [at for _, at in ids],
        }
        conn.execute(_FORGET_IDS, parameters)
    _uncount(conn, deletion.source_id, rows)
    conn.execute(_SHARE, {"source_id": deletion.source_id})
    people = sorted({row.person_id for row in rows})
    conn.execute(_TOUCH, {"source_id": deletion.source_id, "people": people})
    return len(rows)


def finish(conn: Connection, deletion: Deletion) -> None:
    conn.execute(_FORGET_SAMPLES, {"source_id": deletion.source_id})
    conn.execute(_FINISH, {"id": deletion.id})


def prune_ids(conn: Connection, *, before: datetime.datetime, limit: int) -> int:
    """Forget ids of events that were received before a moment."""
    return conn.execute(_PRUNE_IDS, {"before": before, "limit": limit}).rowcount


def prune_rejected(conn: Connection, *, before: datetime.datetime, kept: int) -> int:
    """Drop rejected events from before a moment, and those beyond the newest of each source."""
    return conn.execute(_PRUNE_REJECTED, {"before": before, "kept": kept}).rowcount


def prune_erasures(conn: Connection, *, before: datetime.datetime) -> int:
    """Forget erasures so old that no event of that time is taken any more."""
    return conn.execute(_PRUNE_ERASURES, {"before": before}).rowcount


def add_up_days(conn: Connection, *, since: datetime.date) -> None:
    """Make one row of all that count the same, and drop those of days before one."""
    conn.execute(_LOCK_DAYS)
    conn.execute(_ADD_UP, {"since": since})


def _uncount(conn: Connection, source_id: int, rows: Sequence[Any]) -> None:
    if rows:
        parameters = {
            "source_id": source_id,
            "names": [row.name for row in rows],
            "times": [row.time for row in rows],
        }
        conn.execute(_UNCOUNT, parameters)


_SOURCES = text("""
    SELECT id FROM sources WHERE kind = :kind AND removed_at IS NULL
      AND (CAST(:slug AS text) IS NULL OR slug = :slug) ORDER BY id
""")

_HOLD = text("""
    SELECT pg_advisory_xact_lock(hashtext('gateway.people'), CAST(:source_id AS integer))
""")

_NOTE = text("""
    INSERT INTO person_erasures (source_id, person_digest, erased_at)
    VALUES (:source_id, :digest, :now)
    ON CONFLICT (source_id, person_digest) DO UPDATE
    SET erased_at = greatest(person_erasures.erased_at, excluded.erased_at)
""")

_FORGET_EVENTS = text("""
    DELETE FROM events WHERE source_id = :source_id AND person_id = :person_id
    RETURNING name, time
""")

_FORGET_PERSON = text("""
    DELETE FROM people WHERE source_id = :source_id AND person_id = :person_id
""")

# Which values that were shared are those of a person is not known.
_FORGET_SAMPLES = text("DELETE FROM seen_samples WHERE source_id = :source_id")

_FORGET_REJECTED = text("""
    DELETE FROM rejected_events WHERE source_id = :source_id AND person_id = :person_id
""")

_REQUEST = text("""
    INSERT INTO event_deletions (source_id, name, before, up_to, requested_at)
    VALUES (:source_id, :name, :before, nextval('arrivals'), :now) RETURNING id
""")

_CLAIM = text("""
    SELECT id, source_id, name, before, up_to FROM event_deletions
    WHERE CAST(:id AS bigint) IS NULL OR id = :id
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
""")

_DELETE = text("""
    DELETE FROM events e
    USING (
        SELECT person_id, time, id FROM events
        WHERE source_id = :source_id AND id < :below
          AND (CAST(:name AS text) IS NULL OR name = :name)
          AND (CAST(:before AS timestamptz) IS NULL OR time < :before)
        LIMIT :limit
    ) d
    WHERE e.source_id = :source_id AND e.person_id = d.person_id AND e.time = d.time
      AND e.id = d.id
    RETURNING e.person_id, e.name, e.time, e.event_id, e.received_at
""")

# An id that was forgotten and came again since then is that of another event.
_FORGET_IDS = text("""
    DELETE FROM event_ids i
    USING unnest(CAST(:event_ids AS text[]), CAST(:received AS timestamptz[]))
        AS d (event_id, received_at)
    WHERE i.source_id = :source_id AND i.event_id = d.event_id AND i.received_at = d.received_at
""")

# Rules look at these people again: none that looks meanwhile may miss them.
_SHARE = text("""
    SELECT pg_advisory_xact_lock_shared(hashtext('gateway.people'), CAST(:source_id AS integer))
""")

_TOUCH = text("""
    UPDATE people SET changed = nextval('arrivals')
    WHERE source_id = :source_id AND person_id = ANY(:people)
""")

_FINISH = text("DELETE FROM event_deletions WHERE id = :id")

_UNCOUNT = text("""
    INSERT INTO event_days (source_id, name, day, events)
    SELECT :source_id, d.name, CAST(d.time AT TIME ZONE 'UTC' AS date), -count(*)
    FROM unnest(CAST(:names AS text[]), CAST(:times AS timestamptz[])) AS d (name, time)
    GROUP BY 2, 3
""")

_PRUNE_IDS = text("""
    DELETE FROM event_ids WHERE (source_id, event_id) IN (
        SELECT source_id, event_id FROM event_ids WHERE received_at < :before LIMIT :limit)
""")

_PRUNE_REJECTED = text("""
    DELETE FROM rejected_events r
    USING (
        SELECT s.source_id, (
            SELECT n.id FROM rejected_events n WHERE n.source_id = s.source_id
            ORDER BY n.id DESC OFFSET :kept LIMIT 1) AS id
        FROM (SELECT DISTINCT source_id FROM rejected_events) s
    ) last
    WHERE last.source_id = r.source_id
      AND (r.received_at < :before OR r.id <= last.id)
""")

_PRUNE_ERASURES = text("DELETE FROM person_erasures WHERE erased_at < :before")

# Rows that are added meanwhile stay: they are not seen by the statement.
_LOCK_DAYS = text("SELECT pg_advisory_xact_lock(hashtext('gateway.event_days'))")

_ADD_UP = text("""
    WITH taken AS (DELETE FROM event_days RETURNING source_id, name, day, events)
    INSERT INTO event_days (source_id, name, day, events)
    SELECT source_id, name, day, sum(events) FROM taken WHERE day >= :since
    GROUP BY source_id, name, day HAVING sum(events) <> 0
""")
