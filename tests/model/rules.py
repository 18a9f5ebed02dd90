"""An oracle of rules: plain Python over plain values, straight from the JSON of a rule.

It shares nothing with what is tested but the reading of times, which has tests of its own.
"""

from __future__ import annotations

import dataclasses
import datetime
import zoneinfo
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from gateway.core.people import times

Json: TypeAlias = Any

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
MISSING = object()


@dataclasses.dataclass(frozen=True)
class Event:
    """What a person did."""

    person: str
    name: str
    time: datetime.datetime
    properties: Mapping[str, Json]


@dataclasses.dataclass
class Facts:
    """All that there is to know."""

    people: dict[str, Mapping[str, Json]]
    events: list[Event]
    cohorts: dict[str, set[str]]
    as_of: datetime.datetime
    zone: str = "UTC"


def members(facts: Facts, rule: Json) -> set[str]:
    """Name the people that a rule holds for."""
    return {person for person in facts.people if holds(facts, person, rule)}


def holds(facts: Facts, person: str, rule: Json) -> bool:
    ((kind, inner),) = rule.items()
    if kind == "all":
        return all(holds(facts, person, one) for one in inner)
    if kind == "any":
        return any(holds(facts, person, one) for one in inner)
    if kind == "not":
        return not holds(facts, person, inner)
    if kind == "trait":
        return meets(facts, facts.people[person], inner)
    if kind == "in_cohort":
        return person in facts.cohorts[str(inner)]
    return did(facts, person, inner)


def did(facts: Facts, person: str, rule: Mapping[str, Json]) -> bool:
    names = rule["event"] if isinstance(rule["event"], list) else [rule["event"]]
    found = [
        one
        for one in facts.events
        if one.person == person
        and one.name in names
        and in_window(facts, one.time, rule.get("when") or {"ever": True})
        and all(meets(facts, one.properties, cond) for cond in rule.get("where") or ())
    ]
    if not {"count", "sum", "days"} & {key for key, value in rule.items() if value is not None}:
        return bool(found)
    good = True
    if rule.get("count") is not None:
        good = good and compare(Decimal(len(found)), rule["count"])
    if rule.get("sum") is not None:
        numbers = [at(one.properties, rule["sum"]["property"]) for one in found]
        total = sum((n for n in numbers if is_number(n)), Decimal(0))
        good = good and compare(total, rule["sum"])
    if rule.get("days") is not None:
        zone = zoneinfo.ZoneInfo(facts.zone)
        days = {one.time.astimezone(zone).date() for one in found}
        good = good and compare(Decimal(len(days)), rule["days"])
    return good


def in_window(facts: Facts, time: datetime.datetime, when: Mapping[str, Json]) -> bool:
    if time >= facts.as_of:
        return False
    ((kind, value),) = when.items()
    if kind == "within":
        return time >= facts.as_of - duration(value)
    if kind == "since":
        return time >= midnight(facts, value)
    if kind == "between":
        return moment(value[0]) <= time < moment(value[1])
    if kind == "before":
        return time < moment(value)
    return kind == "ever" or time >= moment(value)


def midnight(facts: Facts, unit: str) -> datetime.datetime:
    zone = zoneinfo.ZoneInfo(facts.zone)
    day = facts.as_of.astimezone(zone).date()
    if unit == "week":
        while day.isoweekday() != 1:
            day -= datetime.timedelta(days=1)
    if unit in ("month", "year"):
        day = datetime.date(day.year, day.month if unit == "month" else 1, 1)
    return datetime.datetime.combine(day, datetime.time(), zone)


def duration(text: str) -> datetime.timedelta:
    return datetime.timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])


def moment(value: Json) -> datetime.datetime:
    found = times.parse(value)
    assert found is not None
    return found


def at(value: Json, path: str | Sequence[str]) -> Json:
    for key in path.split(".") if isinstance(path, str) else path:
        if not isinstance(value, Mapping) or key not in value:
            return MISSING
        value = value[key]
    return MISSING if value is None else value


def is_number(value: Json) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


NEGATIVE = {"ne": "eq", "not_in": "in", "not_contains": "contains", "not_exists": "exists"}


def meets(facts: Facts, document: Json, cond: Mapping[str, Json]) -> bool:
    if cond["op"] in NEGATIVE:
        return not meets(facts, document, {**cond, "op": NEGATIVE[cond["op"]]})
    value = at(document, cond["property"])
    if cond["op"] == "exists":
        return value is not MISSING
    if isinstance(value, list):
        return any(one(facts, element, cond) for element in value)
    return one(facts, value, cond)


def one(facts: Facts, value: Json, cond: Mapping[str, Json]) -> bool:  # noqa: PLR0911 - cases
    if value is MISSING or value is None or isinstance(value, list | Mapping):
        return False
    op: str = cond["op"]
    given: Json = cond.get("value")
    if op in ("is_true", "is_false"):
        return value is (op == "is_true")
    if op == "in":
        return any(same(value, other) for other in given)
    if op in ("before", "after", "within"):
        return in_time(facts, value, op, given)
    if op in ("contains", "starts_with", "ends_with"):
        return text(value, op, given, exact=cond.get("case", False))
    values = given if op == "between" else [given]
    if op == "eq":
        return same(value, given)
    if kind(value) != kind(values[0]) or isinstance(value, bool):
        return False
    return compare(value, cond)


def same(value: Json, other: Json) -> bool:
    return kind(value) == kind(other) and bool(value == other)


def kind(value: Json) -> str:
    return "number" if is_number(value) else type(value).__name__


def compare(value: Json, cmp: Mapping[str, Json]) -> bool:
    other = cmp["value"]
    if cmp["op"] == "between":
        return bool(other[0] <= value <= other[1])
    return bool(
        {
            "eq": lambda: value == other,
            "ne": lambda: value != other,
            "gt": lambda: value > other,
            "gte": lambda: value >= other,
            "lt": lambda: value < other,
            "lte": lambda: value <= other,
        }[cmp["op"]]()
    )


def text(value: Json, op: str, given: str, *, exact: bool) -> bool:
    if not isinstance(value, str):
        return False
    if not exact:
        value, given = fold(value), fold(given)
    if op == "contains":
        return given in value
    return bool(value.startswith(given) if op == "starts_with" else value.endswith(given))


def fold(value: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in value)


def in_time(facts: Facts, value: Json, op: str, given: Json) -> bool:
    time = times.parse(value)
    if time is None:
        return False
    if op == "within":
        return facts.as_of - duration(given) <= time < facts.as_of
    return time < moment(given) if op == "before" else time >= moment(given)
