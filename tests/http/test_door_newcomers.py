"""Newcomers: left for a moment to the process that has less to do, and never to nobody."""

from __future__ import annotations

from gateway.webserver import accept_balance
from gateway.webserver.accept_balance import AcceptBalance


def test_newcomer__with_nothing_at_hand__is_taken_at_once() -> None:
    mine = AcceptBalance()
    assert not mine.yields(100.0, at_hand=0)
    assert mine.closed_seconds(100.0) == 0


def test_newcomer__with_requests_at_hand__is_left_to_others_once() -> None:
    mine = AcceptBalance()
    assert mine.yields(100.0, at_hand=1)
    closed = mine.closed_seconds(100.0)
    assert round(closed, 6) == accept_balance.YIELD_SECONDS
    assert not mine.yields(100.0 + closed, at_hand=1)
    assert mine.yields(100.0 + closed, at_hand=2)  # the next one is another's turn again


def test_newcomer__of_two_processes__is_the_one_with_less_to_do() -> None:
    busy, idler = AcceptBalance(), AcceptBalance()
    assert busy.yields(100.0, at_hand=3)
    assert idler.yields(100.0, at_hand=2)
    assert idler.closed_seconds(100.0) < busy.closed_seconds(100.0)


def test_newcomer__that_another_took__gives_no_right_to_a_later_one() -> None:
    mine = AcceptBalance()
    assert mine.yields(100.0, at_hand=1)
    assert mine.yields(101.0, at_hand=1)


def test_newcomer__however_much_is_at_hand__waits_for_milliseconds_only() -> None:
    mine = AcceptBalance()
    assert mine.yields(100.0, at_hand=10_000)
    assert round(mine.closed_seconds(100.0), 6) == accept_balance.MAX_YIELD_SECONDS


def test_newcomer__without_room__is_not_taken_for_a_while() -> None:
    mine = AcceptBalance()
    mine.pause(100.0)
    assert mine.closed_seconds(100.0) == accept_balance.PAUSE_SECONDS
    assert mine.closed_seconds(100.0 + accept_balance.PAUSE_SECONDS) == 0
