"""What gunicorn loads: the environment becomes settings, dependencies, and the application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gateway import logs, outbound, tracing
from gateway.app import create_app
from gateway.core import moments
from gateway.core.access.secrets import Verifier
from gateway.flows.access.key_ring import KeyRing
from gateway.flows.behaviour.run import Runner
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.edit import Editor
from gateway.flows.cohorts.export import Exporter
from gateway.flows.cohorts.read_routing import ReadRouter
from gateway.flows.cohorts.submit import Submitter
from gateway.flows.health import monitoring
from gateway.flows.health.monitoring import Collector
from gateway.flows.health.readiness import Readiness
from gateway.flows.sources import refusals
from gateway.flows.sources.setup import Setup
from gateway.flows.sources.webhook import Intake
from gateway.flows.syncs import setup as sending
from gateway.handlers.http.deps import Deps
from gateway.jobs import WakeUps
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from gateway.waits import Waits

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from flask import Flask
    from opentelemetry.trace import Tracer

ACCEPT_LIMIT_SECONDS = 8.0
READ_LIMIT_SECONDS = 5.0
# An edit that takes longer is left to the workers.
APPLY_LIMIT_SECONDS = 5.0
# A trial of a destination ends within half a minute, of two requests at least.
TRIAL_LIMITS = outbound.Limits(read_seconds=10.0, total_seconds=12.0)


def build(environ: Mapping[str, str]) -> Flask:
    """Build the application from the environment. Raises errors.BadSettings."""
    settings = Settings.from_environ(environ)
    logs.configure(
        level=settings.log_level, style=settings.log_format, error_hook=settings.error_hook
    )
    return create_app(make_deps(settings, tracing.start(settings.trace_exporter)))


def make_deps(
    settings: Settings,
    tracer: Tracer = tracing.OFF,
    *,
    now: Callable[[], datetime.datetime] = moments.now,
) -> Deps:
    """Wire the dependencies; nothing is opened until the first request."""
    url = settings.require_database_url()
    size = settings.web_threads
    accepting = Pool(url, name="accept", size=size, limit_seconds=ACCEPT_LIMIT_SECONDS)
    reading = Pool(url, name="read", size=size, limit_seconds=READ_LIMIT_SECONDS)
    wake_ups = WakeUps(settings.require_redis_url())
    readers = ReadRouter(reading, _replica(settings))
    waits = Waits.of_threads(size)
    applier = Applier(_applying(url, size), now=now, tracer=tracer)
    return Deps(
        settings=settings,
        accepting=accepting,
        reading=reading,
        readers=readers,
        wake_ups=wake_ups,
        intake=_intake(settings, accepting, wake_ups, tracer),
        readiness=Readiness(accepting),
        watch=_watch(url, wake_ups, settings),
        # On the primary: a key that was revoked must not live on in a replica that is behind.
        keys=KeyRing(reading),
        # Streams keep their threads for as long as their readers like; the others must answer.
        exporter=Exporter(readers, at_once=max(1, size // 2)),
        sending=sending.of_settings(settings, sending.client(settings, TRIAL_LIMITS)),
        setup=Setup.of(settings),
        rules=Runner(reading, waits),
        editor=Editor(
            pool=reading, applier=applier, wake_ups=wake_ups, waits=waits, at_once=_appliers(size)
        ),
        waits=waits,
        tracer=tracer,
        now=now,
    )


def _intake(settings: Settings, pool: Pool, wake_ups: WakeUps, tracer: Tracer) -> Intake:
    """Wire the way in for pages that are posted."""
    limits = Limits(
        pool,
        max_pending_pages=settings.max_pending_pages,
        max_cohorts=settings.max_cohorts,
        rate_per_second=settings.rate_limit_per_second,
    )
    return Intake(
        pool=pool,
        verifier=Verifier(),
        submitter=Submitter(pool=pool, limits=limits, wake_ups=wake_ups, tracer=tracer),
        max_members=settings.max_members,
        refusals=_recorder(settings.require_database_url()),
    )


def _appliers(threads: int) -> int:
    """Return how many requests may apply their edits at once; the others leave it to workers."""
    return max(1, threads // 4)


def _applying(url: str, threads: int) -> Pool:
    """Wire what applies edits: each takes a second connection to say that it is about to."""
    size = 2 * _appliers(threads)
    return Pool(url, name="apply", size=size, limit_seconds=APPLY_LIMIT_SECONDS)


def _replica(settings: Settings) -> Pool | None:
    url = settings.read_database_url
    if url is None:
        return None
    size = settings.web_threads
    return Pool(url, name="replica", size=size, limit_seconds=READ_LIMIT_SECONDS)


def _recorder(url: str) -> refusals.Recorder:
    """Wire what notes refusals, with a connection that holds nothing else up."""
    limit = refusals.LIMIT_SECONDS
    return refusals.Recorder(
        Pool(url, name="refusals", size=refusals.CONNECTIONS, limit_seconds=limit)
    )


def _watch(url: str, wake_ups: WakeUps, settings: Settings) -> Collector:
    """Wire what monitors ask, with connections that nothing else can use up."""
    pool = Pool(
        url, name="watch", size=monitoring.CONNECTIONS, limit_seconds=monitoring.LIMIT_SECONDS
    )
    limits = monitoring.Limits(
        threads=settings.web_processes * settings.web_threads,
        max_cohorts=settings.max_cohorts,
        disk_bytes=settings.disk_bytes,
        disk_dir=settings.disk_dir,
    )
    return Collector(pool, wake_ups=wake_ups, readiness=Readiness(pool), limits=limits)


def __getattr__(name: str) -> Flask:
    """Build `app` when gunicorn asks for it, so that importing this module opens nothing."""
    if name != "app":
        raise AttributeError(name)
    logs.catch_crashes()
    return build(os.environ)
