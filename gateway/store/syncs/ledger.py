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
    """

    cohort_id: int
    job_id: int
    suppress: tuple[int, ...] = ()
    seed: int = 0
    siblings: tuple[int, ...] = ()

    @property
    def bound(self) -> dict[str, object]:
        """Parameters of statements."""
        return {
            "cohort_id": self.cohort_id,
            "job_id": self.job_id,
            "suppress": list(self.suppress),
            "seed": self.seed,
        }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row to be written, or to be removed."""

    member_id: str
    part: int
    sent: str
    source: int = 0
    state: State = State.SENDING


def begin(conn: Connection, scope: Scope, rows: Sequence[Row], batch: int) -> None:
    """Write rows that are about to be sent together; `end` says that there is an answer."""
    _OPEN.run(conn, {"job_id": scope.job_id, "batch": batch})
    present = [dataclasses.replace(one, state=State.PRESENT) for one in rows]
    put(conn, scope, present, batch=batch)


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


def put(conn: Connection, scope: Scope, rows: Sequence[Row], *, batch: int | None = None) -> None:
    """Write rows of present members; a row that is being erased stays so."""
    parameters = {
        "batch": batch,
        "cohort_id": scope.cohort_id,
        "job_id": scope.job_id,
        "member_ids": arrays.of_texts([one.member_id for one in rows]),
        "parts": [one.part for one in rows],
        "states": [int(one.state) for one in rows],
        "sources": [one.source for one in rows],
        "sents": arrays.of_texts([one.sent for one in rows]),
    }
    _PUT.run(conn, parameters)


def book(conn: Connection, scope: Scope, rows: Sequence[Row], state: State, *, batch: int) -> None:
    """Note what became of rows that were sent, or sent once more."""
    _BOOK.run(conn, {**_keys(scope, rows), "state": int(state), "batch": batch})


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


def shared(
    conn: Connection,
    scope: Scope,
    state: State,
    names: Sequence[str],
    *,
    between: tuple[tuple[str, int], tuple[str, int]],
) -> set[tuple[str, int]]:
    """Find rows of a state with identifiers of these names that a row which stays has as well."""
    (after, after_part), (last, last_part) = between
    parameters = {
        **scope.bound,
        "siblings": list(scope.siblings),
        "state": int(state),
        "names": list(names),
        "after": after,
        "after_part": after_part,
        "last": last,
        "last_part": last_part,
    }
    return {(row.member_id, row.part) for row in _SHARED.rows(conn, parameters)}


def leave_out_erased(conn: Connection, scope: Scope) -> None:
    """Mark erased persons as leaving, and all others as under way."""
    _LEAVE_OUT_ERASED.run(conn, scope.bound)


def replaced(conn: Connection, scope: Scope) -> None:
    """Forget what a replacement has taken away: all that was not sent with it."""
    _REPLACED.run(conn, scope.bound)
    _END_ALL_ERASURES.run(conn, scope.bound)


def _keys(scope: Scope, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "cohort_id": scope.cohort_id,
        "job_id": scope.job_id,
        "member_ids": arrays.of_texts([one.member_id for one in rows]),
        "parts": [one.part for one in rows],
    }


_PUT = Statement("""
    INSERT INTO sync_ledger (cohort_id, job_id, member_id, part, state, source, sent, batch)
    SELECT m.cohort_id, :job_id, r.member_id, r.part, r.state, r.source, r.sent,
           CAST(:batch AS bigint)
    FROM unnest(CAST(:member_ids AS text[]), CAST(:parts AS smallint[]),
                CAST(:states AS smallint[]), CAST(:sources AS bigint[]), CAST(:sents AS text[]))
        AS r (member_id, part, state, source, sent)
    JOIN memberships m ON m.cohort_id = :cohort_id AND m.member_id = r.member_id
        AND m.entered_at IS NOT NULL
    ORDER BY r.member_id, r.part
    ON CONFLICT (cohort_id, job_id, member_id, part) DO UPDATE
    SET state = excluded.state, source = excluded.source, sent = excluded.sent,
        batch = coalesce(excluded.batch, sync_ledger.batch)
    WHERE sync_ledger.state <> 5
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


_OF_KEYS = """
    cohort_id = :cohort_id AND job_id = :job_id AND member_id = ANY(CAST(:member_ids AS text[]))
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

_SHARED = Statement("""
    WITH identified AS (
        SELECT l.job_id, l.member_id, l.part, l.state,
               (SELECT jsonb_agg(CAST(l.sent AS jsonb) -> n.name ORDER BY n.place)
                FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n (name, place)) AS key
        FROM sync_ledger l
        WHERE l.cohort_id = :cohort_id AND l.state <> 3
          AND (l.job_id = :job_id OR l.job_id = ANY(:siblings))
          AND jsonb_exists_all(CAST(l.sent AS jsonb), CAST(:names AS text[])))
    SELECT DISTINCT g.member_id, g.part
    FROM identified g JOIN identified s ON s.key = g.key
    WHERE g.job_id = :job_id AND g.state = :state AND s.state IN (1, 2)
      AND (g.member_id, g.part) > (:after, :after_part)
      AND (g.member_id, g.part) <= (:last, :last_part)
""")


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
