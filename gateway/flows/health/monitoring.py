"""Watching: what a monitor is told, within seconds, whatever the things it watches do."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import platform
import shutil
import time
from typing import TYPE_CHECKING, Final, TypeVar

import gateway
from gateway import errors, metrics
from gateway.core.cohorts import freshness
from gateway.core.cohorts.member_ids import Skip
from gateway.flows.health import duty, expiry
from gateway.flows.health import heartbeats as meters
from gateway.flows.health.duty import Standing
from gateway.store.cohorts import backlog, open_loads
from gateway.store.health import heartbeats, server
from gateway.store.health import meters as totals
from gateway.store.notices import outbox, troubles
from gateway.store.sources import refusals
from gateway.store.syncs import action_imports
from gateway.store.syncs import totals as syncs

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

    from gateway.flows.health.readiness import Readiness
    from gateway.jobs import WakeUps
    from gateway.store.db.engine import Pool

# A frozen server holds a connection attempt for two seconds and a statement for longer, so both
# happen in a thread that is not waited for any longer than this.
SCRAPE_SECONDS: Final = 1.5
READY_SECONDS: Final = 2.5
SEARCH_WAIT_SECONDS: Final = 0.25
# What the pool for monitoring should allow a statement.
LIMIT_SECONDS: Final = 1.0
THREADS: Final = 2
# Of each web process: for those threads, and for a search that takes its time.
CONNECTIONS: Final = THREADS + 1

# On these Mixpanel pauses a sync.
PAUSING: Final = (400, 401, 403, 404)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted:
    """What Postgres knows; `totals` is None when its schema is not the one that we read."""

    totals: Totals | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """Everything that is counted in Postgres."""

    sources: list[totals.Totals]
    skipped: list[totals.Skipped]
    refused: list[refusals.Open]
    backlog: backlog.Totals
    loads: open_loads.Totals
    syncs: syncs.Totals
    imports: list[action_imports.Standing]
    rule_drift: int
    troubles: dict[str, int]
    notices: dict[str, int]
    pulses: list[heartbeats.ProcessCount]
    workers: dict[str, float]
    room: server.Room


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What there is to use up here: requests at once, cohorts, the disk of Postgres if known."""

    threads: int
    max_cohorts: int
    disk_bytes: int | None = None
    disk_dir: pathlib.Path | None = None

    def free_bytes(self, database_bytes: int) -> int | None:
        """Return the room that is left to a database of that size; None if that is unknown."""
        if self.disk_bytes is not None:
            return max(0, self.disk_bytes - database_bytes)
        if self.disk_dir is None:
            return None
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.disk_dir).free
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ready:
    """How Redis and each kind of process do, of a gateway that can work."""

    redis_up: bool
    processes: dict[str, Standing]

    @property
    def degraded(self) -> bool:
        """Whether pages that are accepted may be applied more slowly than they should."""
        works = all(standing is Standing.WORKING for standing in self.processes.values())
        return not (self.redis_up and works)


