"""Moments: the clock, and how they are written: RFC 3339 in UTC, always with six decimals."""

from __future__ import annotations

import datetime
from typing import Final

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def write(moment: datetime.datetime) -> str:
    """Write an aware moment; equal ones are equal texts, and texts sort as moments do."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")


def micros(moment: datetime.datetime) -> int:
    """Return the microseconds from the beginning of 1970 to an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND
