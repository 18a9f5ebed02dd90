"""Keeping: a destination becomes like a cohort, by the difference between cohort and ledger."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Final

from gateway.core.syncs import job as rules
from gateway.core.syncs import mapping as mappings
from gateway.core.syncs.job import Asked, Mode
from gateway.destinations.facts import Replaces
from gateway.flows.syncs import (
    audience,
    batches,
    leaving,
    lending,
    numbers,
    preparing,
    replacing,
)
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.ending import NeedsApproval
from gateway.store.syncs import audiences, comparison, ledger, runs
from gateway.store.syncs.ledger import Row, Scope, State

if TYPE_CHECKING:
    from gateway.destinations.adapter import Adapter, Target
    from gateway.flows.syncs.work import Work
    from gateway.store.syncs.comparison import Counts

PAGE: Final = 2000
_BEGIN: Final = ("", -1)
# Why erased persons are still there.
CANNOT_ERASE: Final = "erasure_without_remove"


def scope_of(work: Work) -> Scope:
    """Say which ledger is compared, and by which hashes; what is unsure in it is marked so."""
    job = work.job
    with work.pool.read() as conn:
        siblings = audiences.siblings(conn, job)
    scope = Scope(
        cohort_id=job.cohort,
        job_id=job.id,
        suppress=work.suppress,
        seed=mappings.seed(job.mapping, job.options, job.consent, job.kind, work.account.config),
        siblings=tuple(siblings),
        properties=mappings.reads_properties(job.mapping),
        entered=mappings.ENTERED_AT in job.mapping.values(),
    )
    with work.keeper.sharing() as conn:
        ledger.settle(conn, scope)
    return scope


def run(work: Work) -> None:
    """Send what is missing, then remove what is too much. Raises ending.Ended."""
    adapter = setups.adapter(work.kind, work.account)
    scope = scope_of(work)
    erase(work, adapter, scope)
    if work.job.asked == Asked.REMOVE:
        _remove_all(work, adapter, scope)
        return
    resync = work.job.asked == Asked.RESYNC
    found = _expect(work, scope, everybody=resync)
    if not (found.add or found.sent or _is_first(work)):
        leaving.mark(work, scope)
        return
    target = audience.ready(work, adapter)
    if _is_replacement(work, resync=resync):
        replacing.run(work, adapter, scope, target)
        return
    work.numbers.begin_beyond(found.batch)
    if found.add:
        _add(work, adapter, scope, target, everybody=resync)
    _refresh(work, adapter, scope, target)
    # Rows of this run are as it has read their members: what changed since is for the next one.
    if work.job.mode == Mode.MIRROR and found.rows and (found.add or found.stale):
        leaving.mark(work, scope, before=found.batch)
        leaving.remove(work, adapter, scope, State.LEAVING)


def _remove_all(work: Work, adapter: Adapter, scope: Scope) -> None:
    """Take out all that the job has added."""
    with work.keeper.sharing() as conn:
        comparison.mark_all(conn, scope)
    if work.facts.replaces is Replaces.ALWAYS:
        replacing.send(work, adapter, scope, work.target)
    else:
        leaving.remove(work, adapter, scope, State.LEAVING)


def _is_replacement(work: Work, *, resync: bool) -> bool:
    """Tell whether everything at the destination is to give way to the cohort."""
    if work.facts.replaces is Replaces.ALWAYS:
        return True
    first = work.job.last_ok_at is None and work.facts.replaces is Replaces.FIRST
    return first or (resync and work.facts.replaces is not Replaces.NEVER)


def _expect(work: Work, scope: Scope, *, everybody: bool) -> Counts:
    """Count what is to do, and ask for approval of what would remove many."""
    with work.pool.begin() as conn:
        found = comparison.count(conn, scope, everybody=everybody)
    remove = found.remove if work.job.mode == Mode.MIRROR else 0
    with work.keeper.sharing() as conn:
        runs.expect(conn, work.job.id, work.number, add=found.add, remove=remove)
    if not work.approved and rules.needs_approval(would_remove=remove, sent=found.sent):
        raise NeedsApproval(
            "needs_approval", f"it would remove {remove} of {found.sent} members that were sent"
        )
    return found


def _is_first(work: Work) -> bool:
    """Tell whether what stands at the destination has still to give way to the cohort."""
    return work.job.last_ok_at is None and work.facts.replaces is not Replaces.NEVER


def _add(work: Work, adapter: Adapter, scope: Scope, target: Target, *, everybody: bool) -> None:
    """Send members that are missing, several requests at a time."""
    sender = batches.Sender(work, scope, adapter, target)
    with lending.sending(work) as submit:
        pending: list[Row] = []
        size = work.facts.limits.members
        for rows in preparing.rows(work, adapter, scope, target, everybody=everybody):
            pending += rows
            while len(pending) >= size:
                batch, pending = pending[:size], pending[size:]
                submit(functools.partial(sender.add, batch))
        if pending:
            submit(functools.partial(sender.add, pending))


def _refresh(work: Work, adapter: Adapter, scope: Scope, target: Target) -> None:
    """Send once more, in time, what would expire there."""
    if work.facts.refresh_days is None:
        return
    sender = batches.Sender(work, scope, adapter, target)
    size, after = work.facts.limits.members, _BEGIN
    through = numbers.until(work.now() - datetime.timedelta(days=work.facts.refresh_days))
    while True:
        with work.pool.begin() as conn:
            found = ledger.expiring(conn, scope, through=through, after=after, limit=PAGE)
        if not found:
            return
        after = (found[-1].member_id, found[-1].part)
        with lending.sending(work) as submit:
            for start in range(0, len(found), size):
                submit(functools.partial(sender.refresh, found[start : start + size]))


def erase(work: Work, adapter: Adapter, scope: Scope) -> bool:
    """Remove erased persons, whatever else the job does; False where nothing can be removed.

    They then stay outstanding, and each run says so, but the job goes on for the others.
    """
    if work.facts.replaces is Replaces.ALWAYS:
        replacing.erase(work, adapter, scope)
    elif Mode.MIRROR in work.facts.modes:
        leaving.remove(work, adapter, scope, State.ERASED)
    else:
        with work.pool.begin() as conn:
            waiting = ledger.count(conn, scope, State.ERASED)
        if waiting:
            work.tally.skip(CANNOT_ERASE, waiting)
        return not waiting
    return True
