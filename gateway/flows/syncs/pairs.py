"""A cohort and a destination, looked up together before a job of theirs is made or changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway import errors
from gateway.core import fields
from gateway.flows.syncs import destinations as flow
from gateway.store.syncs import cohorts_seen, destinations

if TYPE_CHECKING:
    from gateway.destinations.facts import Facts
    from gateway.destinations.kinds import Kind
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.cohorts_seen import Seen
    from gateway.store.syncs.destinations import Listed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """What a job sends, where to, and what is to be known of it before."""

    cohort: Seen
    destination: Listed
    kind: Kind
    facts: Facts


def cohort(pool: Pool, cohort_id: int) -> Seen:
    """Find a cohort that a job may send. Raises errors.NotFound."""
    with pool.read() as conn:
        found = cohorts_seen.get(conn, [cohort_id]).get(cohort_id)
    if found is None or found.deleted:
        raise errors.NotFound("there is no such cohort, or it was deleted")
    return found


def find(pool: Pool, setup: Setup, cohort_id: int, slug: str) -> Pair:
    """Find both. Raises errors.NotFound, and errors.Invalid for a kind that is not available."""
    sent = cohort(pool, cohort_id)
    with pool.read() as conn:
        (found, *_) = destinations.listing(conn, slug=slug) or (None,)
        if found is None:
            raise flow.unknown(conn, slug)
    kind = setup.require(found.kind)
    facts = kind.told(fields.shown(kind.config, found.config))
    return Pair(cohort=sent, destination=found, kind=kind, facts=facts)
