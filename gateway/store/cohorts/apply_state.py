"""What applying remembers of each cohort; its row is the cohort's lock."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.delta import Written
    from gateway.store.db.statement import Line


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApplyState:
    """The row of one cohort, locked by the holder of this.

    Deliveries up to `applied_through` are done, and the next has failed `attempts` times since
    `failing_since`. `floor` is the session of the newest completed refresh, 0 before the first;
    `last_change` the newest seq. `version` rises with whatever readers can see.
    """

    applied_through: int
    attempts: int
    failing_since: datetime.datetime | None
    member_count: int
    floor: int
    last_change: int
    version: int

    def is_at(self, delivery: int) -> bool:
        """Tell whether nothing up to a delivery waits, or has failed."""
        return self.applied_through >= delivery and not self.attempts


def claim(line: Line, cohort_id: int) -> ApplyState | None:
    """Lock a cohort for applying; None if it is locked already. The lock ends with the transaction.

    It is a statement of its own: whatever is read after it is as new as the lock.
    """
    row = _CLAIM.first(line, {"cohort_id": cohort_id})
    return None if row is None else ApplyState(**row._asdict())


def lock(conn: Connection, cohort_id: int) -> ApplyState | None:
    """Lock a cohort as `claim` does, but wait for its lock; None if there is no such cohort.

    How long is the transaction's `lock_timeout`; then errors.Unavailable is raised.
    """
    row = conn.execute(_LOCK, {"cohort_id": cohort_id}).one_or_none()
    return None if row is None else ApplyState(**row._mapping)


def get(line: Line, cohort_id: int) -> ApplyState | None:
    """Read what is remembered of a cohort without locking it; None if there is no such cohort."""
    row = _GET.first(line, {"cohort_id": cohort_id})
    return None if row is None else ApplyState(**row._asdict())


def end_frozen(conn: Connection, *, silent_seconds: float) -> int:
    """End connections of ours that have stopped in the middle of a COPY; returns how many.

    No limit of Postgres ends those: it waits for the rest for as long as the process that sends it
    exists, and with it the lock on the cohort. That process finds its connection gone.
    """
    return len(conn.execute(_END_FROZEN, {"seconds": silent_seconds}).all())


def advance(
    line: Line,
    cohort_id: int,
    *,
    through: int,
    written: Written,
    floor: int,
    now: datetime.datetime,
    applied_at: datetime.datetime | None = None,
) -> None:
    """Write back what a step did, and end its attempt.

    `applied_at` is None for deliveries that took no effect.
    """
    _ADVANCE.run(
        line,
        {
            "cohort_id": cohort_id,
            "through": through,
            **dataclasses.asdict(written),
            "floor": floor,
            "now": now,
            "applied_at": applied_at,
        },
    )


def raise_version(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Say that readers see something else of a cohort from this transaction on."""
    raise_versions(conn, [cohort_id], now=now)


def raise_versions(conn: Connection, cohort_ids: Sequence[int], *, now: datetime.datetime) -> None:
    """Say so of several cohorts."""
    conn.execute(_RAISE_VERSION, {"cohort_ids": list(cohort_ids), "now": now})


def raise_sync_version(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Say that readers see other reports of a cohort's syncs from this transaction on."""
    conn.execute(_RAISE_SYNC_VERSION, {"cohort_id": cohort_id, "now": now})


def note_failure(conn: Connection, cohort_id: int, *, since: datetime.datetime) -> None:
    """Count one more failure of the delivery that is next and has been failing since then."""
    conn.execute(_NOTE_FAILURE, {"cohort_id": cohort_id, "since": since})


# Versions are times in microseconds that only rise: a number is not used twice, not even by a
# server that was restored from a backup, or promoted, and has lost what came after it.
VERSION = """
    greatest(version + 1, CAST(extract(epoch FROM CAST(:now AS timestamptz)) * 1000000 AS bigint))
"""
_SYNC_VERSION = VERSION.replace("version", "sync_version")

_CLAIM = Statement("""
    SELECT applied_through, attempts, member_count, floor, last_change, version,
           CASE WHEN attempts > 0 THEN failing_since END AS failing_since
    FROM apply_state WHERE cohort_id = :cohort_id
    FOR NO KEY UPDATE SKIP LOCKED
""")

_LOCK = text("""
    SELECT applied_through, attempts, member_count, floor, last_change, version,
           CASE WHEN attempts > 0 THEN failing_since END AS failing_since
    FROM apply_state WHERE cohort_id = :cohort_id
    FOR NO KEY UPDATE
""")

_GET = Statement("""
    SELECT applied_through, attempts, member_count, floor, last_change, version,
           CASE WHEN attempts > 0 THEN failing_since END AS failing_since
    FROM apply_state WHERE cohort_id = :cohort_id
""")

# Active and waiting for its client: in a COPY, and nowhere else.
_END_FROZEN = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
      AND application_name IN ('gateway-apply', current_setting('application_name'))
      AND state = 'active' AND wait_event = 'ClientRead'
      AND query_start < clock_timestamp() - make_interval(secs => :seconds)
""")

_ADVANCE = Statement(
    """
    UPDATE attempts SET worker = NULL, lost = 0 WHERE cohort_id = :cohort_id;

    UPDATE apply_state
    SET applied_through = greatest(applied_through, :through), attempts = 0,
        member_count = member_count + :entered - :exited,
        last_change = last_change + :entered + :exited,
        entered = entered + :entered, exited = exited + :exited,
        floor = greatest(floor, :floor),
        applied_at = coalesce(CAST(:applied_at AS timestamptz), applied_at),
        updated_at = CASE WHEN :entered + :exited > 0 THEN :now ELSE updated_at END,
        version = CASE WHEN :entered + :exited + :kept > 0 THEN"""
    + VERSION
    + "ELSE version END, sync_version = "
    + _SYNC_VERSION
    + "WHERE cohort_id = :cohort_id"
)

_RAISE_VERSION = text(
    "UPDATE apply_state SET version = " + VERSION + "WHERE cohort_id = ANY(:cohort_ids)"
)

_RAISE_SYNC_VERSION = text(
    "UPDATE apply_state SET sync_version = " + _SYNC_VERSION + "WHERE cohort_id = :cohort_id"
)

_NOTE_FAILURE = text("""
    UPDATE apply_state SET attempts = attempts + 1, failing_since = :since
    WHERE cohort_id = :cohort_id
""")
