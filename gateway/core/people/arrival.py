"""Arrivals: each request has a number, and its events have ids in the order in which they came."""

from __future__ import annotations

from typing import Final

_OF_ONE_REQUEST: Final = 1 << 12  # 4,096, twice as many as a request has


def event_id(arrival: int, place: int) -> int:
    """Return the id of an event by its place among those of its request."""
    return arrival * _OF_ONE_REQUEST + place


def first_id(arrival: int) -> int:
    """Return the first id that an event of an arrival can have."""
    return arrival * _OF_ONE_REQUEST


def rejected_id(arrival: int, place: int) -> int:
    """Return the id of an item that was rejected; that of no event is equal."""
    return arrival * _OF_ONE_REQUEST + _OF_ONE_REQUEST // 2 + place
