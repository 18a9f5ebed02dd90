"""Arrivals: a cut between those that have taken effect and those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
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
