"""Compares what the database says of a cohort with what the oracle says it must be."""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from typing import TYPE_CHECKING, Final

from gateway.store.cohorts import cohorts, session_reports
from gateway.store.cohorts.session_reports import Sync
from tests.model import book, oracle, sender

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.store.db.engine import Pool
    from tests.model.oracle import Found

# The contract's limit on how long a page may wait for the rest of its refresh.
LONGEST_WAIT: Final = datetime.timedelta(seconds=5)

LONG_AGO: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """All that can be seen of a cohort whose pages have all been applied, by whatever way."""

    members: dict[str, str | None]
    member_count: int
    moves: Sequence[Found]
    last_change: int
    syncs: list[Sync]
    name: str
    refresh: tuple[str | None, int, int] | None


def everything(pool: Pool, cohort_id: int, expected: oracle.Cohort) -> None:
    """Hold a drained cohort to the oracle: members, changes, syncs, and what readers see."""
    found = book.standing(pool, cohort_id)
    assert found.through == found.received == len(expected.deliveries)
    with pool.read() as conn:
        syncs = session_reports.listing(conn, cohort_id, before=session_reports.NEWEST, limit=1000)
        cohort = cohorts.get(conn, cohort_id, now=LONG_AGO)
    assert cohort is not None
    assert syncs is not None
    under_way = cohort.refresh
    seen = Seen(
        members=found.members,
        member_count=cohort.member_count,
        moves=book.moves(pool, cohort_id),
        last_change=cohort.last_seq,
        syncs=[one for one in syncs.syncs if _is_due(one, expected)],
        name=cohort.name,
        refresh=None
        if under_way is None
        else (under_way.session_id, under_way.pages_received, under_way.total_pages),
    )
    compare(seen, expected)


def _is_due(one: Sync, expected: oracle.Cohort) -> bool:
    """Leave out loads that nothing was seen of: the oracle hears of none before it is sealed."""
    return (one.session, one.action) in expected.syncs or not str(one.session_id).startswith(
        "load-"
    )


def compare(
    seen: Seen, expected: oracle.Cohort, *, session_ids: Sequence[str | None] | None = None
) -> None:
    """Hold what was seen to the oracle; `session_ids` says that its moves name them."""
    assert seen.members == expected.members
    assert seen.member_count == len(seen.members)
    assert seen.last_change == len(seen.moves)
    assert oracle.replayed(seen.moves) == set(seen.members)
    assert oracle.wrong_moves(expected.moves, seen.moves, session_ids=session_ids) is None
    assert seen.name == expected.name
    assert seen.refresh == expected.refresh
    assert {(one.session, one.action) for one in seen.syncs} == expected.syncs.keys()
    for one in seen.syncs:
        _sync(one, expected)
    if session_ids is None:
        assert _sums((one.session, one) for one in seen.syncs) == _counts(seen)
    elif not expected.was_deleted:  # ids may come again after that
        assert _sums((one.session_id, one) for one in seen.syncs) == _counts(seen)


def _sync(one: Sync, expected: oracle.Cohort) -> None:
    due = expected.syncs[one.session, one.action]
    assert one.session_id == expected.session_ids[one.session - 1]
    assert (one.pages_received, one.total_pages) == (len(due.pages), due.total)
    assert (one.members_received, one.skipped) == (due.members, dict(due.skipped))
    assert one.duplicates == due.duplicates
    assert one.state in due.states
    assert (one.completed_at is not None) == (one.state == oracle.APPLIED)


def _sums(syncs: Iterable[tuple[int | str | None, Sync]]) -> Counter[tuple[str, int | str | None]]:
    """Add up what syncs say that they did, by kind and session."""
    sums: Counter[tuple[str, int | str | None]] = Counter()
    for session, one in syncs:
        sums["entered", session] += one.entered
        sums["exited", session] += one.exited
    return +sums


def _counts(seen: Seen) -> Counter[tuple[str, int | str | None]]:
    """Count the moves that pages of the syncs seen brought about, by kind and session."""
    known = {one.session for one in seen.syncs} | {one.session_id for one in seen.syncs}
    return Counter((kind, session) for kind, _, session in seen.moves if session in known - {None})
