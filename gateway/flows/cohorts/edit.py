"""Editing: members are put into a list and taken out of it, and seen by the time of the answer.

An edit is a session of its own, so it has its place in order among loads, erasures and other
edits. One of few members before which nothing waits in its cohort is applied in the transaction
that stores it. Any other is stored like a page and applied like one: by the request itself where
only edits are before it, and by the workers where something else is.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import aside, errors
from gateway.core.cohorts.page import Arrival
from gateway.flows.cohorts import edit_at_once, edit_pages
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import edits, inbox, memberships

if TYPE_CHECKING:
    import datetime

    from gateway.core.cohorts.edit import Edit, Once
    from gateway.flows.cohorts.apply import Applier
    from gateway.jobs import WakeUps
    from gateway.store.db.engine import Pool
    from gateway.waits import Waits

# Any request may wait for our own Postgres for so long, and some for longer (interface 4).
SHORT_SECONDS: Final = 1.0
LONG_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.02


Result = edits.Result

_log = structlog.get_logger()


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
        wanted = edit_pages.Wanted(cohort_id=cohort_id, edit=edit, once=once, arrival=arrival)
        done = self._at_once(wanted)
        if done is not None:
            with aside.harmless("log"):
                _tell(cohort_id, edit, done.session_id)
            return done
        with self._pool.pipeline() as trip:
            stored = edit_pages.store(trip, wanted)
        if stored.after is not None:
            self._apply(cohort_id, stored.after)
            with aside.harmless("log"):
                _tell(cohort_id, edit, stored.session_id)
        return self._settled(cohort_id, stored)

    def member(self, cohort_id: int, member_id: str) -> str:
        """Read a member as a JSON object, as it is now. Raises errors.NotFound."""
        with self._pool.read() as conn:
            found = memberships.get(conn, cohort_id, member_id)
        if found is None:
            raise errors.NotFound("no member of this cohort has this id now")
        return found

    def _at_once(self, wanted: edit_pages.Wanted) -> Result | None:
        """Store and apply an edit in one transaction; None if that cannot be, and nothing is left.

        What no code can apply is stored and tried like any page, and blocked in the end.
        """
        if wanted.members > edit_at_once.MOST_MEMBERS or not self._turns.acquire(blocking=False):
            return None
        try:
            return edit_at_once.make(self._applier, wanted)
        except (errors.Poison, errors.InternalError, errors.DatabaseInternalError):
            return None
        finally:
            self._turns.release()

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

    def _settled(self, cohort_id: int, stored: edit_pages.Stored) -> Result:
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

    def _wait(self, cohort_id: int, stored: edit_pages.Stored, seconds: float) -> Result:
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


def _unknown(stored: edit_pages.Stored) -> Result:
    return edits.Result(
        entered=0,
        exited=0,
        unchanged=0,
        skipped={},
        session_id=stored.session_id,
        last_seq=0,
        is_applied=False,
    )


def _tell(cohort_id: int, edit: Edit, session_id: str) -> None:
    _log.info(
        "edit.accepted",
        cohort_id=cohort_id,
        session=session_id,
        added=edit.add.usable,
        removed=edit.remove.usable,
        skipped=sum(edit.add.skipped.values()) + sum(edit.remove.skipped.values()),
    )
