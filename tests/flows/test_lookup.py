"""Looking up while others change what is looked up."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import admin, lookup, parts
from gateway.flows.cohorts.read_routing import ReadRouter
from tests import statements
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.flows.cohorts.parts import ListPage
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.cohorts.memberships import Listed
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
# PostgreSQL 15 may take a bitmap for it.
PROBE = re.compile(r"Index Scan (using|on) memberships_pkey")


def test_cohort__count_and_members__agree_after_every_step(desk: Desk) -> None:
    for number, (action, who) in enumerate(
        [(ADD, "abc"), (REMOVE, "b"), (ADD, "bd"), (REMOVE, "xyz"), (REMOVE, "abcd")]
    ):
        receipt = desk.send(action, f"s{number}", who)
        desk.settle(receipt)
        found = lookup.cohort(ReadRouter(desk.pool), receipt.cohort_id, now=desk.clock())
        listed = part(desk, receipt.cohort_id, after="", limit=10)
        assert found.member_count == len(listed.items)
        assert listed.end is None


def test_slice__of_exactly_the_limit__is_the_last(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "abcd")
    desk.settle(receipt)
    first = part(desk, receipt.cohort_id, after="", limit=2)
    assert [one.member_id for one in first.items] == ["a", "b"]
    assert first.end == ("b",)
    second = part(desk, receipt.cohort_id, after="b", limit=2)
    assert [one.member_id for one in second.items] == ["c", "d"]
    assert second.end is None


def test_deleted_cohort__holds_nobody__so_a_member_needs_one_statement(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "a")
    desk.settle(receipt)
    assert '"a"' in lookup.member(ReadRouter(desk.pool), receipt.cohort_id, "a")
    admin.delete_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    for look in (
        lambda: lookup.member(ReadRouter(desk.pool), receipt.cohort_id, "a"),
        lambda: lookup.members(ReadRouter(desk.pool), receipt.cohort_id, after="", limit=1),
        lambda: lookup.syncs(
            ReadRouter(desk.pool), receipt.cohort_id, before=lookup.NEWEST_SYNC, limit=1
        ),
        lambda: lookup.cohort(ReadRouter(desk.pool), receipt.cohort_id, now=desk.clock()),
    ):
        with pytest.raises(errors.NotFound):
            look()
    assert (
        lookup.cohorts_of(ReadRouter(desk.pool), "a", source=None, project_id=None, now=NOW).items
        == []
    )
    assert lookup.check(ReadRouter(desk.pool), [receipt.cohort_id], ["a"], now=NOW).inside == {}


def test_cohort__whose_completed_refresh_grows__shows_it_under_way(desk: Desk) -> None:
    def refresh(receipt: Receipt) -> tuple[int, int] | None:
        desk.settle(receipt)
        shown = lookup.cohort(ReadRouter(desk.pool), receipt.cohort_id, now=desk.clock()).refresh
        return None if shown is None else (shown.pages_received, shown.total_pages)

    assert refresh(desk.send(MEMBERS, "r", "a", page=(1, 1))) is None
    assert refresh(desk.send(MEMBERS, "r", "b", page=(1, 1))) is None
    assert refresh(desk.send(MEMBERS, "r", "ab", page=(1, 3))) == (1, 3)
    assert refresh(desk.send(MEMBERS, "r", "c", page=(2, 3))) == (2, 3)
    assert refresh(desk.send(MEMBERS, "r", "d", page=(3, 3))) is None


@pytest.mark.parametrize("known", [True, False], ids=["analyzed", "never-analyzed"])
def test_cohorts_of__over_many_cohorts__probe_the_primary_key(pool: Pool, *, known: bool) -> None:
    with pool.begin() as conn:
        conn.execute(_MANY_COHORTS)
        conn.execute(_MANY_MEMBERS)
        if known:
            conn.execute(text("ANALYZE memberships"))
    _, plan, _ = plans_of(
        pool,
        lambda: lookup.cohorts_of(ReadRouter(pool), "user-7", source="s", project_id="p", now=NOW),
    )
    assert PROBE.search(plan)
    assert "Index Cond: ((cohort_id = ANY" in plan
    assert "Seq Scan" not in plan


def test_cohorts_of__among_more_than_a_few__names_only_those_a_person_is_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        desk.settle(desk.send(ADD, "s", "a" if number % 2 else "b", cohort=f"cohort-{number}"))

    def ask(member_id: str) -> Sequence[lookup.MembershipOf]:
        found = lookup.cohorts_of(
            ReadRouter(desk.pool), member_id, source=None, project_id=None, now=NOW
        )
        assert found.end is None
        return found.items

    few = [ask(member_id) for member_id in ("a", "b", "stranger")]
    monkeypatch.setattr(lookup, "FEW_COHORTS", 1)
    assert [ask(member_id) for member_id in ("a", "b", "stranger")] == few
    assert [len(found) for found in few] == [2, 3, 0]
    monkeypatch.setattr(parts, "MAX_ROWS_BYTES", 0)
    some = lookup.cohorts_of(ReadRouter(desk.pool), "b", source=None, project_id=None, now=NOW)
    assert list(some.items) == few[1][:1]
    assert some.end == (int(few[1][0]["id"]),)


def test_check__of_many_in_many__probes_the_primary_key(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(_MANY_COHORTS)
        conn.execute(_MANY_MEMBERS)
        conn.execute(text("ANALYZE memberships"))
        ids = conn.execute(text("SELECT id FROM cohorts LIMIT 3")).scalars().all()
    people = [f"user-{number}" for number in range(20)]
    plan, _ = plans_of(pool, lambda: lookup.check(ReadRouter(pool), ids, people, now=NOW))
    assert PROBE.search(plan)


def test_cohort__found_by_its_whole_name__is_one_probe(pool: Pool, desk: Desk) -> None:
    with pool.begin() as conn:
        conn.execute(_MANY_COHORTS)
        conn.execute(_THEIR_COUNTERS)
        conn.execute(text("ANALYZE sources, cohorts, intake_state, apply_state, sessions, syncs"))
    which = lookup.Filter(source="s", project_id="p", external_id="7")
    (plan,) = plans_of(
        pool, lambda: lookup.cohorts(ReadRouter(pool), which, after=0, limit=1, now=desk.clock())
    )
    assert "Index Scan using cohorts_source_id_key_key" in plan


def part(desk: Desk, cohort_id: int, *, after: str, limit: int) -> ListPage[Listed, tuple[str]]:
    """List members and leave the tag away."""
    found = lookup.members(ReadRouter(desk.pool), cohort_id, after=after, limit=limit)
    assert found.answer is not None
    return found.answer


def plans_of(pool: Pool, look: Callable[[], object]) -> list[str]:
    """Explain every statement that looking something up executes."""
    executed: list[str] = []
    with statements.noted(pool.engine, executed.append):
        look()
    with pool.read() as conn:
        return [
            "\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}").scalars())
            for statement in executed
        ]


_MANY_MEMBERS = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT c.id, 'user-' || number, 1, now()
    FROM (SELECT id FROM cohorts ORDER BY id LIMIT 60) c, generate_series(1, 200) number
""")

_MANY_COHORTS = text("""
    WITH made AS (
        INSERT INTO sources (slug, created_at) VALUES ('s', now()) RETURNING id)
    INSERT INTO cohorts
        (source_id, project_id, external_id, key, name, created_at, updated_at)
    SELECT made.id, 'p', number::text, sha256(number::text::bytea), 'name', now(), now()
    FROM made, generate_series(1, 2000) number
""")

_THEIR_COUNTERS = text("""
    WITH accepting AS (INSERT INTO intake_state (cohort_id) SELECT id FROM cohorts)
    INSERT INTO apply_state (cohort_id, updated_at) SELECT id, now() FROM cohorts
""")
