"""Rules as a tree of frozen values; `parse.py` makes them of JSON, once, at the border."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

Scalar: TypeAlias = "Decimal | str | bool"
Path: TypeAlias = tuple[str, ...]


class Op(enum.StrEnum):
    """What a condition asks of a value."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    NOT_EXISTS = "not_exists"
    IS_TRUE = "is_true"
    IS_FALSE = "is_false"
    BEFORE = "before"
    AFTER = "after"
    WITHIN = "within"

    @property
    def positive(self) -> Op:
        """The operator that holds exactly where this one does not; itself if there is none."""
        return _OPPOSITE.get(self, self)


_OPPOSITE = {
    Op.NE: Op.EQ,
    Op.NOT_IN: Op.IN,
    Op.NOT_CONTAINS: Op.CONTAINS,
    Op.NOT_EXISTS: Op.EXISTS,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cond:
    """A condition on the value at a path of keys.

    `values` are what it compares with: one, both ends of `between`, all of `in`, none of `exists`;
    a time for `before` and `after`, a duration for `within`. With `case`, A and a are different.
    """

    path: Path
    op: Op
    values: tuple[Scalar, ...] = ()
    time: datetime.datetime | None = None
    within: datetime.timedelta | None = None
    case: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cmp:
    """A comparison of a number: with one, or with both ends of `between`."""

    op: Op
    values: tuple[Decimal, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sum:
    """A comparison of the sum of a property's numbers."""

    path: Path
    cmp: Cmp


class Since(enum.StrEnum):
    """Where a window of the calendar begins."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclasses.dataclass(frozen=True, kw_only=True)
class When:
    """A window: one of these, or none for ever; `start` and `end` may be open."""

    within: datetime.timedelta | None = None
    since: Since | None = None
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class All:
    """All of the children hold."""

    place: str
    children: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Any:
    """At least one of the children holds."""

    place: str
    children: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Not:
    """The child does not hold."""

    place: str
    child: Node


@dataclasses.dataclass(frozen=True, kw_only=True)
class Did:
    """At least one event, or as many and as much as the comparisons say."""

    place: str
    names: tuple[str, ...]
    where: tuple[Cond, ...] = ()
    when: When
    count: Cmp | None = None
    sum: Sum | None = None
    days: Cmp | None = None

    @property
    def compared(self) -> dict[str, Cmp]:
        """What is compared: `count`, `sum`, `days`; where nothing is, one event is enough."""
        found = {"count": self.count, "sum": self.sum and self.sum.cmp, "days": self.days}
        return {name: one for name, one in found.items() if isinstance(one, Cmp)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trait:
    """A trait of the person meets a condition."""

    place: str
    cond: Cond


@dataclasses.dataclass(frozen=True, kw_only=True)
class InCohort:
    """The person is a member of a cohort now."""

    place: str
    cohort_id: int


Leaf: TypeAlias = "Did | Trait | InCohort"
Node: TypeAlias = "All | Any | Not | Leaf"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """A rule, and the zone of its days and windows of the calendar."""

    root: Node
    time_zone: str


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below one, in the rule's order."""
    if isinstance(node, All | Any):
        return node.children
    return (node.child,) if isinstance(node, Not) else ()


def walk(node: Node) -> Iterator[Node]:
    """Visit a node and all below, each before those below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def holds(node: Node, known: Mapping[Leaf, bool]) -> bool:
    """Tell whether a node holds, by what is known of those below it that have none themselves."""
    if isinstance(node, Not):
        return not holds(node.child, known)
    if isinstance(node, All):
        return all(holds(one, known) for one in node.children)
    if isinstance(node, Any):
        return any(holds(one, known) for one in node.children)
    return known[node]


def cohorts_named(node: Node) -> set[int]:
    """Return the ids of the cohorts that a rule looks into."""
    return {one.cohort_id for one in walk(node) if isinstance(one, InCohort)}
