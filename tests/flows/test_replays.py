"""Replays: pages that are sent again are acknowledged, counted, and read no further than needed."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Outcome
from gateway.flows.sources import webhook
from gateway.sources.mixpanel import body
from gateway.store.cohorts import session_reports
from tests import statements
from tests.model import sender
from tests.model.desk import people
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

PAGES = [
    sender.Page(
        cohort="cohort-1",
        session="s",
        action=ADD,
        number=number,
        total=4,
        members=people(letters),
    )
    for number, letters in enumerate(("ab", "cd", "ef", "gh"), start=1)
]


def outcomes(desk: Desk, pages: list[sender.Page]) -> list[Outcome]:
    return [desk.post(page).outcome for page in pages]


def duplicates(desk: Desk, receipt: Receipt) -> list[int]:
    with desk.pool.read() as conn:
        found = session_reports.listing(
            conn, receipt.cohort_id, before=session_reports.NEWEST, limit=10
        )
    assert found is not None
    return [sync.duplicates for sync in found.syncs]


@pytest.fixture
def begun(desk: Desk) -> Receipt:
    """Store two pages of four, and send the first again."""
    outcomes(desk, PAGES[:2])
    receipt = desk.post(PAGES[0])
    assert receipt.outcome is Outcome.DUPLICATE
    return receipt


def test_replay_after_replay__is_counted_without_a_look_at_its_members(
    desk: Desk, begun: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body.Body, "page", None)
    desk.clock.tick(60)
    assert desk.post(PAGES[1]) == begun
    assert duplicates(desk, begun) == [2]
    with desk.pool.read() as conn:
        found = conn.execute(text("SELECT last_synced_at, duplicate_pages FROM intake_state")).one()
    assert tuple(found) == (desk.clock(), 2)


def test_replay_after_replay__takes_two_trips(desk: Desk, begun: Receipt) -> None:
    trips: list[str] = []
    with statements.noted(desk.pool.engine, trips.append):
        assert desk.post(PAGES[1]) == begun
    look, count = trips
    assert "FROM sources" in look
    assert "UPDATE syncs" in count


def test_new_page_after_replays__is_stored(desk: Desk, begun: Receipt) -> None:
    assert outcomes(desk, PAGES[1:]) == ["duplicate", "accepted", "accepted"]
    assert desk.members(begun) == "abcdefgh"
    assert duplicates(desk, begun) == [2]


def test_new_page_after_replays__that_nobody_can_use__is_malformed(
    desk: Desk, begun: Receipt
) -> None:
    unusable = dataclasses.replace(PAGES[2], members=((" ", "x"),))
    with pytest.raises(errors.Malformed, match="usable"):
        desk.post(unusable)
    assert desk.post(PAGES[1]) == begun


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE sources SET project_ids = '{another}'",
        "UPDATE cohorts SET deleted_at = created_at",
        None,
    ],
    ids=["forbidden", "not-found", "throttled"],
)
def test_new_page_after_replays__with_more_than_one_fault__is_told_of_its_members_first(
    desk: Desk, begun: Receipt, monkeypatch: pytest.MonkeyPatch, spoil: str | None
) -> None:
    if spoil is None:
        monkeypatch.setattr(Limits, "require", throttle)
    else:
        with desk.pool.begin() as conn:
            conn.execute(text(spoil))
    with pytest.raises(errors.Malformed, match="usable"):
        desk.post(dataclasses.replace(PAGES[2], members=((" ", "x"),)))
    with pytest.raises((errors.Forbidden, errors.NotFound, errors.RateLimited)):
        desk.post(PAGES[1])
    assert begun.outcome is Outcome.DUPLICATE


def throttle(_limits: Limits, _source_id: int) -> None:
    raise errors.RateLimited("too many pages wait", retry_after_seconds=1)


def test_replay_after_replay__of_a_deleted_cohort__is_not_found(
    desk: Desk, begun: Receipt, pool: Pool
) -> None:
    with pool.begin() as conn:
        conn.execute(text("UPDATE intake_state SET closed = true"))
    with pytest.raises(errors.NotFound, match="deleted"):
        desk.post(PAGES[1])
    with pool.begin() as conn:
        conn.execute(text("UPDATE intake_state SET closed = false"))
    assert duplicates(desk, begun) == [1]


def test_page_without_a_session__is_never_a_replay(desk: Desk, begun: Receipt) -> None:
    assert begun.outcome is Outcome.DUPLICATE
    alone = dataclasses.replace(PAGES[0], session=None)
    assert outcomes(desk, [alone, alone]) == ["accepted", "accepted"]


def test_many_cohorts_sent_again__are_not_remembered_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "REMEMBERED", 2)
    for number in range(4):
        page = dataclasses.replace(PAGES[0], cohort=f"cohort-{number}")
        assert outcomes(desk, [page, page, page]) == ["accepted", "duplicate", "duplicate"]


def test_replays_and_new_pages_at_once__are_each_counted_once(desk: Desk, begun: Receipt) -> None:
    pages = [page for page in PAGES for _ in range(8)]
    with ThreadPoolExecutor(8) as crew:
        found = [receipt.outcome for receipt in crew.map(desk.post, pages)]
    assert found.count(Outcome.ACCEPTED) == 2
    again = 1 + len(pages) - 2
    assert duplicates(desk, begun) == [again]
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT duplicate_pages FROM intake_state")).scalars().all() == [
            again
        ]
    assert desk.members(begun) == "abcdefgh"
