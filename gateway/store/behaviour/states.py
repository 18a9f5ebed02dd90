"""How far the rules of cohorts have been evaluated."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """A cohort of people, and how far its rule has come (`tables.py`).

    `waiting` tells that pages of it are not applied yet, `scheduled` that only loads evaluate it.
    `applied` is a load of its definition that was applied since, if there is one.
    """

    cohort_id: int
    source_id: int
    waiting: bool
    scheduled: bool
    number: int
    looked_at: datetime.datetime | None
    whole_at: datetime.datetime | None
    arrival: int
    seqs: Mapping[str, int]
    applied: int | None


def listing(conn: Connection, kind: str) -> list[State]:
    """List the cohorts of a kind of source that are not deleted."""
    return [State(**row._mapping) for row in conn.execute(_LIST, {"kind": kind})]


def forget_deleted(conn: Connection) -> None:
    """Have no definition of deleted cohorts in force: a restored one waits for its next load."""
    conn.execute(_FORGET)


def definition(conn: Connection, cohort_id: int, number: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = conn.execute(
        _DEFINITION, {"cohort_id": cohort_id, "number": number}
    ).scalar_one()
    return found


def seqs(conn: Connection, cohort_ids: Collection[int]) -> dict[str, int]:
    """Return the newest seq of each of some cohorts that is not deleted."""
    rows = conn.execute(_SEQS, {"ids": sorted(cohort_ids)})
    return {str(row.id): row.last_change for row in rows}


def moved(conn: Connection, cohort_id: int, *, after: int, limit: int) -> list[str] | None:
    """List the ids in changes of a cohort beyond a seq; None if these are not all kept."""
    rows = conn.execute(_MOVED, {"cohort_id": cohort_id, "after": after, "limit": limit}).all()
    if not rows or rows[0].oldest_change > after + 1:
        return None
    return [row.member_id for row in rows if row.member_id is not None]


def moved_of(
    conn: Connection, cohort_id: int, member_ids: Sequence[str], *, after: int
) -> set[str] | None:
    """Tell which of some ids are in changes of a cohort beyond a seq; None as `moved` says."""
    parameters = {"cohort_id": cohort_id, "after": after, "ids": list(member_ids)}
    rows = conn.execute(_MOVED_OF, parameters).all()
    if not rows or rows[0].oldest_change > after + 1:
        return None
    return {row.member_id for row in rows if row.member_id is not None}


def hold(conn: Connection, state: State) -> bool:
    """Keep other processes off a cohort until the transaction ends.

    False if another has it, or has looked at it since it was listed.
    """
    if not conn.execute(_HOLD, {"cohort_id": state.cohort_id}).scalar_one():
        return False
    row = conn.execute(_HELD, {"cohort_id": state.cohort_id}).one_or_none()
    found = (0, None) if row is None else tuple(row)
    return found == (state.number, state.looked_at)


def settle(conn: Connection, cohort_id: int, load: int) -> None:
    """Put the definition in force that a load has evaluated, seen from where the load saw it.

    If another was in force, looks by it may have come in between, so all people are to be looked
    at.
    """
    conn.execute(_SETTLE, {"cohort_id": cohort_id, "load": load})


def save(
    conn: Connection,
    cohort_id: int,
    *,
    at: datetime.datetime,
    arrival: int,
    seqs: Mapping[str, int],
    whole: bool,
    drift: int,
) -> None:
    """Note how far a look has come."""
    parameters = {
        "cohort_id": cohort_id,
        "at": at,
        "arrival": arrival,
        "seqs": json.dumps(dict(seqs)),
        "whole": whole,
        "drift": drift,
    }
    conn.execute(_SAVE, parameters)


def look_at_all(conn: Connection) -> None:
    """Have all people be looked at once more for each rule, without counting that as drift."""
    conn.execute(_LOOK_AT_ALL)


def fail(conn: Connection, cohort_id: int, code: str | None) -> None:
    """Note why a rule is not evaluated; None if it is."""
    conn.execute(_FAIL, {"cohort_id": cohort_id, "code": code})


_LIST = text("""
    SELECT c.id AS cohort_id, c.source_id, i.last_delivery > a.applied_through AS waiting,
           c.schedule IS NOT NULL AS scheduled, coalesce(r.number, 0) AS number, r.looked_at,
           r.whole_at, coalesce(r.arrival, 0) AS arrival, coalesce(r.seqs, '{}') AS seqs,
           o.number AS applied
    FROM cohorts c
    JOIN sources s ON s.id = c.source_id
    JOIN intake_state i ON i.cohort_id = c.id
    JOIN apply_state a ON a.cohort_id = i.cohort_id
    LEFT JOIN rule_states r ON r.cohort_id = i.cohort_id
    LEFT JOIN LATERAL (
        SELECT l.cohort_id, max(l.number) AS number FROM loads l
        WHERE l.cohort_id = i.cohort_id AND l.number > coalesce(r.load, 0)
          AND l.state = 'applied' AND l.mode = 'replace' AND l.definition_number IS NOT NULL
        GROUP BY l.cohort_id) o ON o.cohort_id = i.cohort_id
    WHERE s.kind = :kind AND c.deleted_at IS NULL AND s.removed_at IS NULL
    ORDER BY r.looked_at NULLS FIRST, c.id
