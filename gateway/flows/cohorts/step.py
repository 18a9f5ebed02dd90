"""One step of applying: what the next deliveries of a locked cohort do to its membership.

Everything here happens inside the one transaction that `apply` opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import batch, member_rows, precedence, refresh
from gateway.core.cohorts.page import Action
from gateway.core.cohorts.refresh import State, Step
from gateway.flows.cohorts import loading, rosters
from gateway.flows.cohorts.erased import Place
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import (
    apply_state,
    blocked,
    delta,
    diffs,
    edits,
    hours,
    inbox,
    session_progress,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.flows.cohorts.work import StepContext
    from gateway.store.cohorts.attempts import Attempt
    from gateway.store.cohorts.inbox import Entry

# Adjacent pages of one session and action are applied by one set of statements.
MERGED_PAGES: Final = 50
MERGED_MEMBERS: Final = 50_000
# A worker has what it merges in memory about twice, so this bounds it, unless one page is larger.
MERGED_BYTES: Final = 16 << 20
# So many workers may be lost at a page before it is blocked.
MAX_LOST: Final = 3


def take(work: StepContext, limit: int) -> Outcome:
    """Apply the next deliveries, at most `limit` of them merged, or find that there are none."""
    retried = blocked.requested(work.trip, work.cohort_id)
    if retried is not None:
        work.tried.append(retried)
        entry = inbox.entry(work.trip, work.cohort_id, retried)
        if entry is None:  # its page has expired: nothing is left to try
            blocked.clear(work.conn, work.cohort_id, retried)
        else:
            attempt(work, retried)
            _retry(work, entry)
        return Outcome.WORKED
    head = inbox.head(work.trip, work.cohort_id, after=work.state.applied_through, limit=limit)
    if not head:
        return Outcome.NOTHING_TO_DO
    work.tried.append(head[0].number)
    if head[0].is_edit:
        return _apply_edit(work, [one for one in head if one.session == head[0].session])
    return _apply_run(work, list(_run(head)), limit)


def _run(head: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the adjacent deliveries of one session and action that fit one step.

    A page that asks for more pages than the first one begins a run of its own: without it the
    refresh may be complete.
    """
    members, size = 0, 0
    for entry in head:
        members, size = members + entry.members, size + entry.roster_bytes
        fits = members <= MERGED_MEMBERS and size <= MERGED_BYTES
        same = (entry.session, entry.action) == (head[0].session, head[0].action)
        grows = entry.total_pages > head[0].total_pages
        if not same or grows or not (fits or entry is head[0]):
            return
        yield entry


def _apply_run(work: StepContext, run: list[Entry], limit: int) -> Outcome:
    first, through = run[0], run[-1].number
    if not precedence.may_change(session=first.session, floor=work.state.floor):
        _finish(work, run, through, delta.Written(entered=0, exited=0))
        return Outcome.WORKED
    if first.load is not None:
        attempt(work, first.number)
        written = loading.apply(work, first, first.load)
        if written is not None:
            _finish(work, run, through, written, floor=loading.floor(first))
        return Outcome.WORKED
    step, reach = _decide(work, first, limit)
    if step is Step.WAIT:
        return Outcome.WAITING
    begun = attempt(work, max(reach, through))
    if limit > 1 and begun.alone_through >= first.number:
        run, through = run[:1], first.number
        step, reach = _decide(work, first, 1)
    if step is Step.COMPLETE:
        _complete(work, first, reach)
        return Outcome.WORKED
    texts = rosters.read(work.conn, _place(work, first), [entry.number for entry in run])
    written = _write(work, first, texts)
    _finish(work, run, through, written)
    return Outcome.WORKED


def _apply_edit(work: StepContext, entries: Sequence[Entry]) -> Outcome:
    """Apply an edit: what it puts in and what it takes out, and drop its pages."""
    attempt(work, entries[-1].number)
    current = work
    for entry in entries:
        written = delta.Written(entered=0, exited=0)
        if precedence.may_change(session=entry.session, floor=work.state.floor):
            texts = rosters.read(work.conn, _place(work, entry), [entry.number])
            written = _write(current, entry, texts)
        _finish(current, [entry], entry.number, written)
        current = current.after(written)
    edits.drop_pages(work.trip, work.cohort_id, [entry.number for entry in entries])
    return Outcome.WORKED


