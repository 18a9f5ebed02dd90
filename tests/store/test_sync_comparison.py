"""Comparing ledgers: each row is looked at once, also of a cohort that the planner knows not of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from gateway.store.db.engine import Pool
from gateway.store.syncs import comparison, identifiers, ledger
from gateway.store.syncs.ledger import Row, Scope, State
from tests import statements

SIZE = 1000
BEGIN = ("", -1)
SCOPE = Scope(cohort_id=2, job_id=2, seed=7, suppress=(1,))
MEMBERS = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at, email, properties)
    SELECT :cohort_id, :cohort_id || '-' || n, 1, now(), n || '@x.io', '{"plan": "free"}'
    FROM generate_series(1, :size) n
""")


def sent_again(conn: Connection, scope: Scope) -> list[Row]:
    """Put all wanted members into the ledger; returns the rows."""
    found = comparison.wanted(conn, scope, after="", limit=SIZE)
    rows = [
        Row(
            member_id=one.member_id,
            part=0,
            sent=f'{{"email":"{one.document["email"]}"}}',
            source=one.source,
        )
        for one in found
    ]
    assert ledger.begin(conn, scope, rows, batch=3) == rows
    return rows


def looked_at(plan: Mapping[str, Any]) -> float:
    """Count the rows that a plan has looked at, also those that were then of no use."""
    removed = sum(plan.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter"))
    own: float = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return own + sum(map(looked_at, plan.get("Plans", ())))


def explained(conn: Connection, seen: Sequence[str]) -> Iterator[tuple[str, float]]:
    for one in seen:
        found = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {one}").scalar_one()
        yield one, looked_at(found[0]["Plan"])


def test_statements__on_a_cohort_that_grew_since_its_statistics__look_at_each_row_once(
    pool: Pool,
) -> None:
    seen: list[str] = []
    with statements.noted(pool.engine, seen.append), pool.begin() as conn:
        conn.execute(MEMBERS, {"cohort_id": 1, "size": SIZE})
        sent_again(conn, Scope(cohort_id=1, job_id=1, seed=7))
        conn.execute(text("ANALYZE memberships, sync_ledger"))
        conn.execute(MEMBERS, {"cohort_id": 2, "size": SIZE})
        seen.clear()
        rows = sent_again(conn, SCOPE)
        found = comparison.count(conn, SCOPE)
        assert (found.add, found.remove, found.stale, found.batch) == (0, 0, 0, 3)
        assert comparison.stale(conn, SCOPE, before=None, after=BEGIN, limit=SIZE) == []
        ledger.leave(conn, SCOPE, rows)
        ledger.end(conn, SCOPE, 3)
        explained_ones = dict(explained(conn, list(seen)))
        seen.clear()
        span = (BEGIN, (rows[-1].member_id, 0))
        assert identifiers.any_stays(conn, SCOPE) is False
        assert identifiers.shared(conn, SCOPE, State.LEAVING, ["email"], between=span) == set()
        explained_ones |= dict(explained(conn, [one for one in seen if "identified" in one]))
        ledger.drop(conn, SCOPE, rows)
        conn.rollback()
    assert {one: rows for one, rows in explained_ones.items() if rows > 20 * SIZE} == {}
    assert len(explained_ones) >= 7


def test_begin__of_members_that_left_or_are_erased__returns_the_others(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(MEMBERS, {"cohort_id": 2, "size": 3})
        rows = sent_again(conn, SCOPE)
        conn.execute(text("UPDATE sync_ledger SET state = 5 WHERE member_id = '2-1'"))
        conn.execute(text("DELETE FROM memberships WHERE member_id = '2-2'"))
        assert [one.member_id for one in ledger.begin(conn, SCOPE, rows, batch=4)] == ["2-3"]


def test_wanted__numbers_of_more_than_64_bits__are_their_digits(pool: Pool) -> None:
    mapped = Scope(cohort_id=2, job_id=2, seed=7, properties=True)
    large, least = 2**64 - 1, -(2**63)
    with pool.begin() as conn:
        conn.execute(MEMBERS, {"cohort_id": 2, "size": 1})
        kept = f'{{"n": [{large}, {large + 1}, {least}, {least - 1}]}}'
        conn.execute(text("UPDATE memberships SET properties = :kept").bindparams(kept=kept))
        (found,) = comparison.wanted(conn, mapped, after="", limit=SIZE)
    assert found.document["properties"] == {"n": [large, str(large + 1), least, str(least - 1)]}


def test_count__of_a_property_that_is_not_mapped__sees_no_change(pool: Pool) -> None:
    mapped = Scope(cohort_id=2, job_id=2, seed=7, properties=True, entered=True)
    found = []
    with pool.begin() as conn:
        conn.execute(MEMBERS, {"cohort_id": 2, "size": 3})
        for scope in (SCOPE, mapped):
            sent_again(conn, scope)
            for change in ("properties = '{}'", "entered_at = entered_at - interval '1 day'"):
                conn.execute(text(f"UPDATE memberships SET {change}"))
                counts = comparison.count(conn, scope)
                found.append((counts.add, counts.stale))
            conn.execute(text("DELETE FROM sync_batches"))
            conn.execute(text("DELETE FROM sync_ledger"))
            conn.execute(text('UPDATE memberships SET properties = \'{"plan": "free"}\''))
    assert found == [(0, 0), (0, 0), (3, 3), (3, 3)]
