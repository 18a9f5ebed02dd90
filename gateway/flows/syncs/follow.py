"""Following: the changes of a cohort go out once each and in order, from a kept position."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from gateway.core.syncs import mapping as mappings
from gateway.destinations.adapter import Change, Message
from gateway.destinations.answers import Split
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.ending import Stopped
from gateway.store.cohorts import changes
from gateway.store.syncs import cohorts_seen, positions, refused
from gateway.store.syncs.ledger import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Connection

    from gateway.destinations.adapter import Feed
    from gateway.destinations.answers import Accepted, Done
    from gateway.flows.syncs.work import Work


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """What comes next, without suppressed members, and through which seq; `size` counts them."""

    messages: Sequence[Message]
    last: int
    size: int


def run(work: Work) -> None:
    """Deliver the first members, and then what has changed. Raises ending.Ended."""
    feed = setups.feed(work.kind, work.account)
    if work.job.first_after is not None and work.job.first_seq is not None:
        _deliver_first(work, feed, work.job.first_seq, work.job.first_after)
    position, through = work.job.delivered, work.job.under_way
    while True:
        part = _next(work, position, through)
        if part is None:
            return
        if through is None and part.size > 1:
            # The same request at each try, whatever has changed by then.
            with work.keeper.sharing() as conn:
                positions.pin(conn, work.job.id, part.last)
        if part.messages:
            _deliver(work, feed, part.messages)
        with work.keeper.sharing() as conn:
            positions.deliver(conn, work.job.id, part.last)
        position, through = part.last, None


def _deliver_first(work: Work, feed: Feed, seq: int, after: str) -> None:
    """Deliver an entry for each member of the moment at which the job began."""
    position: str | None = after
    while position is not None:
        with work.pool.read() as conn:
            found = cohorts_seen.first_members(
                conn, work.cohort.id, seq=seq, after=position, limit=work.facts.limits.members
            )
            hidden = _suppressed(conn, work, [one.member_id for one in found])
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
            if one.member_id not in hidden
        ]
        if messages:
            _deliver(work, feed, messages)
        position = found[-1].member_id if found else None
        with work.keeper.sharing() as conn:
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
        named = [one.member_id for one in found.changes if one.member_id is not None]
        hidden = _suppressed(conn, work, named)
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
        if one.member_id not in hidden
    ]
    return _Part(messages=messages, last=found.changes[-1].seq, size=len(found.changes))


def _suppressed(conn: Connection, work: Work, member_ids: Sequence[str]) -> set[str]:
    """Find those that are not to be sent, and count them as skipped."""
    found = cohorts_seen.members_among(conn, work.suppress, member_ids) if work.suppress else set()
    for member_id in member_ids:
        if member_id in found:
            work.tally.skip("suppressed")
    return found


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
