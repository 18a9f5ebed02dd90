"""The delta: what is written is what differs, in statements that large cohorts survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.cohorts import batch, member_rows
from gateway.store.cohorts import apply_state, delta, diffs
from tests.model import book
from tests.model.desk import START
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.store.cohorts.delta import Written
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


@pytest.mark.parametrize("leaving", [1500, 100_000])
def test_replace__many_leave__are_all_gone_and_their_changes_are_cut(
    desk: Desk, pool: Pool, leaving: int
) -> None:
    receipt = desk.send(ADD, "s", "a")
    desk.settle(receipt)
    with pool.begin() as conn:
        key = {"cohort_id": receipt.cohort_id, "members": leaving}
        conn.execute(_FILL, key)
        conn.execute(_COUNT, key)
    standing = desk.settle(desk.send(MEMBERS, "t", "ab"))
    assert list(standing.members) == ["a", "b"]
    assert standing.last_change == 1 + leaving + 1
    with pool.read() as conn:
        widths = conn.execute(_WIDTHS).scalars().all()
    assert max(widths) == 1000
    assert len(book.moves(pool, receipt.cohort_id)) == standing.last_change


def test_add__of_what_is_there_already__writes_no_row(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(MEMBERS, "s", "ab")
    desk.settle(receipt)
    before = versions(pool)
    desk.settle(desk.send(ADD, "s", "ab"))
    assert versions(pool) == before
    desk.settle(desk.send(ADD, "t", "a"))
    assert [now == then for now, then in zip(versions(pool), before, strict=True)] == [False, True]


def test_remove__of_who_is_gone_already__writes_no_row_for_the_same_session(
    desk: Desk, pool: Pool
) -> None:
    desk.settle(desk.send(REMOVE, "s", "a", page=(1, 2)))
    before = versions(pool)
    desk.settle(desk.send(REMOVE, "s", "aa", page=(2, 2)))
    assert versions(pool) == before


def test_remove__of_a_tombstone__makes_it_remember_the_newer_session(desk: Desk) -> None:
    desk.settle(desk.send(REMOVE, "s", "a"))
    desk.settle(desk.send(ADD, "t", "b", page=(1, 2)))
    desk.settle(desk.send(REMOVE, "u", "ac"))
    late = desk.settle(desk.send(ADD, "t", "ac", page=(2, 2)))
    assert list(late.members) == ["b"]


def test_replace__of_equal_members__writes_no_row(desk: Desk, pool: Pool) -> None:
    desk.settle(desk.send(MEMBERS, "s", "ab"))
    before = versions(pool)
    desk.settle(desk.send(MEMBERS, "t", "ba"))
    assert versions(pool) == before


def test_replace__over_tombstones_that_are_older__drops_them(desk: Desk, pool: Pool) -> None:
    desk.settle(desk.send(REMOVE, "s", "ab"))
    receipt = desk.send(MEMBERS, "t", "b")
    desk.settle(receipt)
    assert len(versions(pool)) == 1
    desk.settle(desk.send(REMOVE, "t", "z"))
    assert len(versions(pool)) == 1


def test_tombstone__of_a_member_who_left__keeps_no_profile(desk: Desk, pool: Pool) -> None:
    desk.settle(desk.send(ADD, "s", "a"))
    desk.settle(desk.send(REMOVE, "t", "a"))
    with pool.read() as conn:
        row = conn.execute(text("SELECT * FROM memberships")).one()
    kept = {name: value for name, value in row._mapping.items() if value is not None}
    assert kept.keys() == {"cohort_id", "member_id", "session"}


def test_entered_at__of_who_stays__stays(desk: Desk, pool: Pool) -> None:
    desk.settle(desk.send(ADD, "s", "a"))
    desk.settle(desk.send(ADD, "t", "A"))
    with pool.read() as conn:
        entered_at = conn.execute(text("SELECT entered_at FROM memberships")).scalar_one()
    assert (entered_at - START).total_seconds() == 10


def test_copy__members_with_separators_and_quotes__come_back_as_they_were(
    desk: Desk, pool: Pool
) -> None:
    receipt = desk.send(ADD, "s", "")
    odd = ["a\tb", "\\N", "\\.", "new\nline", "carriage\rreturn", 'quo"te', "\N{SNOWMAN}"]
    written = write(pool, receipt.cohort_id, odd)
    assert written == delta.Written(entered=len(odd), exited=0)
    assert sorted(book.standing(pool, receipt.cohort_id).members) == sorted(odd)


def write(pool: Pool, cohort_id: int, member_ids: Iterable[str]) -> Written:
    nulls = "\t".join([member_rows.NULL] * (len(member_rows.COLUMNS) - 1))
    lines = "".join(f"{member_rows.escape(member_id)}\t{nulls}\n" for member_id in member_ids)
    touch = delta.WriteContext(cohort_id=cohort_id, session=1, floor=0, at=START)
    with pool.begin() as conn:
        assert apply_state.claim(conn, cohort_id) is not None
        return diffs.add(conn, touch, batch.merge([lines.encode()]), last_change=0)


def versions(pool: Pool) -> list[tuple[str, str]]:
    """Where each row of memberships lies, which a write of any kind changes."""
    with pool.read() as conn:
        rows = conn.execute(_VERSIONS).all()
    return [(row.member_id, row.place) for row in rows]


_FILL = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT :cohort_id, 'x' || n, 1, CAST('2026-01-01T00:00:00Z' AS timestamptz)
    FROM generate_series(1, :members) n
""")

_COUNT = text("""
    UPDATE apply_state SET member_count = member_count + :members WHERE cohort_id = :cohort_id
""")

_WIDTHS = text("SELECT cardinality(member_ids) FROM changes")

_VERSIONS = text("""
    SELECT member_id, CAST(ctid AS text) AS place FROM memberships ORDER BY member_id
""")
