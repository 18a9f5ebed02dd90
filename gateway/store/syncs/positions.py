"""How far a job that follows changes has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def pin(conn: Connection, job_id: int, through: int) -> None:
    """Note how far a request goes before it is sent, so that each try of it has the same."""
    conn.execute(_PIN, {"id": job_id, "through": through})


def deliver(conn: Connection, job_id: int, through: int) -> None:
    """Note through which seq changes are delivered."""
    conn.execute(_DELIVER, {"id": job_id, "through": through})


def deliver_first(conn: Connection, job_id: int, after: str | None) -> None:
    """Note through which member the first members are delivered; None if all are."""
    conn.execute(_DELIVER_FIRST, {"id": job_id, "after": after})


def start_again(conn: Connection, job_id: int, *, seq: int, members: bool) -> None:
    """Follow changes from a seq on, with the members of that moment before if asked."""
    conn.execute(_START_AGAIN, {"id": job_id, "seq": seq, "first": seq if members else None})


_PIN = text("UPDATE sync_jobs SET under_way = :through WHERE id = :id")


_DELIVER = text("""
    UPDATE sync_jobs SET delivered = :through, under_way = NULL WHERE id = :id
""")


_DELIVER_FIRST = text("UPDATE sync_jobs SET first_after = :after WHERE id = :id")


_START_AGAIN = text("""
    UPDATE sync_jobs
    SET delivered = :seq, under_way = NULL, first_seq = :first,
        first_after = CASE WHEN CAST(:first AS bigint) IS NULL THEN NULL ELSE '' END
    WHERE id = :id
""")
