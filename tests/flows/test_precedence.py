"""The order of sessions: what is applied agrees with the one function that says the rule."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from gateway.core.cohorts import precedence
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from tests.model.desk import Desk

SESSIONS = (1, 2, 3)
ACTING = 2


EVERY_ORDER = tuple(itertools.product((0, *SESSIONS), repeat=2))


def order_and_touch(desk: Desk, action: str, touched_by: int, floor: int) -> None:
    """Begin all sessions, complete a refresh of one, and have one touch the member `a`."""
    for session in SESSIONS:
        desk.send(ADD, str(session), "b", page=(1, 9))
    if floor:
        desk.send(MEMBERS, str(floor), "c")
    if touched_by:
        desk.send(action, str(touched_by), "a", page=(2, 9))


@pytest.mark.parametrize(("touched_by", "floor"), EVERY_ORDER)
def test_add__of_a_session__enters_a_member_if_the_rule_lets_it(
    desk: Desk, touched_by: int, floor: int
) -> None:
    order_and_touch(desk, REMOVE, touched_by, floor)
    receipt = desk.send(ADD, str(ACTING), "a", page=(3, 9))
    rule = precedence.may_change(session=ACTING, floor=floor, touched_by=touched_by)
    assert ("a" in desk.members(receipt)) is rule


@pytest.mark.parametrize(("touched_by", "floor"), EVERY_ORDER)
def test_remove__of_a_session__lets_a_member_exit_if_the_rule_lets_it(
    desk: Desk, touched_by: int, floor: int
) -> None:
    order_and_touch(desk, ADD, touched_by, floor)
    receipt = desk.send(REMOVE, str(ACTING), "a", page=(3, 9))
    was_member = touched_by > 0 and precedence.may_change(session=touched_by, floor=floor)
    rule = precedence.may_change(session=ACTING, floor=floor, touched_by=touched_by)
    assert ("a" in desk.members(receipt)) is (was_member and not rule)


@pytest.mark.parametrize(
    ("session", "floor", "touched_by", "rule"),
    [(1, 0, 0, True), (2, 2, 2, True), (2, 3, 0, False), (2, 0, 3, False), (3, 2, 1, True)],
)
def test_may_change__of_a_session__is_whether_none_newer_has_a_say(
    session: int, floor: int, touched_by: int, *, rule: bool
) -> None:
    assert precedence.may_change(session=session, floor=floor, touched_by=touched_by) is rule
