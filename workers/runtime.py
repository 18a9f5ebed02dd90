"""What a worker process is made of: its pools, its applier, and its heartbeat."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import structlog

from gateway import errors, logs, tracing
from gateway.core import moments
from gateway.flows.cohorts.apply import Applier
from gateway.flows.health import heartbeats as meters
from gateway.flows.health import readiness as ready
from gateway.flows.health.duty import Duty
from gateway.jobs import WakeUps
from gateway.settings import Settings
from gateway.store.db.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

APPLY_LIMIT_SECONDS = 900.0
BEAT_LIMIT_SECONDS = 5.0
# How often a process looks whether the database is there, and migrated, before it begins.
LOOK_SECONDS = 1.0
# What the scheduler does beside its sweeps, each on a connection of its own; see schedule.py.
CHORES = 17
# A look at a rule reads, stores a page, and notes what it found.
RULES = 3
# One index is built at a time; for one with very many events that takes hours.
BUILD_LIMIT_SECONDS = 6 * 3600.0
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
    chores: Pool
    rules: Pool
    building: Pool
    duty: Duty
    wake_ups: WakeUps
    meters: meters.ApplyMeters
    applier: Applier
    stopping: threading.Event


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
        chores=Pool(url, name="chores", size=CHORES, limit_seconds=APPLY_LIMIT_SECONDS),
        rules=Pool(url, name="rules", size=RULES, limit_seconds=APPLY_LIMIT_SECONDS),
        building=Pool(url, name="indexes", size=1, limit_seconds=BUILD_LIMIT_SECONDS),
        duty=Duty(),
        wake_ups=WakeUps(settings.require_redis_url()),
        meters=counts,
        applier=Applier(
            pool,
            now=moments.now,
            observe=counts.observe,
            tracer=tracing.start(settings.trace_exporter),
        ),
        stopping=threading.Event(),
    )


@functools.cache
def current() -> Runtime:
    """Return this process's runtime; RQ's jobs have no other way to be given it."""
    return make(os.environ)


@contextlib.contextmanager
def beating(runtime: Runtime, kind: str, *others: str) -> Iterator[None]:
    """Beat in the background during the block, and leave at its end.

    A process of several kinds beats as each of them, and what it counts is of the first.
    """
    counted = {kind: runtime.meters, **{other: meters.ApplyMeters() for other in others}}
    hearts = [
        meters.Heartbeat(
            runtime.beating,
            name=f"{runtime.name}-{one}",
            kind=one,
            meters=counts,
            duty=runtime.duty,
        )
        for one, counts in counted.items()
    ]
    with beside(lambda ended: _beat(hearts, ended), "heartbeat", leave_seconds=LEAVE_SECONDS):
        yield


@contextlib.contextmanager
def beside(
    work: Callable[[threading.Event], None], name: str, *, leave_seconds: float
) -> Iterator[None]:
    """Do work in a thread during the block; at its end the work is told, and waited for."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(leave_seconds)


def _beat(hearts: Sequence[meters.Heartbeat], ended: threading.Event) -> None:
    def beat() -> None:
        for heart in hearts:
            heart.beat()

    def stop() -> None:
        for heart in hearts:
            heart.stop()

    said = None
    while not ended.is_set():
        said = attempt(beat, "heartbeat.failed", said)
        ended.wait(meters.INTERVAL_SECONDS)
    attempt(stop, "heartbeat.failed")


def attempt(what: Callable[[], object], event: str, said: str | None = None) -> str | None:
    """Do what may fail now and not the next time; returns the reason if it did.

    A reason that was said before is not said again: the same trouble comes back at every try.
    """
    try:
        what()
    except errors.GatewayError as error:
        reason = str(error)
        if reason != said:
            _log.warning(event, error=type(error).__name__, reason=reason)
        return reason
    return None


def await_schema(runtime: Runtime, stopping: threading.Event) -> None:
    """Wait until the database answers and is migrated, and say once what is waited for."""
    readiness = ready.Readiness(runtime.beating)
    said = attempt(readiness.require_schema, "process.waits")
    while said is not None and not stopping.wait(LOOK_SECONDS):
        said = attempt(readiness.require_schema, "process.waits", said)


def stop_when_told(stopping: threading.Event) -> None:
    """Have this process end its loops when it is told to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
