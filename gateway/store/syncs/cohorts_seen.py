"""Cohorts as sync jobs see them: their names, versions and freshness, and members by id."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """A cohort, deleted or not."""

    id: int
    name: str
    description: str | None
    created_at: datetime.datetime
    deleted: bool
    last_change: int
    oldest_change: int
    version: int
    every_seconds: int | None
    heard_at: datetime.datetime | None
    fresh_until: datetime.datetime | None
    is_live: bool
    looked_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class First:
    """A member as of a seq; the document is None for one that has left since."""

    member_id: str
    at: datetime.datetime
    document: Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pending:
    """How many changes are to come."""

    entered: int
    exited: int


def get(conn: Connection, cohort_ids: Sequence[int]) -> dict[int, Seen]:
    """Read some cohorts by id; what never was is left out."""
    rows = _GET.rows(conn, {"cohort_ids": list(cohort_ids)})
    return {row.id: Seen(**row._asdict()) for row in rows}


def documents(
    conn: Connection, cohort_id: int, member_ids: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """Read what is known of members; ids of others are left out."""
    parameters = {"cohort_id": cohort_id, "member_ids": arrays.of_texts(sorted(set(member_ids)))}
    return {row.member_id: row.document for row in _DOCUMENTS.rows(conn, parameters)}


def members_among(
    conn: Connection, cohort_ids: Sequence[int], member_ids: Sequence[str]
) -> set[str]:
    """Tell which of some ids are members of any of some cohorts."""
    parameters = {"cohort_ids": list(cohort_ids), "member_ids": arrays.of_texts(member_ids)}
    return set(_MEMBERS_AMONG.column(conn, parameters))


def pending(conn: Connection, cohort_id: int, *, after: int) -> Pending:
    """Count the changes of a cohort beyond a seq."""
    row = _PENDING.first(conn, {"cohort_id": cohort_id, "after": after})
    return Pending(entered=row.entered, exited=row.exited)


def first_members(
    conn: Connection, cohort_id: int, *, seq: int, after: str, limit: int
) -> list[First]:
    """List the members that a cohort had at a seq, by id: changes since then are undone."""
    parameters = {"cohort_id": cohort_id, "seq": seq, "after": after, "limit": limit}
    return [
        First(member_id=row.member_id, at=row.at, document=row.document)
        for row in _FIRST.rows(conn, parameters)
    ]


_GET = Statement("""
    SELECT c.id, c.name, c.description, c.created_at, c.deleted_at IS NOT NULL AS deleted,
           a.last_change, a.oldest_change, a.version,
           s.expected_every_seconds AS every_seconds, i.last_synced_at AS heard_at,
           c.fresh_until, s.kind = 'people' AND c.schedule IS NULL AS is_live, q.looked_at
    FROM cohorts c
    JOIN sources s ON s.id = c.source_id
    JOIN apply_state a ON a.cohort_id = c.id
    JOIN intake_state i ON i.cohort_id = a.cohort_id
    LEFT JOIN rule_states q ON q.cohort_id = a.cohort_id
    WHERE a.cohort_id = ANY(CAST(:cohort_ids AS bigint[]))
""")

_DOCUMENTS = Statement("""
    SELECT m.member_id,
           jsonb_build_object(
               'member_id', m.member_id, 'distinct_id', m.distinct_id, 'email', m.email,
               'first_name', m.first_name, 'last_name', m.last_name, 'phone', m.phone,
               'entered_at', m.entered_at, 'properties', m.properties) AS document
    FROM memberships m
    WHERE m.cohort_id = :cohort_id AND m.member_id = ANY(CAST(:member_ids AS text[]))
      AND m.entered_at IS NOT NULL
""")

_MEMBERS_AMONG = Statement("""
    SELECT m.member_id FROM memberships m
    WHERE m.cohort_id = ANY(CAST(:cohort_ids AS bigint[]))
      AND m.member_id = ANY(CAST(:member_ids AS text[])) AND m.entered_at IS NOT NULL
""")

_PENDING = Statement("""
    SELECT coalesce(sum(p.size) FILTER (WHERE p.kind = 'entered'), 0)::bigint AS entered,
           coalesce(sum(p.size) FILTER (WHERE p.kind = 'exited'), 0)::bigint AS exited
    FROM (SELECT c.kind, c.last_seq - greatest(c.first_seq - 1, :after) AS size
          FROM changes c WHERE c.cohort_id = :cohort_id AND c.last_seq > :after) p
""")

_FIRST = Statement("""
    WITH later AS (
        SELECT DISTINCT ON (u.member_id) u.member_id, c.kind, c.at
        FROM changes c
        CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
        WHERE c.cohort_id = :cohort_id AND c.last_seq > :seq
          AND c.first_seq + u.place - 1 > :seq AND u.member_id > :after
        ORDER BY u.member_id, c.last_seq, u.place)
    SELECT f.member_id, f.at, f.document
    FROM (
        SELECT m.member_id, m.entered_at AS at,
               jsonb_build_object(
                   'member_id', m.member_id, 'distinct_id', m.distinct_id, 'email', m.email,
                   'first_name', m.first_name, 'last_name', m.last_name, 'phone', m.phone,
                   'entered_at', m.entered_at, 'properties', m.properties) AS document
        FROM memberships m
        WHERE m.cohort_id = :cohort_id AND m.member_id > :after AND m.entered_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM later n
                          WHERE n.member_id = m.member_id AND n.kind = 'entered')
        UNION ALL
        SELECT x.member_id, x.at, CAST(NULL AS jsonb) FROM later x
        WHERE x.kind = 'exited'
          AND NOT EXISTS (SELECT FROM memberships n
                          WHERE n.cohort_id = :cohort_id AND n.member_id = x.member_id
                            AND n.entered_at IS NOT NULL)) f
    ORDER BY f.member_id LIMIT :limit
""")
