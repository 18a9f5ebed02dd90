"""Retention: what has expired goes, and what applying still needs stays."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import Connection, text

from gateway import errors
from gateway.flows.cohorts import retention
from gateway.store.cohorts import retention as rows
from gateway.store.db import chores
from gateway.store.db.engine import Pool

NOW = datetime.datetime.now(datetime.UTC)


def ago(days: float) -> datetime.datetime:
    return NOW - datetime.timedelta(days=days)


@pytest.fixture
def cohort_id(pool: Pool) -> int:
    """Make a cohort whose first five pages are applied, the sixth waits, the second is blocked."""
    with pool.begin() as conn:
        source_id = conn.execute(
            text("INSERT INTO sources (slug, created_at) VALUES ('s', now()) RETURNING id")
        ).scalar_one()
        made: int = conn.execute(
            text("""
                INSERT INTO cohorts (source_id, project_id, external_id, key, name, created_at,
                                     updated_at)
                VALUES (:source, 'p', 'c', 'k', 'n', now(), now()) RETURNING id
            """),
            {"source": source_id},
        ).scalar_one()
        conn.execute(
            text("INSERT INTO intake_state (cohort_id, last_delivery) VALUES (:id, 6)"),
            {"id": made},
        )
        conn.execute(
            text("""
                INSERT INTO apply_state (cohort_id, applied_through, floor, last_change, updated_at)
                VALUES (:id, 5, 2, 30, now())
            """),
            {"id": made},
        )
    return made


def add_delivery(pool: Pool, cohort_id: int, number: int, days_old: float) -> None:
    with pool.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO deliveries (cohort_id, number, session, action, page, total_pages,
                                        digest, members, roster, received_at)
                VALUES (:id, :number, 1, 'add_members', :number, 9, 'd', 0, '', :at)
            """),
            {"id": cohort_id, "number": number, "at": ago(days_old)},
        )


def column(pool: Pool, statement: str) -> list[object]:
    with pool.read() as conn:
        return list(conn.execute(text(statement)).scalars())


def test_inbox__pages_of_eight_days__go_unless_blocked_waiting_or_behind_a_younger_one(
    pool: Pool, cohort_id: int
) -> None:
    for number, days_old in ((1, 20), (2, 20), (3, 9), (4, 6.9), (5, 30), (6, 30)):
        add_delivery(pool, cohort_id, number, days_old)
    with pool.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO blocked_deliveries (cohort_id, number, attempts, code, reason,
                                                blocked_at)
                VALUES (:id, 2, 3, 'poison', 'r', now())
            """),
            {"id": cohort_id},
        )
    assert retention.run(pool)
    assert column(pool, "SELECT number FROM deliveries ORDER BY 1") == [2, 4, 5, 6]


def test_round__of_a_cohort_with_more_than_a_slice_has_time_for__goes_on_with_it(
    pool: Pool, cohort_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGES_AT_ONCE", 1)
    monkeypatch.setattr(retention, "CHANGES_AT_ONCE", 1)
    for number in (1, 2, 3, 4):
        add_delivery(pool, cohort_id, number, 20)
    for left in ([2, 3, 4], [3, 4], [4], []):
        assert retention.run(pool, seconds=0)
        assert column(pool, "SELECT number FROM deliveries ORDER BY 1") == left
    assert retention.run(pool)
    assert not retention.run(pool)


def test_changes__of_ninety_one_days__go_and_the_oldest_that_is_left_is_known(
    pool: Pool, cohort_id: int
) -> None:
    with pool.begin() as conn:
        for first, last, days_old in ((1, 10, 100), (11, 20, 92), (21, 30, 89)):
            conn.execute(
                text("""
                    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, member_ids)
                    VALUES (:id, :first, :last, 'entered', :at, '{}')
                """),
                {"id": cohort_id, "first": first, "last": last, "at": ago(days_old)},
            )
    assert retention.run(pool)
    assert column(pool, "SELECT first_seq FROM changes") == [21]
    assert column(pool, "SELECT oldest_change FROM apply_state") == [21]


def test_tombstones__below_the_floor_or_of_old_sessions__go_and_members_stay(
    pool: Pool, cohort_id: int
) -> None:
    with pool.begin() as conn:
        for number, days_old in ((1, 120), (2, 110), (3, 100), (4, 95), (5, 10)):
            conn.execute(
                text("""
                    INSERT INTO sessions (cohort_id, number, started_order, started_at)
                    VALUES (:id, :number, :number, :at)
                """),
                {"id": cohort_id, "number": number, "at": ago(days_old)},
            )
        for member_id, session, entered in (
            ("below the floor", 1, None),
            ("member", 1, NOW),
            ("old", 3, None),
            ("the newest of the old", 4, None),
            ("young", 5, None),
        ):
            conn.execute(
                text("""
                    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
                    VALUES (:id, :member_id, :session, :entered)
                """),
                {"id": cohort_id, "member_id": member_id, "session": session, "entered": entered},
            )
    assert retention.run(pool)
    left = column(pool, "SELECT member_id FROM memberships ORDER BY session, member_id")
    assert left == ["member", "the newest of the old", "young"]


def test_syncs__last_heard_of_long_ago__go_with_their_results(pool: Pool, cohort_id: int) -> None:
    with pool.begin() as conn:
        for session, days_old in ((1, 92), (2, 90)):
            values = {"id": cohort_id, "session": session, "at": ago(days_old)}
            conn.execute(
                text("""
                    INSERT INTO syncs (cohort_id, session, action, total_pages, pages,
                                       members_received, started_at, last_received_at)
                    VALUES (:id, :session, 'members', 1, '{}', 0, :at, :at)
                """),
                values,
            )
            conn.execute(
                text("""
                    INSERT INTO sync_results (cohort_id, session, action, total_pages, pages, state)
                    VALUES (:id, :session, 'members', 1, '{}', 'applied')
                """),
                values,
            )
    assert retention.run(pool)
    assert column(pool, "SELECT session FROM syncs") == [2]
    assert column(pool, "SELECT session FROM sync_results") == [2]


def test_chore__begun_within_the_hour__is_not_begun_again(pool: Pool) -> None:
    assert retention.run(pool)
    assert not retention.run(pool)
    assert retention.run(pool, every_seconds=0)


def test_chore__claimed_by_two_at_once__is_done_by_one(pool: Pool) -> None:
    with pool.begin() as first:
        assert claim(first, lease_seconds=0) == 0
    with pool.begin() as first:
        assert claim(first) == 0
        with pool.begin() as second:
            second.execute(text("SET LOCAL lock_timeout = '50ms'"))
            statement = text("SELECT name FROM chores FOR UPDATE SKIP LOCKED")
            assert second.execute(statement).all() == []
    with pool.begin() as second:
        assert claim(second) is None, "it is leased"
        chores.give_back(second, "chore", after=7)
    with pool.begin() as third:
        assert claim(third, every_seconds=60, lease_seconds=0) == 7, "it was left halfway"
    with pool.begin() as fourth:
        assert claim(fourth, every_seconds=60) == 7, "whoever had it is gone"
        chores.give_back(fourth, "chore", after=0)
    with pool.begin() as fifth:
        assert claim(fifth, every_seconds=60) is None, "it is through"


def claim(conn: Connection, *, every_seconds: float = 0, lease_seconds: float = 60) -> int | None:
    """Claim a chore; returns after which cohort it goes on."""
    found = chores.claim(conn, "chore", every_seconds=every_seconds, lease_seconds=lease_seconds)
    return None if found is None else found.after


def test_cohort__being_applied__is_left_for_the_next_time(pool: Pool, cohort_id: int) -> None:
    add_delivery(pool, cohort_id, 1, 20)
    with pool.begin() as applying:
        applying.execute(text("SELECT FROM apply_state FOR NO KEY UPDATE"))
        assert retention.run(pool)
    assert column(pool, "SELECT number FROM deliveries") == [1]


def test_inbox__of_more_pages_than_one_transaction_takes__is_pruned_to_its_end(
    pool: Pool, cohort_id: int
) -> None:
    pages = 2 * retention.PAGES_AT_ONCE + 1
    with pool.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO deliveries (cohort_id, number, session, action, page, total_pages,
                                        digest, members, roster, received_at)
                SELECT :id, n, 1, 'add_members', n, 9, 'd', 0, '', :at
                FROM generate_series(1, :pages) n
            """),
            {"id": cohort_id, "pages": pages, "at": ago(20)},
        )
        conn.execute(text("UPDATE apply_state SET applied_through = :n"), {"n": pages})
    assert retention.run(pool)
    assert column(pool, "SELECT number FROM deliveries") == []


