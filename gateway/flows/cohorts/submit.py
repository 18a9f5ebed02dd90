"""The one way in: a page of any source is committed, and only then acknowledged and rung for."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

import structlog
from opentelemetry.trace import SpanKind

from gateway import aside, errors, tracing
from gateway.core.cohorts import page as pages
from gateway.core.cohorts.page import Arrival, Page
from gateway.flows.cohorts import erased
from gateway.store.cohorts import accept, cohorts, erasures, inbox, sessions

if TYPE_CHECKING:
    import datetime

    from opentelemetry.trace import Tracer
    from sqlalchemy import Connection

    from gateway.core.cohorts.page import CohortRef, Heading, SourceRef, Submission
    from gateway.flows.cohorts.backlog_limit import Limits
    from gateway.jobs import WakeUps
    from gateway.store.cohorts.accept import Found, IntakeState
    from gateway.store.cohorts.sessions import Session
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Pipeline

DELETED = "this cohort was deleted here by an operator; restore it, or end its sync"

_log = structlog.get_logger()


class Outcome(enum.StrEnum):
    """What became of a page that was answered with success."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was stored: the delivery is cohort and number; a duplicate has no number."""

    outcome: Outcome
    cohort_id: int
    number: int | None


class Submitter:
    """Takes pages of sources that were let in: limits, commit, wake-up."""

    def __init__(
        self,
        *,
        pool: Pool,
        limits: Limits,
        wake_ups: WakeUps,
        tracer: Tracer = tracing.OFF,
    ) -> None:
        self._pool = pool
        self._limits = limits
        self._wake_ups = wake_ups
        self._tracer = tracer

    def submit(
        self,
        source: SourceRef,
        sent: Submission,
        *,
        request_id: str,
        now: datetime.datetime,
        known: CohortRef | None = None,
        replayed: bool = False,
    ) -> Receipt:
        """Commit a page and ring for it; returning is the promise that a 200 makes.

        A page is a snapshot's or a diff's, one of any number of its session. `known` spares a
        look-up of its cohort; with `replayed`, a guess, it is first looked for among those that are
        stored. Raises what `sent` raises, errors.NotFound for a deleted cohort, errors.RateLimited
        or errors.Unavailable; then nothing was stored.
        """
        page = sent.heading() if replayed else sent.page()
        try:
            self._require(source, page, known)
        except errors.GatewayError:
            sent.page()  # what is wrong with the members is said before
            raise
        receipt, page = self._store(
            source, sent, page, known, replayed=replayed, request_id=request_id, now=now
        )
        # From here on nothing changes the answer.
        if receipt.outcome is Outcome.ACCEPTED:
            with aside.harmless("wake_up"):
                self._wake_ups.notify(receipt.cohort_id)
        with aside.harmless("log"):
            _tell(receipt, source, page)
        return receipt

    def _require(self, source: SourceRef, page: Heading, known: CohortRef | None) -> None:
        if known is not None and known.deleted:
            raise errors.NotFound(DELETED)
        self._limits.require(source.id)
        if known is None:
            key = pages.cohort_key(page.project_id, page.external_id)
            self._limits.require_room(source, key)

    def _store(
        self,
        source: SourceRef,
        sent: Submission,
        page: Heading,
        known: CohortRef | None,
        *,
        replayed: bool,
        request_id: str,
        now: datetime.datetime,
    ) -> tuple[Receipt, Heading]:
        """Commit a page, or count it as a replay, and return it as far as it was read for that."""
        receipt: Receipt | None = None
        try:
            with tracing.opened(self._tracer, "accept page", SpanKind.PRODUCER) as span:
                arrival = Arrival(at=now, request_id=request_id, traceparent=tracing.traceparent())
                if known and replayed:
                    receipt = self._count_replay(source, page, known, now=now)
                if receipt is None:
                    page = whole = sent.page()
                    receipt = self._commit(source, whole, known, arrival)
                span.set_attributes(tracing.attributes(_facts(receipt, source, page)))
        except Exception as error:
            if receipt is None:
                raise
            aside.note("tracing", error)
        return receipt, page

    def _count_replay(
        self, source: SourceRef, page: Heading, known: CohortRef, *, now: datetime.datetime
    ) -> Receipt | None:
        """Acknowledge a page that is stored already, without a look at its members."""
        with self._pool.single() as conn:
            key = _session_key(source, page)
            if not accept.count_replay(conn, known.id, page, key, now=now):
                return None
        return Receipt(outcome=Outcome.DUPLICATE, cohort_id=known.id, number=None)

    def _commit(
        self, source: SourceRef, page: Page, known: CohortRef | None, arrival: Arrival
    ) -> Receipt:
        now, key = arrival.at, _session_key(source, page)
        packed = inbox.pack(page.roster)
        with self._pool.pipeline() as trip:
            cohort = known or _create(trip.conn, source, page, now=now)
            found = accept.lock(trip, cohort.id, page, key)
            if found is None:
                raise errors.NotFound(DELETED)
            if found.duplicate and found.session is not None:
                accept.note_duplicate(
                    trip, cohort.id, session=found.session.number, action=page.action, now=now
                )
                return Receipt(outcome=Outcome.DUPLICATE, cohort_id=cohort.id, number=None)
            session = found.session or sessions.create(
                trip.conn,
                cohort.id,
                found.counters.last_session + 1,
                session_id=page.session_id,
                session_key=key,
                now=now,
            )
            if session.erased_since:
                packed = inbox.pack(_kept(trip.conn, source, cohort.id, page, session))
            counters = found.counters.after(session.number, page.action)
            accept.store(trip, cohort.id, counters, page=page, packed=packed, arrival=arrival)
            _rename(trip, cohort.id, found, page, counters, now=now)
        number = counters.last_delivery
        return Receipt(outcome=Outcome.ACCEPTED, cohort_id=cohort.id, number=number)


