"""When a cohort counts as stale."""

from __future__ import annotations

import datetime
from typing import Final

# Mixpanel syncs every half hour; a single missed sync is no news (interface 2, `stale`).
SYNC_INTERVAL: Final = datetime.timedelta(minutes=30)
STALE_AFTER: Final = 3 * SYNC_INTERVAL

# Mixpanel compares with the last sync that succeeded for this long; then it sends everything anew
# ("Error handling" in https://docs.mixpanel.com/docs/cohort-sync/webhooks).
SNAPSHOT_KEPT: Final = datetime.timedelta(days=3)


def stale_before(now: datetime.datetime) -> datetime.datetime:
    """Return the moment since which a cohort must have been heard of not to be stale."""
    return now - STALE_AFTER


def snapshots_since(now: datetime.datetime) -> datetime.datetime:
    """Return the moment since which a sync must have succeeded for its snapshot to be kept."""
    return now - SNAPSHOT_KEPT
