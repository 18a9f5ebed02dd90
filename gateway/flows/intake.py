"""Accepting: a page is checked, committed, and only then acknowledged and rung for."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
from typing import TYPE_CHECKING

import structlog

from gateway import aside, errors, metrics, tracing
from gateway.core import page as pages
from gateway.core.page import Action, Arrival, Page
from gateway.flows import erased, gate
from gateway.store import arrivals, cohorts, erasures, inbox, sessions
from gateway.store.arrivals import Addressee, Counters

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.page import Heading
    from gateway.core.secrets import Verifier
    from gateway.flows.limits import Limits
    from gateway.flows.refusals import Recorder
    from gateway.jobs import Doorbell
    from gateway.sources import mixpanel
    from gateway.store.arrivals import Found
    from gateway.store.engine import Pool
    from gateway.store.sessions import Session
    from gateway.store.sources import Source
    from gateway.store.statement import Pipeline

# Of so many cohorts at once it is remembered that they are sent again.
REMEMBERED = 1000

_log = structlog.get_logger()


class Outcome(enum.StrEnum):
    """What became of a page that was answered with success."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """A name and a password as a sender presents them."""

    username: str
    password: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Posted:
    """A complete request: to which source, by whom, and its body."""

    slug: str
    login: Login | None
    body: mixpanel.Body
    request_id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was stored: the delivery is cohort and number; a duplicate has no number."""

    outcome: Outcome
    cohort_id: int
    number: int | None


