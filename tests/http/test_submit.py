"""The seam: pages that a source hands over itself make of a cohort what posted ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from gateway.core.access.scopes import Scope
from gateway.core.cohorts.page import Action, CohortRef, SourceRef
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Outcome, Submitter
from gateway.jobs import WakeUps
from gateway.simulator import mixpanel, play
from gateway.simulator.service import Service
from gateway.simulator.wire import Answer
from gateway.sources.mixpanel.body import Body
from gateway.store.cohorts import inbox
from gateway.store.sources import sources
from tests.http.world import KEYS, NO_REDIS, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.simulator.mixpanel import WebhookSender
    from gateway.simulator.wire import Wire

PLAN = play.Plan(source="default", project_id="p", cohort_id="sim", members=2500, seed=7)


class Handover:
    """Hands pages over without a request, and has each applied; counts the replays."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.replays = 0
        limits = Limits(world.pool, max_pending_pages=1000, rate_per_second=None)
        self.submitter = Submitter(pool=world.pool, limits=limits, wake_ups=WakeUps(NO_REDIS))
        with world.pool.read() as conn:
            found = sources.find(conn, "default", now=world.clock())
        assert found is not None
        self.source: SourceRef = found.ref

    def deliver(self, page: mixpanel.Page) -> None:
        """Submit a page, applied or not until a later one comes."""
        read = Body(mixpanel.body(page)).page(identity_property=None, max_members=1000)
        receipt = self.submitter.submit(self.source, read, request_id="r", now=self.world.clock())
        self.replays += receipt.outcome is Outcome.DUPLICATE
        if page.number == page.total:
            self.world.apply()


class InProcess:
    """Asks the API of an application in this process."""

    def __init__(self, world: World) -> None:
        self.world = world

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Make a request."""
        answer = self.world.http.open(path, method=method, headers=dict(headers), data=body)
        return Answer(status=answer.status_code, body=answer.data)


@pytest.mark.parametrize("name", play.CAST)
def test_submit__the_whole_history_of_the_simulator__makes_the_members_and_changes_of_posting_it(
    world: World, name: str
) -> None:
    handover = Handover(world)
    wire = cast("Wire", InProcess(world))
    service = Service(wire, KEYS[Scope.READ], sleep=lambda _seconds: None)
    result = play.play(
        PLAN,
        name,
        courier=cast("WebhookSender", handover),
        service=service,
        say=lambda _text: None,
        sent=lambda: None,
    )
    assert result.verdict.differences == ()
    assert result.verdict.changes > (4000 if name == "crowd" else 5)
    assert handover.replays == (6 if name == "crowd" else 0)


def test_submit__a_likely_replay_of_a_page_that_is_read__is_found_by_its_heading(
    world: World,
) -> None:
    handover = Handover(world)
    (cohort,) = [one for one in play.cohorts(PLAN) if one.cohort_id.endswith("example")]
    sent = mixpanel.Page(
        cohort=cohort,
        action=Action.ADD,
        session_id="s",
        number=1,
        total=1,
        member_ids=("a",),
    )
    handover.deliver(sent)
    page = Body(mixpanel.body(sent)).page(identity_property=None, max_members=10)
    known = CohortRef(id=only_cohort(world), deleted=False)
    again = handover.submitter.submit(
        handover.source, page, request_id="r", now=world.clock(), known=known, replayed=True
    )
    assert again.outcome is Outcome.DUPLICATE
    with world.pool.read() as conn:
        assert inbox.waiting_cohorts(conn) == {}


def only_cohort(world: World) -> int:
    (found,) = world.get("/v1/cohorts")["cohorts"]
    return int(found["id"])
