"""Who was erased: digests of member ids, ordered among the starts of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def since(
    conn: Connection, started_order: int, source_id: int, project_id: str
) -> frozenset[bytes]:
    """Digests (SHA-256) of the people erased from a project after a session began."""
    parameters = {"order": started_order, "source_id": source_id, "project_id": project_id}
    return frozenset(bytes(digest) for digest in conn.execute(_SINCE, parameters).scalars())


def drop_staged(conn: Connection, cohort_id: int, started_order: int) -> None:
    """Take the people erased after a session began out of the staged members of its pages."""
    conn.execute(_DROP_STAGED, {"cohort_id": cohort_id, "order": started_order})


_SINCE = text("""
    SELECT member_digest FROM erasures
    WHERE erased_order > :order
      AND (source_id IS NULL OR source_id = :source_id)
      AND (project_id IS NULL OR project_id = :project_id)
""")

_DROP_STAGED = text("""
    DELETE FROM staging s
    USING erasures e, cohorts c
    WHERE c.id = :cohort_id AND e.erased_order > :order
      AND (e.source_id IS NULL OR e.source_id = c.source_id)
      AND (e.project_id IS NULL OR e.project_id = c.project_id)
      AND e.member_digest = sha256(convert_to(s.member_id, 'UTF8'))
""")
