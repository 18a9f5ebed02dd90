"""Compares what the database says of a cohort with what the oracle says it must be."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.store import cohorts, reports
from tests.model import book, oracle, sender

if TYPE_CHECKING:
    from gateway.store.engine import Pool
    from gateway.store.reports import Sync

# The contract's limit on how long a page may wait for the rest of its refresh.
LONGEST_WAIT: Final = datetime.timedelta(seconds=5)

_LONG_AGO: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def standing(pool: Pool, cohort_id: int, expected: oracle.Cohort) -> None:
    """Hold the members to the oracle's, as of however many pages have been applied."""
    found = book.standing(pool, cohort_id)
    assert found.members == expected.snapshots[found.through]
    assert found.member_count == len(found.members)


def waiting(pool: Pool, cohort_id: int, *, now: datetime.datetime) -> None:
    """After a drain only the pages of one refresh may wait, for 5 s after its newest one."""
    left = book.deliveries(pool, cohort_id, after=book.standing(pool, cohort_id).through)
    if left:
        assert {(one.session, one.action) for one in left} == {(left[0].session, sender.MEMBERS)}
        assert now - left[-1].received_at < LONGEST_WAIT


def everything(pool: Pool, cohort_id: int, expected: oracle.Cohort) -> None:
    """Hold a drained cohort to the oracle: members, changes, syncs, and what readers see."""
    found = book.standing(pool, cohort_id)
    moves = book.moves(pool, cohort_id)
    assert found.through == found.received == len(expected.deliveries)
    assert found.members == expected.members
    assert found.last_change == len(moves)
    assert oracle.replayed(moves) == set(found.members)
    assert oracle.wrong_moves(expected.moves, moves) is None
    _syncs(pool, cohort_id, expected, moves)
    with pool.read() as conn:
        cohort = cohorts.get(conn, cohort_id, stale_before=_LONG_AGO)
    assert cohort is not None
    refresh = cohort.refresh
    assert cohort.name == expected.name
    assert expected.refresh == (
        refresh and (refresh.session_id, refresh.pages_received, refresh.total_pages)
    )


def _syncs(
    pool: Pool, cohort_id: int, expected: oracle.Cohort, moves: list[tuple[str, str, int]]
) -> None:
    with pool.read() as conn:
        found = reports.listing(conn, cohort_id, before=reports.NEWEST, limit=1000)
    assert {(one.session, one.action) for one in found} == expected.syncs.keys()
    for one in found:
        due = expected.syncs[one.session, one.action]
        assert one.session_id == expected.session_ids[one.session - 1]
        assert (one.pages_received, one.total_pages) == (len(due.pages), due.total)
        assert (one.members_received, one.skipped) == (due.members, dict(due.skipped))
        assert one.duplicates == due.duplicates
        assert one.state in due.states
        assert (one.completed_at is not None) == (one.state == oracle.APPLIED)
    assert _sums(found) == {
        (session, kind): sum((kind, session) == (move[0], move[2]) for move in moves)
        for session in {one.session for one in found}
        for kind in ("entered", "exited")
    }


def _sums(syncs: list[Sync]) -> dict[tuple[int, str], int]:
    sums: dict[tuple[int, str], int] = {}
    for one in syncs:
        for kind, count in (("entered", one.entered), ("exited", one.exited)):
            sums[one.session, kind] = sums.get((one.session, kind), 0) + count
    return sums
