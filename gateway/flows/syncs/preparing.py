"""Preparing: members become rows of a ledger, with identifiers as they are to be sent."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any, Final

from gateway.core.syncs import mapping as mappings
from gateway.destinations.answers import Skipped
from gateway.flows.syncs import batches
from gateway.store.syncs import comparison, ledger
from gateway.store.syncs.ledger import Row, Scope, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.adapter import Adapter, Target
    from gateway.flows.syncs.work import Work
    from gateway.store.syncs.comparison import Member

PAGE: Final = 2000
_MOST_PARTS: Final = 32_000


def rows(
    work: Work, adapter: Adapter, scope: Scope, target: Target, *, everybody: bool
) -> Iterator[list[Row]]:
    """Prepare, page by page, the rows of members that are not there as they are now."""
    for found in _pages(work, scope, everybody=everybody):
        prepared = [row for one in found if (row := prepare(work, adapter, target, one))]
        same = [one for one in prepared if one.state is State.PRESENT and not everybody]
        if same:
            with work.keeper.sharing() as conn:
                ledger.put(conn, scope, same, state=State.PRESENT)
        yield [one for one in prepared if everybody or one.state is not State.PRESENT]


def _pages(work: Work, scope: Scope, *, everybody: bool) -> Iterator[list[Member]]:
    """Read members page by page, each while the one before is worked on."""

    def read(after: str) -> list[Member]:
        with work.pool.begin() as conn:
            return comparison.wanted(conn, scope, after=after, limit=PAGE, everybody=everybody)

    with concurrent.futures.ThreadPoolExecutor(1, "wanted") as ahead:
        found = read("")
        while found:
            following = ahead.submit(read, found[-1].member_id)
            yield found
            found = following.result()


def prepare(work: Work, adapter: Adapter, target: Target, member: Member) -> Row | None:
    """Make the row of a member: PRESENT if just that stands there; None if it is skipped."""
    sent = prepared(work, adapter, target, member.document)
    if isinstance(sent, Skipped):
        work.tally.skip(sent.reason)
        return None
    text = batches.written(sent)
    for part, state, before in member.rows:
        if before == text and state != State.ERASED:
            now = State.PRESENT if state == State.PRESENT else State.SENDING
            return Row(
                member_id=member.member_id, part=part, sent=text, source=member.source, state=now
            )
    part = _free(member) if member.rows else 0
    return Row(member_id=member.member_id, part=part, sent=text, source=member.source)


def _free(member: Member) -> int:
    taken = {part for part, _, _ in member.rows}
    return next(part for part in range(_MOST_PARTS) if part not in taken)


def prepared(
    work: Work, adapter: Adapter, target: Target, document: Mapping[str, Any]
) -> Mapping[str, object] | Skipped:
    """Normalise a member's identifiers; one without any that can match is skipped."""
    sent = adapter.prepare(target, mappings.read(work.job.mapping, document))
    if isinstance(sent, Skipped):
        return sent
    if not any(one <= sent.keys() for one in work.facts.matching):
        return Skipped(reason="no_identifier")
    return sent
