"""The size of a cohort over time, as points of a curve that goes in steps."""

from __future__ import annotations

import dataclasses
import datetime
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOUR: Final = datetime.timedelta(hours=1)
# More are not told apart on any screen.
MOST_POINTS: Final = 400


@dataclasses.dataclass(frozen=True)
class Point:
    """How many members there were at a moment."""

    at: datetime.datetime
    members: int


def step(since: datetime.datetime, now: datetime.datetime) -> datetime.timedelta:
    """Return of how many hours a curve shows one: few enough that it has at most MOST_POINTS."""
    return _HOUR * max(1, math.ceil((now - since) / _HOUR / MOST_POINTS))


def sizes(
    known: Sequence[tuple[datetime.datetime, int]],
    *,
    since: datetime.datetime,
    now: datetime.datetime,
    members: int,
) -> list[Point]:
    """Return the points of a curve from `since` to `now`; none before anything is known.

    `known` has hours and the size at the end of each, the first perhaps of before `since`;
    `members` is the size now.
    """
    points = [Point(max(since, min(hour + _HOUR, now)), size) for hour, size in known]
    return [*points, Point(now, members)] if points else []