class Intake:
    """The one door in for pages that are posted."""

    def __init__(
        self,
        *,
        pool: Pool,
        verifier: Verifier,
        limits: Limits,
        doorbell: Doorbell,
        max_members: int,
        refusals: Recorder,
        tracer: tracing.Tracer = tracing.OFF,
    ) -> None:
        self._pool = pool
        self._verifier = verifier
        self._limits = limits
        self._doorbell = doorbell
        self._max_members = max_members
        self._refusals = refusals
        self._tracer = tracer
        self._sent_again: set[int] = set()  # the cohorts whose last page was a replay

    def accept(self, posted: Posted, *, now: datetime.datetime) -> Receipt:
        """Commit a page and ring for it; returning is the promise that a 200 makes.

        Raises errors.NotFound, Unauthenticated, Unavailable, Malformed, Forbidden or Throttled, the
        first that applies in the order of interface 1.1.
        """
        cohort = posted.body.cohort
        addressee = self._find(posted.slug, cohort, now=now)
        try:
            gate.let_in(addressee.source, posted.login, self._verifier)
            return self._take(posted, addressee, now=now)
        except errors.Refused as error:
            signed = posted.login is not None
            self._refusals.note(addressee, cohort, error, signed=signed, now=now)
            raise

    def note_unread(self, slug: str, error: errors.GatewayError, *, now: datetime.datetime) -> None:
        """Note that a body was refused before anything of it was known but the source it is for."""
        with contextlib.suppress(errors.GatewayError):
            addressee = self._find(slug, None, now=now)
            if isinstance(error, errors.Refused):
                self._refusals.note(addressee, None, error, signed=False, now=now)

    def _take(self, posted: Posted, addressee: Addressee, *, now: datetime.datetime) -> Receipt:
        source, known = addressee.source, addressee.cohort
        again = known is not None and known.id in self._sent_again
        page: Heading = posted.body.heading() if again else self._page(posted, source)
        try:
            gate.admit(page, source, known)
            self._limits.require(source.id)
            if known is None:
                key = cohorts.key(page.project_id, page.external_id)
                self._limits.require_room(source, key)
        except errors.GatewayError:
            if again:
                self._page(posted, source)  # what is wrong with the members is said before
            raise
        receipt, page = self._store(posted, addressee, page, again=again, now=now)
        # From here on nothing changes the answer.
        self._remember(receipt)
        if receipt.outcome is Outcome.ACCEPTED:
            with aside.harmless("doorbell"):
                self._doorbell.ring(receipt.cohort_id)
        with aside.harmless("log"):
            _tell(receipt, source, page)
        return receipt

    def _store(
        self,
        posted: Posted,
        addressee: Addressee,
        page: Heading,
        *,
        again: bool,
        now: datetime.datetime,
    ) -> tuple[Receipt, Heading]:
        """Commit a page, or count it as a replay, and return it as far as it was read for that."""
        source, known = addressee.source, addressee.cohort
        receipt: Receipt | None = None
        try:
            with self._tracer.delivery() as span:
                arrival = Arrival(
                    at=now, request_id=posted.request_id, traceparent=span.traceparent
                )
                if known and again:
                    receipt = self._count_replay(source, page, known, now=now)
                if receipt is None:
                    page = page if isinstance(page, Page) else self._page(posted, source)
                    receipt = self._commit(source, page, known, arrival)
                span.tell(**_facts(receipt, source, page))
        except Exception as error:
            if receipt is None:
                raise
            aside.note("tracing", error)
        return receipt, page

    def _page(self, posted: Posted, source: Source) -> Page:
        return posted.body.page(
            identity_property=source.identity_property, max_members=self._max_members
        )

    def _find(
        self, slug: str, cohort: tuple[str, str] | None, *, now: datetime.datetime
    ) -> Addressee:
        """Find what is addressed. Its cohort may be deleted after this; its counters will tell."""
        key = cohorts.key(*cohort) if cohort else None
        with self._pool.read() as conn:
            addressee = arrivals.find(conn, slug, key, now=now)
        if addressee is None:
            message = "no such source; check the last part of the webhook URL"
            raise errors.NotFound(message)
        # From here on it is a name of ours, and every event of this request says it.
        structlog.contextvars.bind_contextvars(source=slug)
        metrics.expect(slug)
        return addressee

    def _count_replay(
        self, source: Source, page: Heading, known: cohorts.Known, *, now: datetime.datetime
    ) -> Receipt | None:
        """Acknowledge a page that is stored already, without a look at its members."""
        with self._pool.single() as conn:
            key = _session_key(source, page)
            if not arrivals.count_replay(conn, known.id, page, key, now=now):
                return None
        return Receipt(outcome=Outcome.DUPLICATE, cohort_id=known.id, number=None)

    def _remember(self, receipt: Receipt) -> None:
        """Guess what comes next: after a failure a sync is sent again from the top.

        A wrong guess costs a second look at the page and one more commit.
        """
        if receipt.outcome is Outcome.ACCEPTED:
            self._sent_again.discard(receipt.cohort_id)
            return
        if receipt.cohort_id not in self._sent_again:
            if len(self._sent_again) >= REMEMBERED:
                self._sent_again.clear()
            self._sent_again.add(receipt.cohort_id)

    def _commit(
        self, source: Source, page: Page, known: cohorts.Known | None, arrival: Arrival
    ) -> Receipt:
        now, key = arrival.at, _session_key(source, page)
        packed = inbox.pack(page.roster)
        with self._pool.pipeline() as trip:
            cohort = known or _create(trip.conn, source, page, now=now)
            found = arrivals.lock(trip, cohort.id, page, key)
            if found is None:
                raise errors.NotFound(gate.DELETED)
            if found.duplicate and found.session is not None:
                arrivals.note_duplicate(
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
            counters = _advanced(found.counters, session, page)
            arrivals.store(trip, cohort.id, counters, page=page, packed=packed, arrival=arrival)
            _rename(trip, cohort.id, found, page, counters, now=now)
        number = counters.last_delivery
        return Receipt(outcome=Outcome.ACCEPTED, cohort_id=cohort.id, number=number)


def _tell(receipt: Receipt, source: Source, page: Heading) -> None:
    accepted = receipt.outcome is Outcome.ACCEPTED
    _log.info("page.accepted" if accepted else "page.duplicate", **_facts(receipt, source, page))


def _facts(receipt: Receipt, source: Source, page: Heading) -> dict[str, str | int | None]:
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
    conn: Connection, source: Source, page: Page, *, now: datetime.datetime
) -> cohorts.Known:
    cohorts.create(
        conn,
        source.id,
        project_id=page.project_id,
        external_id=page.external_id,
        name=page.name or page.external_id,
        description=page.description,
        now=now,
    )
    known = cohorts.find(conn, source.id, cohorts.key(page.project_id, page.external_id))
    if known is None:
        message = "a cohort vanished while its page was stored"
        raise errors.Broken(message)
    return known


def _session_key(source: Source, page: Heading) -> bytes | None:
    if page.session_id is None:
        return None
    return pages.session_key(source.id, page.project_id, page.session_id)


def _kept(conn: Connection, source: Source, cohort_id: int, page: Page, session: Session) -> bytes:
    """Drop those who were erased after this session began: their data is not even stored."""
    gone = erasures.since(conn, session.started_order, source.id, page.project_id)
    place = erased.Place(cohort_id=cohort_id, session=session.number, action=page.action)
    return erased.keep(conn, place, page.roster, gone)


def _advanced(counters: Counters, session: Session, page: Page) -> Counters:
    number = counters.last_delivery + 1
    same_run = (counters.run_session, counters.run_action) == (session.number, page.action)
    refresh = page.action is Action.MEMBERS
    return Counters(
        last_delivery=number,
        last_session=max(counters.last_session, session.number),
        run_session=session.number,
        run_action=page.action.value,
        run_from=counters.run_from if same_run else number,
        refresh_session=max(counters.refresh_session, session.number if refresh else 0),
    )


def _rename(
    trip: Pipeline,
    cohort_id: int,
    found: Found,
    page: Page,
    counters: Counters,
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
