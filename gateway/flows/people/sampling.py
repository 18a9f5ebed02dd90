"""Sampling what is seen of events and traits, by the hour, for those that choose among it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.core.people.source import KIND
from gateway.flows.people.lookup import SAMPLED, SHARERS, VALUES
from gateway.store.db import chores, timeouts
from gateway.store.people import arrivals, lookup, removal, samples

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool

CHORE: Final = "samples"
LOOK_SECONDS: Final = 60.0
LEASE_SECONDS: Final = 900.0
EVERY: Final = datetime.timedelta(hours=1)
ROWS: Final = 10_000
# Of one look at a source; the next look goes on.
AT_ONCE: Final = 200
TAKE_SECONDS: Final = 30.0


def run(pool: Pool, *, every_seconds: float = LOOK_SECONDS) -> bool:
    """Take the samples that are due; False if another process does, or has just looked."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        sources = [] if claimed is None else removal.sources(conn, KIND, None)
    if claimed is None:
        return False
    for source_id in sources:
        take_due(pool, source_id, now=claimed.begun_at)
    with pool.begin() as conn:
        samples.forget_old(conn, before=claimed.begun_at - 2 * EVERY)
        chores.give_back(conn, CHORE, after=0)
    return True


def take_due(pool: Pool, source_id: int, *, now: datetime.datetime) -> None:
    """Take the samples of a source that are older than an hour, or are not there yet."""
    with pool.read() as conn:
        names = samples.due(conn, source_id, before=now - EVERY, rows=SAMPLED, limit=AT_ONCE)
    for name in names:
        _take(pool, source_id, name, now=now)


def _take(pool: Pool, source_id: int, name: str, *, now: datetime.datetime) -> None:
    limits = {"sampled": ROWS, "sharers": SHARERS, "values": VALUES}
    with pool.begin(limit_seconds=TAKE_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=TAKE_SECONDS, lock_seconds=TAKE_SECONDS)
        arrivals.keep_out_erasures(conn, source_id)  # what is erased meanwhile is not kept
        if name == samples.TRAITS:
            found = lookup.traits(conn, source_id, **limits)
        else:
            found = lookup.properties(conn, source_id, name, **limits)
        samples.take(conn, source_id, name, [one._mapping for one in found], now=now)
