"""Suppressed members of jobs that follow changes: which of them a receiver knows of.

Rows of the ledger, as only such jobs have none of their own. A suppressed member is first to be
told of as exited (unless the receiver was never told of an entry), then hidden, and once it is
suppressed no more to be told of as entered, which ends the row.

`source` is the seq that a message has, `batch` what tells messages of one seq apart.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope


class State(enum.IntEnum):
    """What a receiver knows of a member, beside the states of ledgers."""

    HIDDEN = 6
    LEAVING = 7
    RETURNING = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Members that are to be told of in one request."""

    state: State
    seq: int
    turn: int
    member_ids: Sequence[str]


def among(conn: Connection, scope: Scope, member_ids: Collection[str]) -> dict[str, State]:
    """Tell which of some members have a row, and in which state."""
    parameters = {**scope.bound, "member_ids": arrays.of_texts(member_ids)}
    return {row.member_id: State(row.state) for row in _AMONG.rows(conn, parameters)}


def put(
    conn: Connection, scope: Scope, states: Mapping[str, State], *, seq: int, turn: int
) -> None:
    """Write rows, but none of a person erased meanwhile."""
    parameters = {
        **scope.bound,
        "member_ids": arrays.of_texts(states.keys()),
        "states": [int(one) for one in states.values()],
        "seq": seq,
        "turn": turn,
    }
    _PUT.run(conn, parameters)


def drop(conn: Connection, scope: Scope, member_ids: Collection[str]) -> None:
    """Forget rows: what the receiver knows of these members follows from the changes."""
    _DROP.run(conn, {**scope.bound, "member_ids": arrays.of_texts(member_ids)})


def begin(conn: Connection, scope: Scope, *, seq: int, turn: int) -> None:
    """Hide the suppressed members of a cohort, as the receiver was told of no member yet."""
    bound = {**scope.bound, "seq": seq, "turn": turn, "through": None}
    _HIDE.run(conn, {**bound, "state": int(State.HIDDEN)})


def compare(conn: Connection, scope: Scope, *, through: int, turn: int) -> None:
    """Note members that are suppressed now, and those that are so no more.

    The receiver was told of all changes up to `through`. While there are later ones, only the next
    run can tell which members it knows.
    """
    bound = {**scope.bound, "seq": through, "turn": turn, "through": through}
    _RETURN.run(conn, bound)
    _FORGET.run(conn, bound)
    if scope.suppress:
        _HIDE.run(conn, {**bound, "state": int(State.LEAVING)})


def following(conn: Connection, scope: Scope, *, limit: int) -> Part | None:
    """Read which members are to be told of next, the same at each try; None without any."""
    first = _NEXT.first(conn, scope.bound)
    if first is None:
        return None
    parameters = {**scope.bound, **first._asdict(), "limit": limit}
    return Part(
        state=State(first.state),
        seq=first.seq,
        turn=first.turn,
        member_ids=_PART.column(conn, parameters),
    )


def finish(conn: Connection, scope: Scope, part: Part) -> None:
    """Note that a part was told of: those that left are hidden, those that came back are not."""
    parameters = {**scope.bound, "member_ids": arrays.of_texts(part.member_ids)}
    if part.state is State.LEAVING:
        _END_LEAVING.run(conn, parameters)
    else:
        _DROP.run(conn, parameters)


_AMONG = Statement("""
    SELECT member_id, state FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (6, 7, 8)
      AND member_id = ANY(CAST(:member_ids AS text[]))
""")

_PUT = Statement("""
    INSERT INTO sync_ledger (cohort_id, job_id, member_id, part, state, source, sent, batch)
    SELECT m.cohort_id, :job_id, m.member_id, 0, r.state, :seq, '{}', :turn
    FROM unnest(CAST(:member_ids AS text[]), CAST(:states AS smallint[])) AS r (member_id, state)
    JOIN memberships m ON m.cohort_id = :cohort_id AND m.member_id = r.member_id
    ORDER BY m.member_id
    ON CONFLICT (cohort_id, job_id, member_id, part) DO UPDATE
    SET state = excluded.state, source = excluded.source, batch = excluded.batch
""")

_DROP = Statement("""
    DELETE FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (6, 7, 8)
      AND member_id = ANY(CAST(:member_ids AS text[]))
""")

# Whether an entry that is still to be told of was received is not known: it is taken back.
_HIDE = Statement("""
    INSERT INTO sync_ledger (cohort_id, job_id, member_id, part, state, source, sent, batch)
    SELECT m.cohort_id, :job_id, m.member_id, 0, :state, :seq, '{}', :turn
    FROM memberships m
    WHERE m.cohort_id = :cohort_id AND m.entered_at IS NOT NULL
      AND EXISTS (
          SELECT FROM memberships s
          WHERE s.cohort_id = ANY(CAST(:suppress AS bigint[])) AND s.member_id = m.member_id
            AND s.entered_at IS NOT NULL)
      AND (CAST(:through AS bigint) IS NULL
           OR (SELECT a.last_change FROM apply_state a WHERE a.cohort_id = :cohort_id) = :through)
    ON CONFLICT (cohort_id, job_id, member_id, part) DO UPDATE
    SET state = 7, source = excluded.source, batch = excluded.batch WHERE sync_ledger.state = 8
""")

_RETURN = Statement("""
    UPDATE sync_ledger l SET state = 8, source = :seq, batch = :turn
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state = 6
      AND EXISTS (
          SELECT FROM memberships m
          WHERE m.cohort_id = l.cohort_id AND m.member_id = l.member_id
            AND m.entered_at IS NOT NULL
            AND NOT EXISTS (
                SELECT FROM memberships s
                WHERE s.cohort_id = ANY(CAST(:suppress AS bigint[]))
                  AND s.member_id = m.member_id AND s.entered_at IS NOT NULL))
""")

_FORGET = Statement("""
    DELETE FROM sync_ledger l
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state = 6
      AND NOT EXISTS (
          SELECT FROM memberships m
          WHERE m.cohort_id = l.cohort_id AND m.member_id = l.member_id
            AND m.entered_at IS NOT NULL)
      AND (SELECT a.last_change FROM apply_state a WHERE a.cohort_id = :cohort_id) = :through
""")

_NEXT = Statement("""
    SELECT state, source AS seq, batch AS turn FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (7, 8)
    ORDER BY batch, state, source LIMIT 1
""")

_PART = Statement("""
    SELECT member_id FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = :state
      AND source = :seq AND batch = :turn
    ORDER BY member_id LIMIT :limit
""")

_END_LEAVING = Statement("""
    UPDATE sync_ledger SET state = 6
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = 7
      AND member_id = ANY(CAST(:member_ids AS text[]))
""")
