"""The overview: how sources and processes fare, what waits, and what changed lately."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

from gateway.core.health import processes
from gateway.flows.health import duty, status
from gateway.flows.sources import overview as of_sources
from gateway.store.cohorts import backlog, hours
from gateway.store.health import glance
from gateway.store.sources import overview as source_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.flows.sources.overview import Standing
    from gateway.store.cohorts.backlog import Totals
    from gateway.store.db.engine import Pool
    from gateway.store.health.glance import NeedyJob, NeedyLoad

Flow = hours.Flow

# Of ten thousand cohorts these are 60,000 rows to sum: many more would make the page slow.
HOURS: Final = 6
# With more than this, the list of sources tells of the others.
SOURCES: Final = 100
# With more than this, the list of sync jobs tells of the others, and notices of loads.
JOBS: Final = 20
LOADS: Final = 20

KINDS: Final = {
    processes.WORKER: "The workers",
    processes.SCHEDULER: "The scheduler",
    processes.LOADER: "The loaders",
    processes.SENDER: "The senders",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overview:
    """The whole gateway at a glance.

    `jobs` and `loads` need a person, `troubles` are sentences about what hinders processes.
    `flows` has each of the last hours, also those in which nothing changed; the last of them is not
    over.
    """

    backlog: Totals
    troubles: Sequence[str]
    jobs: Sequence[NeedyJob]
    more_jobs: bool
    loads: Sequence[NeedyLoad]
    more_loads: bool
    sources: Sequence[Standing]
    more_sources: bool
    flows: Sequence[Flow]


def look(pool: Pool, *, redis_up: bool, now: datetime.datetime) -> Overview:
    """Look at everything, with four statements."""
    since = hours.beginning(now) - datetime.timedelta(hours=HOURS - 1)
    with pool.read() as conn:
        totals = backlog.totals(conn, now=now)
        seen = glance.look(conn, jobs=JOBS + 1, loads=LOADS + 1)
        rows = source_rows.listing(conn, now=now, limit=SOURCES + 1)
        found = hours.flows(conn, since=since)
    troubles = [
        f"{KINDS.get(one.kind, one.kind)}: {duty.trouble(one) or _absent(one.kind)}."
        for one in seen.pulses
        if duty.standing(one) is not duty.Standing.WORKING
    ]
    if not redis_up:
        troubles.append("Redis does not answer: pages are applied later than they could be.")
    if (totals.oldest_seconds or 0) > status.OLD_SECONDS:
        troubles.append("The oldest waiting page has waited for more than five minutes.")
    return Overview(
        backlog=totals,
        troubles=troubles,
        jobs=seen.jobs[:JOBS],
        more_jobs=len(seen.jobs) > JOBS,
        loads=seen.loads[:LOADS],
        more_loads=len(seen.loads) > LOADS,
        sources=[of_sources.judged(row, now=now) for row in rows[:SOURCES]],
        more_sources=len(rows) > SOURCES,
        flows=_filled(found, since),
    )


def _absent(kind: str) -> str:
    """Say that no process of a kind runs, and what starts one."""
    command = "python -m workers" if kind == processes.WORKER else f"python -m workers {kind}"
    return f"none is running; start one with `{command}`"


def _filled(found: Sequence[Flow], since: datetime.datetime) -> list[Flow]:
    """Put hours without changes between those with some."""
    known = {flow.hour: flow for flow in found}
    each = [since + datetime.timedelta(hours=place) for place in range(HOURS)]
    return [known.get(hour, hours.Flow(hour=hour, entered=0, exited=0)) for hour in each]
