"""Curves and bars as the numbers of SVG: drawn here, so that pages need no script for them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.core.cohorts.curve import Point
    from gateway.flows.health.overview import Flow

WIDTH: Final = 1000
HEIGHT: Final = 200
# A curve that stays above this part of its maximum is drawn from its own minimum, not from zero.
_FLAT: Final = 0.6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve in a box of WIDTH by HEIGHT, with what stands beside its axes."""

    line: str
    area: str
    top: int
    bottom: int
    since: datetime.datetime
    until: datetime.datetime
    first: int
    last: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """An hour: entries above the middle line, exits below it."""

    x: float
    width: float
    up: float
    down: float
    flow: Flow


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bars:
    """The bars of a day, and their sums."""

    bars: Sequence[Bar]
    middle: float
    entered: int
    exited: int


def curve(points: Sequence[Point], *, since: datetime.datetime) -> Curve | None:
    """Draw points as steps, from the first that is known; None if there are none."""
    if not points:
        return None
    since, until = max(since, points[0].at), points[-1].at
    most, least = max(one.members for one in points), min(one.members for one in points)
    bottom = least if least > _FLAT * most else 0
    top = max(most, bottom + 1)
    seconds = max((until - since).total_seconds(), 1.0)

    def x(one: Point) -> float:
        return round(WIDTH * (one.at - since).total_seconds() / seconds, 1)

    def y(one: Point) -> float:
        return round(HEIGHT * (top - one.members) / (top - bottom), 1)

    line = f"M{x(points[0])},{y(points[0])}" + "".join(f"H{x(one)}V{y(one)}" for one in points[1:])
    area = f"{line}V{HEIGHT}H{x(points[0])}Z"
    return Curve(
        line=line,
        area=area,
        top=top,
        bottom=bottom,
        since=since,
        until=until,
        first=points[0].members,
        last=points[-1].members,
    )


def bars(flows: Sequence[Flow]) -> Bars:
    """Draw the hours of a day side by side, entries and exits to the same scale."""
    most = max((max(one.entered, one.exited) for one in flows), default=0) or 1
    step, middle = WIDTH / max(len(flows), 1), HEIGHT / 2
    return Bars(
        bars=[
            Bar(
                x=round(place * step + step * 0.15, 1),
                width=round(step * 0.7, 1),
                up=round(middle * one.entered / most, 1),
                down=round(middle * one.exited / most, 1),
                flow=one,
            )
            for place, one in enumerate(flows)
        ],
        middle=middle,
        entered=sum(one.entered for one in flows),
        exited=sum(one.exited for one in flows),
    )
