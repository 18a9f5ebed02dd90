"""JSON to rules, checked whole: every fault is told, with the path where it is."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.behaviour import conditions, rule
from gateway.core.behaviour.faults import Faults, Wrong, require_keys
from gateway.core.behaviour.rule import Node, When

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

MAX_DEPTH: Final = 10
MAX_NODES: Final = 100
MAX_NAMES: Final = 100
MAX_CONDITIONS: Final = 100
# Of a whole rule, traits included: each takes milliseconds to be written as SQL.
MAX_CONDITIONS_IN_ALL: Final = 300
UTC: Final = "UTC"

_NODES: Final = ("all", "any", "not", "did", "trait", "in_cohort")
# What a machine may have beside the names of IANA, and its database need not.
_OF_ONE_MACHINE: Final = ("posix", "right/", "localtime")
_DID: Final = ("event", "where", "when", "count", "sum", "days")
_DEFINITION: Final = ("rule", "time_zone")


def definition(value: object, place: str = "") -> rule.Definition:
    """Read the definition of a cohort. Raises errors.Invalid with every fault."""
    faults = Faults()
    sent = faults.an_object(value, place or "definition", _DEFINITION)
    return read(sent, faults, place)


def read(sent: Mapping[str, Any], faults: Faults, place: str = "") -> rule.Definition:
    """Read `rule` and `time_zone` of an object, and tell all faults that there are by then.

    Raises errors.Invalid.
    """
    inner = f"{place}." if place else ""
    zone = faults.attempt(lambda: time_zone(sent.get("time_zone"), f"{inner}time_zone"))
    root = _Reader(faults).read(sent.get("rule"), f"{inner}rule")
    faults.tell()
    assert root is not None, "it is there, or a fault was told"  # noqa: S101
    return rule.Definition(root=root, time_zone=zone or UTC)


def time_zone(value: object, place: str) -> str:
    """Read the name of a zone; UTC without one. Raises Wrong."""
    if value is None:
        return UTC
    if not isinstance(value, str):
        raise Wrong(place, "must be text, like Europe/Berlin")
    try:
        if not value.startswith(_OF_ONE_MACHINE):
            return zoneinfo.ZoneInfo(value).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise Wrong(place, "is no time zone; send a name like Europe/Berlin")


class _Reader:
    """Reads a tree, counting its nodes."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._nodes = 0
        self._conditions = 0

    def read(self, value: object, place: str, depth: int = 1) -> Node | None:
        """Read a node; None if it has a fault."""
        return self._faults.attempt(lambda: self._node(value, place, depth))

    def _node(self, value: object, place: str, depth: int) -> Node | None:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise Wrong(place, f"is nested deeper than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            raise Wrong(place, f"is more than the {MAX_NODES} nodes that a rule may have")
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _NODES:
            raise Wrong(place, f"must be an object with exactly one of {', '.join(_NODES)}")
        ((kind, inner),) = value.items()
        return _KINDS[kind](self, inner, place, depth)

    def _children(self, value: object, place: str, depth: int) -> tuple[Node, ...]:
        if not isinstance(value, list):
            raise Wrong(place, "must be a list of rules")
        found = [self.read(one, f"{place}.{n}", depth + 1) for n, one in enumerate(value)]
        return tuple(one for one in found if one is not None)

    def all(self, value: object, place: str, depth: int) -> Node:
        children = self._children(value, f"{place}.all", depth)
        return rule.All(place=place, children=children)

    def any(self, value: object, place: str, depth: int) -> Node:
        children = self._children(value, f"{place}.any", depth)
        return rule.Any(place=place, children=children)

    def not_(self, value: object, place: str, depth: int) -> Node | None:
        child = self.read(value, f"{place}.not", depth + 1)
        return None if child is None else rule.Not(place=place, child=child)

    def trait(self, value: object, place: str, _: int) -> Node:
        return rule.Trait(place=place, cond=self._cond(value, f"{place}.trait"))

    def _cond(self, value: object, place: str) -> rule.Cond:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS_IN_ALL:
            most = MAX_CONDITIONS_IN_ALL
            raise Wrong(place, f"is more than the {most} conditions that a rule may have")
        return conditions.cond(value, place)

    def in_cohort(self, value: object, place: str, _: int) -> Node:
        number = conditions.cohort_id(value, f"{place}.in_cohort")
        return rule.InCohort(place=place, cohort_id=number)

    def did(self, value: object, place: str, _: int) -> Node | None:
        faults, place_in = self._faults, f"{place}.did"
        sent = require_keys(value, place_in, _DID)
        names = faults.attempt(lambda: _names(sent.get("event"), f"{place_in}.event"))
        where = self._where(sent.get("where"), f"{place_in}.where")
        when = faults.attempt(lambda: _when(sent.get("when"), f"{place_in}.when"))
        count, days = (
            faults.attempt(lambda name=name: _cmp(sent, name, place_in))  # type: ignore[misc]
            for name in ("count", "days")
        )
        total = faults.attempt(lambda: _sum(sent, place_in))
        if names is None or when is None:
            return None
        return rule.Did(
            place=place, names=names, where=where, when=when, count=count, sum=total, days=days
        )

    def _where(self, value: object, place: str) -> tuple[rule.Cond, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MAX_CONDITIONS:
            raise Wrong(place, f"must be a list of at most {MAX_CONDITIONS} conditions")
        found = [
            self._faults.attempt(lambda one=one, n=n: self._cond(one, f"{place}.{n}"))  # type: ignore[misc]
            for n, one in enumerate(value)
        ]
        return tuple(one for one in found if one is not None)


_KINDS: Final[Mapping[str, Callable[[_Reader, object, str, int], Node | None]]] = {
    "all": _Reader.all,
    "any": _Reader.any,
    "not": _Reader.not_,
    "did": _Reader.did,
    "trait": _Reader.trait,
    "in_cohort": _Reader.in_cohort,
}


def _names(value: object, place: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not 0 < len(listed) <= MAX_NAMES:
        raise Wrong(place, f"must be a name, or a list of 1 to {MAX_NAMES}")
    return tuple(dict.fromkeys(conditions.name(one, place) for one in listed))


def _when(value: object, place: str) -> When:
    if value is None:
        return When()
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _WINDOWS:
        raise Wrong(place, f"must be an object with exactly one of {', '.join(_WINDOWS)}")
    ((kind, inner),) = value.items()
    place = f"{place}.{kind}"
    return _WINDOWS[kind](inner, place)


def _between(value: object, place: str) -> When:
    start, end = conditions.pair(value, place)
    return When(start=conditions.time(start, f"{place}.0"), end=conditions.time(end, f"{place}.1"))


def _since(value: object, place: str) -> rule.Since:
    try:
        return rule.Since(value)  # type: ignore[arg-type]
    except ValueError:
        raise Wrong(place, f"must be one of {', '.join(rule.Since)}") from None


def _ever(value: object, place: str) -> When:
    if value is not True:
        raise Wrong(place, "must be true")
    return When()


_WINDOWS: Final[Mapping[str, Callable[[object, str], When]]] = {
    "within": lambda value, place: When(within=conditions.duration(value, place)),
    "since": lambda value, place: When(since=_since(value, place)),
    "between": _between,
    "before": lambda value, place: When(end=conditions.time(value, place)),
    "after": lambda value, place: When(start=conditions.time(value, place)),
    "ever": _ever,
}


def _cmp(sent: Mapping[str, Any], name: str, place: str) -> rule.Cmp | None:
    if sent.get(name) is None:
        return None
    return conditions.cmp(sent[name], f"{place}.{name}")


def _sum(sent: Mapping[str, Any], place: str) -> rule.Sum | None:
    if sent.get("sum") is None:
        return None
    return conditions.total(sent["sum"], f"{place}.sum")


def invalid(place: str, message: str) -> errors.Invalid:
    """Make the error for one fault."""
    return errors.Invalid([errors.Fault(place, message)])
