"""RQ's half of reading: answer the ring, and read every load that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway.core import moments
from gateway.core.cohorts import kinds
from gateway.flows.behaviour import rule_reading
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
    query_reader = QueryReader(Setup.of(run.settings))
    reader = Reader(
        run.pool,
        run.beating,
        run.wake_ups,
        name=run.name,
        at_most=run.settings.loads,
        now=moments.now,
        stopping=run.stopping.is_set,
        definitions={
            **dict.fromkeys(kinds.DATABASES, query_reader),
            kinds.PEOPLE: rule_reading.read,
        },
    )
    more = True
    while more and not run.stopping.is_set():
        with run.duty.at_work():
            more = reader.read_next()
