"""Looking up people, their events, and what was seen of both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Person:
    """A person, and how many events there are; `traits` is JSON."""

    person_id: str
    traits: str
    first_seen_at: datetime.datetime
    last_seen_at: datetime.datetime
    events: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A person as lists have it; `traits` is JSON."""

    person_id: str
    traits: str
    updated_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """An event, or a rejected one, which has a code; `properties` is JSON."""

    id: int
    person_id: str
    event: str | None
    time: datetime.datetime | None
    event_id: str | None
    properties: str | None
    received_at: datetime.datetime
    code: str | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which of the recent events are asked for; None means any."""

    event: str | None = None
    person_id: str | None = None
    rejected: bool | None = None


def source(conn: Connection, slug: str) -> tuple[int, str] | None:
    """Find a source; returns its id and kind."""
    row = conn.execute(_SOURCE, {"slug": slug}).one_or_none()
    return None if row is None else (row.id, row.kind)


def person(conn: Connection, source_id: int, person_id: str) -> Person | None:
    parameters = {"source_id": source_id, "person_id": person_id}
    row = conn.execute(_PERSON, parameters).one_or_none()
    return None if row is None else Person(**row._mapping)


def find(conn: Connection, source_id: int, find: str, *, limit: int) -> list[Known]:
    """List the people with this id, or with this e-mail in any case, by id."""
    parameters = {"source_id": source_id, "find": find, "limit": limit}
    return [Known(**row._mapping) for row in conn.execute(_FIND, parameters)]


def newest(conn: Connection, source_id: int, *, limit: int) -> list[Known]:
    """List the people that were written last, the newest first."""
    parameters = {"source_id": source_id, "limit": limit}
    return [Known(**row._mapping) for row in conn.execute(_NEWEST, parameters)]


def events(
    conn: Connection,
    source_id: int,
    person_id: str,
    *,
    event: str | None,
    after: datetime.datetime | None,
    before: datetime.datetime | None,
    position: tuple[datetime.datetime, int] | None,
    limit: int,
) -> list[Seen]:
    """List events of a person, the newest first, from a position (time, id) on, without it."""
    time, number = position or (None, 0)
    parameters: dict[str, Any] = {
        "source_id": source_id,
        "person_id": person_id,
        "event": event,
        "after": after,
        "before": before,
        "time": time,
        "id": number,
        "limit": limit,
    }
    return [Seen(**row._mapping) for row in conn.execute(_EVENTS, parameters)]


def recent(
    conn: Connection, source_id: int, wanted: Wanted, *, below: int, kept: int, limit: int
) -> list[Seen]:
    """List what arrived last, the newest first: of the last `kept` those wanted, by falling ids."""
    parameters = {
        "source_id": source_id,
        "kept": kept,
        "below": below,
        "limit": limit,
        **dataclasses.asdict(wanted),
    }
    return [Seen(**row._mapping) for row in conn.execute(_RECENT, parameters)]


def names(conn: Connection, source_id: int, *, since: datetime.date) -> list[Any]:
    """List (name, events, days) of the names seen; `days` has JSON texts by day since a day."""
    return list(conn.execute(_NAMES, {"source_id": source_id, "since": since}))


def is_name(conn: Connection, source_id: int, name: str) -> bool:
    return bool(conn.execute(_IS_NAME, {"source_id": source_id, "name": name}).scalar_one())


def properties(
    conn: Connection, source_id: int, name: str, *, sampled: int, sharers: int, values: int
) -> list[Any]:
    """List (name, types, values) of the properties among the newest events of a name."""
    parameters = {"source_id": source_id, "name": name, "sampled": sampled}
    return list(conn.execute(_PROPERTIES, parameters | {"sharers": sharers, "values": values}))


def traits(
    conn: Connection, source_id: int, *, sampled: int, sharers: int, values: int
) -> list[Any]:
    """List (name, types, values) of the traits among the people that were written last."""
    parameters = {"source_id": source_id, "sampled": sampled}
    return list(conn.execute(_TRAITS, parameters | {"sharers": sharers, "values": values}))


_SOURCE = text("SELECT id, kind FROM sources WHERE slug = :slug AND removed_at IS NULL")

_PERSON = text("""
    SELECT p.person_id, CAST(p.traits AS text) AS traits,
           least(p.created_at, e.first_at) AS first_seen_at,
           greatest(p.updated_at, e.last_at) AS last_seen_at, e.events
    FROM people p
    CROSS JOIN LATERAL (
        SELECT min(time) AS first_at, max(time) AS last_at, count(*) AS events FROM events
        WHERE source_id = p.source_id AND person_id = p.person_id) e
    WHERE p.source_id = :source_id AND p.person_id = :person_id
