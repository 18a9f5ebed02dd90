"""What the passing of time does to a rule: events that cross an edge, or a look at all people."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.behaviour import rule, windows
from gateway.core.behaviour.rule import Did, Op, Trait

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from gateway.core.behaviour.rule import Cond, Definition


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge:
    """Times that the edge of a window has gone over between two looks."""

    names: tuple[str, ...]
    start: datetime.datetime
    end: datetime.datetime


def crossed(
    definition: Definition, *, before: datetime.datetime, now: datetime.datetime
) -> list[Edge] | None:
    """List what edges of windows have gone over; None if all people have to be looked at.

    That is where a window of the calendar has begun anew.
    """
    found: list[Edge] = []
    for node in rule.walk(definition.root):
        if not isinstance(node, Did):
            continue
        zone = definition.time_zone
        old = windows.of(node.when, as_of=before, time_zone=zone)
        new = windows.of(node.when, as_of=now, time_zone=zone)
        if node.when.since is not None and old.start != new.start:
            return None
        pairs = ((old.start, new.start), (old.end, new.end))
        found += [
            Edge(names=node.names, start=start, end=end)
            for start, end in pairs
            if start is not None and end is not None and start < end
        ]
    return found


def compares_with_now(definition: Definition) -> bool:
    """Tell whether the passing of time alone moves a value into a condition, or out of it."""
    return any(one.op is Op.WITHIN for one in _conditions(definition))


def _conditions(definition: Definition) -> Iterator[Cond]:
    for node in rule.walk(definition.root):
        if isinstance(node, Did):
            yield from node.where
        elif isinstance(node, Trait):
            yield node.cond
