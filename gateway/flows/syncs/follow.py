"""Following: the changes of a cohort go out once each and in order, from a kept position."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gateway.core.syncs import mapping as mappings
from gateway.destinations.adapter import Change, Message
from gateway.destinations.answers import Split
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.ending import Stopped
from gateway.store.cohorts import changes
from gateway.store.syncs import cohorts_seen, positions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gateway.destinations.adapter import Feed
    from gateway.destinations.answers import Accepted, Done
    from gateway.flows.syncs.work import Work


def run(work: Work) -> None:
    """Deliver the first members, and then what has changed. Raises ending.Ended."""
    feed = setups.feed(work.kind, work.account)
    if work.job.first_after is not None and work.job.first_seq is not None:
        _deliver_first(work, feed, work.job.first_seq, work.job.first_after)
    position, through = work.job.delivered, work.job.under_way
    while True:
        messages = _next(work, position, through)
        if not messages:
            return
        last = messages[-1].seq
        if through is None and len(messages) > 1:
            # The same request at each try, whatever has changed by then.
            with work.keeper.sharing() as conn:
                positions.pin(conn, work.job.id, last)
        _deliver(work, feed, messages)
        with work.keeper.sharing() as conn:
            positions.deliver(conn, work.job.id, last)
        position, through = last, None
        _count(work, messages)


def _deliver_first(work: Work, feed: Feed, seq: int, after: str) -> None:
    """Deliver an entry for each member of the moment at which the job began."""
    position: str | None = after
    while position is not None:
        with work.pool.read() as conn:
            found = cohorts_seen.first_members(
                conn, work.cohort.id, seq=seq, after=position, limit=work.facts.limits.members
            )
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
        ]
        if messages:
            _deliver(work, feed, messages)
            _count(work, messages)
        position = found[-1].member_id if found else None
        with work.keeper.sharing() as conn:
            positions.deliver_first(conn, work.job.id, position)


def _next(work: Work, position: int, through: int | None) -> list[Message]:
    """Read what comes next; of a request that was under way, what it had."""
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
        entered = [one.member_id for one in found.changes if one.change == Change.ENTERED]
        known = cohorts_seen.documents(
            conn, work.cohort.id, [one for one in entered if one is not None]
        )
    return [
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
    ]


def _member(
    mapping: Mapping[str, str], member_id: str | None, document: Mapping[str, Any] | None
) -> dict[str, object] | None:
    if member_id is None:
        return None
    return {"member_id": member_id, **mappings.read(mapping, document or {})}


def _deliver(work: Work, feed: Feed, messages: Sequence[Message]) -> None:
    """Send messages in one request, or in halves where a receiver finds them too many."""
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
        raise Stopped("refused", work.attempts.shown(answer.message))
    work.tally.keep(answer.receipt)


def _count(work: Work, messages: Sequence[Message]) -> None:
    entered = sum(one.change == Change.ENTERED for one in messages)
    work.tally.count(added=entered, removed=len(messages) - entered)
