"""Jobs side by side: what one whose destination never answers costs the others.

Nine jobs are sent with nothing beside them, and nine others beside one that hangs. Each has a
destination of its own, as the lanes of the sender are those of destinations.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from sqlalchemy import text

from bench import destination
from gateway import outbound
from gateway.core import moments
from gateway.flows.syncs import deletion
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.store.db.engine import Pool

OTHERS: Final = 9
# What hangs is given up after so long, so that a run ends.
HANGING_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 900.0


def measure(pool: Pool, url: str, cohort_id: int, name: str) -> tuple[float, float]:
    """Return the seconds of nine jobs alone, and of nine beside one that hangs."""
    with outbound.Client(
        allow=destination.HERE,
        plain=destination.HERE,
        limits=outbound.Limits(read_seconds=HANGING_SECONDS),
    ) as client:
        setup = Setup(client=client)
        alone = _keep(pool, setup, cohort_id, f"{name}-alone", [url] * OTHERS)
        alone_seconds = _seconds(pool, setup, alone)
        (hanging,) = _keep(pool, setup, cohort_id, f"{name}-hangs", [url + destination.HANGS])
        beside = _keep(pool, setup, cohort_id, f"{name}-beside", [url] * OTHERS)
        beside_seconds = _seconds(pool, setup, beside)
        deletion.delete(pool, hanging, setup, remove=False, now=moments.now())
    return alone_seconds, beside_seconds


def _keep(pool: Pool, setup: Setup, cohort_id: int, name: str, urls: Collection[str]) -> list[int]:
    """Make jobs that send a cohort to destinations of their own; returns their ids."""
    slugs = [f"{name}-{number}" for number in range(len(urls))]
    for slug, url in zip(slugs, urls, strict=True):
        destination.add(pool, setup, slug, url)
    return [destination.keep(pool, setup, slug, cohort_id) for slug in slugs]


def _seconds(pool: Pool, setup: Setup, job_ids: Collection[int]) -> float:
    """Send whatever is due; returns the seconds until these jobs are done."""
    sender = Sender(pool, pool, setup, holder="bench")
    began = time.perf_counter()
    sender.look()
    while (states := _states(pool, job_ids)) != {"done"}:
        if states & {"failing", "stopped"} or time.perf_counter() - began > _PATIENCE_SECONDS:
            raise SystemExit(f"the jobs are {sorted(states)}")
        time.sleep(_LOOK_SECONDS)
    seconds = time.perf_counter() - began
    sender.close()
    return seconds


def _states(pool: Pool, job_ids: Collection[int]) -> set[str]:
    with pool.read() as conn:
        return set(conn.execute(_STATES, {"ids": list(job_ids)}).scalars())


_STATES = text("SELECT DISTINCT state FROM sync_jobs WHERE id = ANY(:ids)")
