"""Forgetting: an erased person is to be removed wherever sync jobs have sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.syncs import erasing

if TYPE_CHECKING:
    import datetime

    from gateway.flows.cohorts.erase import Where
    from gateway.store.db.engine import Pool


def forget(pool: Pool, member_id: str, where: Where, *, now: datetime.datetime) -> None:
    """Queue the removal of a person from destinations; again is harmless."""
    with pool.begin() as conn:
        erasing.erase(conn, member_id, source=where.source, project_id=where.project_id, now=now)