class Collector:
    """Asks Postgres and Redis on its own connections and threads, each with little patience."""

    def __init__(
        self, pool: Pool, *, wake_ups: WakeUps, readiness: Readiness, limits: Limits
    ) -> None:
        self._pool = pool
        self._limits = limits
        self._wake_ups = wake_ups
        self._readiness = readiness
        self._postgres = concurrent.futures.ThreadPoolExecutor(THREADS, "watch-postgres")
        self._expiry = expiry.Search(pool)
        self._redis = concurrent.futures.ThreadPoolExecutor(THREADS, "watch-redis")

    def page(self, *, now: datetime.datetime) -> bytes:
        """Write the metrics page; without Postgres or Redis, what can be known without them."""
        end = time.monotonic() + SCRAPE_SECONDS
        depths = self._redis.submit(self._wake_ups.depths)
        counted = self._postgres.submit(self._count, now)
        found = _wait(counted, end)
        successes: Sequence[totals.Success] = ()
        if found is not None and found.totals is not None:
            successes = self._expiry.successes(now, wait_seconds=SEARCH_WAIT_SECONDS)
        reading = _reading(self._limits, found, _wait(depths, end), now)
        return metrics.page({**reading, **_of_expiry(successes)})

    def ready(self) -> Ready:
        """Say how those do without which the gateway works, only slower, if it can work at all.

        Raises errors.Unavailable if it cannot, or if that was not found out in time.
        """
        end = time.monotonic() + READY_SECONDS
        depths = self._redis.submit(self._wake_ups.depths)
        standings = _wait(self._postgres.submit(self._require), end)
        if standings is None:
            raise errors.Unavailable("the database did not answer in time")
        return Ready(redis_up=_wait(depths, end) is not None, processes=standings)

    def _require(self) -> dict[str, Standing]:
        self._readiness.require()
        self._readiness.require_nodes()
        with self._pool.read() as conn:
            return {pulse.kind: duty.standing(pulse) for pulse in heartbeats.pulses(conn)}

    def _count(self, now: datetime.datetime) -> Counted | None:
        try:
            with self._pool.read() as conn:
                return Counted(
                    totals=Totals(
                        sources=totals.by_source(conn, now=now),
                        skipped=totals.skipped(conn),
                        refused=refusals.unresolved(conn),
                        backlog=backlog.totals(conn, now=now),
                        loads=open_loads.totals(conn, now=now),
                        syncs=syncs.totals(conn, now=now),
                        imports=action_imports.standings(conn),
                        rule_drift=totals.rule_drift(conn),
                        troubles=troubles.counts(conn),
                        notices=outbox.totals(conn),
                        pulses=heartbeats.pulses(conn),
                        workers=totals.of_workers(conn),
                        room=server.room(conn),
                    )
                )
        except errors.Unavailable:
            return None
        except errors.GatewayError:  # it answers, but its tables are not these: migrations pending
            return Counted(totals=None)


def _wait(asked: concurrent.futures.Future[T], end: float) -> T | None:
    """Return the answer, or None if it is not there by then."""
    try:
        return asked.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        asked.cancel()
        return None


def _reading(
    limits: Limits,
    counted: Counted | None,
    depths: dict[str, int] | None,
    now: datetime.datetime,
) -> metrics.Reading:
    build = (gateway.__version__, platform.python_version())
    reading: dict[str, list[metrics.Point] | metrics.Durations] = {
        "gateway_build_info": [(build, 1)],
        "gateway_postgres_up": [((), counted is not None)],
        "gateway_redis_up": [((), depths is not None)],
        "gateway_queue_depth": [((kind,), depth) for kind, depth in (depths or {}).items()],
        "gateway_web_threads": [((), limits.threads)],
    }
    if counted is not None and counted.totals is not None:
        reading |= _of_processes(counted.totals) | _of_sources(counted.totals)
        reading |= _of_refusals(limits, counted.totals)
        reading |= _of_loads(counted.totals.loads) | _of_syncs(counted.totals.syncs)
        reading |= _of_imports(counted.totals, now)
        drift: metrics.Point = ((), counted.totals.rule_drift)
        reading |= {"gateway_rule_drift_total": [drift]}
        reading |= _of_notices(counted.totals)
        reading |= _of_backlog(counted.totals.backlog) | _of_room(limits, counted.totals.room)
    return reading


def _of_processes(known: Totals) -> dict[str, list[metrics.Point] | metrics.Durations]:
    counts, seconds = meters.histogram(known.workers)
    return {
        "gateway_workers_alive": [((pulse.kind,), pulse.alive) for pulse in known.pulses],
        "gateway_workers_working": [((pulse.kind,), pulse.working) for pulse in known.pulses],
        "gateway_last_heartbeat_timestamp_seconds": [
            ((pulse.kind,), pulse.last_beat)
            for pulse in known.pulses
            if pulse.last_beat is not None
        ],
        "gateway_apply_duration_seconds": metrics.Durations(counts=counts, seconds=seconds),
    }


def _of_sources(known: Totals) -> dict[str, list[metrics.Point]]:
    skipped = {(one.source, reason.value): 0 for one in known.sources for reason in Skip}
    skipped |= {(one.source, one.reason): one.members for one in known.skipped}
    rows = known.sources
    return {
        "gateway_accepted_pages_total": [((row.source,), row.accepted_pages) for row in rows],
        "gateway_accepted_members_total": [((row.source,), row.accepted_members) for row in rows],
        "gateway_duplicate_pages_total": [((row.source,), row.duplicate_pages) for row in rows],
        "gateway_skipped_members_total": list(skipped.items()),
        "gateway_entered_members_total": [((row.source,), row.entered) for row in rows],
        "gateway_exited_members_total": [((row.source,), row.exited) for row in rows],
        "gateway_stale_cohorts": [((row.source,), row.stale_cohorts) for row in rows],
        "gateway_fresh_until_timestamp_seconds": [
            ((row.source,), until) for row in rows if (until := _fresh_until(row)) is not None
        ],
        "gateway_last_sync_timestamp_seconds": [
            ((row.source,), row.last_synced) for row in rows if row.last_synced is not None
        ],
    }


