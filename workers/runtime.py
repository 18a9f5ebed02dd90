"""What a worker process is made of: its pools, its applier, and its heartbeat."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import socket
import threading
from typing import TYPE_CHECKING

import structlog

from gateway import errors, logs
from gateway.flows.apply import Applier
from gateway.flows.meters import ApplyMeters
from gateway.jobs import Doorbell
from gateway.settings import Settings
from gateway.store import heartbeats
from gateway.store.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLY_LIMIT_SECONDS = 900.0
BEAT_LIMIT_SECONDS = 5.0

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """One per process, made after it has started and never handed across a fork."""

    settings: Settings
    name: str
    pool: Pool
    beating: Pool
    doorbell: Doorbell
    meters: ApplyMeters
    applier: Applier


def make(environ: Mapping[str, str]) -> Runtime:
    """Wire a worker from the environment. Raises errors.BadSettings."""
    settings = Settings.from_environ(environ)
    logs.configure(level=settings.log_level, style=settings.log_format)
    url = settings.require_database_url()
    pool = Pool(url, name="apply", size=2, limit_seconds=APPLY_LIMIT_SECONDS)
    meters = ApplyMeters()
    return Runtime(
        settings=settings,
        name=f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}",
        pool=pool,
        beating=Pool(url, name="beat", size=1, limit_seconds=BEAT_LIMIT_SECONDS),
        doorbell=Doorbell(settings.require_redis_url()),
        meters=meters,
        applier=Applier(pool, now=now, observe=meters.observe),
    )


@functools.cache
def current() -> Runtime:
    """Return this process's runtime; RQ's jobs have no other way to be given it."""
    return make(os.environ)


def now() -> datetime.datetime:
    """Read the clock."""
    return datetime.datetime.now(datetime.UTC)


def start_beating(runtime: Runtime, kind: str) -> threading.Event:
    """Beat in the background until the returned event is set."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(runtime, kind, ended), name="heartbeat", daemon=True
    )
    thread.start()
    return ended


def _beat(runtime: Runtime, kind: str, ended: threading.Event) -> None:
    while True:
        try:
            with runtime.beating.begin() as conn:
                heartbeats.beat(conn, runtime.name, kind, runtime.meters.read())
        except errors.GatewayError as error:
            _log.warning("heartbeat.failed", error=type(error).__name__)
        if ended.wait(heartbeats.INTERVAL_SECONDS):
            return
