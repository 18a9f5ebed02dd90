"""How a source fares, in one word: whether it is paused, and how long ago it was heard of."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from gateway.core.cohorts import freshness

if TYPE_CHECKING:
    import datetime


class Condition(enum.StrEnum):
    """The states of a source that its operator tells apart."""

    LIVE = "live"
    SILENT = "silent"
    NEW = "new"
    ON_DEMAND = "on_demand"
    PAUSED = "paused"


def judge(
    *,
    paused: bool,
    every_seconds: int | None,
    heard_at: datetime.datetime | None,
    now: datetime.datetime,
) -> Condition:
    """Judge a source by its newest page: silent after three intervals, as its cohorts are stale."""
    if paused:
        return Condition.PAUSED
    if every_seconds is None:
        return Condition.ON_DEMAND
    if heard_at is None:
        return Condition.NEW
    judged = freshness.judge(every_seconds=every_seconds, heard_at=heard_at, since=now, now=now)
    return Condition.SILENT if judged.stale else Condition.LIVE