def apply_unstored(work: StepContext, pages: Sequence[tuple[Entry, bytes]]) -> StepContext:
    """Apply pages of a new session that are not stored, with their rosters; the attempt is begun.

    Nothing is before them. Returns the work with what is counted once they are applied.
    """
    for entry, roster in pages:
        written = _write(work, entry, [roster])
        _finish(work, [entry], entry.number, written)
        work = work.after(written)
    return work


def _decide(work: StepContext, first: Entry, limit: int) -> tuple[Step, int]:
    if first.action is Action.REPLACE:
        return _refresh_step(work, first, limit)
    return Step.ADD, first.number


def attempt(work: StepContext, through: int) -> Attempt:
    """Begin the work. Raises errors.Deadly if one worker more would be lost in it."""
    begun = work.begin(through)
    if begun.lost >= MAX_LOST:
        message = f"{begun.lost} workers in a row were lost while they applied this page"
        raise errors.Deadly(message)
    return begun


def _write(work: StepContext, entry: Entry, texts: Iterable[bytes]) -> delta.Written:
    """Add or remove the people of some rosters, all of one session and action."""
    people = batch.merge(texts)
    change = diffs.remove if entry.action is Action.REMOVE else diffs.add
    touch = work.touch(entry.session)
    return change(work.trip, touch, people, last_change=work.state.last_change)


def _place(work: StepContext, entry: Entry) -> Place:
    return Place(cohort_id=work.cohort_id, session=entry.session, action=entry.action)


def _refresh_step(work: StepContext, first: Entry, limit: int) -> tuple[Step, int]:
    """Decide about a refresh at the head, and say up to which delivery it is whole if it is.

    Only deliveries up to the one that asks for more pages than all before it are looked at: what
    was whole until then has spoken, whatever came since.
    """
    conn, cohort_id = work.conn, work.cohort_id
    reception = session_progress.reception(work.trip, cohort_id, first.session, first.action)
    age_seconds = (work.now - reception.last_received_at).total_seconds()
    passed = inbox.run_from(work.trip, cohort_id) > first.number
    again = first.session == work.state.floor
    if refresh.waits_for_more(again=again, interrupted=passed, age_seconds=age_seconds):
        return Step.WAIT, first.number
    total_pages = max(first.total_pages, reception.applied_total_pages)
    grows = reception.total_pages > total_pages
    complete, reach = False, first.number
    if reception.complete or grows:
        # A refresh that has spoken once may speak for all that has come since at once.
        totals = {total_pages, reception.total_pages} if again else {total_pages}
        for total in sorted(totals, reverse=True):
            if limit > 1:
                reach = inbox.run_end(conn, cohort_id, first, total_pages=total)
            complete = session_progress.is_whole(conn, cohort_id, first.session, through=reach)
            if complete:
                break
    step = refresh.next_step(
        complete=complete,
        all_received=reception.complete,
        interrupted=grows or passed,
        age_seconds=age_seconds,
    )
    return step, reach


def _complete(work: StepContext, first: Entry, through: int) -> None:
    """Make the cohort exactly the people of the refresh, which speaks for the whole cohort."""
    conn, cohort_id, session = work.conn, work.cohort_id, first.session
    written = _replace(work, first, through)
    entries = inbox.head(conn, cohort_id, after=first.number - 1, limit=through - first.number + 1)
    _finish(work, entries, through, written, floor=session)


def _replace(work: StepContext, entry: Entry, through: int) -> delta.Written:
    conn, cohort_id = work.conn, work.cohort_id
    newest = inbox.newest_pages(conn, cohort_id, session=entry.session, through=through)
    numbers = [number for _, number in newest]
    spared, _ = rosters.stage(conn, _place(work, entry), numbers)
    touch, last_change = work.touch(entry.session), work.state.last_change
    return delta.replace(conn, touch, last_change=last_change, spared=spared)


