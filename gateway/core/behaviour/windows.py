"""Windows of rules: half-open, none beyond the moment of evaluation, days as a zone has them."""

from __future__ import annotations

import dataclasses
import datetime
import zoneinfo
from typing import TYPE_CHECKING

from gateway.core.behaviour.rule import Since
from gateway.core.people import times

if TYPE_CHECKING:
    from gateway.core.behaviour.rule import When


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """The times at or after `start`, if there is one, and before `end`."""

    start: datetime.datetime | None
    end: datetime.datetime


def of(when: When, *, as_of: datetime.datetime, time_zone: str) -> Window:
    """Say which times a window has, seen from a moment."""
    end = as_of if when.end is None else min(when.end, as_of)
    if when.within is not None:
        return Window(start=earlier(as_of, when.within), end=end)
    if when.since is not None:
        return Window(start=_beginning(when.since, as_of, time_zone), end=end)
    return Window(start=when.start, end=end)


def earlier(as_of: datetime.datetime, span: datetime.timedelta) -> datetime.datetime:
    """Return the moment a span earlier, and not before 1970."""
    return times.EPOCH if span > as_of - times.EPOCH else as_of - span


def _beginning(since: Since, as_of: datetime.datetime, time_zone: str) -> datetime.datetime:
    """Return the local midnight with which a day, week, month or year begins.

    Where clocks leave it out, that is the moment at which they do.
    """
    zone = zoneinfo.ZoneInfo(time_zone)
    day = as_of.astimezone(zone).date()
    if since is Since.WEEK:
        day -= datetime.timedelta(days=day.weekday())
    elif since is Since.MONTH:
        day = day.replace(day=1)
    elif since is Since.YEAR:
        day = day.replace(month=1, day=1)
    return datetime.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(datetime.UTC)
