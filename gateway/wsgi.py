"""What gunicorn loads: the environment becomes settings, dependencies, and the application."""

from __future__ import annotations

import contextlib
import datetime
import os
from typing import TYPE_CHECKING

from gateway import errors, logs, tracing
from gateway.app import create_app
from gateway.core.secrets import Verifier
from gateway.embedded import running
from gateway.flows import refusals, watch
from gateway.flows.access import KeyRing
from gateway.flows.export import Exporter
from gateway.flows.intake import Intake
from gateway.flows.limits import Limits
from gateway.flows.readers import Readers
from gateway.flows.ready import Readiness
from gateway.flows.watch import Watch
from gateway.handlers.deps import Deps
from gateway.jobs import Doorbell
from gateway.settings import Settings
from gateway.store.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

ACCEPT_LIMIT_SECONDS = 8.0
READ_LIMIT_SECONDS = 5.0


def build(environ: Mapping[str, str]) -> Flask:
    """Build the application from the environment. Raises errors.BadSettings."""
    settings = Settings.from_environ(environ)
    logs.configure(
        level=settings.log_level, style=settings.log_format, error_hook=settings.error_hook
    )
    return create_app(make_deps(settings, tracing.start(settings.trace_exporter)))


def make_deps(settings: Settings, tracer: tracing.Tracer = tracing.OFF) -> Deps:
    """Wire the dependencies; nothing is opened until the first request."""
    url = settings.require_database_url()
    size = settings.web_threads
    accepting = Pool(url, name="accept", size=size, limit_seconds=ACCEPT_LIMIT_SECONDS)
    reading = Pool(url, name="read", size=size, limit_seconds=READ_LIMIT_SECONDS)
    doorbell = Doorbell(settings.require_redis_url())
    limits = Limits(
        accepting,
        max_pending_pages=settings.max_pending_pages,
        max_cohorts=settings.max_cohorts,
        rate_per_second=settings.rate_limit_per_second,
    )
    intake = Intake(
        pool=accepting,
        verifier=Verifier(),
        limits=limits,
        doorbell=doorbell,
        max_members=settings.max_members,
        refusals=_recorder(url),
        tracer=tracer,
    )
    readers = Readers(reading, _replica(settings))
    return Deps(
        settings=settings,
        accepting=accepting,
        reading=reading,
        readers=readers,
        doorbell=doorbell,
        intake=intake,
        readiness=Readiness(accepting),
        watch=_watch(url, doorbell, settings),
        # On the primary: a key that was revoked must not live on in a replica that is behind.
        keys=KeyRing(reading),
        # Streams keep their threads for as long as their readers like; the others must answer.
        exporter=Exporter(readers, at_once=max(1, size // 2)),
        tracer=tracer,
        now=_now,
    )


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


def _watch(url: str, doorbell: Doorbell, settings: Settings) -> Watch:
    """Wire what monitors ask, with connections that nothing else can use up."""
    pool = Pool(url, name="watch", size=watch.CONNECTIONS, limit_seconds=watch.LIMIT_SECONDS)
    limits = watch.Limits(
        threads=settings.web_processes * settings.web_threads,
        max_cohorts=settings.max_cohorts,
        disk_bytes=settings.disk_bytes,
        data_dir=settings.data_dir if _is_embedded(settings) else None,
    )
    return Watch(pool, doorbell=doorbell, readiness=Readiness(pool), limits=limits)


def _is_embedded(settings: Settings) -> bool:
    """Tell whether our Postgres is the one that `make run` keeps in its data folder."""
    with contextlib.suppress(errors.EmbeddedFailed):  # it belongs to somebody else
        return running.postgres_url(settings.data_dir) == settings.database_url
    return False


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def __getattr__(name: str) -> Flask:
    """Build `app` when gunicorn asks for it, so that importing this module opens nothing."""
    if name != "app":
        raise AttributeError(name)
    logs.catch_crashes()
    return build(os.environ)
