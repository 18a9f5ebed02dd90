"""When a cohort counts as stale."""

from __future__ import annotations

import datetime
from typing import Final

# Mixpanel syncs every half hour; a single missed sync is no news (interface 2, `stale`).
SYNC_INTERVAL: Final = datetime.timedelta(minutes=30)
STALE_AFTER: Final = 3 * SYNC_INTERVAL


def stale_before(now: datetime.datetime) -> datetime.datetime:
    """Return the moment since which a cohort must have been heard of not to be stale."""
    return now - STALE_AFTER
