"""Doing the same in many cohorts, while some of them are being applied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.flows.cohorts import erase, visit
from tests import statements
from tests.model import traffic
from tests.model.sender import ADD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from tests.model.desk import Desk


def cohorts(desk: Desk, count: int, members: str = "b") -> list[int]:
    """Make some cohorts in which everything is applied."""
    ids = []
    for number in range(count):
        receipt = desk.send(ADD, f"s{number}", members, cohort=f"cohort-{number}")
        desk.settle(receipt)
        ids.append(receipt.cohort_id)
    return ids


def test_each__with_one_being_applied__does_the_free_ones_before(desk: Desk) -> None:
    ids, seen = cohorts(desk, 3), list[list[int]]()

    def act(_conn: Connection, some: Sequence[int]) -> None:
        seen.append(list(some))

    with ThreadPoolExecutor(1) as crew:
        with traffic.applying(desk.pool, ids[1]):
            visiting = crew.submit(
                visit.each, desk.pool, [*ids, 10**9], act, patience=visit.Patience(10)
            )
            traffic.await_waiting(desk.pool)
            assert seen == [[ids[0], ids[2]]]
        visiting.result()
    assert seen == [[ids[0], ids[2]], [ids[1]]]


def test_each__without_time__is_unavailable_before_the_next_batch(desk: Desk) -> None:
    def act(_conn: Connection, some: Sequence[int]) -> None:
        raise AssertionError(some)

    with pytest.raises(errors.Unavailable):
        visit.each(desk.pool, cohorts(desk, 1), act, patience=visit.Patience(-1))


def test_erase__cohorts_that_have_nothing_of_the_person__cost_no_transaction(desk: Desk) -> None:
    """Three cohorts or thirty: those where the person is not add no statement."""

    def cost(member_id: str) -> int:
        noted: list[str] = []
        with statements.noted(desk.pool.engine, noted.append):
            erase.erase(
                desk.pool,
                member_id,
                erase.Where(),
                now=desk.clock(),
                redact_seconds=0,
                scrub_seconds=0,
            )
        return len(noted)

    desk.settle(desk.send(ADD, "first", "xyz", cohort="with"))
    cohorts(desk, 3)
    few = cost("x")
    cohorts(desk, 30)
    assert cost("y") == few
    assert cost("stranger") < few