def _tell(receipt: Receipt, source: SourceRef, page: Heading) -> None:
    accepted = receipt.outcome is Outcome.ACCEPTED
    _log.info("page.accepted" if accepted else "page.duplicate", **_facts(receipt, source, page))


def _facts(receipt: Receipt, source: SourceRef, page: Heading) -> dict[str, str | int | None]:
    """What is told of a page, in the log and in traces: ids and counts, never people."""
    return {
        "source": source.slug,
        "cohort_id": receipt.cohort_id,
        "delivery": receipt.number,
        "action": page.action.value,
        "page": page.number,
        "total_pages": page.total,
        "members": page.received,
        "skipped": sum(page.skipped.values()) if isinstance(page, Page) else None,
    }


def _create(
    conn: Connection, source: SourceRef, page: Page, *, now: datetime.datetime
) -> CohortRef:
    cohorts.create(
        conn,
        source.id,
        project_id=page.project_id,
        external_id=page.external_id,
        name=page.name or page.external_id,
        description=page.description,
        now=now,
    )
    known = cohorts.find(conn, source.id, pages.cohort_key(page.project_id, page.external_id))
    if known is None:
        message = "a cohort vanished while its page was stored"
        raise errors.InternalError(message)
    return known


def _session_key(source: SourceRef, page: Heading) -> bytes | None:
    if page.session_id is None:
        return None
    return pages.session_key(source.id, page.project_id, page.session_id)


def _kept(
    conn: Connection, source: SourceRef, cohort_id: int, page: Page, session: Session
) -> bytes:
    """Drop the people erased after this session began: their data is not even stored."""
    gone = erasures.since(conn, session.started_order, source.id, page.project_id)
    place = erased.Place(cohort_id=cohort_id, session=session.number, action=page.action)
    return erased.keep(conn, place, page.roster, gone)


def _rename(
    trip: Pipeline,
    cohort_id: int,
    found: Found,
    page: Page,
    counters: IntakeState,
    *,
    now: datetime.datetime,
) -> None:
    """Take over the texts that a page of the newest session gives the cohort.

    They are compared with those read under the lock: what was read before it may be stale, and the
    row of a cohort is on every node, so it is written only where it differs.
    """
    name = page.name or found.name
    description = found.description if page.description is None else page.description
    newest = counters.run_session == counters.last_session
    if newest and (name, description) != (found.name, found.description):
        cohorts.rename(trip.conn, cohort_id, name=name, description=description, now=now)
