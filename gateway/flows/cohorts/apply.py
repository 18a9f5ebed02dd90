"""Applying: the pages of one cohort, in the order of receipt, into its membership.

The only writer of membership. Each step is one transaction under the cohort's lock, so a step that
dies leaves nothing behind and is simply taken again.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import secrets
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from gateway import aside, errors, tracing
from gateway.flows.cohorts import step as steps
from gateway.flows.cohorts import traced
from gateway.flows.cohorts.step import MERGED_PAGES
from gateway.flows.cohorts.work import Outcome, StepBegin, StepContext
from gateway.store.cohorts import apply_state, attempts, blocked, inbox

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer

    from gateway.store.cohorts.apply_state import ApplyState
    from gateway.store.cohorts.attempts import Attempt
    from gateway.store.cohorts.inbox import Entry
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Pipeline

MAX_ATTEMPTS: Final = 3
# What is no page's fault (a permission, a schema half rolled out, an internal error of Postgres)
# may fail every page alike, so it gets this much time as well before a page is blocked. It is a
# time because each page that comes in is one more attempt.
BROKEN_SECONDS: Final = 60.0
BUDGET_SECONDS: Final = 5.0

# Locks the cohort of a step; None if another is at it.
Claim: TypeAlias = "Callable[[], StepContext | None]"

_log = structlog.get_logger()


class Drained(enum.Enum):
    """How a drain ended; only after OUT_OF_TIME is there more to do at once.

    EXPECTING is DONE, but pages of the newest sync are still to come.
    """

    DONE = enum.auto()
    EXPECTING = enum.auto()
    OUT_OF_TIME = enum.auto()


class Applier:
    """Drains cohorts; safe to run for the same cohort from anywhere at any time."""

    def __init__(
        self,
        pool: Pool,
        *,
        now: Callable[[], datetime.datetime],
        observe: Callable[[float], None] = lambda _seconds: None,
        tracer: Tracer = tracing.OFF,
    ) -> None:
        self._pool = pool
        self._now = now
        self._observe = observe
        self._tracer = tracer
        self._name = secrets.token_hex(8)  # of this process, in the attempts it begins
        self._unreleased: set[int] = set()  # cohorts

    def drain(self, cohort_id: int, *, budget_seconds: float = BUDGET_SECONDS) -> Drained:
        """Apply what waits for a cohort until nothing does, another is at it, or time is up.

        Raises errors.Unavailable when the database cannot now; what was not committed still waits.
        """
        limit, end = MERGED_PAGES, time.monotonic() + budget_seconds
        ended = Drained.DONE
        while time.monotonic() < end:
            tried: list[int] = []
            try:
                outcome, expects = self._step(cohort_id, limit=limit, tried=tried)
            except Exception as error:  # a page that no code can apply must not stop the others
                if _will_pass(error):
                    raise
                if limit == 1:
                    self._note_failure(cohort_id, error, number=tried[0] if tried else None)
                    if not isinstance(error, errors.Poison):
                        return Drained.DONE  # the sweeper comes back: it may be ours to mend
                limit = 1
                continue
            if outcome in {Outcome.WORKED, Outcome.WAITING}:
                ended = Drained.EXPECTING if expects else Drained.DONE
            if outcome is not Outcome.WORKED and not self._rang_meanwhile(cohort_id, outcome):
                return ended
        return Drained.OUT_OF_TIME

    def step(self, cohort_id: int, *, limit: int = MERGED_PAGES) -> Outcome:
        """Take one step: apply the next run of pages, or find that there is none to apply."""
        return self._step(cohort_id, limit=limit, tried=[])[0]

    def _step(self, cohort_id: int, *, limit: int, tried: list[int]) -> tuple[Outcome, bool]:
        """Take one step, and tell whether pages of its sync are still to come."""
        began = time.monotonic()
        with self._attempting(cohort_id) as begin, self._pool.pipeline() as trip:
            work = self._claim(trip, cohort_id, begin, tried)
            if work is None:
                return Outcome.BUSY, False
            outcome = steps.take(work, limit)
            parents = traced.parents(self._tracer, work)
        if outcome is Outcome.WORKED:
            self._note_done(work, parents, time.monotonic() - began)
        return outcome, outcome is Outcome.WAITING or any(one.expects for one in work.done)

    def at_once(self, cohort_id: int, act: Callable[[Pipeline, Claim], StepContext]) -> None:
        """Take a step that `act` makes up, in the transaction in which it stores what it applies.

        Nothing of it is left if it raises; raises what `act` does, and errors.Unavailable.
        """
        began = time.monotonic()
        with self._attempting(cohort_id) as begin, self._pool.pipeline() as trip:
            work = act(trip, functools.partial(self._claim, trip, cohort_id, begin, []))
        self._note_done(work, [], time.monotonic() - began)

    def _claim(
        self, trip: Pipeline, cohort_id: int, begin: StepBegin, tried: list[int]
    ) -> StepContext | None:
        """Lock a cohort for a step; None if another is at it."""
        state = apply_state.claim(trip, cohort_id)
        if state is None:
            return None
        return StepContext(
            trip=trip, cohort_id=cohort_id, state=state, now=self._now(), begin=begin, tried=tried
        )

    def _note_done(self, work: StepContext, parents: list[list[str]], seconds: float) -> None:
        """Tell of a step that is committed: a failure here is not the next page's."""
        with aside.harmless("metrics"):
            self._observe(seconds)
        with aside.harmless("log"):
            _tell(work, seconds)
        with aside.harmless("tracing"):
            traced.tell(self._tracer, work, parents, seconds)

    def _begin(self, cohort_id: int, through: int) -> Attempt:
        with self._pool.single() as conn:
            return attempts.begin(conn, cohort_id, worker=self._name, through=through)

    @contextlib.contextmanager
    def _attempting(self, cohort_id: int) -> Iterator[StepBegin]:
        """Lend what begins an attempt, and take one that failed back.

        This worker is not lost then, whatever the page did. The attempt of another thread is left
        alone: only the transaction that it is of ends it.
        """
        begun = False

        def begin(through: int) -> Attempt:
            nonlocal begun
            begun = True
            self._unreleased.discard(cohort_id)
            return self._begin(cohort_id, through)

        try:
            yield begin
        except BaseException:
            if begun:
                self._unreleased.add(cohort_id)
            raise
        finally:
            self._release()

    def _release(self) -> None:
        """Take back what failed, also what could not be taken back before."""
        try:
            for cohort_id in list(self._unreleased):
                with self._pool.single() as conn:
                    attempts.release(conn, cohort_id, worker=self._name)
                self._unreleased.discard(cohort_id)
        except errors.Unavailable as error:
            _log.warning("attempt.unreleased", error=type(error).__name__)

    def _rang_meanwhile(self, cohort_id: int, outcome: Outcome) -> bool:
        """Look once more, after the lock is gone, for a page with a wake-up that came too early."""
        if outcome is Outcome.BUSY:
            return False
        with self._pool.read() as conn:
            if outcome is Outcome.WAITING:
                return inbox.need_not_wait(conn, cohort_id)
            return inbox.is_waiting(conn, cohort_id)

    def _note_failure(self, cohort_id: int, error: Exception, *, number: int | None) -> None:
        """Count a failure of the delivery that was tried; after the last attempt, block it.

        Without a number nothing had been tried, and it is the one at the head that waits.
        """
        with self._pool.pipeline() as trip:
            state = apply_state.claim(trip, cohort_id)
            if state is None:
                return
            entry = _still_waiting(trip, cohort_id, state, number)
            if entry is None:  # another process got past it meanwhile
                return
            retried = entry.number <= state.applied_through
            attempts = state.attempts + 1
            named = _named(error)
            _log.error(
                "delivery.failed",
                cohort_id=cohort_id,
                delivery=entry.number,
                attempts=attempts,
                error=type(error).__name__,
                reason=str(named),
                exc_info=None if named is error else error,
            )
            traced.tell_failure(
                self._tracer, trip.conn, cohort_id, entry, code=named.code, attempts=attempts
            )
            now = self._now()
            since = state.failing_since or now
            if not retried and _may_still_pass(error, attempts, (now - since).total_seconds()):
                apply_state.note_failure(trip.conn, cohort_id, since=since)
                return
            begin = functools.partial(self._begin, cohort_id)
            work = StepContext(trip=trip, cohort_id=cohort_id, state=state, now=now, begin=begin)
            steps.set_aside(work, entry, attempts=attempts, code=named.code, reason=str(named))
            _log.error(
                "delivery.blocked", cohort_id=cohort_id, delivery=entry.number, code=named.code
            )


