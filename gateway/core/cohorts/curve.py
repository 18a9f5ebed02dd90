"""The size of a cohort over time, as points of a curve that goes in steps."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class Point:
    """How many members there were at a moment."""

    at: datetime.datetime
    members: int


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
