"""How far the rules of cohorts have been evaluated."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """A cohort of people, its newest definition, and how far it has come (`tables.py`).

    `waiting` tells that pages of it are not applied yet.
    """

    cohort_id: int
    source_id: int
    source: str
    external_id: str
    waiting: bool
    latest: int
    number: int
    looked_at: datetime.datetime | None
    whole_at: datetime.datetime | None
    arrival: int
    seqs: Mapping[str, int]
    tried: int
    load: int | None
    load_at: datetime.datetime | None
    load_arrival: int | None
    load_seqs: Mapping[str, int] | None


def listing(conn: Connection, kind: str) -> list[State]:
    """List the cohorts of a kind of source that have a definition and are not deleted."""
    return [State(**row._mapping) for row in conn.execute(_LIST, {"kind": kind})]


def forget_deleted(conn: Connection) -> None:
    """Forget how far deleted cohorts had come: a restored one begins anew."""
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


def begin(
    conn: Connection,
    state: State,
    *,
    load: int,
    at: datetime.datetime,
    arrival: int,
    seqs: Mapping[str, int],
) -> None:
    """Note that a load evaluates the newest definition for the first time."""
    parameters = {
        "cohort_id": state.cohort_id,
        "tried": state.latest,
        "load": load,
        "at": at,
        "arrival": arrival,
        "seqs": json.dumps(dict(seqs)),
    }
    conn.execute(_BEGIN, parameters)


def settle(conn: Connection, cohort_id: int, *, applied: bool, again: bool) -> None:
    """Put the definition that a load has evaluated in force, if it was applied.

    One that was not is evaluated `again`, or stays until there is another.
    """
    if applied:
        conn.execute(_APPLIED, {"cohort_id": cohort_id})
    else:
        conn.execute(_NOT_APPLIED, {"cohort_id": cohort_id, "again": again})


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


def fail(conn: Connection, cohort_id: int, code: str | None) -> None:
    """Note why a rule is not evaluated; None if it is."""
    conn.execute(_FAIL, {"cohort_id": cohort_id, "code": code})


_LIST = text("""
    SELECT c.id AS cohort_id, c.source_id, s.slug AS source, c.external_id,
           i.last_delivery > a.applied_through AS waiting, d.number AS latest,
           coalesce(r.number, 0) AS number, r.looked_at, r.whole_at,
           coalesce(r.arrival, 0) AS arrival, coalesce(r.seqs, '{}') AS seqs,
           coalesce(r.tried, 0) AS tried, r.load, r.load_at, r.load_arrival, r.load_seqs
    FROM cohorts c
    JOIN sources s ON s.id = c.source_id
    JOIN intake_state i ON i.cohort_id = c.id
    JOIN apply_state a ON a.cohort_id = i.cohort_id
    JOIN cohort_definitions d ON d.cohort_id = i.cohort_id AND d.is_latest
    LEFT JOIN rule_states r ON r.cohort_id = i.cohort_id
    WHERE s.kind = :kind AND c.deleted_at IS NULL AND s.removed_at IS NULL
    ORDER BY r.looked_at NULLS FIRST, c.id
""")

_FORGET = text("""
    DELETE FROM rule_states WHERE cohort_id IN (SELECT id FROM cohorts WHERE deleted_at IS NOT NULL)
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

_BEGIN = text("""
    INSERT INTO rule_states (cohort_id, tried, load, load_at, load_arrival, load_seqs)
    VALUES (:cohort_id, :tried, :load, :at, :arrival, CAST(:seqs AS jsonb))
    ON CONFLICT (cohort_id) DO UPDATE
    SET tried = excluded.tried, load = excluded.load, load_at = excluded.load_at,
        load_arrival = excluded.load_arrival, load_seqs = excluded.load_seqs, error_code = NULL
""")

_APPLIED = text("""
    UPDATE rule_states
    SET number = tried, looked_at = load_at, whole_at = load_at, arrival = load_arrival,
        seqs = load_seqs, load = NULL
    WHERE cohort_id = :cohort_id AND load IS NOT NULL
""")

_NOT_APPLIED = text("""
    UPDATE rule_states SET load = NULL, tried = CASE WHEN :again THEN number ELSE tried END
    WHERE cohort_id = :cohort_id
""")

_SAVE = text("""
    UPDATE rule_states
    SET looked_at = :at, arrival = :arrival, seqs = CAST(:seqs AS jsonb), error_code = NULL,
        whole_at = CASE WHEN :whole THEN :at ELSE whole_at END, drift = drift + :drift
    WHERE cohort_id = :cohort_id
""")

_FAIL = text("""
    INSERT INTO rule_states (cohort_id, error_code) VALUES (:cohort_id, :code)
    ON CONFLICT (cohort_id) DO UPDATE SET error_code = excluded.error_code
    WHERE rule_states.error_code IS DISTINCT FROM excluded.error_code
""")
