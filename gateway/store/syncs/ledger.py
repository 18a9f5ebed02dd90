"""Ledgers: what stands at a destination, or may, of the members that a job has sent.

Rows are written once, as present, with the number of a batch; while that is open they may stand
there or not. `settle` makes them so when the process has died that had sent them.

A row is a member with identifiers as they were sent. Its `source` is a hash of the member's fields,
under a seed made of the mapping: equal hashes need not be looked at again.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


class State(enum.IntEnum):
    """What is known of a row: SENDING and LEAVING ones may stand there or not."""

    PRESENT = 1
    SENDING = 2
    REJECTED = 3
    LEAVING = 4
    ERASED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """Which ledger, which cohorts are suppressed, and the seed of hashes.

    `siblings` are jobs that keep the same cohort in the same audience: what theirs has stays there.
    `properties` and `entered` say whether properties, and the time of entry, are mapped.
    """

    cohort_id: int
    job_id: int
    suppress: tuple[int, ...] = ()
    seed: int = 0
    siblings: tuple[int, ...] = ()
    properties: bool = False
    entered: bool = False

    @property
    def bound(self) -> dict[str, object]:
        """Parameters of statements."""
        return {
            "cohort_id": self.cohort_id,
            "job_id": self.job_id,
            "suppress": list(self.suppress),
            "seed": self.seed,
            "properties": self.properties,
            "entered": self.entered,
        }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row to be written, or to be removed."""

    member_id: str
    part: int
    sent: str
    source: int = 0
    state: State = State.SENDING


def begin(conn: Connection, scope: Scope, rows: Sequence[Row], batch: int) -> Sequence[Row]:
    """Write rows that are about to be sent together; `end` says that there is an answer.

    Returns those that were written: not those of persons that are being erased, or have left.
    """
    _OPEN.run(conn, {"job_id": scope.job_id, "batch": batch})
    if put(conn, scope, rows, state=State.PRESENT, batch=batch) == len(rows):
        return rows
    found = _OF_BATCH.rows(conn, {**_keys(scope, rows), "batch": batch})
    written = {(row.member_id, row.part) for row in found}
    return [one for one in rows if (one.member_id, one.part) in written]


def end(conn: Connection, scope: Scope, batch: int, rejected: Sequence[Row] = ()) -> None:
    """Note that a batch was answered, and which of its rows the vendor refused."""
    _CLOSE.run(conn, {"job_id": scope.job_id, "batch": batch})
    if rejected:
        book(conn, scope, rejected, State.REJECTED, batch=batch)


def settle(conn: Connection, scope: Scope) -> None:
    """Mark the rows of batches that were never answered; call before anything is compared."""
    found = _UNANSWERED.column(conn, scope.bound)
    if found:
        _SETTLE.run(conn, {**scope.bound, "batches": found})
        _CLOSE_ALL.run(conn, scope.bound)


def put(
    conn: Connection, scope: Scope, rows: Sequence[Row], *, state: State, batch: int | None = None
) -> int:
    """Write rows of present members; one that is being erased stays so. Returns how many."""
    parameters = {
        **_keys(scope, rows),
        "batch": batch,
        "state": int(state),
        "sources": arrays.of_numbers(one.source for one in rows),
        "sents": arrays.of_texts([one.sent for one in rows]),
    }
    written: int = _PUT.rows(conn, parameters)[0].rows
    return written


def book(conn: Connection, scope: Scope, rows: Sequence[Row], state: State, *, batch: int) -> None:
    """Note what became of rows that were sent, or sent once more."""
    _BOOK.run(conn, {**_keys(scope, rows), "state": int(state), "batch": batch})


def leave(conn: Connection, scope: Scope, rows: Sequence[Row]) -> None:
    """Mark rows as leaving; those that were refused stand nowhere, and are forgotten."""
    refused = [one for one in rows if one.state is State.REJECTED]
    others = [one for one in rows if one.state is not State.REJECTED]
    if others:
        _LEAVE.run(conn, _keys(scope, others))
    if refused:
        _DROP_REJECTED.run(conn, _keys(scope, refused))


def drop(conn: Connection, scope: Scope, rows: Sequence[Row]) -> None:
    """Forget rows that were removed, and erasures that this ends."""
    _DROP.run(conn, _keys(scope, rows))
    _END_ERASURES.run(conn, _keys(scope, rows))


def listing(
    conn: Connection, scope: Scope, state: State, *, after: tuple[str, int], limit: int
) -> list[Row]:
    """List rows of a state by member and part, from the first beyond `after`."""
    parameters = {
        **scope.bound,
        "state": int(state),
        "after": after[0],
        "after_part": after[1],
        "limit": limit,
    }
    return [
        Row(member_id=row.member_id, part=row.part, sent=row.sent, state=state)
        for row in _LIST.rows(conn, parameters)
    ]


def expiring(
    conn: Connection, scope: Scope, *, through: int, after: tuple[str, int], limit: int
) -> list[Row]:
    """List rows that stand there and were last sent with a batch of this number or before it."""
    parameters = {
        **scope.bound,
        "through": through,
        "after": after[0],
        "after_part": after[1],
        "limit": limit,
    }
    return [
        Row(member_id=row.member_id, part=row.part, sent=row.sent, state=State.PRESENT)
        for row in _EXPIRING.rows(conn, parameters)
    ]


