"""Rounds over the cohorts of people: what loads have evaluated is put in force, and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import aside, errors
from gateway.core.people.source import KIND
from gateway.flows.behaviour import live
from gateway.flows.people import arrivals
from gateway.store.behaviour import states
from gateway.store.db import chores

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gateway.jobs import WakeUps
    from gateway.store.db.engine import Pool

CHORE: Final = "rules"
EVERY_SECONDS: Final = 1.0
# A round of a process that died is taken over after this. One that takes longer has company then,
# which does no harm: each cohort is held by the transaction that looks at it.
LEASE_SECONDS: Final = 10.0


def look_at_all(conn: Connection) -> None:
    """Have the next look of each live rule be at all people: events have gone without a trace."""
    states.look_at_all(conn)


class Evaluator:
    """Keeps the rules of cohorts evaluated, mostly one process at a time."""

    def __init__(
        self,
        pool: Pool,
        wake_ups: WakeUps,
        *,
        now: Callable[[], datetime.datetime],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._pool = pool
        self._wake_ups = wake_ups
        self._now = now
        self._every_seconds = every_seconds

    def round(self) -> bool:
        """Evaluate what is due; False if another process does, or nothing is."""
        with self._pool.begin() as conn:
            claimed = chores.claim(
                conn, CHORE, every_seconds=self._every_seconds, lease_seconds=LEASE_SECONDS
            )
        if claimed is None:
            return False
        try:
            self.evaluate()
        finally:
            with self._pool.begin() as conn:
                chores.give_back(conn, CHORE, after=0)
        return True

    def evaluate(self) -> None:
        """Go through all cohorts; one that fails holds no other up."""
        with self._pool.begin() as conn:
            states.forget_deleted(conn)
            found = states.listing(conn, KIND)
        cuts: dict[int, int] = {}
        for state in found:
            try:
                self._evaluate(state, cuts)
            except errors.GatewayError as error:
                live.failed(state, error)

    def _evaluate(self, state: states.State, cuts: dict[int, int]) -> None:
        if state.applied is not None:
            with self._pool.begin() as conn:
                if states.hold(conn, state):
                    states.settle(conn, state.cohort_id, state.applied)
            return  # the next round goes on with what it has settled
        now = self._now()
        if live.is_due(state, now):
            if state.source_id not in cuts:
                cuts[state.source_id] = arrivals.cut(self._pool, state.source_id)
                now = self._now()
            if live.look(self._pool, state, cut=cuts[state.source_id], now=now):
                with aside.harmless("wake_up"):
                    self._wake_ups.notify(state.cohort_id)
