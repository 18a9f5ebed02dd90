"""The judge of the sender models: what is not as the oracle says does not escape it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from gateway.store.cohorts.session_reports import Sync
from tests.model import judge, oracle
from tests.model.oracle import Found
from tests.model.sender import ADD, REMOVE, Page


def history() -> oracle.Cohort:
    """Somebody enters, somebody else enters and leaves, and one of the pages comes twice."""
    cohort = oracle.Cohort("c")
    enter = Page(
        cohort="c",
        session="s1",
        action=ADD,
        number=1,
        total=1,
        members=(("a", "a@example.com"), ("b", "b@example.com")),
    )
    leave = dataclasses.replace(enter, session="s2", action=REMOVE, members=(("b", ""),))
    for page in (enter, leave, enter):
        cohort.receive(page)
    return cohort


def shown(cohort: oracle.Cohort) -> judge.Seen:
    """See a cohort as it must be."""
    syncs = [
        Sync(
            session=session,
            session_id=cohort.session_ids[session - 1],
            action=action,
            state=oracle.APPLIED,
            pages_received=len(due.pages),
            total_pages=due.total,
            members_received=due.members,
            entered=2 if action == ADD else 0,
            exited=1 if action == REMOVE else 0,
            skipped={},
            duplicates=due.duplicates,
            started_at=judge.LONG_AGO,
            completed_at=judge.LONG_AGO,
        )
        for (session, action), due in cohort.syncs.items()
    ]
    moves: list[Found] = [(move.kind, move.member_id, move.session) for move in cohort.moves]
    return judge.Seen(
        members=dict(cohort.members),
        member_count=1,
        moves=moves,
        last_change=3,
        syncs=syncs,
        name="c",
        refresh=None,
    )


def spoil_sync(seen: judge.Seen, spoil: Callable[[Sync], Sync]) -> judge.Seen:
    """Show the newest sync otherwise than it is."""
    first, *rest = seen.syncs
    return dataclasses.replace(seen, syncs=[spoil(first), *rest])


SPOILT: dict[str, Callable[[judge.Seen], judge.Seen]] = {
    "nobody": lambda seen: dataclasses.replace(seen, members={}),
    "somebody else": lambda seen: dataclasses.replace(seen, members={"b": "b@example.com"}),
    "another profile": lambda seen: dataclasses.replace(seen, members={"a": "other"}),
    "another count": lambda seen: dataclasses.replace(seen, member_count=2),
    "a move lost": lambda seen: dataclasses.replace(seen, moves=seen.moves[:-1], last_change=2),
    "a move twice": lambda seen: dataclasses.replace(
        seen, moves=[*seen.moves, seen.moves[-1]], last_change=4
    ),
    "moves in another order": lambda seen: dataclasses.replace(
        seen, moves=[seen.moves[-1], *seen.moves[:-1]]
    ),
    "another last seq": lambda seen: dataclasses.replace(seen, last_change=4),
    "another name": lambda seen: dataclasses.replace(seen, name="d"),
    "a refresh": lambda seen: dataclasses.replace(seen, refresh=("s3", 1, 2)),
    "a sync lost": lambda seen: dataclasses.replace(seen, syncs=seen.syncs[1:]),
    "a page more": lambda seen: spoil_sync(
        seen, lambda sync: dataclasses.replace(sync, pages_received=2)
    ),
    "no duplicate": lambda seen: spoil_sync(
        seen, lambda sync: dataclasses.replace(sync, duplicates=0)
    ),
    "another sum": lambda seen: spoil_sync(seen, lambda sync: dataclasses.replace(sync, entered=1)),
    "not complete": lambda seen: spoil_sync(
        seen, lambda sync: dataclasses.replace(sync, completed_at=None)
    ),
}


def test_compare__of_what_must_be__finds_nothing() -> None:
    cohort = history()
    judge.compare(shown(cohort), cohort)


@pytest.mark.parametrize("spoilt", SPOILT)
def test_compare__of_something_else__says_so(spoilt: str) -> None:
    cohort = history()
    with pytest.raises(AssertionError):
        judge.compare(SPOILT[spoilt](shown(cohort)), cohort)
