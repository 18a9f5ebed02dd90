"""How long a cohort counts as fresh after its source was last heard of."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final

# A single missed sync is no news, three are (interface 2, `stale`).
INTERVALS: Final = 3

# Mixpanel compares with the last sync that succeeded for this long; then it sends everything anew
# ("Error handling" in https://docs.mixpanel.com/docs/cohort-sync/webhooks).
SNAPSHOT_KEPT: Final = datetime.timedelta(days=3)


# A live rule is looked at every few seconds; what time moves takes effect within this.
LOOK_KEPT: Final = datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Freshness:
    """Until when a cohort is fresh, None for ever, and whether it is stale by now."""

    fresh_until: datetime.datetime | None
    stale: bool


def judge(
    *,
    every_seconds: int | None,
    heard_at: datetime.datetime | None,
    since: datetime.datetime,
    now: datetime.datetime,
    until: datetime.datetime | None = None,
) -> Freshness:
    """Judge a cohort that exists `since` a moment, by how often its source is expected.

    `until` is there for a cohort with a schedule, and counts.

    `every_seconds` None means that no source is expected, as for a list: never stale. A cohort that
    was not heard of yet, or not since it was restored, is stale until it is.
    """
    if until is not None:
        return Freshness(fresh_until=until, stale=now >= until)
    if every_seconds is None:
        return Freshness(fresh_until=None, stale=False)
    if heard_at is None:
        return Freshness(fresh_until=since, stale=True)
    until = heard_at + INTERVALS * datetime.timedelta(seconds=every_seconds)
    return Freshness(fresh_until=until, stale=now > until)


def of_live(
    looked_at: datetime.datetime | None, *, since: datetime.datetime, now: datetime.datetime
) -> Freshness:
    """Judge a cohort of a live rule by the last look at it; before the first it is stale."""
    if looked_at is None:
        return Freshness(fresh_until=since, stale=True)
    until = looked_at + LOOK_KEPT
    return Freshness(fresh_until=until, stale=now > until)


def of_cohort(
    *,
    is_live: bool,
    looked_at: datetime.datetime | None,
    every_seconds: int | None,
    heard_at: datetime.datetime | None,
    since: datetime.datetime,
    until: datetime.datetime | None,
    now: datetime.datetime,
) -> Freshness:
    """Judge a cohort of any kind: one of a live rule by its looks, others as `judge` does."""
    if is_live:
        return of_live(looked_at, since=since, now=now)
    return judge(every_seconds=every_seconds, heard_at=heard_at, since=since, now=now, until=until)


def snapshots_since(now: datetime.datetime) -> datetime.datetime:
    """Return the moment since which a sync must have succeeded for its snapshot to be kept."""
    return now - SNAPSHOT_KEPT