def _finish(
    work: StepContext,
    run: Sequence[Entry],
    through: int,
    written: delta.Written,
    *,
    floor: int = 0,
) -> None:
    """Write back the counters and the state of the sync that some deliveries belong to."""
    trip, cohort_id, first = work.trip, work.cohort_id, run[0]
    progress = session_progress.advance(
        trip,
        cohort_id,
        first.session,
        first.action,
        pages={entry.number: entry.page for entry in run},
        total_pages=max(entry.total_pages for entry in run),
        entered=written.entered,
        exited=written.exited,
    )
    apply_state.advance(
        trip,
        cohort_id,
        through=through,
        written=written,
        floor=floor,
        now=work.now,
        applied_at=None if first.session < work.state.floor else work.now,
    )
    hours.add(trip, cohort_id, entered=written.entered, exited=written.exited, now=work.now)
    if floor:
        session_progress.supersede_older(work.conn, cohort_id, floor)
    state = _settle(work, first, progress, completed=floor > 0)
    if first.load is not None:
        loading.end(work, first, first.load, state, written)
    work.note(run, written, expects=state is State.RECEIVING)


def _settle(
    work: StepContext, entry: Entry, progress: session_progress.Progress, *, completed: bool
) -> State:
    """Give a sync the state that follows from what has been applied of it."""
    trip, cohort_id, action = work.trip, work.cohort_id, entry.action
    older = entry.session < work.state.floor
    state = refresh.sync_state(
        blocked=progress.blocked,
        complete=completed if action is Action.REPLACE else progress.pages >= progress.total_pages,
        superseded=older,
    )
    stays_applied = older and progress.state is State.APPLIED
    if stays_applied or (state is progress.state and state is not State.APPLIED):
        return progress.state
    completed_at = work.now if state is State.APPLIED else None
    session_progress.set_state(
        trip, cohort_id, entry.session, action, state=state, completed_at=completed_at
    )
    return state


def set_aside(work: StepContext, entry: Entry, *, attempts: int, code: str, reason: str) -> None:
    """Block a delivery, so that everything behind it can go on."""
    conn, cohort_id, number = work.conn, work.cohort_id, entry.number
    blocked.put(conn, cohort_id, number, attempts=attempts, code=code, reason=reason, now=work.now)
    nothing = delta.Written(entered=0, exited=0)
    apply_state.advance(conn, cohort_id, through=number, written=nothing, floor=0, now=work.now)
    session_progress.set_state(
        conn, cohort_id, entry.session, entry.action, state=State.BLOCKED, completed_at=None
    )


def _retry(work: StepContext, entry: Entry) -> None:
    """Apply a blocked delivery late: only to people that no later page of its session named."""
    conn, cohort_id = work.conn, work.cohort_id
    blocked.clear(conn, cohort_id, entry.number)
    written, floor = delta.Written(entered=0, exited=0), 0
    if entry.session < work.state.floor:
        pass  # a newer refresh has spoken
    elif entry.load is not None:
        found = loading.apply(work, entry, entry.load)
        if found is None:
            return
        written, floor = found, loading.floor(entry)
    else:
        through = work.state.applied_through
        whole = entry.action is Action.REPLACE and session_progress.is_whole(
            conn, cohort_id, entry.session, through=through
        )
        if whole:
            written, floor = _replace(work, entry, through), entry.session
        else:
            written = _write(work, entry, [_not_named_later(work, entry)])
    _finish(work, [entry], 0, written, floor=floor)
    if entry.is_edit:
        edits.drop_pages(work.trip, cohort_id, [entry.number])


def _not_named_later(work: StepContext, entry: Entry) -> bytes:
    """Return a delivery's roster without the people of later pages of the same session."""
    conn, cohort_id = work.conn, work.cohort_id
    later = inbox.later_in_session(
        conn, cohort_id, entry.session, after=entry.number, through=work.state.applied_through
    )
    (text,) = rosters.read(conn, _place(work, entry), [entry.number])
    mine, named = set(member_rows.escaped_ids(text)), set[bytes]()
    for _, other in inbox.rosters(conn, cohort_id, later):
        named |= mine.intersection(member_rows.escaped_ids(inbox.unpack(other)))
    return member_rows.without_ids(text, named)
