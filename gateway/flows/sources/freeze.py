"""Freezing a cohort: a new list with the members that it has, or had."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from gateway import aside
from gateway.core.access.actor import GATEWAY
from gateway.core.cohorts import kinds
from gateway.flows.cohorts import frozen
from gateway.flows.sources import cohorts
from gateway.flows.sources.setup import PLAIN
from gateway.store.db import audit
from gateway.store.sources import sources

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.receipt import Receipt
    from gateway.flows.sources.setup import Setup
    from gateway.jobs import WakeUps
    from gateway.store.db.engine import Pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The list to be made: its name, and the moment; None is now."""

    name: str
    at: datetime.datetime | None = None


def freeze(
    pool: Pool,
    cohort_id: int,
    wanted: Wanted,
    setup: Setup = PLAIN,
    *,
    max_cohorts: int,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Make a list, and queue the load that fills it.

    Raises errors.NotFound, errors.Gone if what came after the moment is not kept, errors.Invalid,
    and errors.RateLimited if there are too many lists.
    """
    with pool.begin() as conn:
        moment = frozen.moment(conn, cohort_id, wanted.at, now=now)
        at = (wanted.at or now).astimezone(datetime.UTC)
        new = cohorts.Wanted(
            source=_source(conn, setup),
            name=wanted.name,
            description=f"Frozen from cohort {cohort_id}, as of {at:%Y-%m-%d %H:%M:%S} UTC",
        )
        made = cohorts.create_in(conn, new, setup, max_cohorts=max_cohorts, now=now, actor=actor)
        found = frozen.queue(conn, made, moment, actor=actor, now=now)
        audit.write(conn, actor, "cohort.frozen", cohort_id, now=now, into=str(made))
    with aside.harmless("wake_up"):
        wake_ups.notify_loader()
    return found


def _source(conn: Connection, setup: Setup) -> str:
    """Return the source of new lists: the built-in one unless another kind has its slug."""
    built_in = setup.kinds[kinds.LIST].built_in or ""
    if sources.kind_of(conn, built_in) == kinds.LIST:
        return built_in
    return sources.first_of(conn, kinds.LIST) or built_in
