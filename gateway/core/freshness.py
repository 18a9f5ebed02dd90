"""When a cohort counts as stale."""

from __future__ import annotations

import datetime
from typing import Final

# Mixpanel syncs every half hour; a single missed one is no news (interface 2, `stale`).
SYNC_INTERVAL: Final = datetime.timedelta(minutes=30)
STALE_AFTER: Final = 3 * SYNC_INTERVAL


def is_stale(last_synced_at: datetime.datetime | None, *, now: datetime.datetime) -> bool:
    """Tell whether nothing was heard of a cohort for three intervals, or ever."""
    return last_synced_at is None or now - last_synced_at > STALE_AFTER
