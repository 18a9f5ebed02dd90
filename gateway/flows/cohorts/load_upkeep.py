"""Upkeep of loads: files that are over, approvals that came too late, and rows of erased people."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.core.cohorts import packed_rows
from gateway.flows.cohorts import load_queue, uploads
from gateway.store.cohorts import erasures, inbox, load_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.cohorts.load_rows import Chunk
    from gateway.store.db.engine import Pool

# Rows that are cleaned in one transaction; a page of them has some thousand rows.
PAGES_AT_ONCE: Final = 20
# An erasure takes its order some moments before it is committed; a later one may be seen before it.
# After this long, all orders below one that is seen can be seen.
SETTLED: Final = datetime.timedelta(seconds=60)

_log = structlog.get_logger()


def tend(pool: Pool, *, now: datetime.datetime) -> None:
    """Do what is due. Raises errors.Unavailable; what was done by then stays done."""
    uploads.prune(pool, now=now)
    load_queue.expire(pool, now=now)
    while clean(pool, now=now):
        pass


def clean(pool: Pool, *, now: datetime.datetime) -> bool:
    """Take people that were erased since out of the next rows; False if there are none to look at.

    A reader is not shown them in the meantime.
    """
    with pool.begin() as conn:
        through = load_rows.newest_erasure(conn, before=now - SETTLED)
        found = load_rows.unclean(conn, through=through, limit=PAGES_AT_ONCE)
        for chunk in found:
            load_rows.clean(conn, chunk, _cleaned(conn, chunk), through=through)
    return bool(found)


def _cleaned(conn: Connection, chunk: Chunk) -> bytes | None:
    """Return rows without erased people, None if they are as they were."""
    gone = erasures.of_cohort(conn, chunk.cohort_id, chunk.clean_through)
    if not gone:
        return None
    try:
        rows = packed_rows.read(inbox.unpack(chunk.rows))
    except errors.Poison:
        _log.warning("rows.damaged", cohort_id=chunk.cohort_id, load=chunk.load)
        return None
    rest = packed_rows.without(rows, gone)
    return None if len(rest) == len(rows) else inbox.pack(packed_rows.write(rest))
