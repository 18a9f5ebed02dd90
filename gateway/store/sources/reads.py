"""How the loads of a source went: when one was applied last, and what failed since."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failed:
    """A load that failed, of a cohort of which none was applied since."""

    source: str
    code: str
    message: str
    at: datetime.datetime


def last_applied(conn: Connection, source_ids: Sequence[int]) -> dict[str, datetime.datetime]:
    """Find when a load of each source was applied last, by slug."""
    rows = conn.execute(_LAST_APPLIED, {"source_ids": list(source_ids)})
    return {row.slug: row.at for row in rows}


def last_failed(conn: Connection, source_ids: Sequence[int]) -> dict[str, Failed]:
    """Find the newest failure of each source that is not over, by slug."""
    rows = conn.execute(_LAST_FAILED, {"source_ids": list(source_ids)}).mappings()
    return {row["source"]: Failed(**row) for row in rows}


_LAST_APPLIED = text("""
    SELECT s.slug, max(o.ended_at) AS at
    FROM sources s
    JOIN cohorts c ON c.source_id = s.id
    JOIN loads o ON o.cohort_id = c.id
    WHERE s.id = ANY(:source_ids) AND o.state = 'applied'
    GROUP BY s.slug
""")

_LAST_FAILED = text("""
    SELECT DISTINCT ON (s.slug) s.slug AS source, o.error_code AS code, o.error_message AS message,
           o.ended_at AS at
    FROM sources s
    JOIN cohorts c ON c.source_id = s.id
    JOIN loads o ON o.cohort_id = c.id
    LEFT JOIN loads n ON n.cohort_id = o.cohort_id AND n.number > o.number AND n.state = 'applied'
    WHERE s.id = ANY(:source_ids) AND c.deleted_at IS NULL AND o.state = 'failed'
      AND o.error_code IS NOT NULL AND n.number IS NULL
    ORDER BY s.slug, o.ended_at DESC
""")