def clear(conn: Connection, scope: Scope, *, limit: int) -> int:
    """Forget all erasures, and at most `limit` rows, that nothing needs; returns how many rows."""
    _CLEAR_ERASURES.run(conn, scope.bound)
    _CLOSE_ALL.run(conn, scope.bound)
    return len(_CLEAR.rows(conn, {**scope.bound, "limit": limit}))


def count(conn: Connection, scope: Scope, state: State) -> int:
    """Count the rows of a state."""
    found: int = _COUNT.rows(conn, {**scope.bound, "state": int(state)})[0].rows
    return found


def _keys(scope: Scope, rows: Sequence[Row]) -> dict[str, object]:
    member_ids = [one.member_id for one in rows]
    return {
        "cohort_id": scope.cohort_id,
        "job_id": scope.job_id,
        "member_ids": arrays.of_texts(member_ids),
        "parts": arrays.of_numbers(one.part for one in rows),
        "first": min(member_ids),
        "last": max(member_ids),
    }


# `LIMIT` keeps each look-up of a member one by its key: the planner takes a cohort that has grown
# since its statistics for a single row, and would compare all of its members with each row.
_PUT = Statement("""
    WITH written AS (
        INSERT INTO sync_ledger (cohort_id, job_id, member_id, part, state, source, sent, batch)
        SELECT m.cohort_id, :job_id, r.member_id, r.part, :state, r.source, r.sent,
               CAST(:batch AS bigint)
        FROM unnest(CAST(:member_ids AS text[]), CAST(:parts AS smallint[]),
                    CAST(:sources AS bigint[]), CAST(:sents AS text[]))
            AS r (member_id, part, source, sent)
        CROSS JOIN LATERAL (
            SELECT n.cohort_id FROM memberships n
            WHERE n.cohort_id = :cohort_id AND n.member_id = r.member_id
              AND n.entered_at IS NOT NULL LIMIT 1) m
        ON CONFLICT (cohort_id, job_id, member_id, part) DO UPDATE
        SET state = excluded.state, source = excluded.source, sent = excluded.sent,
            batch = coalesce(excluded.batch, sync_ledger.batch)
        WHERE sync_ledger.state <> 5
        RETURNING part)
    SELECT count(*) AS rows FROM written
""")


_OPEN = Statement("INSERT INTO sync_batches (job_id, batch) VALUES (:job_id, :batch)")


_CLOSE = Statement("DELETE FROM sync_batches WHERE job_id = :job_id AND batch = :batch")


_CLOSE_ALL = Statement("DELETE FROM sync_batches WHERE job_id = :job_id")


_UNANSWERED = Statement("SELECT batch FROM sync_batches WHERE job_id = :job_id")


_SETTLE = Statement("""
    UPDATE sync_ledger SET state = 2
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = 1
      AND batch = ANY(CAST(:batches AS bigint[]))
""")


# Within the span of the keys, whatever else the planner makes of a cohort that has grown.
_OF_KEYS = """
    cohort_id = :cohort_id AND job_id = :job_id AND member_id BETWEEN :first AND :last
    AND member_id = ANY(CAST(:member_ids AS text[]))
    AND (member_id, part) IN (
        SELECT r.member_id, r.part
        FROM unnest(CAST(:member_ids AS text[]), CAST(:parts AS smallint[])) AS r (member_id, part))
"""


_BOOK = Statement(
    """
    UPDATE sync_ledger SET state = :state, batch = :batch
    WHERE state IN (1, 2) AND
    """
    + _OF_KEYS
)


_OF_BATCH = Statement(
    "SELECT member_id, part FROM sync_ledger WHERE batch = :batch AND " + _OF_KEYS
)


_LEAVE = Statement("UPDATE sync_ledger SET state = 4 WHERE state IN (1, 2) AND " + _OF_KEYS)


_DROP_REJECTED = Statement("DELETE FROM sync_ledger WHERE state = 3 AND " + _OF_KEYS)


_DROP = Statement("DELETE FROM sync_ledger WHERE state IN (4, 5) AND " + _OF_KEYS)


_END_ERASURES = Statement("""
    DELETE FROM sync_erasures e
    WHERE e.cohort_id = :cohort_id AND e.job_id = :job_id
      AND e.member_id = ANY(CAST(:member_ids AS text[]))
      AND NOT EXISTS (
          SELECT FROM sync_ledger l
          WHERE l.cohort_id = e.cohort_id AND l.job_id = e.job_id AND l.member_id = e.member_id
            AND l.state = 5)
""")


_LIST = Statement("""
    SELECT member_id, part, sent FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = :state
      AND (member_id, part) > (:after, :after_part)
    ORDER BY member_id, part LIMIT :limit
""")


_EXPIRING = Statement("""
    SELECT member_id, part, sent FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = 1
      AND (batch IS NULL OR batch <= :through)
      AND (member_id, part) > (:after, :after_part)
    ORDER BY member_id, part LIMIT :limit
""")


_CLEAR_ERASURES = Statement("""
    DELETE FROM sync_erasures WHERE cohort_id = :cohort_id AND job_id = :job_id
""")


_CLEAR = Statement("""
    DELETE FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND (member_id, part) IN (
        SELECT member_id, part FROM sync_ledger
        WHERE cohort_id = :cohort_id AND job_id = :job_id LIMIT :limit)
    RETURNING part
""")


_COUNT = Statement("""
    SELECT count(*) AS rows FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = :state
""")
