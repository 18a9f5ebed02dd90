"""Freshness: three missed syncs make a cohort stale, and three days cost its snapshot."""

import datetime

from gateway.core.cohorts import freshness


def test_stale_before__a_moment__is_ninety_minutes_earlier() -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    assert freshness.stale_before(noon) == noon.replace(hour=10, minute=30)


def test_snapshots_since__a_moment__is_three_days_earlier() -> None:
    noon = datetime.datetime(2026, 1, 4, 12, tzinfo=datetime.UTC)
    assert freshness.snapshots_since(noon) == noon.replace(day=1)
