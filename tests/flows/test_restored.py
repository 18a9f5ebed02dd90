"""After a restore: the epoch."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from gateway.flows.cohorts import restored
from gateway.store.cohorts import epochs

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool


NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_epoch__of_a_new_database__is_there_and_lasts_until_the_next(pool: Pool) -> None:
    with pool.read() as conn:
        first = epochs.get(conn)
    assert first
    second = restored.begin_epoch(pool, now=NOW)
    with pool.read() as conn:
        assert epochs.get(conn) == second != first
