"""Guards of cohorts, and what loads need to know of the cohort and its source."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.cohorts.guard import Guard
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A cohort that is not deleted, as a load finds it."""

    kind: str
    source: str
    paused: bool


def target(conn: Connection, cohort_id: int) -> Target | None:
    """Read what a cohort's source is; None if it is deleted or there is none."""
    row = conn.execute(_TARGET, {"cohort_id": cohort_id}).mappings().one_or_none()
    return None if row is None else Target(**row)


def get(line: Line, cohort_id: int) -> Guard | None:
    """Read the guard of a cohort, None if it has none."""
    found = _GET.column(line, {"cohort_id": cohort_id})
    return Guard.of(found[0]) if found else None


_TARGET = text("""
    SELECT s.kind, s.slug AS source, s.paused_at IS NOT NULL AS paused
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.id = :cohort_id AND c.deleted_at IS NULL
""")

_GET = Statement("SELECT guard FROM cohorts WHERE id = :cohort_id")
