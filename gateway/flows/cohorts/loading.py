"""What applying does with a sealed load: all of it at once, or nothing until it is approved."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import approval
from gateway.core.cohorts import load as rules
from gateway.core.cohorts.load import Approval, Mode
from gateway.core.cohorts.page import Action
from gateway.flows.cohorts import planned, sealed
from gateway.store.cohorts import (
    apply_state,
    delta,
    guards,
    inbox,
    loads,
    mappings,
    receipts,
    session_progress,
)
from gateway.store.cohorts.loads import Outcome

if TYPE_CHECKING:
    from gateway.core.cohorts.load import Load
    from gateway.core.cohorts.refresh import State
    from gateway.flows.cohorts.work import StepContext
    from gateway.store.cohorts.delta import Written
    from gateway.store.cohorts.inbox import Entry

# Interface 5: a load that was not approved by then is canceled.
APPROVAL_KEPT: Final = datetime.timedelta(days=7)


def floor(entry: Entry) -> int:
    """Return the floor that a load leaves, 0 for none."""
    return entry.session if entry.action is Action.REPLACE else 0


def apply(work: StepContext, entry: Entry, number: int) -> Written | None:
    """Apply a load as a whole; None if its cohort's guard holds it, and it waits for an approval.

    What comes behind it goes on.
    """
    load, counts = sealed.find(work, entry, number)
    if _is_held(work, load, delta.written(counts)):
        _hold(work, entry, load, delta.written(counts))
        return None
    return sealed.write(work, entry, counts)


def _hold(work: StepContext, entry: Entry, load: Load, would: Written) -> None:
    nothing = delta.Written(entered=0, exited=0)
    inbox.forget(work.conn, work.cohort_id, entry.number)
    session_progress.forget(work.conn, work.cohort_id, entry.session)
    apply_state.advance(
        work.conn,
        work.cohort_id,
        through=entry.number,
        written=nothing,
        floor=0,
        now=work.now,
    )
    receipts.note_would(work.conn, load, enter=would.entered, leave=would.exited)
    receipts.hold(work.conn, load, Approval.SHRINK, expires_at=work.now + APPROVAL_KEPT)
    work.note([entry], nothing, expects=False)


def end(work: StepContext, entry: Entry, number: int, state: State, written: Written) -> None:
    """Drop the pages of a load that has spoken, or that a newer refresh has made void.

    Older loads that wait for an approval are void as well once it has spoken.
    """
    now, ended = work.now, rules.State(state)
    applied = ended is rules.State.APPLIED
    outcome = _outcome(work, written) if applied else None
    loads.end(
        work.trip,
        work.cohort_id,
        number,
        session=entry.session,
        state=ended,
        now=now,
        outcome=outcome,
    )
    if applied:
        mappings.remember(work.trip, work.cohort_id, number, now=now)
        planned.note_applied(work.conn, work.cohort_id, number)
        for older in loads.waiting_before(work.conn, work.cohort_id, number):
            _supersede(work, older)


def _supersede(work: StepContext, load: Load) -> None:
    loads.end(
        work.trip,
        work.cohort_id,
        load.number,
        session=load.session,
        state=rules.State.SUPERSEDED,
        now=work.now,
    )
    loads.forget_session(work.conn, load)


def _outcome(work: StepContext, written: Written) -> Outcome:
    moved = written.entered + written.exited
    last_seq = work.state.last_change + moved
    return Outcome(entered=written.entered, exited=written.exited, last_seq=last_seq)


def _is_held(work: StepContext, load: Load, found: Written) -> bool:
    if load.mode is not Mode.REPLACE or load.shrink_waived:
        return False
    guard = guards.get(work.trip, work.cohort_id)
    effect = approval.Effect(
        read=load.received, members=work.state.member_count, leaving=found.exited
    )
    return approval.needed(load.mode, guard, effect, review=False) is not None
