"""Replacing: all that a destination has gives way to the cohort, in one session of batches."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from gateway.destinations.adapter import Batch
from gateway.destinations.answers import Done
from gateway.flows.syncs import batches, leaving, preparing
from gateway.flows.syncs.ending import Stopped
from gateway.store.syncs import erasing, ledger, replacements
from gateway.store.syncs.ledger import Row, Scope, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.destinations.adapter import Adapter, Target
    from gateway.flows.syncs.work import Work

_BEGIN: Final = ("", -1)


def run(work: Work, adapter: Adapter, scope: Scope, target: Target) -> None:
    """Note everybody as under way, then send them in order. Raises ending.Ended."""
    for rows in preparing.rows(work, adapter, scope, target, everybody=True):
        with work.keeper.sharing() as conn:
            ledger.put(conn, scope, rows, state=State.SENDING)
    leaving.mark(work, scope)
    send(work, adapter, scope, target)


def erase(work: Work, adapter: Adapter, scope: Scope) -> None:
    """Send all that stands there but erased persons, where nothing can be taken out singly."""
    with work.keeper.sharing() as conn:
        if erasing.oldest(conn, scope.cohort_id, scope.job_id) is None:
            return
        replacements.leave_out_erased(conn, scope)
    send(work, adapter, scope, work.target)


def send(work: Work, adapter: Adapter, scope: Scope, target: Target) -> None:
    """Send all rows that are under way as the whole of the audience. Raises ending.Ended."""
    began_at = work.now()
    with work.pool.begin() as conn:
        members = ledger.count(conn, scope, State.SENDING)
    sender = batches.Sender(work, scope, adapter, target)
    session = _session(work)
    size = work.facts.limits.members
    total = max(1, -(-members // size))
    after = _BEGIN
    for number in range(1, total + 1):
        with work.pool.begin() as conn:
            found = ledger.listing(conn, scope, State.SENDING, after=after, limit=size)
        batch = Batch(
            rows=[sender.sendable(one) for one in found],
            session=session,
            number=number,
            total=total,
            members=members,
        )
        _send(work, sender, adapter, target, batch, found)
        after = (found[-1].member_id, found[-1].part) if found else after
        work.report()
    sender.ask(lambda: adapter.finish(target, session, began_at))
    with work.keeper.sharing() as conn:
        replacements.replaced(conn, scope)


def _send(
    work: Work,
    sender: batches.Sender,
    adapter: Adapter,
    target: Target,
    batch: Batch,
    rows: Sequence[Row],
) -> None:
    answer = sender.ask(lambda: adapter.replace(target, batch))
    if not isinstance(answer, Done):
        raise Stopped("refused", work.attempts.shown(answer.message))
    if rows:
        sender.book_replaced(rows, answer)


def _session(work: Work) -> int:
    """Number a replacement: another one at each claim of a run, as what came before is unsure."""
    seed = f"{work.job.id}-{work.number}-{work.keeper.lease.id}-{work.keeper.lease.token}"
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") >> 1
