"""Schedules: planned times, held against a look at each minute, over both changes of the clock."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.cohorts import schedule
from gateway.core.cohorts.schedule import Cron

MINUTE: Final = datetime.timedelta(minutes=1)
ZONES: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "America/St_Johns",
    "Asia/Kathmandu",
    "UTC",
    "Pacific/Apia",  # left out a whole day
    "Africa/Casablanca",
)
CHANGES: Final = (
    datetime.datetime(2026, 3, 29, 1, tzinfo=datetime.UTC),
    datetime.datetime(2026, 10, 25, 1, tzinfo=datetime.UTC),
    datetime.datetime(2026, 3, 8, 7, tzinfo=datetime.UTC),
    datetime.datetime(2026, 11, 1, 6, tzinfo=datetime.UTC),
    datetime.datetime(2026, 4, 4, 15, tzinfo=datetime.UTC),
    datetime.datetime(2026, 10, 3, 15, 30, tzinfo=datetime.UTC),
    datetime.datetime(2011, 12, 30, 10, tzinfo=datetime.UTC),
    datetime.datetime(2026, 2, 28, 12, tzinfo=datetime.UTC),
)


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def read(cron: str, zone: str = "Europe/Berlin") -> Cron:
    found = schedule.read({"cron": cron, "time_zone": zone})
    assert isinstance(found, Cron)
    return found


def after(cron: str, moment: str, zone: str = "Europe/Berlin") -> datetime.datetime | None:
    return schedule.after(read(cron, zone), utc(moment), anchor=utc(moment))


def naive(cron: Cron, moment: datetime.datetime) -> datetime.datetime | None:
    """Look at each minute of the two days after a moment, as a clock on the wall shows it."""
    at = moment.replace(second=0, microsecond=0)
    seen = set[datetime.datetime]()
    # What the wall showed within the day before counts as shown.
    start = at - datetime.timedelta(days=1)
    before = (start - MINUTE).astimezone(cron.zone).replace(tzinfo=None)
    while start < at + datetime.timedelta(days=2):
        shown = start.astimezone(cron.zone).replace(tzinfo=None)
        due = False
        step = before + MINUTE if shown > before else shown
        while step <= shown:  # what a gap leaves out is due at its end
            if step not in seen:
                seen.add(step)
                fits = cron.is_on(step.date()) and step.hour in cron.hours
                due = due or (fits and step.minute in cron.minutes)
            step += MINUTE
        if due and start > moment:
            return start
        before = max(before, shown)
        start += MINUTE
    return None


_FIELD = st.sampled_from(["*", "*/7", "0", "30", "15,45", "10-20/5", "59"])
_HOUR = st.sampled_from(["*", "*/2", "1", "2", "0", "1-3", "23"])


@example(minute="30", hour="2", zone="Europe/Berlin", change=CHANGES[0], shift=-60)
@example(minute="30", hour="2", zone="Europe/Berlin", change=CHANGES[1], shift=-60)
@given(
    minute=_FIELD,
    hour=_HOUR,
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
    shift=st.integers(-240, 240),
)
def test_cron__around_a_change_of_the_clock__plans_what_a_wall_clock_shows(
    minute: str, hour: str, zone: str, change: datetime.datetime, shift: int
) -> None:
    cron = read(f"{minute} {hour} * * *", zone)
    moment = change + shift * MINUTE
    expected = naive(cron, moment)
    found = schedule.after(cron, moment, anchor=moment)
    if expected is not None:
        assert found == expected
    else:
        assert found is None or found > moment + datetime.timedelta(days=1, hours=22)


def test_cron__at_a_time_that_does_not_exist__runs_at_the_first_moment_after_it() -> None:
    assert after("30 2 * * *", "2026-03-28T12:00") == utc("2026-03-29T01:00")
    assert after("*/10 2 * * *", "2026-03-29T01:00") == utc("2026-03-30T00:00")


def test_cron__at_a_time_that_exists_twice__runs_the_first_time_only() -> None:
    assert after("30 2 * * *", "2026-10-24T12:00") == utc("2026-10-25T00:30")
    assert after("30 2 * * *", "2026-10-25T00:30") == utc("2026-10-26T01:30")
    assert after("0 * * * *", "2026-10-25T00:00") == utc("2026-10-25T02:00")


@pytest.mark.parametrize(
    ("cron", "moment", "expected"),
    [
        ("0 6 * * 1-5", "2026-11-27T12:00", "2026-11-30T06:00"),  # Friday to Monday
        ("0 6 * * MON-fri", "2026-11-27T12:00", "2026-11-30T06:00"),
        ("0 0 * * 7", "2026-11-30T00:00", "2026-12-06T00:00"),
        ("0 0 13 * 5", "2026-11-01T00:00", "2026-11-06T00:00"),  # the 13th, or a Friday
        ("0 0 */2 * 5", "2026-11-02T00:00", "2026-11-13T00:00"),  # an odd day that is a Friday
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("59 23 31 dec *", "2026-01-01T00:00", "2026-12-31T23:59"),
        ("*/15 * * * *", "2026-11-30T07:14:59", "2026-11-30T07:15:00"),
        ("*/15 * * * *", "2026-11-30T07:15", "2026-11-30T07:30"),
        ("10-40/10 8 * * *", "2026-11-30T08:10", "2026-11-30T08:20"),
    ],
)
def test_cron__of_five_fields__means_what_vixies_means(
    cron: str, moment: str, expected: str
) -> None:
    assert after(cron, moment, "UTC") == utc(expected)


def test_every__counts_from_its_anchor_and_once_after_an_outage() -> None:
    hourly = schedule.read({"every": "1h"})
    anchor = utc("2026-01-01T00:10")
    assert schedule.after(hourly, anchor, anchor=anchor) == utc("2026-01-01T01:10")
    assert schedule.after(hourly, utc("2026-01-03T05:30"), anchor=anchor) == utc("2026-01-03T06:10")
    assert schedule.after(hourly, utc("2025-12-31T00:00"), anchor=anchor) == utc("2026-01-01T01:10")


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"every": "1h"}, []),
        ({"cron": "* * * * *", "time_zone": "Europe/Berlin"}, []),
        ({"every": "7m"}, ["schedule.every"]),
        ({"every": 60}, ["schedule.every"]),
        ({"every": ["1h"]}, ["schedule.every"]),
        ({}, ["schedule"]),
        ({"every": "1h", "cron": "* * * * *"}, ["schedule"]),
        ({"cron": "* * * * *"}, ["schedule"]),
        ({"cron": "* * * * *", "time_zone": "Mars/Olympus"}, ["schedule.time_zone"]),
        ({"cron": "* * * * *", "time_zone": "../etc/passwd"}, ["schedule.time_zone"]),
        ({"cron": "* * * * *", "time_zone": "/etc/localtime"}, ["schedule.time_zone"]),
        ({"cron": "* * * * *", "time_zone": "America"}, ["schedule.time_zone"]),
        ({"cron": "* * * * *", "time_zone": 1}, ["schedule.time_zone"]),
        ({"cron": 5, "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "* * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "60 * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "* 24 * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "* * 0 * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "* * * 13 *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "* * * * 8", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "5-1 * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "*/0 * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "5/2 * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "*/x * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "a * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": ", * * * *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "@daily", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "0 0 30 2 *", "time_zone": "UTC"}, ["schedule.cron"]),
        ({"cron": "x", "time_zone": "x"}, ["schedule.time_zone", "schedule.cron"]),
    ],
)
def test_schedule__that_cannot_be__names_what_is_wrong(
    given: Mapping[str, Any], paths: list[str]
) -> None:
    assert [one.path for one in schedule.faults(given)] == paths


def test_freshness__of_a_schedule__is_three_planned_times() -> None:
    start = utc("2026-11-30T07:00")
    assert schedule.fresh_until(schedule.read({"every": "2h"}), start) == utc("2026-11-30T13:00")
    assert schedule.fresh_until(read("0 6 * * *", "UTC"), start) == utc("2026-12-03T06:00")
    assert schedule.fresh_until(read("0 0 30 2 *", "UTC"), start) is None


def test_retry__after_failures_that_may_pass__is_never_later_than_planned() -> None:
    at, planned = utc("2026-11-30T07:00"), utc("2026-11-30T08:00")
    found = [schedule.retry_at(failures, at, planned) for failures in range(1, 6)]
    assert found == [at + minutes * MINUTE for minutes in (1, 2, 5, 15)] + [None]
    assert schedule.retry_at(4, utc("2026-11-30T07:50"), planned) is None
    assert schedule.retry_at(1, at, None) == at + MINUTE


def test_days__at_the_end_of_time__are_the_last() -> None:
    end = datetime.datetime(9999, 12, 31, 12, tzinfo=datetime.UTC)
    assert schedule.after(read("0 0 * * *", "UTC"), end, anchor=end) is None
    assert zoneinfo.ZoneInfo("UTC") == read("0 0 * * *", "UTC").zone