def _fresh_until(row: totals.Totals) -> float | None:
    """Say until when a source is fresh: as long as its cohort that was heard of last."""
    if row.last_synced is None:
        return None
    heard_at = datetime.datetime.fromtimestamp(row.last_synced, datetime.UTC)
    until = freshness.judge(
        every_seconds=row.expected_every_seconds, heard_at=heard_at, since=heard_at, now=heard_at
    ).fresh_until
    return None if until is None else until.timestamp()


def _of_expiry(successes: Sequence[totals.Success]) -> dict[str, list[metrics.Point]]:
    kept = freshness.SNAPSHOT_KEPT.total_seconds()
    points: list[metrics.Point] = [((one.source,), one.at + kept) for one in successes]
    return {"gateway_snapshot_expiry_timestamp_seconds": points}


def _of_refusals(limits: Limits, known: Totals) -> dict[str, list[metrics.Point]]:
    cohorts = {(one.source, str(one.status), one.cohort_id) for one in known.refused}
    counts = collections.Counter((source, status) for source, status, _ in cohorts)
    shown = [(one.source, str(status)) for one in known.sources for status in PAUSING]
    return {
        "gateway_refused_cohorts": [(labels, counts[labels]) for labels in shown],
        "gateway_free_cohorts": [
            ((one.source,), max(0, limits.max_cohorts - one.cohorts)) for one in known.sources
        ],
    }


def _of_backlog(known: backlog.Totals) -> dict[str, list[metrics.Point]]:
    return {
        "gateway_pending_pages": [((), known.pending)],
        "gateway_oldest_pending_seconds": [((), known.oldest_seconds or 0)],
        "gateway_blocked_pages": [((), known.blocked)],
    }


def _of_loads(known: open_loads.Totals) -> dict[str, list[metrics.Point]]:
    return {
        "gateway_loads": [((state,), count) for state, count in known.counts.items()],
        "gateway_oldest_load_seconds": [((), known.oldest_seconds)],
    }


def _of_syncs(known: syncs.Totals) -> dict[str, list[metrics.Point]]:
    return {
        "gateway_sync_jobs": [((state,), count) for state, count in known.jobs.items()],
        "gateway_oldest_sync_seconds": [((), known.oldest_seconds)],
        "gateway_erasures_outstanding": [((), known.erasures)],
        "gateway_oldest_erasure_seconds": [((), known.oldest_erasure_seconds)],
    }


def _of_imports(known: Totals, now: datetime.datetime) -> dict[str, list[metrics.Point]]:
    """Tell of each source what waits for Mixpanel and went there; of most of them, nothing."""
    found = {one.source: one for one in known.imports}
    rows = [(one.source, found.get(one.source)) for one in known.sources]
    ages = [
        (source, (now - one.oldest_at).total_seconds() if one and one.oldest_at else 0.0)
        for source, one in rows
    ]
    counts = {
        (source, outcome): count
        for source, one in rows
        for outcome, count in (
            ("sent", one.sent if one else 0),
            ("rejected", one.rejected if one else 0),
        )
    }
    return {
        "gateway_waiting_actions": [((name,), one.waiting if one else 0) for name, one in rows],
        "gateway_oldest_waiting_action_seconds": [((name,), max(0.0, age)) for name, age in ages],
        "gateway_forwarded_actions_total": list(counts.items()),
    }


def _of_notices(known: Totals) -> dict[str, list[metrics.Point]]:
    return {
        "gateway_troubles": [((kind,), count) for kind, count in known.troubles.items()],
        "gateway_notices": [((state,), count) for state, count in known.notices.items()],
    }


def _of_room(limits: Limits, known: server.Room) -> dict[str, list[metrics.Point]]:
    free = limits.free_bytes(known.database_bytes)
    return {
        "gateway_database_bytes": [((), known.database_bytes)],
        "gateway_database_free_bytes": [] if free is None else [((), free)],
        "gateway_database_free_connections": [((), known.free_connections)],
    }
