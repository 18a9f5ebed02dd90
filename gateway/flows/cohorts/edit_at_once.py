"""Edits that are applied in the transaction that stores them, without a page.

Most edits name few members of a list for which nothing waits. One commit is then all that its
request waits for, and nothing has to be found again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts import edit_pages
from gateway.flows.cohorts import step as steps
from gateway.store.cohorts import accept, edits
from gateway.store.cohorts.edits import Result
from gateway.store.cohorts.inbox import Entry

if TYPE_CHECKING:
    from gateway.core.cohorts.page import Arrival, Page
    from gateway.flows.cohorts.apply import Applier, Claim
    from gateway.flows.cohorts.edit_pages import Wanted
    from gateway.flows.cohorts.work import StepContext
    from gateway.store.cohorts.accept import IntakeState
    from gateway.store.db.statement import Pipeline

# More than these in one edit hold its cohort's counters for too long.
MOST_MEMBERS: Final = 1000


class _HasToWait(Exception):
    """An edit cannot be applied in the transaction that would store it."""


def make(applier: Applier, wanted: Wanted) -> Result | None:
    """Store and apply an edit; None if something is before it, and nothing is left.

    Raises errors.Poison or errors.InternalError for what cannot be applied; then nothing is left,
    either. Raises what `edit_pages.open_list` does, and errors.Unavailable.
    """
    found: list[Result] = []

    def act(trip: Pipeline, claim: Claim) -> StepContext:
        work, result = _apply(trip, claim, wanted)
        found.append(result)
        return work

    try:
        applier.at_once(wanted.cohort_id, act)
    except _HasToWait:
        return None
    return found[0]


def _apply(trip: Pipeline, claim: Claim, wanted: Wanted) -> tuple[StepContext, Result]:
    """Apply an edit without storing its pages. Raises _HasToWait if that cannot be."""
    cohort_id, at, pages = wanted.cohort_id, wanted.arrival.at, wanted.pages()
    counters, before = edit_pages.open_list(trip, wanted)
    work = claim() if before is None else None
    if work is None or not work.state.is_at(counters.last_delivery):
        raise _HasToWait
    steps.attempt(work, counters.last_delivery + len(pages))
    # An erasure that does not know of this attempt is older than the session.
    session, session_id = edit_pages.begin_session(trip, wanted, counters)
    if session.erased_since:
        raise _HasToWait
    counted: list[tuple[IntakeState, Page]] = []
    for action, half in pages:
        counters = counters.after(session.number, action)
        counted.append((counters, edit_pages.page_of(action, half)))
    entries = [(_entry(place, page, wanted.arrival), page.roster) for place, page in counted]
    work = steps.apply_unstored(work, entries)
    for place, page in counted:
        accept.count(trip, cohort_id, place, page=page, at=at)
    if wanted.once is not None:
        edits.remember(trip, cohort_id, wanted.once, session.number, now=at)
    return work, _result(work, session_id, wanted)


def _entry(counters: IntakeState, page: Page, arrival: Arrival) -> Entry:
    """Describe a page as `inbox.head` would if it were stored."""
    return Entry(
        number=counters.last_delivery,
        session=counters.run_session,
        action=page.action,
        page=page.number,
        total_pages=page.total,
        members=page.usable,
        roster_bytes=len(page.roster),
        received_at=arrival.at,
        request_id=arrival.request_id,
        load=None,
        is_edit=True,
    )


def _result(work: StepContext, session_id: str, wanted: Wanted) -> Result:
    entered, exited = (
        sum(getattr(one, name) for one in work.done) for name in ("entered", "exited")
    )
    skipped = Counter(wanted.edit.add.skipped)
    skipped.update(wanted.edit.remove.skipped)
    return Result(
        entered=entered,
        exited=exited,
        unchanged=wanted.members - entered - exited,
        skipped=dict(skipped),
        session_id=session_id,
        last_seq=work.state.last_change,
        is_applied=True,
    )
