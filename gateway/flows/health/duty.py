"""Whether processes do what they are for: each by its own lights, each kind as seen from outside.

A process can be alive, and beat, while the way in which its work comes to it is broken: a password,
a firewall, another database, an option its library cannot live with. So a process tells when its
queue last answered it; and its kind is asked, by the same queue, to do a piece of work that changes
nothing. The same goes for every kind of process, whatever its work is.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from typing import TYPE_CHECKING, Final

from gateway.core.health import processes
from gateway.store.health import heartbeats
from gateway.store.health.heartbeats import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.store.db.engine import Pool
    from gateway.store.health.heartbeats import ProcessCount

PATIENCE_SECONDS: Final = heartbeats.PATIENCE_SECONDS
ASK_SECONDS: Final = 5.0
# Longer than the longest transaction of a worker may take.
BUSY_SECONDS: Final = 1000.0
MAX_TROUBLE_CHARACTERS: Final = 300


class Standing(enum.StrEnum):
    """How the processes of a kind are doing, all together."""

    WORKING = "working"
    HINDERED = "hindered"
    SILENT = "silent"


class Duty:
    """What a process notes of its own work; its heart tells it to the others."""

    def __init__(
        self,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._came_round_at = clock()
        self._begun_at: float | None = None
        self._worked_at: float | None = None
        self._trouble: str | None = None

    def come_round(self) -> None:
        """Note that the process could be given work just now, whether there was any or not."""
        with self._lock:
            self._came_round_at, self._trouble = self._clock(), None

    def hinder(self, trouble: str) -> None:
        """Note what keeps the process from its work, until it comes round again."""
        with self._lock:
            self._trouble = trouble[:MAX_TROUBLE_CHARACTERS]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Note a piece of work; what is done to its end shows that nothing hinders it any more."""
        with self._lock:
            self._begun_at = self._clock()
        try:
            yield
            with self._lock:
                self._worked_at, self._trouble = self._clock(), None
        finally:
            with self._lock:
                self._begun_at, self._came_round_at = None, self._clock()

    def condition(self) -> Condition:
        with self._lock:
            now = self._clock()
            if self._begun_at is not None:
                busy = now - self._begun_at
                late = f"it has been at one piece of work for {busy:.0f} s"
                return Condition(idle_seconds=0.0, trouble=late if busy > BUSY_SECONDS else None)
            idle = None if self._worked_at is None else now - self._worked_at
            waited = now - self._came_round_at
            trouble = self._trouble
            if trouble is None and waited > self._patience_seconds:
                trouble = f"its queue has not answered for {waited:.0f} s"
            return Condition(idle_seconds=idle, trouble=trouble)


def ask(pool: Pool, kind: str, ring: Callable[[], object]) -> None:
    """Ask the processes of a kind to show that they are at work, by the way their work comes."""
    with pool.begin() as conn:
        heartbeats.ask(conn, kind)
    ring()


def to_ask(pool: Pool) -> list[str]:
    """Tell which kinds of processes to ask: those with a queue that are needed or remembered."""
    with pool.read() as conn:
        kinds = [pulse.kind for pulse in heartbeats.pulses(conn)]
    return [kind for kind in kinds if kind in processes.QUEUED]


def is_anyone_at_work(pool: Pool, kind: str) -> bool:
    """Tell whether any process of a kind is alive and at its work."""
    with pool.read() as conn:
        return heartbeats.pulse(conn, kind).working > 0


def standing(pulse: ProcessCount) -> Standing:
    """Tell how a kind is doing: hindered is one of which any process cannot do its work."""
    if not pulse.alive:
        return Standing.SILENT
    return Standing.WORKING if pulse.working == pulse.alive else Standing.HINDERED


def trouble(pulse: ProcessCount) -> str | None:
    """Say in a sentence what is known of why a kind does not work."""
    if pulse.trouble is None and pulse.unanswered_seconds is not None:
        return f"they have taken up no work for {pulse.unanswered_seconds:.0f} s"
    return pulse.trouble


def all_work(pulses: Sequence[ProcessCount]) -> bool:
    """Tell whether there are processes of every kind, and all of them work."""
    return all(standing(pulse) is Standing.WORKING for pulse in pulses)
