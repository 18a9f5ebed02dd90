"""Retention of events: months are made ahead and dropped whole, and ids are forgotten in time."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

import structlog

from gateway.flows.people.lookup import RECENT
from gateway.store.db import chores
from gateway.store.people import months, removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

CHORE: Final = "events"
EVERY_SECONDS: Final = 600.0
LEASE_SECONDS: Final = 120.0
# Months that there are tables of beside this one.
AHEAD: Final = 2
IDS_AT_ONCE: Final = 20_000
REJECTED_KEPT: Final = datetime.timedelta(days=30)

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """For how many days events and their ids are kept."""

    event_days: int
    event_id_days: int


def nothing(conn: Connection) -> None:
    """Note nothing of a month that is dropped."""


def run(
    pool: Pool,
    kept: Kept,
    *,
    every_seconds: float = EVERY_SECONDS,
    note_drop: Callable[[Connection], None] = nothing,
) -> bool:
    """Make months and prune, as `prune` does, if that is due; False if it is not."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
    if claimed is None:
        return False
    make_ahead(pool, claimed.begun_at)
    prune(pool, kept, claimed.begun_at, note_drop=note_drop)
    with pool.begin() as conn:
        chores.give_back(conn, CHORE, after=0)
    return True


def make_ahead(pool: Pool, now: datetime.datetime) -> None:
    """Make the tables of this month and of those after it."""
    wanted = [months.month_of(now)]
    for _ in range(AHEAD):
        wanted.append(months.after(wanted[-1]))
    with pool.read() as conn:
        missing = months.missing(conn, wanted)
    for month in missing:
        with pool.begin() as conn:
            months.create(conn, month)


def prune(
    pool: Pool,
    kept: Kept,
    now: datetime.datetime,
    *,
    note_drop: Callable[[Connection], None] = nothing,
) -> None:
    """Drop what is older than it is kept; `note_drop` is told of a month as it is dropped."""
    oldest = now - datetime.timedelta(days=kept.event_days)
    with pool.read() as conn:
        old = months.before(conn, oldest)
    for month in old:
        with pool.begin() as conn:
            months.drop(conn, month)
            note_drop(conn)
        _log.info("events.dropped", month=month.isoformat())
    ids_before = now - datetime.timedelta(days=kept.event_id_days)
    while _prune_ids(pool, ids_before) == IDS_AT_ONCE:
        pass
    with pool.begin() as conn:
        removal.prune_rejected(conn, before=now - REJECTED_KEPT, kept=RECENT)
        removal.prune_erasures(conn, before=oldest)
        removal.add_up_days(conn, since=oldest.date())


def _prune_ids(pool: Pool, before: datetime.datetime) -> int:
    with pool.begin() as conn:
        return removal.prune_ids(conn, before=before, limit=IDS_AT_ONCE)
