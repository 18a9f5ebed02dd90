"""A desk in front of the real flows: posts pages, applies them, and lets time pass."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Final

from gateway.core.access.secrets import Verifier
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Submitter
from gateway.flows.sources.refusals import Recorder
from gateway.flows.sources.webhook import Intake, Posted
from gateway.jobs import WakeUps
from gateway.sources.mixpanel import body
from gateway.store.cohorts import session_reports
from gateway.store.sources import sources
from tests.model import book, sender

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.engine import Pool
    from tests.model.book import Standing
    from tests.model.sender import Member, Page

MAX_MEMBERS: Final = 10_000
# Making one costs a password's hash; what it remembers is keyed by salt, so all may share it.
_VERIFIER: Final = Verifier()
START: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        """Tell the time."""
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += datetime.timedelta(seconds=seconds)


class Bell(WakeUps):
    """Wake-ups that remember their cohorts; `works` is whether Redis is up."""

    def __init__(self, *, works: bool = True) -> None:
        super().__init__("redis://127.0.0.1:1/0")  # opened by nobody, for nothing here asks Redis
        self.rung: list[int] = []
        self.works = works

    def notify(self, cohort_id: int) -> bool:
        """Ring for a cohort."""
        self.rung.append(cohort_id)
        return self.works


class Desk:
    """One source, and everything needed to post to it and to apply what was posted."""

    def __init__(self, pool: Pool, slug: str = "desk") -> None:
        self.pool = pool
        self.slug = slug
        self.clock = Clock()
        self.bell = Bell()
        self.applier = Applier(pool, now=self.clock)
        self.intake = intake(pool, self.bell)
        self._requests = itertools.count(1)
        with pool.begin() as conn:
            made = sources.Made(slug=slug, kind="mixpanel", config={"auth_required": False})
            source_id = sources.create(conn, made, expected_every_seconds=1800, now=self.clock())
        assert source_id is not None, "this slug is taken"
        self.source_id = source_id

    def post(self, page: Page) -> Receipt:
        """Post a page; returning is the 200."""
        posted = Posted(
            slug=self.slug,
            login=None,
            body=body.Body(page.body()),
            request_id=f"{self.slug}-{next(self._requests)}",
        )
        return self.intake.accept(posted, now=self.clock())

    def send(
        self,
        action: str,
        session: str | None,
        members: str,
        *,
        page: tuple[int, int] | None = (1, 1),
        cohort: str = "cohort-1",
    ) -> Receipt:
        """Post a page whose members have ids of one letter; `page` is (number, total)."""
        number, total = page or (None, None)
        return self.post(
            sender.Page(
                cohort=cohort,
                session=session,
                action=action,
                number=number,
                total=total,
                members=people(members),
            )
        )

    def settle(self, receipt: Receipt) -> Standing:
        """Apply everything that waits for a page's cohort, however long it would wait."""
        self.clock.tick(10)
        self.applier.drain(receipt.cohort_id)
        return book.standing(self.pool, receipt.cohort_id)

    def members(self, receipt: Receipt) -> str:
        """Apply everything, and write the ids of the members one after the other."""
        return "".join(sorted(self.settle(receipt).members))

    def states(self, receipt: Receipt) -> dict[str, str]:
        """Apply everything, and give the state of each sync by `session action`."""
        self.settle(receipt)
        with self.pool.read() as conn:
            found = session_reports.listing(
                conn, receipt.cohort_id, before=session_reports.NEWEST, limit=1000
            )
        assert found is not None, "the cohort is deleted"
        return {f"{one.session_id} {one.action}": one.state for one in found.syncs}


def people(letters: str) -> tuple[Member, ...]:
    """Make one member of each letter; a capital letter is the same person with another profile."""
    return tuple((letter.lower(), f"{letter}@example.com") for letter in letters)


def intake(
    pool: Pool,
    bell: WakeUps,
    *,
    max_pending_pages: int = 10**6,
    rate: int | None = None,
    max_cohorts: int = 10_000,
) -> Intake:
    """Make the door in, with its limits."""
    limits = Limits(
        pool,
        max_pending_pages=max_pending_pages,
        rate_per_second=rate,
        max_cohorts=max_cohorts,
    )
    return Intake(
        pool=pool,
        verifier=_VERIFIER,
        submitter=Submitter(pool=pool, limits=limits, wake_ups=bell),
        max_members=MAX_MEMBERS,
        refusals=Recorder(pool, interval_seconds=0),
    )
