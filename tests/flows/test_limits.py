"""The backlog and the rate at which senders are asked to slow down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.flows import limits
from gateway.flows.limits import Limits
from tests.model import desk as desks
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.store.engine import Pool
    from tests.model.desk import Desk


def test_backlog__as_full_as_allowed__throttles_until_it_is_applied(desk: Desk, pool: Pool) -> None:
    desk.intake = desks.intake(pool, desk.bell, max_pending_pages=2)
    desk.send(ADD, "one", "a")
    receipt = desk.send(ADD, "two", "b", cohort="cohort-2")
    with pytest.raises(errors.Throttled) as caught:
        desk.send(ADD, "three", "c")
    assert caught.value.retry_after_seconds > 1
    desk.settle(receipt)
    assert desk.send(ADD, "three", "c").number == 2


def test_backlog__far_from_full__is_counted_once_a_second(desk: Desk, pool: Pool) -> None:
    largest = limits.CAREFUL_PAGES + 1
    made = Limits(pool, max_pending_pages=largest, rate_per_second=None)
    made.require(desk.source_id)
    desk.send(ADD, "s", "a")
    made.require(desk.source_id)
    assert made._count.pages == 0  # noqa: SLF001 - believed, and not counted again
    time.sleep(limits.COUNT_BELIEVED_SECONDS)
    made.require(desk.source_id)
    assert made._count.pages == 1  # noqa: SLF001


def test_rate__of_a_source_over_its_limit__throttles_that_source(desk: Desk, pool: Pool) -> None:
    made = Limits(pool, max_pending_pages=10, rate_per_second=5)
    answers = [_ask(made, desk.source_id) for _ in range(20)]
    assert answers[0] is None
    assert 1 in answers
    assert _ask(made, desk.source_id + 1) is None
    time.sleep(1.1)
    assert _ask(made, desk.source_id) is None


def _ask(made: Limits, source_id: int) -> int | None:
    try:
        made.require(source_id)
    except errors.Throttled as error:
        return error.retry_after_seconds
    return None
