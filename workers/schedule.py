"""The scheduler process: it sweeps every second, and has chores done beside that."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from typing import TYPE_CHECKING, Final

import structlog

from gateway.core import moments
from gateway.flows.behaviour import indexing
from gateway.flows.behaviour.rounds import Evaluator, look_at_all
from gateway.flows.cohorts import (
    feed,
    load_upkeep,
    planned,
    redact_history,
    redact_pages,
    retention,
)
from gateway.flows.cohorts.sweep import Sweeper
from gateway.flows.health import audit, duty, heartbeats
from gateway.flows.notices import watch
from gateway.flows.people import forget, sampling
from gateway.flows.people import retention as events
from gateway.flows.sources import refusals
from gateway.flows.syncs import actions, upkeep
from workers import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workers.runtime import Runtime

SWEEP_SECONDS = 1.0
# How long the end of the process waits for chores; what they have begun is undone and done again.
LEAVE_SECONDS = 2.0

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chore:
    """Work that is looked at so often; whether it is due, and where, is decided in Postgres.

    Each has a thread: one that hangs or fails delays no other, and least of all the sweep.
    """

    name: str
    every_seconds: float
    do: Callable[[Runtime], object]


def _probe(made: Runtime) -> None:
    for kind in duty.to_ask(made.chores):
        duty.ask(made.chores, kind, functools.partial(made.wake_ups.probe, kind))


def _redact(made: Runtime) -> None:
    redact_history.run(made.chores, now=moments.now())


def _tend_events(made: Runtime) -> None:
    kept = events.Kept(
        event_days=made.settings.event_days, event_id_days=made.settings.event_id_days
    )
    events.run(made.chores, kept, note_drop=look_at_all)
    sampling.run(made.chores)


def _rules(made: Runtime) -> None:
    Evaluator(made.rules, made.wake_ups, now=moments.now).round()


def _indexes(made: Runtime) -> None:
    indexing.tend(made.chores, made.building, now=moments.now)


def _loads(made: Runtime) -> None:
    load_upkeep.tend(made.chores, now=moments.now())


def _syncs(made: Runtime) -> None:
    upkeep.tend(made.chores, now=moments.now())


def _plan(made: Runtime) -> None:
    planned.tick(made.chores, made.wake_ups, now=moments.now())


def _watch(made: Runtime) -> None:
    watch.tick(made.chores, now=moments.now())


CHORES: Final = (
    Chore(name="probe", every_seconds=duty.ASK_SECONDS, do=_probe),
    Chore(name="heartbeats", every_seconds=10.0, do=lambda made: heartbeats.retire(made.chores)),
    Chore(name="redact", every_seconds=1.0, do=_redact),
    Chore(name="scrub", every_seconds=1.0, do=lambda made: redact_pages.run(made.chores)),
    Chore(name="refusals", every_seconds=10.0, do=lambda made: refusals.tend(made.chores)),
    Chore(name="loads", every_seconds=5.0, do=_loads),
    Chore(name="syncs", every_seconds=10.0, do=_syncs),
    Chore(name="plans", every_seconds=1.0, do=_plan),
    Chore(name="audit", every_seconds=10.0, do=lambda made: audit.prune(made.chores)),
    Chore(name="notices", every_seconds=5.0, do=_watch),
    Chore(name="actions", every_seconds=10.0, do=lambda made: actions.prune(made.chores)),
    Chore(name="feed", every_seconds=10.0, do=lambda made: feed.prune(made.chores)),
    Chore(name="events", every_seconds=10.0, do=_tend_events),
    Chore(name="deletions", every_seconds=1.0, do=lambda made: forget.run(made.chores)),
    Chore(name="rules", every_seconds=1.0, do=_rules),
    Chore(name="indexes", every_seconds=2.0, do=_indexes),
    Chore(name="retention", every_seconds=1.0, do=lambda made: retention.run(made.chores)),
)


def run() -> None:
    """Sweep until told to stop; two schedulers at once do no harm."""
    made = runtime.current()
    stopping = threading.Event()
    runtime.stop_when_told(stopping)
    runtime.await_schema(made, stopping)
    sweeper = make_sweeper(made)
    _log.info("scheduler.started", name=made.name)
    said = None
    with runtime.beating(made, heartbeats.SCHEDULER), doing(made, CHORES):
        while not stopping.wait(SWEEP_SECONDS):
            said = sweep(made, sweeper, said)
    _log.info("scheduler.stopped", name=made.name)


def make_sweeper(made: Runtime) -> Sweeper:
    """Wire what looks at the work that waits, and does it where no worker does."""

    def alone() -> bool:
        return not duty.is_anyone_at_work(made.pool, heartbeats.WORKER)

    return Sweeper(made.pool, made.applier, made.wake_ups, alone=alone)


def sweep(made: Runtime, sweeper: Sweeper, said: str | None = None) -> str | None:
    """Sweep once; what fails is tried again by the next sweep. Returns why it failed."""

    def work() -> None:
        with made.duty.at_work():
            sweeper.sweep()

    reason = runtime.attempt(work, "sweep.failed", said)
    if reason is not None:
        made.duty.hinder(f"its last sweep failed: {reason}")
    return reason


@contextlib.contextmanager
def doing(made: Runtime, chores: Sequence[Chore]) -> Iterator[None]:
    """Have chores done in the background during the block."""
    ended = threading.Event()
    threads = [
        threading.Thread(target=_do, args=(made, one, ended), name=one.name, daemon=True)
        for one in chores
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(LEAVE_SECONDS / len(threads))


def _do(made: Runtime, chore: Chore, ended: threading.Event) -> None:
    said = None
    while not ended.is_set():
        try:
            said = runtime.attempt(lambda: chore.do(made), f"{chore.name}.failed", said)
        except Exception as error:  # noqa: BLE001 - a bug in one round must not end all later ones
            _log.error("chore.failed", chore=chore.name, exc_info=error)
        ended.wait(chore.every_seconds)
