"""What becomes of a ledger when all that its destination has gives way to what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope


def leave_out_erased(conn: Connection, scope: Scope) -> None:
    """Mark erased persons as leaving, and all others as under way."""
    _LEAVE_OUT_ERASED.run(conn, scope.bound)


def replaced(conn: Connection, scope: Scope) -> None:
    """Forget what a replacement has taken away: all that was not sent with it."""
    _REPLACED.run(conn, scope.bound)
    _END_ALL_ERASURES.run(conn, scope.bound)


_LEAVE_OUT_ERASED = Statement("""
    UPDATE sync_ledger SET state = CASE state WHEN 5 THEN 4 ELSE 2 END
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (1, 2, 5)
""")


_END_ALL_ERASURES = Statement("""
    DELETE FROM sync_erasures e
    WHERE e.cohort_id = :cohort_id AND e.job_id = :job_id
      AND NOT EXISTS (
          SELECT FROM sync_ledger l
          WHERE l.cohort_id = e.cohort_id AND l.job_id = e.job_id AND l.member_id = e.member_id
            AND l.state = 5)
""")


_REPLACED = Statement("""
    DELETE FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = 4
""")
