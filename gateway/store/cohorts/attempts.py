"""Attempts at applying, counted before the work: a worker that is killed in it counts nothing.

An attempt has a row of its own beside the cohort's state: the transaction that works holds that
one, and what it wrote would be gone with it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """How often in a row workers were lost in an attempt at a cohort's next delivery.

    Deliveries up to `alone_through` were part of such an attempt and are to be tried one by one.
    """

    lost: int
    alone_through: int


def begin(conn: Connection, cohort_id: int, *, worker: str, through: int) -> Attempt:
    """Remember which worker is at deliveries up to `through`, and count one that was lost there.

    The caller holds the cohort, so an attempt that has another worker's name has no worker any
    more. On a connection of its own, in one trip.
    """
    parameters = {"cohort_id": cohort_id, "worker": worker, "through": through}
    return Attempt(**_BEGIN.first(conn, parameters)._asdict())


def under_way(conn: Connection) -> set[int]:
    """List the cohorts at which a worker is, or was lost."""
    return set(_UNDER_WAY.column(conn, {}))


def release(conn: Connection, cohort_id: int, *, worker: str) -> None:
    """Remember that a worker's attempt has ended without a result, and the worker has not."""
    _RELEASE.run(conn, {"cohort_id": cohort_id, "worker": worker})


# Nothing waits for this commit to be on a disk: it has to outlive a worker, not the server. Not
# SET LOCAL, which Citus hands on to its nodes together with the rest of the text.
_BEGIN = Statement("""
    SELECT set_config('synchronous_commit', 'off', true);

    INSERT INTO attempts (cohort_id, worker, through, lost, alone_through)
    VALUES (:cohort_id, :worker, :through, 0, 0)
    ON CONFLICT (cohort_id) DO UPDATE
    SET worker = excluded.worker, through = excluded.through,
        lost = attempts.lost
               + CASE WHEN attempts.worker <> excluded.worker THEN 1 ELSE 0 END,
        alone_through = CASE WHEN attempts.worker <> excluded.worker
                             THEN greatest(attempts.alone_through, attempts.through)
                             ELSE attempts.alone_through END
    RETURNING lost, alone_through
""")

_UNDER_WAY = Statement("SELECT cohort_id FROM attempts WHERE worker IS NOT NULL")

_RELEASE = Statement("""
    UPDATE attempts SET worker = NULL WHERE cohort_id = :cohort_id AND worker = :worker
""")
