"""The scheduler process: a tick every second; what is due is decided in Postgres."""

from __future__ import annotations

import signal
import threading

import structlog

from gateway import errors
from gateway.flows import sweep
from gateway.store import heartbeats
from workers import runtime

SWEEP_SECONDS = 1.0

_log = structlog.get_logger()


def run() -> None:
    """Sweep until told to stop; two schedulers at once do no harm."""
    made = runtime.current()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    beating = runtime.start_beating(made, heartbeats.SCHEDULER)
    _log.info("scheduler.started", name=made.name)
    while not stopping.wait(SWEEP_SECONDS):
        try:
            sweep.sweep(made.pool, made.applier, made.doorbell)
        except errors.GatewayError as error:
            _log.warning("sweep.failed", error=type(error).__name__)
    beating.set()
    _log.info("scheduler.stopped", name=made.name)
