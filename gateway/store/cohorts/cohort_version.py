"""Versions: what readers see of a cohort is the same for as long as its version is.

They are read in the statement that reads the rows they speak for, or a tag could be of another
moment than its answer.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True)
class Version:
    """Of one cohort: of its `members` and changes, and of the reports of its `syncs`.

    Reports change with each page that is `received`, too; the newest was `heard_at`. They also have
    the newest loads, which `loads` tells apart: null without any.
    """

    members: int
    syncs: int
    received: int
    heard_at: datetime.datetime | None
    loads: str | None


def get(conn: Connection, cohort_id: int) -> Version | None:
    """Read the version of a cohort; None if there is no such cohort, or it is deleted."""
    rows = _GET.rows(conn, {"cohort_id": cohort_id})
    return Version(*rows[0]) if rows else None


def of_changes(conn: Connection, cohort_id: int) -> int | None:
    """Read the version of a cohort's changes, deleted or not; None if it is not known here."""
    rows = _OF_CHANGES.rows(conn, {"cohort_id": cohort_id})
    return rows[0].version if rows else None


def last_change(conn: Connection, cohort_id: int) -> int | None:
    """Read the newest seq of a cohort, deleted or not; None if it is not known here."""
    rows = _LAST_CHANGE.rows(conn, {"cohort_id": cohort_id})
    return rows[0].last_change if rows else None


# Both rows are of the cohort, so both are on its node if the tables are distributed. A cohort is
# closed as long as it is deleted.
EVEN_IF_DELETED = """
    FROM apply_state a JOIN intake_state i ON i.cohort_id = a.cohort_id
"""
OF_COHORT = EVEN_IF_DELETED + "AND NOT i.closed "

# What is older than these loads has ended, or waits for an approval.
COLUMNS = """
    a.version, a.sync_version, i.accepted_pages + i.duplicate_pages AS received, i.last_synced_at,
    (SELECT md5(string_agg(concat_ws(' ', l.number, l.session, l.state, l.pages), ','))
     FROM (SELECT number, session, state, pages FROM loads
           WHERE cohort_id = i.cohort_id ORDER BY number DESC LIMIT 100) l) AS loads
"""

_GET = Statement("SELECT " + COLUMNS + OF_COHORT + "WHERE a.cohort_id = :cohort_id")

_OF_CHANGES = Statement("SELECT version FROM apply_state WHERE cohort_id = :cohort_id")

_LAST_CHANGE = Statement("SELECT last_change FROM apply_state WHERE cohort_id = :cohort_id")
