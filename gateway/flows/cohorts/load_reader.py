"""Reading queued loads: one at a time, under a lease, from the start to the decision.

What is staged is fenced by the epoch of the load: a reader that was taken for dead can add nothing
once another has begun. The lease is finished in the transaction that says what came of the load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gateway import errors
from gateway.core.cohorts import approval
from gateway.core.cohorts.failures import Failure
from gateway.core.cohorts.load import Mode, State
from gateway.core.cohorts.receipt import Problem
from gateway.flows import leases
from gateway.flows.cohorts import (
    definition_reading,
    file_reading,
    frozen,
    load,
    load_queue,
    loading,
    planned,
)
from gateway.store.cohorts import accept, guards, load_rows, loads, receipts
from gateway.store.db import leases as lease_rows
from gateway.store.db.leases import Died

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Approval, Load
    from gateway.flows.cohorts.file_reading import Tally
    from gateway.flows.cohorts.load import Difference
    from gateway.flows.leases import Keeper
    from gateway.jobs import WakeUps
    from gateway.store.cohorts.receipts import Asked
    from gateway.store.db.engine import Pool
    from gateway.store.db.leases import Lease


class ReadDefinition(Protocol):
    """Reads members by the definition of a load, and stages them as `file_reading.read` does."""

    def __call__(
        self,
        pool: Pool,
        one: Load,
        asked: Asked,
        *,
        check: Callable[[], None],
        now: Callable[[], datetime.datetime],
    ) -> Tally:
        """Read all of them. Raises errors.ReadFailed, and errors.Conflict if it was canceled."""


# After trouble with Postgres a load waits this long; after a stop another reader may have it now.
AGAIN_SECONDS: Final = 2.0

READER_DIED: Final = Problem(
    code=Failure.READER_DIED,
    message="Three processes in a row ended while they read this.",
    hint="Split a file, or save it as CSV; let a query select less. If that does not help, ask the"
    " operator of the gateway for its log.",
)
BROKEN: Final = Problem(
    code=Failure.INTERNAL,
    message="The gateway could not read this because of a fault of its own.",
    hint="Ask the operator of the gateway for its log.",
)

_log = structlog.get_logger()


class Stopped(Exception):
    """The process is told to end."""


class Reader:
    """Reads loads that are due; `beating` is a pool beside that of the work."""

    def __init__(
        self,
        pool: Pool,
        beating: Pool,
        wake_ups: WakeUps,
        *,
        name: str,
        at_most: int,
        now: Callable[[], datetime.datetime],
        stopping: Callable[[], bool] = lambda: False,
        definitions: Mapping[str, ReadDefinition] | None = None,
    ) -> None:
        """`definitions` read what is no file, by kinds of sources; loads of others are broken."""
        self._pool = pool
        self._beating = beating
        self._wake_ups = wake_ups
        self._name = name
        self._at_most = at_most
        self._now = now
        self._stopping = stopping
        self._definitions = definitions or {}

    def read_next(self) -> bool:
        """Read the load that has been queued for longest; False if none is due.

        Raises errors.Unavailable; what was begun is then read again from the start.
        """
        claimed = leases.claim(
            self._pool, load_queue.KIND, holder=self._name, at_most=self._at_most
        )
        if claimed is None:
            return False
        with leases.keeping(self._pool, claimed, beating=self._beating) as keeper:
            try:
                self._work(keeper, claimed)
            except errors.LeaseLost:
                _log.warning("load.lost", load=claimed.key)
            except (Stopped, errors.Unavailable) as error:
                self._give_back(claimed, error)
                if isinstance(error, errors.Unavailable):
                    raise
                return False
        return True

    def _work(self, keeper: Keeper, claimed: Lease) -> None:
        begun = self._begin(keeper, claimed)
        if begun is None:
            return
        one, asked = begun
        if isinstance(claimed, Died):
            self._fail(keeper, one, READER_DIED)
            return
        try:
            difference = self._read(keeper, one, asked)
        except (errors.LeaseLost, Stopped):
            raise
        except errors.Conflict:
            self._forget(keeper)  # it was canceled
        except Exception as error:  # noqa: BLE001 - a file that no code can read is not tried for ever
            self._fail(keeper, one, _problem(claimed, error))
        else:
            self._submit(keeper, one, asked, difference)

    def _begin(self, keeper: Keeper, claimed: Lease) -> tuple[Load, Asked] | None:
        """Begin another epoch of a load; None if it has ended, and the lease with it."""
        cohort_id, number = map(int, claimed.key.split("-"))
        with keeper.writing() as conn:
            counters = accept.counters(conn, cohort_id)
            one = loads.lock(conn, cohort_id, number)
            if one is None or one.state not in {State.QUEUED, State.READING}:
                lease_rows.finish(conn, claimed)
                return None
            asked, now = receipts.asked(conn, cohort_id, number), self._now()
            if asked.definition_number is None or counters is None:
                one = loads.restart(conn, one, session=one.session, begun_at=one.begun_at)
            else:  # it reads what there is now, so its place in order is one of now
                one = load.begin_anew(conn, one, counters, now=now)
            load_rows.drop(conn, one)
            receipts.begin(conn, one, now=now)
            return one, asked

    def _read(self, keeper: Keeper, one: Load, asked: Asked) -> Difference | None:
        """Stage all that the file has, and compare it unless nothing of that has to be known."""

        def check() -> None:
            keeper.require()
            if self._stopping():
                raise Stopped

        source = frozen.Moment.of(asked.options)
        if source is not None:
            frozen.read(self._pool, one, source, check=check, now=self._now)
            return load.compare(self._pool, one)
        read: ReadDefinition = file_reading.read
        if asked.definition_number is not None:
            kind = definition_reading.of_load(self._pool, one, asked).kind
            read = self._definitions.get(kind, read)
        tally = read(self._pool, one, asked, check=check, now=self._now)
        if one.mode is not Mode.REPLACE and not asked.review and tally.pages <= 1:
            return None
        return load.compare(self._pool, one)

    def _submit(
        self, keeper: Keeper, one: Load, asked: Asked, difference: Difference | None
    ) -> None:
        """Let a load be applied, or wait for an approval."""
        now = self._now()
        with keeper.writing() as conn:
            counters = accept.counters(conn, one.cohort_id)
            current = _still(conn, one)
            if current is None or counters is None:
                waits = None
            else:
                waits = _judge(conn, current, asked, difference)
                if waits is None:
                    load.make_visible(conn, current, counters, now=now)
                else:
                    expires_at = now + loading.APPROVAL_KEPT
                    receipts.hold(conn, current, waits, expires_at=expires_at)
            lease_rows.finish(conn, keeper.lease)
        if waits is None:
            load.announce(one, self._wake_ups)

    def _fail(self, keeper: Keeper, one: Load, problem: Problem) -> None:
        with keeper.writing() as conn:
            accept.counters(conn, one.cohort_id)
            current = _still(conn, one)
            if current is not None:
                load.end(conn, current, State.FAILED, now=self._now())
                receipts.fail(conn, current, problem)
                planned.note_failed(conn, one.cohort_id, one.number, problem.code, now=self._now())
            lease_rows.finish(conn, keeper.lease)
        _log.info("load.failed", load=keeper.lease.key, code=problem.code)

    def _forget(self, keeper: Keeper) -> None:
        with keeper.writing() as conn:
            lease_rows.finish(conn, keeper.lease)

    def _give_back(self, claimed: Lease, error: Exception) -> None:
        """Let another reader begin; where Postgres is away, the lease runs out.

        An internal error of Postgres may be there for as long as the data is, so it is counted.
        """
        delay = AGAIN_SECONDS if isinstance(error, errors.Unavailable) else 0.0
        deaths = 1 if isinstance(error, errors.DatabaseInternalError) else 0
        try:
            with self._pool.begin() as conn:
                lease_rows.give_back(conn, claimed, delay_seconds=delay, deaths=deaths)
        except (errors.Unavailable, errors.LeaseLost) as trouble:
            _log.warning("load.kept", load=claimed.key, error=type(trouble).__name__)


def _problem(claimed: Lease, error: Exception) -> Problem:
    """Say why nothing comes of a load; raises the error again if another reading may go well."""
    if isinstance(error, errors.ReadFailed):
        return Problem(code=error.failure, message=str(error), hint=error.hint)
    last = claimed.deaths + 1 >= lease_rows.MOST_DEATHS
    if isinstance(error, errors.Unavailable) and not (
        isinstance(error, errors.DatabaseInternalError) and last
    ):
        raise error
    _log.error("load.broken", load=claimed.key, exc_info=error)
    return BROKEN


def _still(conn: Connection, one: Load) -> Load | None:
    """Lock a load, None unless this epoch of it is still being read."""
    current = loads.lock(conn, one.cohort_id, one.number)
    ours = (State.READING, one.epoch)
    return current if current and (current.state, current.epoch) == ours else None


def _judge(
    conn: Connection, one: Load, asked: Asked, difference: Difference | None
) -> Approval | None:
    """Note what a load would do, and tell whether it has to wait for an approval."""
    repeated, same_at = (difference.repeated, difference.same_at) if difference else (0, None)
    receipts.note_end(conn, one, repeated=repeated, same_at=same_at)
    if difference is None or (one.mode is not Mode.REPLACE and not asked.review):
        return None
    enter, leave = difference.would_enter, difference.would_exit
    receipts.note_would(conn, one, enter=enter, leave=leave)
    effect = approval.Effect(read=one.received, members=difference.members, leaving=leave)
    guard = guards.get(conn, one.cohort_id)
    return approval.needed(one.mode, guard, effect, review=asked.review)
