"""Following: the changes of a cohort go out once each and in order, from a kept position."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from gateway.core.syncs import mapping as mappings
from gateway.destinations.adapter import Change, Message
from gateway.destinations.answers import Split
from gateway.flows.syncs import hiding
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.ending import Stopped
from gateway.store.cohorts import changes
from gateway.store.syncs import cohorts_seen, hidden, positions, refused
from gateway.store.syncs.ledger import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gateway.destinations.adapter import Feed
    from gateway.destinations.answers import Accepted, Done
    from gateway.flows.syncs.hiding import Told
    from gateway.flows.syncs.work import Work


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """What comes next, and through which seq; `size` counts the suppressed members, too."""

    messages: Sequence[Message]
    last: int
    size: int
    told: Told


def run(work: Work) -> None:
    """Deliver the first members, and then what has changed. Raises ending.Ended."""
    feed = setups.feed(work.kind, work.account)
    hiding.begin(work)
    if work.job.first_after is not None and work.job.first_seq is not None:
        _deliver_first(work, feed, work.job.first_seq, work.job.first_after)
    position, through = work.job.delivered, work.job.under_way
    while True:
        part = _next(work, position, through)
        if part is None:
            _deliver_hidden(work, feed, position)
            return
        if through is None and part.size > 1:
            # The same request at each try, whatever has changed by then.
            with work.keeper.sharing() as conn:
                positions.pin(conn, work.job.id, part.last)
        if part.messages:
            _deliver(work, feed, part.messages)
        with work.keeper.sharing() as conn:
            positions.deliver(conn, work.job.id, part.last)
            hiding.note(conn, work, part.told, part.last)
        position, through = part.last, None


def _deliver_first(work: Work, feed: Feed, seq: int, after: str) -> None:
    """Deliver an entry for each member of the moment at which the job began."""
    position: str | None = after
    while position is not None:
        with work.pool.read() as conn:
            found = cohorts_seen.first_members(
                conn, work.cohort.id, seq=seq, after=position, limit=work.facts.limits.members
            )
            hides = hiding.suppressed(conn, work, [one.member_id for one in found])
        for _ in hides:
            work.tally.skip("suppressed")
        messages = [
            Message(
                change=Change.ENTERED,
                seq=seq,
                member_id=one.member_id,
                member=_member(work.job.mapping, one.member_id, one.document),
                at=one.at,
                first=True,
            )
            for one in found
            if one.member_id not in hides
        ]
        if messages:
            _deliver(work, feed, messages)
        position = found[-1].member_id if found else None
        with work.keeper.sharing() as conn:
            hiding.note_first(conn, work, [one.member_id for one in found], hides, seq)
            positions.deliver_first(conn, work.job.id, position)


def _next(work: Work, position: int, through: int | None) -> _Part | None:
    """Read what comes next, None if nothing does; of a request that was under way, what it had."""
    limit = work.facts.limits.members if through is None else through - position
    with work.pool.begin() as conn:
        found = changes.listing(conn, work.cohort.id, after=position, limit=limit)
        if found is None or found.deleted:
            raise Stopped("cohort_deleted", "the cohort was deleted")
        if found.oldest_seq > position + 1:
            raise Stopped(
                "history_lost",
                f"changes up to {found.oldest_seq - 1} are not kept any more; ask for a resync",
            )
        if not found.changes:
            return None
        told = hiding.choose(conn, work, found.changes, again=through is not None)
        entered = [one.member_id for one in found.changes if one.change == Change.ENTERED]
        known = cohorts_seen.documents(
            conn, work.cohort.id, [one for one in entered if one is not None]
        )
    messages = [
        Message(
            change=Change(one.change),
            seq=one.seq,
            member_id=one.member_id,
            member=_member(
                work.job.mapping,
                one.member_id,
                known.get(one.member_id or "") if one.change == Change.ENTERED else None,
            ),
            at=one.at,
        )
        for one in found.changes
        if one.seq not in told.untold
    ]
    size = len(found.changes)
    return _Part(messages=messages, last=found.changes[-1].seq, size=size, told=told)


def _deliver_hidden(work: Work, feed: Feed, seq: int) -> None:
    """Tell of the exits of members that are suppressed since, and of the entries of others.

    A member that had returned before its exit was told of is found when that is done.
    """
    told = True
    while told:
        hiding.compare(work, seq)
        told = False
        while part := hiding.following(work):
            _deliver(work, feed, _of_hidden(work, part))
            hiding.finish(work, part)
            told = True


def _of_hidden(work: Work, part: hidden.Part) -> list[Message]:
    known: Mapping[str, Mapping[str, Any]] = {}
    if part.state is hidden.State.LEAVING:
        change = Change.EXITED
    else:
        change = Change.ENTERED
        with work.pool.begin() as conn:
            known = cohorts_seen.documents(conn, work.cohort.id, part.member_ids)
    return [
        Message(
            change=change,
            seq=part.seq,
            member_id=one,
            member=_member(work.job.mapping, one, known.get(one)),
            at=work.now(),
            turn=part.turn,
        )
        for one in part.member_ids
    ]


def _member(
    mapping: Mapping[str, str], member_id: str | None, document: Mapping[str, Any] | None
) -> dict[str, object] | None:
    if member_id is None:
        return None
    return {"member_id": member_id, **mappings.read(mapping, document or {})}


def _deliver(work: Work, feed: Feed, messages: Sequence[Message]) -> None:
    """Send messages in one request, or in halves where a receiver refuses them.

    One that is refused by itself is rejected, so that it does not hold up the others.
    """
    answer = cast(
        "Done | Accepted | Split",
        work.attempts.until_answered(lambda: feed.deliver(work.target, messages)),
    )
    if isinstance(answer, Split) and len(messages) > 1:
        middle = len(messages) // 2
        _deliver(work, feed, messages[:middle])
        _deliver(work, feed, messages[middle:])
        return
    if isinstance(answer, Split):
        _reject(work, messages[0], work.attempts.shown(answer.message))
        return
    work.tally.keep(answer.receipt)
    _count(work, messages)


def _reject(work: Work, message: Message, words: str) -> None:
    """Keep which member it was about, unless the person was erased."""
    work.tally.reject(["refused"])
    if message.member_id is None:
        return
    scope = Scope(cohort_id=work.cohort.id, job_id=work.job.id)
    with work.keeper.sharing() as conn:
        refused.reject(conn, scope, work.number, [(message.member_id, "refused", words)])


def _count(work: Work, messages: Sequence[Message]) -> None:
    entered = sum(one.change == Change.ENTERED for one in messages)
    work.tally.count(added=entered, removed=len(messages) - entered)
