"""Moments: the clock, and how they are written: RFC 3339 in UTC, always with six decimals."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def write(moment: datetime.datetime) -> str:
    """Write an aware moment; equal ones are equal texts, and texts sort as moments do."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")
