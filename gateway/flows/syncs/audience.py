"""Audiences: found by name before one is created, and the creation noted before the call."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.store.syncs import jobs

if TYPE_CHECKING:
    from gateway.destinations.adapter import Adapter, Target
    from gateway.destinations.answers import Audience, Later, Stop
    from gateway.flows.syncs.work import Work


def ready(work: Work, adapter: Adapter) -> Target:
    """Return the target with its audience. Raises ending.Ended."""
    target = work.target
    if target.audience:
        return target

    def find_or_create() -> Audience | Later | Stop:
        found = adapter.find(target)
        if found is not None:
            return found
        with work.keeper.sharing() as conn:
            jobs.set_creating(conn, work.job.id, now=work.now())
        return adapter.create(target)

    # Both again at each try: a creation may have lost its answer.
    found: Audience = work.attempts.until_answered(find_or_create)
    with work.keeper.sharing() as conn:
        jobs.set_audience(conn, work.job.id, found.id, found.name)
    return dataclasses.replace(target, audience=found.id)
