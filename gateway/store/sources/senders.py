"""Where a page is sent: its source with all that opens it, and its cohort, in one trip."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.cohorts.page import CohortRef
from gateway.core.sources.webhook_config import KIND
from gateway.store.db.statement import Statement
from gateway.store.sources import sources

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.sources.sources import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceAndCohort:
    """Where a page is sent: a source, and its cohort if that has been heard of."""

    source: Source
    cohort: CohortRef | None


def find(
    conn: Connection, slug: str, cohort_key: bytes | None, *, now: datetime.datetime
) -> SourceAndCohort | None:
    """Find a source, with the credentials that are valid now, and one of its cohorts."""
    rows = _FIND.rows(conn, {"slug": slug, "kind": KIND, "key": cohort_key, "now": now})
    if not rows:
        return None
    first, known = rows[0], None
    if first.cohort_id is not None:
        known = CohortRef(id=first.cohort_id, deleted=first.deleted)
    return SourceAndCohort(source=sources.from_rows(rows), cohort=known)


# Pages are posted to a source of one kind; at another none is let in.
_FIND = Statement(
    "SELECT k.id AS cohort_id, k.deleted_at IS NOT NULL AS deleted, s.id, s.slug,"
    " s.paused_at IS NOT NULL AS paused, c.username, c.salt, c.hash,"
    + sources.CONFIG
    + """
    FROM sources s
    LEFT JOIN source_credentials c
        ON c.source_id = s.id AND (c.expires_at IS NULL OR c.expires_at > :now)
    LEFT JOIN cohorts k ON k.source_id = s.id AND k.key = :key
    WHERE s.slug = :slug AND s.removed_at IS NULL AND s.kind = :kind ORDER BY c.id
    """
)
