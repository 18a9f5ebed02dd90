"""Rules in words, for people that know nothing of their JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.behaviour import rule
from gateway.core.behaviour.rule import Cmp, Cond, Did, InCohort, Node, Op, Since, Trait, When
from gateway.handlers.console import rule_texts as written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from gateway.flows.behaviour.run import Finding

OPS: Final[Mapping[str, str]] = {
    Op.EQ: "is",
    Op.NE: "is not",
    Op.GT: "is more than",
    Op.GTE: "is at least",
    Op.LT: "is less than",
    Op.LTE: "is at most",
    Op.BETWEEN: "is between",
    Op.IN: "is one of",
    Op.NOT_IN: "is none of",
    Op.CONTAINS: "contains",
    Op.NOT_CONTAINS: "does not contain",
    Op.STARTS_WITH: "starts with",
    Op.ENDS_WITH: "ends with",
    Op.EXISTS: "is there",
    Op.NOT_EXISTS: "is missing",
    Op.IS_TRUE: "is true",
    Op.IS_FALSE: "is false",
    Op.BEFORE: "is before",
    Op.AFTER: "is at or after",
    Op.WITHIN: "is within the last",
}
COUNTS: Final[Mapping[str, str]] = {
    Op.GTE: "at least",
    Op.LTE: "at most",
    Op.EQ: "exactly",
    Op.GT: "more than",
    Op.LT: "less than",
    Op.NE: "not exactly",
    Op.BETWEEN: "between",
}
UNITS: Final[Mapping[str, str]] = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
WINDOWS: Final[Mapping[str, str]] = {
    "ever": "at any time",
    "within": "in the last",
    "since": "since the beginning of this",
    "between": "between",
    "after": "at or after",
    "before": "before",
}
# By the kind, whether there is anything in it, and whether there is a `not` around it.
_GROUPS: Final[Mapping[tuple[str, bool, bool], str]] = {
    ("all", True, False): "All of these hold",
    ("all", True, True): "Not all of these hold",
    ("all", False, False): "Everybody",
    ("all", False, True): "Nobody",
    ("any", True, False): "At least one of these holds",
    ("any", True, True): "None of these holds",
    ("any", False, False): "Nobody",
    ("any", False, True): "Everybody",
}
SINCE: Final = tuple(one.value for one in Since)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """A node in words, whether it holds, what was found, and the nodes below it."""

    says: str
    holds: bool
    found: str
    finding: Finding
    children: Sequence[Reason]


def reason(node: Node, found: Mapping[Node, Finding], cohorts: Mapping[int, str]) -> Reason:
    """Say what a node asks for, and what was found; a `not` is told with what it is about."""
    inner, is_not = _bare(node)
    return Reason(
        says=sentence(inner, is_not=is_not, cohorts=cohorts),
        holds=found[node].holds,
        found=_found(inner, found[inner]),
        finding=found[inner],
        children=[reason(one, found, cohorts) for one in rule.children(inner)],
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """A node in words, and the nodes below it."""

    says: str
    children: Sequence[Line]


def outline(node: Node, cohorts: Mapping[int, str]) -> Line:
    """Say what a rule asks for."""
    inner, is_not = _bare(node)
    return Line(
        says=sentence(inner, is_not=is_not, cohorts=cohorts),
        children=[outline(one, cohorts) for one in rule.children(inner)],
    )


def _bare(node: Node) -> tuple[Node, bool]:
    """Return what is inside of any `not`, and whether they turn it round."""
    is_not = False
    while isinstance(node, rule.Not):
        node, is_not = node.child, not is_not
    return node, is_not


def sentence(node: Node, *, is_not: bool, cohorts: Mapping[int, str]) -> str:
    """Say what a node asks for, without those below it."""
    if isinstance(node, Did):
        return ("Did not " if is_not else "Did ") + did(node)
    if isinstance(node, Trait):
        said = f"The trait {condition(node.cond)}"
        return f"Not so: {said}" if is_not else said
    if isinstance(node, InCohort):
        name = cohorts.get(node.cohort_id, f"cohort {node.cohort_id}")
        return f"Is no member of {name}" if is_not else f"Is a member of {name}"
    kind = "all" if isinstance(node, rule.All) else "any"
    return _GROUPS[kind, bool(rule.children(node)), is_not]


def did(node: Did) -> str:
    """Say which events are asked for, where, how many and when."""
    parts = [" or ".join(node.names)]
    parts += [f"{compared(node.count)} times"] if node.count else []
    parts += [f"on {compared(node.days)} days"] if node.days else []
    if node.sum:
        parts.append(f"with a sum of {written.path(node.sum.path)} of {compared(node.sum.cmp)}")
    parts.append(window(node.when))
    said = " ".join(parts)
    return f"{said}, where {' and '.join(map(condition, node.where))}" if node.where else said


def window(when: When) -> str:
    if when.within is not None:
        number, unit = written.duration(when.within)
        return f"in the last {number} {UNITS[unit].removesuffix('s' if number == '1' else '')}"
    if when.since is not None:
        return f"since the beginning of this {when.since}"
    start, end = (one and written.time(one) for one in (when.start, when.end))
    if start and end:
        return f"between {start} and {end}"
    if start:
        return f"at or after {start}"
    return f"before {end}" if end else "at any time"


def compared(cmp: Cmp) -> str:
    return f"{COUNTS[cmp.op]} {' and '.join(f'{one:f}' for one in cmp.values)}"


def condition(cond: Cond) -> str:
    """Say what is asked of a value."""
    said = f"{written.path(cond.path)} {OPS[cond.op]}"
    if cond.time is not None:
        return f"{said} {written.time(cond.time)}"
    if cond.within is not None:
        number, unit = written.duration(cond.within)
        return f"{said} {number} {UNITS[unit]}"
    between = " and " if cond.op is Op.BETWEEN else ", "
    return f"{said} {between.join(map(_value, cond.values))}".rstrip()


def _value(value: rule.Scalar) -> str:
    return f"“{value}”" if isinstance(value, str) else written.scalar(value)


def _found(node: Node, finding: Finding) -> str:
    if isinstance(node, Did):
        told = [f"{_COUNTED[name]} {_number(number)}" for name, number in finding.counted.items()]
        return ", ".join(told)
    if isinstance(node, Trait):
        return "it is missing" if finding.value is None else f"it is {finding.value}"
    return ""


def _number(value: Decimal | int) -> str:
    return f"{value:,f}" if not isinstance(value, int) else f"{value:,}"


_COUNTED: Final[Mapping[str, str]] = {"count": "events:", "sum": "sum:", "days": "days:"}
