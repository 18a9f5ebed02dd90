"""Hours of a cohort: counted with the change that they tell of, and kept for 400 days."""

from __future__ import annotations

import datetime
from typing import Final

from sqlalchemy import text

from gateway.flows.cohorts import admin, retention
from gateway.store.cohorts import hours
from tests.model.desk import START, Desk
from tests.model.sender import ADD, MEMBERS, REMOVE

HOUR: Final = 3600.0
DAY: Final = datetime.timedelta(days=1)


def of(desk: Desk, cohort_id: int, since: datetime.datetime = START) -> list[tuple[int, ...]]:
    """List (hour since the start, members, entered, exited)."""
    with desk.pool.read() as conn:
        found = hours.listing(conn, cohort_id, since=since)
    return [
        ((one.hour - START) // datetime.timedelta(hours=1), one.members, one.entered, one.exited)
        for one in found
    ]


def test_hours__of_changes_in_one_hour__are_one_row_with_the_last_size(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "abc")
    desk.settle(receipt)
    desk.settle(desk.send(REMOVE, "s1", "a"))
    assert of(desk, receipt.cohort_id) == [(0, 2, 3, 1)]


def test_hours__of_an_hour_without_changes__have_no_row(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "abc")
    desk.settle(receipt)
    desk.clock.tick(2 * HOUR)
    desk.settle(desk.send(ADD, "s2", "ab"))
    desk.clock.tick(HOUR)
    desk.settle(desk.send(MEMBERS, "s3", "bd"))
    assert of(desk, receipt.cohort_id) == [(0, 3, 3, 0), (3, 2, 1, 2)]


def test_hours__listed_since_a_moment__begin_with_the_size_at_it(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "abc")
    desk.settle(receipt)
    desk.clock.tick(5 * HOUR)
    desk.settle(desk.send(ADD, "s2", "d"))
    later = START + datetime.timedelta(hours=2)
    assert of(desk, receipt.cohort_id, later) == [(0, 3, 3, 0), (5, 4, 1, 0)]
    assert of(desk, receipt.cohort_id + 1) == []


def test_hours__listed_by_steps__are_the_newest_of_each(desk: Desk) -> None:
    receipt = desk.send(ADD, "s0", "a")
    desk.settle(receipt)
    for place, letter in enumerate("bcdef"):
        desk.clock.tick(HOUR)
        desk.settle(desk.send(ADD, f"s{place + 1}", letter))
    with desk.pool.read() as conn:
        found = hours.listing(conn, receipt.cohort_id, since=START, step=3 * hours.HOUR)
    assert [one.members for one in found] == [3, 6]


def test_hours__of_a_deleted_cohort__end_with_nobody(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "abc")
    desk.settle(receipt)
    admin.delete_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    assert of(desk, receipt.cohort_id) == [(0, 0, 3, 3)]


def test_hours__of_all_cohorts__are_summed_by_hour(desk: Desk) -> None:
    for cohort in ("one", "two"):
        desk.settle(desk.send(ADD, "s1", "abc", cohort=cohort))
    desk.settle(desk.send(REMOVE, "s1", "a", cohort="two"))
    with desk.pool.read() as conn:
        found = hours.flows(conn, since=START)
        assert hours.flows(conn, since=START + DAY) == []
    assert [(one.hour, one.entered, one.exited) for one in found] == [(START, 6, 1)]


def test_hours__older_than_400_days__go_but_for_the_size_at_that_moment(desk: Desk) -> None:
    first = desk.send(ADD, "s1", "a")
    desk.settle(first)
    for session, letter in (("s2", "b"), ("s3", "c")):
        desk.clock.tick(HOUR)
        desk.settle(desk.send(ADD, session, letter))
    now = datetime.datetime.now(datetime.UTC)
    shift = now - retention.HOURS_KEPT - START - datetime.timedelta(hours=1, minutes=30)
    with desk.pool.begin() as conn:
        conn.execute(_SHIFT, {"shift": shift})
    assert retention.run(desk.pool, every_seconds=0)
    with desk.pool.read() as conn:
        found = hours.listing(conn, first.cohort_id, since=START - 10000 * DAY)
    assert [one.members for one in found] == [2, 3]


def test_beginning__of_a_moment_in_another_zone__is_by_utc() -> None:
    india = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime(2026, 1, 1, 9, 45, tzinfo=india)
    assert hours.beginning(moment) == datetime.datetime(2026, 1, 1, 4, tzinfo=datetime.UTC)


_SHIFT = text("UPDATE cohort_hours SET hour = hour + :shift")
