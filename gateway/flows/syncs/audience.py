"""Audiences: found by name before one is created, and the creation noted before the call."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.destinations import options
from gateway.flows.syncs import work as works
from gateway.flows.syncs.ending import Stopped
from gateway.store.syncs import audiences, destinations

if TYPE_CHECKING:
    from gateway.destinations.adapter import Adapter, Target
    from gateway.destinations.answers import Audience, Later, Stop
    from gateway.flows.syncs.work import Work


def ready(work: Work, adapter: Adapter) -> Target:
    """Return the target with its audience. Raises ending.Ended.

    An audience that another cohort of the same name has is left to that one: then the name has the
    cohort's id beside it.
    """
    target = work.target
    if target.audience:
        return target
    return _take(work, adapter, target, apart=False) or _take_apart(work, adapter, target)


def _take_apart(work: Work, adapter: Adapter, target: Target) -> Target:
    named = works.named_apart(target)
    taken = _take(work, adapter, named, apart=True)
    if taken is None:
        raise Stopped("audience_taken", f"{named.cohort.name!r} is the audience of another cohort")
    return taken


def _take(work: Work, adapter: Adapter, target: Target, *, apart: bool) -> Target | None:
    """Take the audience that is called after the target; None if it is another cohort's."""
    found = _find_or_create(work, adapter, target)
    shared = options.names_audience(target)
    with work.keeper.sharing() as conn:
        destinations.lock(conn, work.job.slug)
        if audiences.take_audience(
            conn, work.job, found.id, found.name, apart=apart, shared=shared
        ):
            return dataclasses.replace(target, audience=found.id)
    return None


def _find_or_create(work: Work, adapter: Adapter, target: Target) -> Audience:
    def ask() -> Audience | Later | Stop:
        found = adapter.find(target)
        if found is not None:
            return found
        with work.keeper.sharing() as conn:
            audiences.set_creating(conn, work.job.id, now=work.now())
        return adapter.create(target)

    # Both again at each try: a creation may have lost its answer.
    found: Audience = work.attempts.until_answered(ask)
    return found
