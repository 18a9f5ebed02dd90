"""What a worker process is made of: its pools, its applier, and its heartbeat."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import os
import socket
import threading
from typing import TYPE_CHECKING

import structlog

from gateway import errors, logs, tracing
from gateway.flows import meters
from gateway.flows.apply import Applier
from gateway.jobs import Doorbell
from gateway.settings import Settings
from gateway.store.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

APPLY_LIMIT_SECONDS = 900.0
BEAT_LIMIT_SECONDS = 5.0
# How long the end of a process waits for its last heartbeat.
LEAVE_SECONDS = 7.0

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """One per process, made after it has started and never handed across a fork."""

    settings: Settings
    name: str
    pool: Pool
    beating: Pool
    doorbell: Doorbell
    meters: meters.ApplyMeters
    applier: Applier


def make(environ: Mapping[str, str]) -> Runtime:
    """Wire a worker from the environment. Raises errors.BadSettings."""
    settings = Settings.from_environ(environ)
    logs.configure(
        level=settings.log_level, style=settings.log_format, error_hook=settings.error_hook
    )
    url = settings.require_database_url()
    pool = Pool(url, name="apply", size=2, limit_seconds=APPLY_LIMIT_SECONDS)
    counts = meters.ApplyMeters()
    return Runtime(
        settings=settings,
        name=f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}",
        pool=pool,
        beating=Pool(url, name="beat", size=1, limit_seconds=BEAT_LIMIT_SECONDS),
        doorbell=Doorbell(settings.require_redis_url()),
        meters=counts,
        applier=Applier(
            pool, now=now, observe=counts.observe, tracer=tracing.start(settings.trace_exporter)
        ),
    )


@functools.cache
def current() -> Runtime:
    """Return this process's runtime; RQ's jobs have no other way to be given it."""
    return make(os.environ)


def now() -> datetime.datetime:
    """Read the clock."""
    return datetime.datetime.now(datetime.UTC)


@contextlib.contextmanager
def beating(runtime: Runtime, kind: str) -> Iterator[None]:
    """Beat in the background during the block, and leave at its end."""
    heart = meters.Heart(runtime.beating, name=runtime.name, kind=kind, meters=runtime.meters)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(heart, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LEAVE_SECONDS)


def _beat(heart: meters.Heart, ended: threading.Event) -> None:
    while not ended.is_set():
        with _logged():
            heart.beat()
        ended.wait(meters.INTERVAL_SECONDS)
    with _logged():
        heart.stop()


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """Go on beating when Postgres does not take it: it may the next time."""
    try:
        yield
    except errors.GatewayError as error:
        _log.warning("heartbeat.failed", error=type(error).__name__, reason=str(error))
