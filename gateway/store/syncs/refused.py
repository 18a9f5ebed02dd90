"""Rows that a vendor refused, by run, with the vendor's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope
    from gateway.store.syncs.runs import Ref


def reject(
    conn: Connection,
    scope: Scope,
    run: int,
    rejections: Sequence[tuple[str, str, str]],
) -> None:
    """Keep rejected rows of a run: (member id, reason, the vendor's words)."""
    parameters = {
        "cohort_ids": [scope.cohort_id] * len(rejections),
        "job_id": scope.job_id,
        "run": run,
        "member_ids": arrays.of_texts([one for one, _, _ in rejections]),
        "reasons": arrays.of_texts([one for _, one, _ in rejections]),
        "messages": arrays.of_texts([one for _, _, one in rejections]),
    }
    _REJECT.run(conn, parameters)


def rejections(
    conn: Connection, cohort_id: int, job_id: int, run: int, *, after: str, limit: int
) -> list[tuple[str, str, str]]:
    """List rejected rows of a run by member."""
    parameters = {
        "cohort_id": cohort_id,
        "job_id": job_id,
        "run": run,
        "after": after,
        "limit": limit,
    }
    rows = _REJECTIONS.rows(conn, parameters)
    return [(row.member_id, row.reason, row.message) for row in rows]


def forget(conn: Connection, of: Sequence[Ref]) -> None:
    """Delete the rejected rows of some runs."""
    parameters = {
        "cohort_ids": [one.cohort for one in of],
        "job_ids": [one.job_id for one in of],
        "runs": [one.number for one in of],
    }
    _FORGET.run(conn, parameters)


_REJECT = Statement("""
    INSERT INTO sync_rejections (cohort_id, job_id, run, member_id, reason, message)
    SELECT r.cohort_id, :job_id, :run, r.member_id, r.reason, r.message
    FROM unnest(CAST(:cohort_ids AS bigint[]), CAST(:member_ids AS text[]),
                CAST(:reasons AS text[]), CAST(:messages AS text[]))
        AS r (cohort_id, member_id, reason, message)
    ON CONFLICT (cohort_id, job_id, run, member_id) DO NOTHING
""")


_FORGET = Statement("""
    DELETE FROM sync_rejections
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND (job_id, run) IN (
        SELECT r.job_id, r.run
        FROM unnest(CAST(:job_ids AS integer[]), CAST(:runs AS integer[])) AS r (job_id, run))
""")


_REJECTIONS = Statement("""
    SELECT member_id, reason, message FROM sync_rejections
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND run = :run AND member_id > :after
    ORDER BY member_id LIMIT :limit
""")
