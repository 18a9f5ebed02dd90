"""Arrivals: a cut between those that have taken effect and those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def cut(conn: Connection) -> int:
    """Number a cut; the caller holds off all requests, so that each is before it or after."""
    return int(conn.execute(_CUT).scalar_one())


def keep_out_erasures(conn: Connection, source_id: int) -> None:
    """Have erasures of people of a source wait until the transaction ends."""
    conn.execute(_KEEP_OUT, {"source_id": source_id})


def changed(
    conn: Connection, source_id: int, *, after: int, first_event: int, limit: int
) -> list[str]:
    """List people with traits of an arrival beyond one, or events from an id on."""
    parameters = {"source_id": source_id, "after": after, "first": first_event, "limit": limit}
    return list(conn.execute(_CHANGED, parameters).scalars())


def changed_of(
    conn: Connection, source_id: int, person_ids: Sequence[str], *, after: int, first_event: int
) -> set[str]:
    """Tell which of some people have traits or events as `changed` looks for."""
    parameters = {"source_id": source_id, "ids": list(person_ids), "after": after}
    return set(conn.execute(_CHANGED_OF, parameters | {"first": first_event}).scalars())


_CUT = text("SELECT nextval('arrivals')")

_KEEP_OUT = text("""
    SELECT pg_advisory_xact_lock_shared(
        hashtext('gateway.people'), CAST(:source_id AS integer))
""")

_CHANGED = text("""
    SELECT person_id FROM people WHERE source_id = :source_id AND changed > :after
    UNION
    SELECT person_id FROM events WHERE source_id = :source_id AND id >= :first
    LIMIT :limit
""")

_CHANGED_OF = text("""
    SELECT person_id FROM people
    WHERE source_id = :source_id AND person_id = ANY(:ids) AND changed > :after
    UNION
    SELECT person_id FROM events
    WHERE source_id = :source_id AND person_id = ANY(:ids) AND id >= :first
""")
