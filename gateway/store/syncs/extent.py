"""How many members a job concerns: those that it has sent, and those it would send anew."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extent:
    """`sent` stand at the destination, or may; `members` are those of the cohort."""

    sent: int
    members: int


def count(conn: Connection, cohort_id: int, job_id: int, *, most: int | None) -> Extent:
    """Count both; of what was sent not more than `most`, as a large ledger takes seconds."""
    parameters = {"cohort_id": cohort_id, "job_id": job_id, "most": most}
    row = _COUNT.first(conn, parameters)
    return Extent(sent=row.sent, members=row.members)


_COUNT = Statement("""
    SELECT (SELECT count(*) FROM (
                SELECT DISTINCT l.member_id FROM sync_ledger l
                WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state IN (1, 2, 4)
                LIMIT :most) s) AS sent,
           coalesce((SELECT a.member_count FROM apply_state a
                     WHERE a.cohort_id = :cohort_id), 0) AS members
""")
