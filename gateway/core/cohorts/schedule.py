"""Schedules of cohorts: when a cohort is loaded next, in the time of its zone.

Of the five fields of cron, Vixie's meaning: where days of the month and of the week are both
restricted, a day of either is one. A local time that does not exist runs at the first moment after
it, and one that exists twice runs the first time only.
"""

from __future__ import annotations

import dataclasses
import datetime
import zoneinfo
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EVERY: Final[Mapping[str, int]] = {
    "1m": 60,
    "5m": 5 * 60,
    "15m": 15 * 60,
    "30m": 30 * 60,
    "1h": 3600,
    "2h": 2 * 3600,
    "3h": 3 * 3600,
    "6h": 6 * 3600,
    "12h": 12 * 3600,
    "1d": 24 * 3600,
}
# How long after a failure that may pass it is tried again, in minutes.
RETRY_MINUTES: Final = (1, 2, 5, 15)
# A cohort is fresh until the third planned time after its last applied load.
INTERVALS: Final = 3

_MAX_CRON: Final = 255
_MINUTE: Final = datetime.timedelta(minutes=1)
_DAY: Final = datetime.timedelta(days=1)
# A 29 February on a given day of the week comes within 28 years, or 40 around 2100.
_MOST_DAYS: Final = 366 * 41
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 - a list
_WEEKDAYS: Final = "sun mon tue wed thu fri sat".split()  # noqa: SIM905 - as above


@dataclasses.dataclass(frozen=True)
class Every:
    """A load each so many seconds, counted from the moment when the schedule was set."""

    seconds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cron:
    """Planned local times; `days` has those of the month, `weekdays` has 0 for Sunday.

    `either` tells that a day of the month or of the week is enough.
    """

    minutes: Sequence[int]
    hours: Sequence[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    zone: zoneinfo.ZoneInfo

    def is_on(self, day: datetime.date) -> bool:
        """Tell whether anything is planned on a day."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = (of_month or of_week) if self.either else (of_month and of_week)
        return fits and day.month in self.months


Schedule = Every | Cron


def faults(given: Mapping[str, Any], path: str = "schedule") -> list[Fault]:
    """Tell all that is wrong with a schedule as JSON brought it."""
    if given.keys() == {"every"}:
        if given["every"] in [*EVERY]:
            return []
        return [Fault(f"{path}.every", f"must be one of {', '.join(EVERY)}")]
    if given.keys() != {"cron", "time_zone"}:
        return [Fault(path, 'must be {"every": …} or {"cron": …, "time_zone": …}')]
    wrong = []
    if _zone(given["time_zone"]) is None:
        wrong.append(Fault(f"{path}.time_zone", "must be the name of a zone, as Europe/Berlin"))
    try:
        found = _cron(given["cron"], zoneinfo.ZoneInfo("UTC"))
        if after(found, _EPOCH, anchor=_EPOCH) is None:
            wrong.append(Fault(f"{path}.cron", "names a day that there never is"))
    except ValueError as error:
        wrong.append(Fault(f"{path}.cron", str(error)))
    return wrong


def read(given: Mapping[str, Any]) -> Schedule:
    """Read a schedule without faults."""
    if "every" in given:
        return Every(EVERY[given["every"]])
    return _cron(given["cron"], zoneinfo.ZoneInfo(given["time_zone"]))


def after(
    schedule: Schedule, moment: datetime.datetime, *, anchor: datetime.datetime
) -> datetime.datetime | None:
    """Return the first planned time after a moment; None for a day that there never is.

    Only `Every` counts from the anchor.
    """
    if isinstance(schedule, Every):
        step = datetime.timedelta(seconds=schedule.seconds)
        return anchor + step * max(1, (moment - anchor) // step + 1)
    return next((one for one in _planned(schedule, moment) if one > moment), None)


def fresh_until(schedule: Schedule, started_at: datetime.datetime) -> datetime.datetime | None:
    """Return until when a cohort is fresh that was read at a moment."""
    if isinstance(schedule, Every):
        return started_at + INTERVALS * datetime.timedelta(seconds=schedule.seconds)
    at: datetime.datetime | None = started_at
    for _ in range(INTERVALS):
        at = None if at is None else after(schedule, at, anchor=started_at)
    return at


def retry_at(
    failures: int, failed_at: datetime.datetime, planned: datetime.datetime | None
) -> datetime.datetime | None:
    """Return when to try again after so many failures in a row; None to wait for what is planned.

    It is never later than planned.
    """
    if failures > len(RETRY_MINUTES):
        return None
    again = failed_at + datetime.timedelta(minutes=RETRY_MINUTES[failures - 1])
    return again if planned is None or again < planned else None


def _planned(cron: Cron, moment: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield planned times from about a moment on, in order; of times in a gap all are its end."""
    local = moment.astimezone(cron.zone).replace(tzinfo=None)
    day = local.date()
    for _ in range(_MOST_DAYS):
        if cron.is_on(day):
            for hour in cron.hours:
                for minute in cron.minutes:
                    at = datetime.datetime.combine(day, datetime.time(hour, minute))
                    # What is before the local time was planned before the moment, too.
                    if at >= local - _MINUTE:
                        yield _instant(at, cron.zone)
        if day == datetime.date.max:
            return
        day += _DAY


def _instant(local: datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    """Return the moment of a local time, the first of two, or the first after a gap."""
    early = local.replace(tzinfo=zone, fold=0).astimezone(datetime.UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # In a gap: with the offset of afterwards it is before the change, with that of before, after.
    low = local.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC)
    high, offset = early, low.astimezone(zone).utcoffset()
    while high - low > datetime.timedelta(seconds=1):
        middle = low + datetime.timedelta(seconds=(high - low) // datetime.timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def _zone(name: object) -> zoneinfo.ZoneInfo | None:
    if type(name) is not str or name.startswith("/") or name == "localtime":
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _cron(text: object, zone: zoneinfo.ZoneInfo) -> Cron:
    """Read five fields. Raises ValueError saying what is wrong."""
    if type(text) is not str or len(text) > _MAX_CRON or len(fields := text.split()) != _FIELDS:
        raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
    minute, hour, day, month, weekday = fields
    weekdays = _numbers(weekday, 0, 7, _WEEKDAYS, "day of week")
    return Cron(
        minutes=sorted(_numbers(minute, 0, 59, (), "minute")),
        hours=sorted(_numbers(hour, 0, 23, (), "hour")),
        days=_numbers(day, 1, 31, (), "day of month"),
        months=_numbers(month, 1, 12, ("", *_MONTHS), "month"),
        weekdays=frozenset(one % 7 for one in weekdays),
        # Vixie's cron looks whether a field begins with a star.
        either=not (day.startswith("*") or weekday.startswith("*")),
        zone=zone,
    )


def _numbers(field: str, least: int, most: int, names: Sequence[str], what: str) -> frozenset[int]:
    found = set[int]()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = least, most
        else:
            low = _number(first, names, what)
            high = _number(last, names, what) if dash else low
        by = int(step) if step.isascii() and step.isdigit() else 0
        if slash and (by == 0 or not (dash or span == "*")):
            raise ValueError(f"{what}: {part!a} is no step of a range, as */5 or 10-40/10")
        if not least <= low <= high <= most:
            raise ValueError(f"{what}: {part!a} is not within {least} and {most}")
        found.update(range(low, high + 1, by or 1))
    return frozenset(found)


def _number(text: str, names: Sequence[str], what: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    if text and text.lower() in names:
        return names.index(text.lower())
    raise ValueError(f"{what}: {text!a} is no number")


_FIELDS: Final = 5
_EPOCH: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
