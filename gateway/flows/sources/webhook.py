"""A webhook's way in: its sender logs in, and its pages are submitted.

What it cannot take is noted as refused; what was sent again is guessed, so that it costs little.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Protocol

import structlog

from gateway import errors, metrics
from gateway.core.cohorts import page as pages
from gateway.flows.cohorts.submit import Outcome
from gateway.flows.sources import webhook_login
from gateway.store.sources import senders

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.secrets import Verifier
    from gateway.core.cohorts.page import Heading, Page
    from gateway.flows.cohorts.submit import Receipt, Submitter
    from gateway.flows.sources.refusals import Recorder
    from gateway.flows.sources.webhook_login import Login
    from gateway.store.db.engine import Pool
    from gateway.store.sources.senders import SourceAndCohort

# Of so many cohorts at once it is remembered that they are sent again.
REMEMBERED = 1000


class Body(Protocol):
    """A request's body in the words of its vendor."""

    @property
    def cohort(self) -> tuple[str, str] | None:
        """Project and cohort as the body says, valid or not; None if it does not say both."""

    def heading(self) -> Heading:
        """Read which page it is. Raises errors.Malformed."""

    def page(self, *, identity_property: str | None, max_members: int) -> Page:
        """Read the whole page, its members by a property. Raises errors.Malformed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Posted:
    """A complete request: its source, its login, and its body."""

    slug: str
    login: Login | None
    body: Body
    request_id: str


class Intake:
    """The one door in for pages that are posted."""

    def __init__(
        self,
        *,
        pool: Pool,
        verifier: Verifier,
        submitter: Submitter,
        max_members: int,
        refusals: Recorder,
    ) -> None:
        self._pool = pool
        self._verifier = verifier
        self._submitter = submitter
        self._max_members = max_members
        self._refusals = refusals
        self._sent_again: set[int] = set()  # the cohorts with a replay as their last page

    def accept(self, posted: Posted, *, now: datetime.datetime) -> Receipt:
        """Let a sender in and submit its page.

        Raises errors.NotFound, Unauthenticated, Unavailable, Malformed, Forbidden or Throttled, the
        first that applies in the order of interface 1.1.
        """
        cohort = posted.body.cohort
        addressee = self._find(posted.slug, cohort, now=now)
        try:
            webhook_login.let_in(addressee.source, posted.login, self._verifier)
            return self._submit(posted, addressee, now=now)
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

    def _submit(
        self, posted: Posted, addressee: SourceAndCohort, *, now: datetime.datetime
    ) -> Receipt:
        source, known = addressee.source, addressee.cohort
        again = known is not None and known.id in self._sent_again
        sent = _Sent(posted.body, source.config.identity_property, self._max_members)
        try:
            page = sent.heading() if again else sent.page()
            webhook_login.require_project(page, source)
        except errors.GatewayError:
            sent.page()  # what is wrong with the members is said before
            raise
        receipt = self._submitter.submit(
            source.ref,
            sent,
            request_id=posted.request_id,
            now=now,
            known=known,
            replayed=again,
        )
        self._remember(receipt)
        return receipt

    def _find(
        self, slug: str, cohort: tuple[str, str] | None, *, now: datetime.datetime
    ) -> SourceAndCohort:
        """Find what is addressed. Its cohort may be deleted after this; its counters will tell."""
        key = pages.cohort_key(*cohort) if cohort else None
        with self._pool.read() as conn:
            addressee = senders.find(conn, slug, key, now=now)
        if addressee is None:
            message = "no such source; check the last part of the webhook URL"
            raise errors.NotFound(message)
        # From here on it is a name of ours, and every event of this request says it.
        structlog.contextvars.bind_contextvars(source=slug)
        metrics.expect(slug)
        return addressee

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


class _Sent:
    """A body as a submission: each half is read once, when it is needed."""

    def __init__(self, body: Body, identity_property: str | None, max_members: int) -> None:
        self._body = body
        self._identity_property = identity_property
        self._max_members = max_members
        self._heading: Heading | None = None
        self._page: Page | None = None

    def heading(self) -> Heading:
        if self._heading is None:
            self._heading = self._page or self._body.heading()
        return self._heading

    def page(self) -> Page:
        if self._page is None:
            self._page = self._body.page(
                identity_property=self._identity_property, max_members=self._max_members
            )
        return self._page