""")

_FORGET = text("""
    UPDATE rule_states SET number = 0, looked_at = NULL, whole_at = NULL
    WHERE number > 0 AND cohort_id IN (SELECT id FROM cohorts WHERE deleted_at IS NOT NULL)
""")

_DEFINITION = text("""
    SELECT definition FROM cohort_definitions WHERE cohort_id = :cohort_id AND number = :number
""")

_SEQS = text("""
    SELECT c.id, a.last_change FROM cohorts c JOIN apply_state a ON a.cohort_id = c.id
    WHERE c.id = ANY(:ids) AND c.deleted_at IS NULL
""")

_MOVED = text("""
    SELECT a.oldest_change, m.member_id
    FROM apply_state a
    LEFT JOIN LATERAL (
        SELECT unnest(h.member_ids) AS member_id FROM changes h
        WHERE h.cohort_id = :cohort_id AND h.last_seq > :after LIMIT :limit) m ON true
    WHERE a.cohort_id = :cohort_id
""")

_MOVED_OF = text("""
    SELECT a.oldest_change, m.member_id
    FROM apply_state a
    LEFT JOIN LATERAL (
        SELECT unnest(h.member_ids) AS member_id FROM changes h
        WHERE h.cohort_id = :cohort_id AND h.last_seq > :after) m ON m.member_id = ANY(:ids)
    WHERE a.cohort_id = :cohort_id
""")

_HOLD = text("""
    SELECT pg_try_advisory_xact_lock(hashtextextended('gateway.rules', :cohort_id))
""")

# By itself, so that it sees what was committed before the lock was there.
_HELD = text("SELECT number, looked_at FROM rule_states WHERE cohort_id = :cohort_id")

_SETTLE = text("""
    INSERT INTO rule_states (cohort_id, number, looked_at, whole_at, arrival, seqs, load)
    SELECT l.cohort_id, l.definition_number, m.as_of, m.as_of, m.arrival, m.seqs, l.number
    FROM loads l
    CROSS JOIN LATERAL jsonb_to_record(l.file)
        AS m (as_of timestamptz, arrival bigint, seqs jsonb)
    WHERE l.cohort_id = :cohort_id AND l.number = :load
    ON CONFLICT (cohort_id) DO UPDATE
    SET number = excluded.number, looked_at = excluded.looked_at, arrival = excluded.arrival,
        seqs = excluded.seqs, load = excluded.load, error_code = NULL,
        whole_at = CASE WHEN rule_states.number > 0 THEN NULL ELSE excluded.whole_at END
""")

_SAVE = text("""
    UPDATE rule_states
    SET looked_at = :at, arrival = :arrival, seqs = CAST(:seqs AS jsonb), error_code = NULL,
        whole_at = CASE WHEN :whole THEN :at ELSE whole_at END,
        drift = drift + CASE WHEN whole_at IS NULL THEN 0 ELSE :drift END
    WHERE cohort_id = :cohort_id
""")

_LOOK_AT_ALL = text("UPDATE rule_states SET whole_at = NULL WHERE whole_at IS NOT NULL")

_FAIL = text("""
    INSERT INTO rule_states (cohort_id, error_code) VALUES (:cohort_id, :code)
    ON CONFLICT (cohort_id) DO UPDATE SET error_code = excluded.error_code
    WHERE rule_states.error_code IS DISTINCT FROM excluded.error_code
""")
