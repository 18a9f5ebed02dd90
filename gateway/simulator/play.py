"""One whole play: both cohorts are synced, waited for, and judged."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
import time
from typing import TYPE_CHECKING

from gateway.simulator import scenario, verdict
from gateway.simulator.ledger import ExpectedState
from gateway.simulator.mixpanel import Cohort, Sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.simulator.mixpanel import Page, WebhookSender
    from gateway.simulator.service import Service
    from gateway.simulator.verdict import Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to play: `members` is the size of the large cohort, and one seed makes one history."""

    source: str
    project_id: str
    cohort_id: str
    members: int
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one cohort; `waited_seconds` is from its last page until it had settled."""

    cohort_id: str
    pages: int
    members: int
    sent_seconds: float
    waited_seconds: float
    verdict: Verdict


def count_pages(plan: Plan) -> int:
    """Play without a gateway, and return how many pages that takes."""
    pages: list[None] = []
    for name in CAST:
        _act(plan, name, deliver=lambda _page: pages.append(None), say=lambda _text: None)
    return len(pages)


def cohorts(plan: Plan) -> list[Cohort]:
    """Return the cohorts of the play."""
    return [_cohort(plan, name) for name in CAST]


def play(
    plan: Plan,
    name: str,
    *,
    courier: WebhookSender,
    service: Service,
    say: Callable[[str], None],
    sent: Callable[[], None],
) -> Result:
    """Play one of the cast; `sent` is called after each page that was acknowledged.

    Raises errors.CommandFailed for an answer that stops Mixpanel or the service.
    """
    cohort = _cohort(plan, name)
    began = verdict.before(service, plan.source, cohort)
    ledger = ExpectedState(began.members)
    members = pages = 0

    def deliver(page: Page) -> None:
        nonlocal members, pages
        courier.deliver(page)
        ledger.acknowledge(page)
        members, pages = members + len(page.member_ids), pages + 1
        sent()

    started = time.monotonic()
    sync = _act(plan, name, deliver=deliver, say=say)
    ended = time.monotonic()
    last_seq = began.last_seq + ledger.entered.total() + ledger.exited.total()
    verdict.settle(service, plan.source, cohort, last_seq=last_seq)
    settled = time.monotonic()
    return Result(
        cohort_id=cohort.cohort_id,
        pages=pages,
        members=members,
        sent_seconds=ended - started,
        waited_seconds=settled - ended,
        verdict=verdict.judge(service, plan.source, sync, ledger=ledger, began=began),
    )


def _act(
    plan: Plan, name: str, *, deliver: Callable[[Page], None], say: Callable[[str], None]
) -> Sync:
    # Fresh in each run, or a second run with the same cohort would be a replay of the first.
    run, numbers = secrets.token_hex(6), itertools.count(1)
    sync = Sync(
        _cohort(plan, name),
        deliver=deliver,
        new_session_id=lambda: f"{run}-{next(numbers)}",
    )
    CAST[name](plan, sync, say)
    return sync


def _cohort(plan: Plan, name: str) -> Cohort:
    cohort_id = f"{plan.cohort_id}-{name}"
    return Cohort(project_id=plan.project_id, cohort_id=cohort_id, name=f"Simulated {cohort_id}")


def _example(_plan: Plan, sync: Sync, say: Callable[[str], None]) -> None:
    scenario.example(sync, say)


def _crowd(plan: Plan, sync: Sync, say: Callable[[str], None]) -> None:
    scenario.LargeCohort(sync, plan.members, plan.seed).play(say)


CAST = {"example": _example, "crowd": _crowd}
