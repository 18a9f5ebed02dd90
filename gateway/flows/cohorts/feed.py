"""The feed: the changes of all cohorts in one order, for consumers that follow all of them.

The rule that no consumer misses or repeats a change: whatever was committed is numbered by one
transaction at a time (`store.cohorts.feed`), a cursor is a place among these numbers, and what is
committed later gets a higher one. So a change that was in flight when a consumer read is read by
it later, whichever number its transaction began with.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows.cohorts import awaiting, redact_history
from gateway.store.cohorts import changes as change_rows
from gateway.store.cohorts import epochs, history_redactions
from gateway.store.cohorts import feed as feed_rows
from gateway.store.db import chores
from gateway.waits import NEVER

if TYPE_CHECKING:
    import datetime
    import threading
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.changes import Change, Span
    from gateway.store.cohorts.feed import Row, State
    from gateway.store.db.engine import Pool

CHORE: Final = "feed"
EVERY_SECONDS: Final = 3600.0
LEASE_SECONDS: Final = 120.0
# Cohorts that one transaction numbers, and rows of the feed that one looks at to drop them.
ROWS_AT_ONCE: Final = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a consumer goes on: at a row of the feed, after a seq of it (0 is its beginning).

    `pruned` counts what had been pruned when the consumer began: as long as that stays the same,
    what it finds missing was missing from its start, and it has missed nothing.
    """

    epoch: str
    position: int
    seq: int
    pruned: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """A change of a cohort, as the response shows it."""

    cohort_id: str
    seq: int
    change: str
    member_id: str | None
    at: datetime.datetime
    session_id: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Some changes in order, and the place after them."""

    changes: Sequence[Told]
    place: Place


def read(
    pool: Pool,
    *,
    after: Place | None,
    source: str | None,
    limit: int,
    seconds: float = 0,
    ending: threading.Event = NEVER,
) -> Part:
    """List changes after a place, or from the oldest that is kept; wait for some if there are none.

    Raises errors.Ahead for a place of another history, and errors.Gone if changes after it are not
    kept any more. The pool is the primary's: numbering writes.
    """
    place = after

    def look() -> Part:
        nonlocal place
        number(pool)
        with pool.read() as conn:
            part = _look(conn, place or _start(conn), source=source, limit=limit)
        place = part.place
        return part

    return awaiting.news(look, lambda part: bool(part.changes), seconds=seconds, ending=ending)


def number(pool: Pool, *, at_once: int = ROWS_AT_ONCE) -> None:
    """Number what was committed. What another process is numbering now is seen by the next look."""
    more = True
    while more:
        with pool.read() as conn:
            if not feed_rows.unnumbered(conn, after=0, limit=1):
                return
        with pool.begin() as conn:
            state = feed_rows.lock(conn)
            if state is None:
                return
            rows = feed_rows.unnumbered(conn, after=state.position, limit=at_once)
            if rows:
                feed_rows.put(conn, rows)
            more = len(rows) == at_once


def prune(pool: Pool, *, every_seconds: float = EVERY_SECONDS, at_once: int = ROWS_AT_ONCE) -> int:
    """Drop the rows of the feed that tell of nothing any more, if that is due; returns how many."""
    with pool.begin() as conn:
        if feed_rows.lock(conn) is None:
            return 0
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is None:
            return 0
        expired = feed_rows.expired(conn, limit=at_once)
        if expired:
            feed_rows.drop(conn, expired)
        more = len(expired) == at_once
        chores.give_back(conn, CHORE, after=chores.FIRST if more else 0)
    return len(expired)


def _start(conn: Connection) -> Place:
    return Place(epoch=epochs.get(conn), position=1, seq=0, pruned=feed_rows.pruned(conn))


def _look(conn: Connection, place: Place, *, source: str | None, limit: int) -> Part:
    state = feed_rows.state(conn)
    _require_known(conn, place, state)
    rows = feed_rows.listing(conn, position=place.position, source=source, limit=limit)
    wanted = [_unread(row, place) for row in rows]
    oldest = feed_rows.oldest_kept(conn, {row.cohort for row in wanted})
    _require_kept(conn, place, state, wanted, oldest)
    spans = list(_spans(wanted, oldest, limit))
    found = change_rows.of_spans(conn, spans)
    if len(found) < sum(span.last - span.first + 1 for span in spans):
        raise errors.Unavailable("changes are being pruned; try again", retry_after_seconds=1)
    through = state.position if len(spans) == len(rows) < limit else 0
    return Part(
        changes=_told(conn, found),
        place=_next(place, wanted[: len(spans)], spans, through=through),
    )


def _unread(row: Row, place: Place) -> Row:
    """Leave out what was read of the row that the consumer is at."""
    if row.position > place.position:
        return row
    return dataclasses.replace(row, first_seq=max(row.first_seq, place.seq + 1))


def _require_known(conn: Connection, place: Place, state: State) -> None:
    epoch = epochs.get(conn)
    if place.epoch != epoch or place.position > state.position + 1:
        message = "after: the database was restored since; list the members anew, and begin again"
        raise errors.Ahead(message, epoch=epoch)


def _require_kept(
    conn: Connection,
    place: Place,
    state: State,
    wanted: Iterable[Row],
    oldest: Mapping[int, int],
) -> None:
    lost = place.position <= state.dropped or any(
        row.first_seq < oldest[row.cohort] for row in wanted
    )
    if lost and feed_rows.pruned(conn) != place.pruned:
        message = "changes after this place are not kept any more; list the members, begin again"
        raise errors.Gone(message)


def _spans(wanted: Iterable[Row], oldest: Mapping[int, int], limit: int) -> Iterator[Span]:
    """Take of each row what is kept, until that is as many changes as are asked for."""
    room = limit
    for row in wanted:
        if not room:
            return
        first = max(row.first_seq, oldest[row.cohort])
        last = max(min(row.last_seq, first + room - 1), first - 1)
        yield change_rows.Span(cohort_id=row.cohort, first=first, last=last)
        room -= last - first + 1


def _next(place: Place, taken: Sequence[Row], spans: Sequence[Span], *, through: int) -> Place:
    """Return the place after the spans of some rows; nothing else is there up to `through`."""
    if spans and spans[-1].last < taken[-1].last_seq:
        return dataclasses.replace(place, position=taken[-1].position, seq=spans[-1].last)
    done = taken[-1].position if taken else place.position - 1
    return dataclasses.replace(place, position=max(done, through) + 1, seq=0)


def _told(conn: Connection, found: Sequence[tuple[int, Change]]) -> list[Told]:
    of_cohorts: dict[int, list[Change]] = {}
    for cohort_id, change in found:
        of_cohorts.setdefault(cohort_id, []).append(change)
    hidden: dict[tuple[int, int], Change] = {}
    for cohort_id, due in history_redactions.of_cohorts(conn, of_cohorts).items():
        shown = redact_history.hide(conn, cohort_id, of_cohorts[cohort_id], due)
        hidden.update(((cohort_id, change.seq), change) for change in shown)
    return [
        Told(
            cohort_id=str(cohort_id),
            **vars(hidden.get((cohort_id, change.seq), change)),
        )
        for cohort_id, change in found
    ]
