"""Looking up loads: their receipts, and rows of theirs, without people erased since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.cohorts import packed_rows
from gateway.core.cohorts.member_ids import Skip
from gateway.flows.cohorts import load_queue, lookup, read_out
from gateway.flows.cohorts.parts import ListPage
from gateway.sources.lists import rejected_rows
from gateway.sources.lists.reading import Rejected
from gateway.store.cohorts import erasures, guards, inbox, load_rows, receipts
from gateway.waits import NEVER

if TYPE_CHECKING:
    import datetime
    import threading
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.receipt import Receipt
    from gateway.store.cohorts.load_rows import Chunk
    from gateway.store.db.engine import Pool

NEWEST: Final = 2**63 - 1
LOOK_SECONDS: Final = 0.2


def get(pool: Pool, cohort_id: int, number: int) -> Receipt:
    """Read a load. Raises errors.NotFound."""
    with pool.read() as conn:
        return _there(receipts.get(conn, cohort_id, number))


def await_change(
    pool: Pool, cohort_id: int, number: int, *, seconds: float, ending: threading.Event = NEVER
) -> Receipt:
    """Read a load when its state is another one than now, or when the time is up.

    Raises errors.NotFound.
    """
    end = time.monotonic() + seconds
    found = get(pool, cohort_id, number)
    while time.monotonic() < end and not found.is_over:
        if ending.wait(min(LOOK_SECONDS, max(0.0, end - time.monotonic()))):
            break
        with pool.read() as conn:
            state = receipts.state(conn, cohort_id, number)
        if state != found.state:
            break
    return get(pool, cohort_id, number)


def of_cohort(
    pool: Pool, cohort_id: int, *, before: int, limit: int
) -> ListPage[Receipt, tuple[int]]:
    """List the loads of a cohort, newest first. Raises errors.NotFound."""
    with pool.read() as conn:
        if guards.target(conn, cohort_id) is None:
            raise errors.NotFound(lookup.NO_COHORT)
        found = receipts.of_cohort(conn, cohort_id, before=before, limit=limit + 1)
    return ListPage.cut(found, limit, lambda one: (one.number,))


def of_all(
    pool: Pool, *, state: str | None, before: int, limit: int
) -> ListPage[Receipt, tuple[int]]:
    """List loads of all cohorts, newest first."""
    with pool.read() as conn:
        found = receipts.of_all(conn, state=state, before=before, limit=limit + 1)
    return ListPage.cut(found, limit, lambda one: (one.number,))


def sample(pool: Pool, cohort_id: int, number: int) -> list[dict[str, Any]]:
    """Read the first rows of a load as they were understood. Raises errors.NotFound."""
    return sample_of(pool, get(pool, cohort_id, number))


def sample_of(pool: Pool, receipt: Receipt) -> list[dict[str, Any]]:
    """Read the first rows of a load that is there."""
    with pool.read() as conn:
        found = load_rows.sample(conn, receipt.cohort_id, receipt.number)
        return [] if found is None else _shown(conn, found)


def rejected(
    pool: Pool, cohort_id: int, number: int, *, now: datetime.datetime, actor: Actor
) -> Iterator[bytes]:
    """Write the rejected rows of a load as CSV, in constant memory. Raises errors.NotFound."""
    receipt = get(pool, cohort_id, number)
    read_out.note(pool, actor, "load.rejected_rows_read", receipt.id, now=now)
    return rejected_rows.as_csv(receipt.columns, _rejected(pool, cohort_id, number))


def _rejected(pool: Pool, cohort_id: int, number: int) -> Iterator[Rejected]:
    after = load_rows.SAMPLE
    while True:
        with pool.read() as conn:
            chunk = load_rows.rejected(conn, cohort_id, number, after=after)
            rows = [] if chunk is None else _shown(conn, chunk)
        if chunk is None:
            return
        for row, reason, cells in rows:
            yield Rejected(row, Skip(reason), tuple(cells))
        after = chunk.page


def _shown(conn: Connection, chunk: Chunk) -> list[Any]:
    rows = packed_rows.read(inbox.unpack(chunk.rows))
    gone = erasures.of_cohort(conn, chunk.cohort_id, chunk.clean_through)
    return packed_rows.without(rows, gone) if gone else rows


def _there(found: Receipt | None) -> Receipt:
    if found is None:
        raise errors.NotFound(load_queue.NO_LOAD)
    return found
