"""RQ's half of reading: answer the ring, and read every load that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway.core import moments
from gateway.flows.cohorts.load_reader import Reader
from gateway.flows.sources.query_reading import QueryReader
from gateway.flows.sources.setup import Setup
from workers import runtime

if TYPE_CHECKING:
    from workers.runtime import Runtime

_log = structlog.get_logger()


def read() -> None:
    """Read what is queued; if that fails, this process looks again in a few seconds."""
    try:
        read_due(runtime.current())
    except Exception as error:  # noqa: BLE001 - RQ would log and keep its text, which may hold data
        _log.error("read.failed", exc_info=error)


def read_due(run: Runtime) -> None:
    """Read the loads that are due, one after the other, until told to stop.

    Raises errors.Unavailable.
    """
    reader = Reader(
        run.pool,
        run.beating,
        run.doorbell,
        name=run.name,
        at_most=run.settings.loads,
        now=moments.now,
        stopping=run.stopping.is_set,
        read_definition=QueryReader(Setup.of(run.settings)),
    )
    more = True
    while more and not run.stopping.is_set():
        with run.duty.at_work():
            more = reader.read_next()
