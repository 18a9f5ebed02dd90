"""Erasing a person everywhere: from people and events first, then from every cohort.

What was sent to destinations is removed there later, by the sender.

A rule that is evaluated in between must not find the person, so the order matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.flows.cohorts import erase as cohorts
from gateway.flows.people import forget as people
from gateway.flows.syncs import actions
from gateway.flows.syncs import forget as syncs

if TYPE_CHECKING:
    import datetime

    from gateway.flows.cohorts.erase import Where
    from gateway.store.db.engine import Pool


def erase(
    pool: Pool, member_id: str, where: Where, *, now: datetime.datetime, **limits: float
) -> bool:
    """Erase a person; again is harmless. Limits, result and errors are those of `cohorts.erase`.

    People have no projects, so one that is named leaves people and events as they are.
    """
    if not where.project_id:
        people.forget(pool, member_id, source=where.source, now=now)
    actions.forget(pool, member_id, where)
    syncs.forget(pool, member_id, where, now=now)
    done = cohorts.erase(pool, member_id, where, now=now, **limits)
    # A run that had read the person as a member may have sent them meanwhile.
    syncs.forget(pool, member_id, where, now=now)
    return done
