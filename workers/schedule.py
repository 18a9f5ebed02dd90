"""The scheduler process: a tick every second; what is due is decided in Postgres."""

from __future__ import annotations

import signal
import threading

import structlog

from gateway import errors
from gateway.flows import meters, retention, scrub, sweep
from workers import runtime

SWEEP_SECONDS = 1.0

_log = structlog.get_logger()


def run() -> None:
    """Tick until told to stop; two schedulers at once do no harm."""
    made = runtime.current()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _log.info("scheduler.started", name=made.name)
    with runtime.beating(made, meters.SCHEDULER):
        while not stopping.wait(SWEEP_SECONDS):
            tick(made)
    _log.info("scheduler.stopped", name=made.name)


def tick(made: runtime.Runtime) -> None:
    """Do what is due; what fails is tried again when it is due next."""
    try:
        sweep.sweep(made.pool, made.applier, made.doorbell)
        meters.retire(made.pool)
        scrub.run(made.pool)
        retention.run(made.pool)
    except errors.GatewayError as error:
        _log.warning("sweep.failed", error=type(error).__name__, reason=str(error))
