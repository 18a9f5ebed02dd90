"""Moments as they are written to the outside: RFC 3339 in UTC, always with six decimals."""

from __future__ import annotations

import datetime


def write(moment: datetime.datetime) -> str:
    """Write an aware moment; equal ones are equal texts, and texts sort as moments do."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")