def test_cohort__that_cannot_be_pruned__holds_up_no_other(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = pruning(pool, monkeypatch, failing={1, 3})
    assert retention.run(pool)
    assert seen == [1, 2, 3, 4]


def test_database__that_prunes_nothing__is_asked_no_further(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = pruning(pool, monkeypatch, failing={2, 3, 4})
    with pytest.raises(errors.Unavailable):
        retention.run(pool)
    assert seen == [1, 2, 3]
    assert retention.run(pool)
    assert seen == [1, 2, 3, 4], "the next slice goes on behind them"
    assert not retention.run(pool)


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_round__in_slices__visits_every_cohort_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    seen = pruning(pool, monkeypatch, failing=set())
    monkeypatch.setattr(retention, "COHORTS_AT_ONCE", at_once)
    for slices in range(1, 5):
        assert retention.run(pool, seconds=0)
        assert seen == [1, 2, 3, 4][:slices]
    assert retention.run(pool, seconds=0), "it finds that none comes after the last"
    assert not retention.run(pool, seconds=0)
    assert seen == [1, 2, 3, 4]
    assert retention.run(pool, every_seconds=0), "with time enough, one slice is a round"
    assert seen == [1, 2, 3, 4, 1, 2, 3, 4]


def pruning(pool: Pool, monkeypatch: pytest.MonkeyPatch, *, failing: set[int]) -> list[int]:
    """Have four cohorts, of which some cannot be pruned; return which have been visited."""
    seen: list[int] = []

    def prune(asked: Pool, cohort_id: int, _now: datetime.datetime, _end: float) -> bool:
        assert asked is pool
        seen.append(cohort_id)
        if cohort_id in failing:
            raise errors.Unavailable("the database cannot do this now (SQLSTATE 40P01)")
        return True

    monkeypatch.setattr(retention, "_prune", prune)
    monkeypatch.setattr(
        rows,
        "cohort_ids",
        lambda _conn, *, after, limit: [one for one in (1, 2, 3, 4) if one > after][:limit],
    )
    return seen