""")

_FIND = text("""
    SELECT person_id, CAST(traits AS text) AS traits, updated_at FROM people
    WHERE source_id = :source_id AND person_id = :find
    UNION
    SELECT person_id, CAST(traits AS text) AS traits, updated_at FROM people
    WHERE source_id = :source_id
      AND lower(coalesce(traits ->> 'email', traits ->> '$email')) = lower(:find)
      AND coalesce(traits ->> 'email', traits ->> '$email') IS NOT NULL
    ORDER BY person_id LIMIT :limit
""")

_NEWEST = text("""
    SELECT person_id, CAST(traits AS text) AS traits, updated_at FROM people
    WHERE source_id = :source_id ORDER BY changed DESC LIMIT :limit
""")

_EVENTS = text("""
    SELECT id, person_id, name AS event, time, event_id, CAST(properties AS text) AS properties,
           received_at
    FROM events
    WHERE source_id = :source_id AND person_id = :person_id
      AND (CAST(:event AS text) IS NULL OR name = :event)
      AND (CAST(:after AS timestamptz) IS NULL OR time >= :after)
      AND (CAST(:before AS timestamptz) IS NULL OR time < :before)
      AND (CAST(:time AS timestamptz) IS NULL OR (time, id) < (:time, :id))
    ORDER BY time DESC, id DESC LIMIT :limit
""")

_RECENT = text("""
    SELECT * FROM (
        (SELECT id, person_id, name AS event, time, event_id,
                CAST(properties AS text) AS properties, received_at, NULL AS code, NULL AS message
         FROM events WHERE source_id = :source_id ORDER BY id DESC LIMIT :kept)
        UNION ALL
        (SELECT id, person_id, event, NULL, NULL, NULL, received_at, code, message
         FROM rejected_events WHERE source_id = :source_id ORDER BY id DESC LIMIT :kept)
        ORDER BY id DESC LIMIT :kept
    ) r
    WHERE id < :below
      AND (CAST(:event AS text) IS NULL OR event = :event)
      AND (CAST(:person_id AS text) IS NULL OR person_id = :person_id)
      AND (CAST(:rejected AS boolean) IS NULL OR (code IS NOT NULL) = :rejected)
    ORDER BY id DESC LIMIT :limit
""")

_NAMES = text("""
    SELECT name, CAST(sum(events) AS bigint) AS events,
           coalesce(jsonb_object_agg(day, events ORDER BY day) FILTER (WHERE day >= :since), '{}')
               AS days
    FROM (
        SELECT name, day, CAST(sum(events) AS bigint) AS events
        FROM event_days WHERE source_id = :source_id GROUP BY name, day
    ) d
    WHERE events > 0 GROUP BY name ORDER BY name
""")

_IS_NAME = text("""
    SELECT coalesce(sum(events), 0) > 0 FROM event_days
    WHERE source_id = :source_id AND name = :name
""")

# Values of lists and objects are no values to choose from.
_PROPERTIES = text("""
    WITH sample AS MATERIALIZED (
        SELECT e.person_id, p.key, p.value
        FROM (SELECT person_id, properties FROM events
              WHERE source_id = :source_id AND name = :name
              ORDER BY time DESC LIMIT :sampled) e
        CROSS JOIN LATERAL jsonb_each(e.properties) p
    ), shared AS (
        SELECT key, value, count(DISTINCT person_id) AS people,
               row_number() OVER (PARTITION BY key ORDER BY count(DISTINCT person_id) DESC, value)
                   AS place
        FROM sample WHERE jsonb_typeof(value) NOT IN ('array', 'object', 'null')
        GROUP BY key, value HAVING count(DISTINCT person_id) >= :sharers
    )
    SELECT s.key AS name, array_agg(DISTINCT jsonb_typeof(s.value)) AS types,
           (SELECT coalesce(CAST(jsonb_agg(v.value ORDER BY v.place) AS text), '[]')
            FROM shared v WHERE v.key = s.key AND v.place <= :values) AS values
    FROM sample s GROUP BY s.key ORDER BY s.key
""")

_TRAITS = text("""
    WITH sample AS MATERIALIZED (
        SELECT p.person_id, t.key, t.value
        FROM (SELECT person_id, traits FROM people
              WHERE source_id = :source_id ORDER BY changed DESC LIMIT :sampled) p
        CROSS JOIN LATERAL jsonb_each(p.traits) t
    ), shared AS (
        SELECT key, value, count(*) AS people,
               row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, value) AS place
        FROM sample WHERE jsonb_typeof(value) NOT IN ('array', 'object', 'null')
        GROUP BY key, value HAVING count(*) >= :sharers
    )
    SELECT s.key AS name, array_agg(DISTINCT jsonb_typeof(s.value)) AS types,
           (SELECT coalesce(CAST(jsonb_agg(v.value ORDER BY v.place) AS text), '[]')
            FROM shared v WHERE v.key = s.key AND v.place <= :values) AS values
    FROM sample s GROUP BY s.key ORDER BY s.key
""")
