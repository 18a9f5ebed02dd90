"""Editing: members are put into a list and taken out of it, and seen by the time of the answer.

An edit is a session of its own, stored like a page and applied like one, so it has its place in
order among loads, erasures and other edits. The request applies it itself where only edits are
before it in its cohort, and waits for the workers where something else is.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import aside, errors
from gateway.core.cohorts import edit as rules
from gateway.core.cohorts import kinds
from gateway.core.cohorts.page import Action, Arrival, Page
from gateway.errors import Fault
from gateway.flows.cohorts import lookup
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import accept, edits, inbox, memberships, sessions

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.edit import Edit, Half, Once
    from gateway.flows.cohorts.apply import Applier
    from gateway.jobs import WakeUps
    from gateway.store.cohorts.accept import IntakeState
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Line, Pipeline
    from gateway.waits import Waits

# Any request may wait for our own Postgres for so long, and some for longer (interface 4).
SHORT_SECONDS: Final = 1.0
LONG_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.02

_NOT_A_LIST: Final = "the members of this cohort come from its source; only lists are edited"
_PAUSED: Final = "the source '{}' is paused; resume it, then send this again"
_REUSED: Final = "was sent with another body; send a new key with a new edit"

Result = edits.Result

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """An edit that is stored: its session, and the delivery before its first one.

    `after` is None for one that was stored before.
    """

    session: int
    session_id: str
    after: int | None


class Editor:
    """Stores edits and sees them applied; at most `at_once` requests apply at a time."""

    def __init__(
        self,
        *,
        pool: Pool,
        applier: Applier,
        wake_ups: WakeUps,
        waits: Waits,
        at_once: int,
        long_seconds: float = LONG_SECONDS,
    ) -> None:
        self._pool = pool
        self._applier = applier
        self._wake_ups = wake_ups
        self._waits = waits
        self._turns = threading.BoundedSemaphore(at_once)
        self._long_seconds = long_seconds

    def edit(
        self,
        cohort_id: int,
        edit: Edit,
        once: Once | None = None,
        *,
        now: datetime.datetime,
        request_id: str,
    ) -> Result:
        """Edit a list, and return what came of it, or that it is not applied yet.

        The same once more changes nothing. Raises errors.NotFound, errors.Conflict for what is no
        list or of a paused source, errors.KeyReused, and
        errors.Unavailable; then nothing was stored.
        """
        arrival = Arrival(at=now, request_id=request_id)
        with self._pool.pipeline() as trip:
            stored = _store(trip, cohort_id, edit, once, arrival)
        if stored.after is not None:
            self._apply(cohort_id, stored.after)
            with aside.harmless("log"):
                _tell(cohort_id, edit, stored)
        return self._settled(cohort_id, stored)

    def member(self, cohort_id: int, member_id: str) -> str:
        """Read a member as a JSON object, as it is now. Raises errors.NotFound."""
        with self._pool.read() as conn:
            found = memberships.get(conn, cohort_id, member_id)
        if found is None:
            raise errors.NotFound("no member of this cohort has this id now")
        return found

    def _apply(self, cohort_id: int, after: int) -> None:
        """Apply an edit if only edits are before it, and ring for its cohort if anything waits."""
        waiting = True
        with aside.harmless("edit"):
            if self._turns.acquire(blocking=False):
                try:
                    waiting = self._step(cohort_id, after)
                finally:
                    self._turns.release()
        if waiting:
            with aside.harmless("wake_up"):
                self._wake_ups.notify(cohort_id)

    def _step(self, cohort_id: int, after: int) -> bool:
        """Apply edits up to ours while nothing else is next; tells whether anything still waits.

        A wake-up that came while the cohort was locked here has found nothing that it could do.
        """
        while True:
            with self._pool.read() as conn:
                if not edits.is_next(conn, cohort_id, after=after):
                    return inbox.is_waiting(conn, cohort_id)
            if self._applier.step(cohort_id) is Outcome.BUSY:
                return True

    def _settled(self, cohort_id: int, stored: Stored) -> Result:
        """Wait until an edit is applied; it is stored, so a failure to look is no failure of it."""
        found = _unknown(stored)
        with aside.harmless("edit"):
            found = self._wait(cohort_id, stored, SHORT_SECONDS)
            if not found.is_applied and self._waits.take():
                try:
                    longer = self._long_seconds - SHORT_SECONDS
                    found = self._wait(cohort_id, stored, longer)
                finally:
                    self._waits.give_back()
        return found

    def _wait(self, cohort_id: int, stored: Stored, seconds: float) -> Result:
        """Look until an edit is applied, and apply it here once nothing is before it any more."""
        end = time.monotonic() + seconds
        while True:
            with self._pool.read() as conn:
                found = edits.result(conn, cohort_id, stored.session)
            if found.is_applied or time.monotonic() >= end:
                return found
            time.sleep(POLL_SECONDS)
            if stored.after is not None:
                self._apply(cohort_id, stored.after)


def _store(
    trip: Pipeline, cohort_id: int, edit: Edit, once: Once | None, arrival: Arrival
) -> Stored:
    conn = trip.conn
    counters = accept.counters(conn, cohort_id)
    if counters is None:
        raise errors.NotFound(lookup.NO_COHORT)
    origin = edits.origin(conn, cohort_id)
    if origin.kind != kinds.LIST:
        raise errors.Conflict(_NOT_A_LIST, code="not_a_list")
    # Another request with this key holds the counters until all of it is stored.
    before = None if once is None else _before(conn, cohort_id, once)
    if before is not None:
        return before
    if origin.paused:
        raise errors.Conflict(_PAUSED.format(origin.slug), code="source_paused")
    session_id = rules.session_id(edits.next_number(conn))
    session = sessions.create(
        conn,
        cohort_id,
        counters.last_session + 1,
        session_id=session_id,
        session_key=None,
        now=arrival.at,
    )
    if once is not None:
        edits.remember(conn, cohort_id, once, session.number, now=arrival.at)
    put(trip, cohort_id, counters, session.number, edit, arrival)
    return Stored(session=session.number, session_id=session_id, after=counters.last_delivery)


def _before(conn: Connection, cohort_id: int, once: Once) -> Stored | None:
    """Find what was stored with a key. Raises errors.KeyReused if that was something else."""
    found = edits.remembered(conn, cohort_id, once.key)
    if found is None:
        return None
    digest, session = found
    if digest != once.digest:
        raise errors.KeyReused([Fault("Idempotency-Key", _REUSED)])
    session_id = edits.result(conn, cohort_id, session).session_id
    return Stored(session=session, session_id=session_id, after=None)


def put(
    trip: Line,
    cohort_id: int,
    counters: IntakeState,
    session: int,
    edit: Edit,
    arrival: Arrival,
) -> None:
    """Store a page for each half that has something, or an empty one."""
    halves = [(Action.ADD, edit.add), (Action.REMOVE, edit.remove)]
    for action, half in [pair for pair in halves if not pair[1].is_empty] or halves[:1]:
        counters = counters.after(session, action)
        page, packed = _page(action, half), inbox.pack(half.roster)
        accept.store(trip, cohort_id, counters, page=page, packed=packed, arrival=arrival)


def _page(action: Action, half: Half) -> Page:
    return Page(
        project_id="",
        external_id="",
        name=None,
        description=None,
        session_id=None,
        action=action,
        number=1,
        total=1,
        digest=rules.DIGEST,
        received=half.usable + sum(half.skipped.values()),
        roster=half.roster,
        usable=half.usable,
        skipped=half.skipped,
    )


def _unknown(stored: Stored) -> Result:
    return edits.Result(
        entered=0,
        exited=0,
        unchanged=0,
        skipped={},
        session_id=stored.session_id,
        last_seq=0,
        is_applied=False,
    )


def _tell(cohort_id: int, edit: Edit, stored: Stored) -> None:
    _log.info(
        "edit.accepted",
        cohort_id=cohort_id,
        session=stored.session_id,
        added=edit.add.usable,
        removed=edit.remove.usable,
        skipped=sum(edit.add.skipped.values()) + sum(edit.remove.skipped.values()),
    )
