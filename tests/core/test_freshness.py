"""Freshness: three missed syncs make a cohort stale."""

import datetime

from gateway.core import freshness


def test_stale_before__a_moment__is_ninety_minutes_earlier() -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    assert freshness.stale_before(noon) == noon.replace(hour=10, minute=30)
