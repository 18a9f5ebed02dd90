"""Leaving: what does not stand any more as its member is, and its removal from a destination."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import orjson

from gateway.flows.syncs import batches, lending
from gateway.store.syncs import comparison, identifiers, ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.destinations.adapter import Adapter
    from gateway.flows.syncs.work import Work
    from gateway.store.syncs.ledger import Row, Scope, State

PAGE: Final = 2000
# Each page is compared with all that stays.
REMOVED_PAGE: Final = 20_000
_BEGIN: Final = ("", -1)


def mark(work: Work, scope: Scope, *, before: int | None = None) -> None:
    """Mark what is not as its member is now, page by page; not what was sent beyond a batch."""
    after = _BEGIN
    while True:
        with work.pool.begin() as conn:
            found = comparison.stale(conn, scope, before=before, after=after, limit=PAGE)
        if not found:
            return
        after = (found[-1].member_id, found[-1].part)
        with work.keeper.sharing() as conn:
            ledger.leave(conn, scope, found)


def remove(work: Work, adapter: Adapter, scope: Scope, state: State) -> None:
    """Remove all rows of a state."""
    after = _BEGIN
    with work.pool.read() as conn:
        stays = identifiers.any_stays(conn, scope)
    while True:
        with work.pool.begin() as conn:
            found = ledger.listing(conn, scope, state, after=after, limit=REMOVED_PAGE)
            if not found:
                return
            span = (after, (found[-1].member_id, found[-1].part))
            shared = [
                (names, _shared(conn, scope, state, names, span) if stays else set())
                for names in work.facts.matching
            ]
        after = span[1]
        left = {(one.member_id, one.part): _left(one, shared) for one in found}
        sender = batches.Sender(work, scope, adapter, work.target)
        size = work.facts.limits.members
        with lending.sending(work) as submit:
            for start in range(0, len(found), size):
                part = found[start : start + size]
                submit(functools.partial(sender.remove, part, left))


def _shared(
    conn: Connection,
    scope: Scope,
    state: State,
    names: frozenset[str],
    span: tuple[tuple[str, int], tuple[str, int]],
) -> set[tuple[str, int]]:
    return identifiers.shared(conn, scope, state, sorted(names), between=span)


def _left(row: Row, shared: Sequence[tuple[frozenset[str], set[tuple[str, int]]]]) -> str:
    """Write what of a row is to be removed: not what a row that stays has as well.

    Without any identifiers that match a person there is nothing to remove.
    """
    sent = orjson.loads(row.sent)
    key = (row.member_id, row.part)
    kept = {name for names, rows in shared if key in rows for name in names}
    matching = [names for names, rows in shared if key not in rows and names <= sent.keys()]
    if not matching:
        return "{}"
    unshared = {name for names in matching for name in names}
    gone = kept - unshared
    return batches.written({name: value for name, value in sent.items() if name not in gone})
