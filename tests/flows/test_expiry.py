"""The search for the first snapshot to expire: a scrape never waits for a long one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.flows.health import expiry
from gateway.store.db.engine import Pool
from tests.model.sender import ADD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.health.meters import Success
    from tests.model.desk import Desk


def look(search: expiry.Search, desk: Desk, *, wait_seconds: float) -> Sequence[Success]:
    return search.successes(desk.clock(), wait_seconds=wait_seconds)


def test_search__of_another_kind_of_source__finds_no_snapshot(desk: Desk) -> None:
    for session in ("s1", "s2"):
        desk.send(ADD, session, "a")
    assert len(look(expiry.Search(desk.pool), desk, wait_seconds=30)) == 1
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE sources SET kind = 'list'"))
    assert not look(expiry.Search(desk.pool), desk, wait_seconds=30)


def test_search__that_is_slow__is_told_of_when_it_has_ended(desk: Desk, database_url: str) -> None:
    for session in ("s1", "s2"):
        desk.send(ADD, session, "a")
    pool = Pool(database_url, name="watch", size=1, limit_seconds=5)
    search = expiry.Search(pool)
    with desk.pool.begin() as holder:
        holder.execute(text("LOCK TABLE syncs"))
        assert look(search, desk, wait_seconds=0) == ()
        assert look(search, desk, wait_seconds=0.1) == (), "the first is still at it"
    end = time.monotonic() + 30
    while not look(search, desk, wait_seconds=1):
        assert time.monotonic() < end
    (found,) = look(search, desk, wait_seconds=5)
    with desk.pool.begin() as holder:
        holder.execute(text("LOCK TABLE syncs"))
        assert look(search, desk, wait_seconds=0) == [found], "what was found last"
    pool.close()
