"""Freshness: three missed syncs make a cohort stale, and three days cost its snapshot."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cohorts import freshness
from gateway.core.cohorts.freshness import Freshness

NOON = datetime.datetime(2026, 1, 4, 12, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
MOMENTS = st.datetimes(
    min_value=datetime.datetime(2000, 1, 1),  # noqa: DTZ001 - as hypothesis takes it
    max_value=datetime.datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(datetime.UTC),
)


def judge(
    *,
    every_seconds: int | None = 1800,
    heard_at: datetime.datetime | None = NOON,
    now: datetime.datetime,
) -> Freshness:
    return freshness.judge(
        every_seconds=every_seconds, heard_at=heard_at, since=NOON - SECOND, now=now
    )


def test_cohort__of_a_half_hourly_source__is_fresh_for_ninety_minutes() -> None:
    until = NOON.replace(hour=13, minute=30)
    assert judge(now=until) == Freshness(fresh_until=until, stale=False)
    assert judge(now=until + SECOND) == Freshness(fresh_until=until, stale=True)


def test_cohort__that_was_never_heard_of__is_stale_since_it_exists() -> None:
    assert judge(heard_at=None, now=NOON - SECOND) == Freshness(
        fresh_until=NOON - SECOND, stale=True
    )


@given(heard_at=st.none() | MOMENTS, now=MOMENTS)
def test_cohort__of_which_nothing_is_expected__is_never_stale(
    heard_at: datetime.datetime | None, now: datetime.datetime
) -> None:
    assert judge(every_seconds=None, heard_at=heard_at, now=now) == Freshness(
        fresh_until=None, stale=False
    )


@given(every_seconds=st.integers(1, 10**7), heard_at=MOMENTS, now=MOMENTS)
def test_cohort__of_any_source__is_stale_exactly_after_it_was_fresh(
    every_seconds: int, heard_at: datetime.datetime, now: datetime.datetime
) -> None:
    found = judge(every_seconds=every_seconds, heard_at=heard_at, now=now)
    assert found.fresh_until is not None
    assert found.stale == (now > found.fresh_until)
    assert (found.fresh_until - heard_at).total_seconds() == 3 * every_seconds


def test_snapshots_since__a_moment__is_three_days_earlier() -> None:
    assert freshness.snapshots_since(NOON) == NOON.replace(day=1)
