"""The outbox of actions: what waits to be sent to Mixpanel, and what it refused.

Rows are locked in the order of their keys: an erasure and the booking of an answer then never wait
for each other in a circle.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.syncs.action import Identity


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waiting:
    """An action to be sent; `properties` are the text of a JSON object, with the cohort."""

    id: int
    source_id: int
    member_id: str
    action: str
    key: str
    at: datetime.datetime
    properties: str

    @property
    def identity(self) -> Identity:
        """What is once for ever."""
        return (self.source_id, self.member_id, self.action, self.key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """An action that Mixpanel refused, and its words."""

    id: int
    member_id: str
    action: str
    key: str
    cohort: int | None
    at: datetime.datetime
    message: str
    rejected_at: datetime.datetime


def forwarding(conn: Connection, source_ids: Collection[int]) -> set[int]:
    """Tell which of these sources have their actions sent to Mixpanel."""
    found = conn.execute(_FORWARDING, {"source_ids": list(source_ids)})
    return set(found.scalars())


def put(conn: Connection, identities: Sequence[Identity]) -> None:
    """Leave actions, to be sent in the order given."""
    conn.execute(_PUT, _columns(identities))


def first(
    conn: Connection,
    source_id: int,
    *,
    after: int,
    limit: int,
    max_bytes: int,
    without: Sequence[str],
) -> list[Waiting]:
    """Read the actions of a source that have waited for longest, of those beyond an id.

    At most `limit`, and no more than have about so many bytes of properties, but one at least.
    Properties named in `without` are left out, and `cohort_id` is one unless it is there.
    """
    parameters = {
        "source_id": source_id,
        "after": after,
        "limit": limit,
        "max_bytes": max_bytes,
        "without": list(without),
    }
    return [Waiting(**row._mapping) for row in conn.execute(_FIRST, parameters)]


def forget(conn: Connection, identities: Sequence[Identity]) -> int:
    """Delete rows, of actions that were taken or are kept no longer; returns how many."""
    return conn.execute(_FORGET, _columns(sorted(identities))).rowcount


def reject(conn: Connection, messages: Mapping[Identity, str], *, now: datetime.datetime) -> int:
    """Keep what was refused, with the words of Mixpanel; returns how many were still waiting."""
    some = sorted(messages)
    said = [messages[one] for one in some]
    return conn.execute(_REJECT, {**_columns(some), "messages": said, "now": now}).rowcount


def rejections(conn: Connection, slug: str, *, before: int, limit: int) -> list[Rejected]:
    """List the refused actions of a source, the newest first."""
    parameters = {"slug": slug, "before": before, "limit": limit}
    return [Rejected(**row._mapping) for row in conn.execute(_REJECTIONS, parameters)]


def drop_orphans(conn: Connection, source_id: int, *, limit: int) -> int:
    """Delete the first rows that wait without an action, which were erased by an older version."""
    return conn.execute(_DROP_ORPHANS, {"source_id": source_id, "limit": limit}).rowcount


def _columns(identities: Sequence[Identity]) -> dict[str, object]:
    columns = ("source_ids", "member_ids", "actions", "keys")
    return {name: [one[place] for one in identities] for place, name in enumerate(columns)}


_FORWARDING = text("""
    SELECT id FROM sources
    WHERE id = ANY(CAST(:source_ids AS bigint[])) AND removed_at IS NULL
      AND jsonb_typeof(config -> 'import') = 'object'
""")

_PUT = text("""
    INSERT INTO action_outbox (source_id, member_id, action, key)
    SELECT u.source_id, u.member_id, u.action, u.key
    FROM unnest(CAST(:source_ids AS bigint[]), CAST(:member_ids AS text[]),
                CAST(:actions AS text[]), CAST(:keys AS text[]))
        WITH ORDINALITY AS u (source_id, member_id, action, key, place)
    ORDER BY u.place
    ON CONFLICT (source_id, member_id, action, key) DO UPDATE
    SET rejected_at = NULL, message = NULL
""")

_FIRST = text("""
    SELECT w.id, w.source_id, w.member_id, w.action, w.key, w.at, w.properties
    FROM (
        SELECT f.*, sum(octet_length(f.properties)) OVER (ORDER BY f.id) AS bytes
        FROM (
            SELECT o.id, o.source_id, o.member_id, o.action, o.key, a.at,
                   CAST(CASE WHEN a.cohort IS NULL THEN CAST('{}' AS jsonb)
                        ELSE jsonb_build_object('cohort_id', CAST(a.cohort AS text)) END
                        || (a.properties - CAST(:without AS text[])) AS text) AS properties
            FROM (SELECT * FROM action_outbox
                  WHERE source_id = :source_id AND rejected_at IS NULL AND id > :after
                  ORDER BY id LIMIT :limit) o
            JOIN actions a ON a.source_id = o.source_id AND a.member_id = o.member_id
                          AND a.action = o.action AND a.key = o.key) f) w
    WHERE w.bytes - octet_length(w.properties) < :max_bytes
    ORDER BY w.id
""")

_FORGET = text("""
    DELETE FROM action_outbox WHERE (source_id, member_id, action, key) IN (
        SELECT o.source_id, o.member_id, o.action, o.key
        FROM action_outbox o
        JOIN unnest(CAST(:source_ids AS bigint[]), CAST(:member_ids AS text[]),
                    CAST(:actions AS text[]), CAST(:keys AS text[]))
            AS u (source_id, member_id, action, key)
          ON o.source_id = u.source_id AND o.member_id = u.member_id
         AND o.action = u.action AND o.key = u.key
        ORDER BY o.source_id, o.member_id, o.action, o.key FOR UPDATE OF o)
""")

_REJECT = text("""
    UPDATE action_outbox o SET rejected_at = :now, message = w.message
    FROM (
        SELECT o.source_id, o.member_id, o.action, o.key, u.message
        FROM action_outbox o
        JOIN unnest(CAST(:source_ids AS bigint[]), CAST(:member_ids AS text[]),
                    CAST(:actions AS text[]), CAST(:keys AS text[]), CAST(:messages AS text[]))
            AS u (source_id, member_id, action, key, message)
          ON o.source_id = u.source_id AND o.member_id = u.member_id
         AND o.action = u.action AND o.key = u.key
        WHERE o.rejected_at IS NULL
        ORDER BY o.source_id, o.member_id, o.action, o.key FOR UPDATE OF o) w
    WHERE o.source_id = w.source_id AND o.member_id = w.member_id
      AND o.action = w.action AND o.key = w.key
""")

_REJECTIONS = text("""
    SELECT o.id, o.member_id, o.action, o.key, a.cohort, a.at, o.message, o.rejected_at
    FROM action_outbox o
    JOIN sources s ON s.id = o.source_id
    JOIN actions a ON a.source_id = o.source_id AND a.member_id = o.member_id
                  AND a.action = o.action AND a.key = o.key
    WHERE s.slug = :slug AND s.removed_at IS NULL AND o.rejected_at IS NOT NULL AND o.id < :before
    ORDER BY o.id DESC LIMIT :limit
""")

_DROP_ORPHANS = text("""
    DELETE FROM action_outbox WHERE (source_id, member_id, action, key) IN (
        SELECT o.source_id, o.member_id, o.action, o.key
        FROM (SELECT * FROM action_outbox
              WHERE source_id = :source_id AND rejected_at IS NULL ORDER BY id LIMIT :limit) o
        LEFT JOIN actions a ON a.source_id = o.source_id AND a.member_id = o.member_id
                           AND a.action = o.action AND a.key = o.key
        WHERE a.source_id IS NULL)
""")