def _still_waiting(
    trip: Pipeline, cohort_id: int, state: ApplyState, number: int | None
) -> Entry | None:
    """Find a delivery if it is the next one still, at the head or of those to be tried again."""
    head = state.applied_through + 1
    number = head if number is None else number
    next_one = head if number >= head else blocked.requested(trip, cohort_id)
    return inbox.entry(trip, cohort_id, number) if number == next_one else None


def _tell(work: StepContext, seconds: float) -> None:
    for applied in work.done:
        _log.info(
            "pages.applied",
            cohort_id=work.cohort_id,
            **applied.facts(),
            milliseconds=round(seconds * 1000, 1),
        )


def _will_pass(error: Exception) -> bool:
    """Tell whether the same page may be tried for as long as it takes."""
    return isinstance(error, errors.Unavailable) and not isinstance(
        error, errors.DatabaseInternalError
    )


def _may_still_pass(error: Exception, attempts: int, seconds: float) -> bool:
    """Tell whether a page that has failed so often, for so long, is tried again."""
    if attempts < MAX_ATTEMPTS:
        return True
    return not isinstance(error, errors.Poison) and seconds < BROKEN_SECONDS


def _named(error: Exception) -> errors.GatewayError:
    """Name what a page failed with; of a bug only its type is kept, its text may hold data."""
    return (
        error
        if isinstance(error, errors.GatewayError)
        else errors.InternalError(type(error).__name__)
    )
