"""The tiny cases that pin what rules mean, as data; oracle and gateway must agree on each."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from gateway.core.people import times
from gateway.store.db.engine import Pool
from tests.flows.behaving import Behaving
from tests.model import rules
from tests.model.rules import Event, Facts, Json

AS_OF = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
AT = "2026-11-29T11:00:00Z"

# Of one person: the name of each event, when, and its properties.
Did = Sequence[tuple[str, Json, Mapping[str, Json]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A rule, the people it is asked of, by letter, and those that it holds for."""

    traits: Mapping[str, Mapping[str, Json]] = dataclasses.field(default_factory=dict)
    did: Mapping[str, Did] = dataclasses.field(default_factory=dict)
    rule: Mapping[str, Json]
    found: str
    zone: str = "UTC"


def bought(*times: Json, **properties: Json) -> Did:
    return [("buy", time, properties) for time in times or (AT,)]


def named(*names: str) -> Did:
    return [(name, AT, {}) for name in names]


def trait(name: str, op: str, value: Json) -> Json:
    return {"trait": {"property": name, "op": op, "value": value}}


def did(event: Json = "buy", **rest: Json) -> Json:
    return {"did": {"event": event, **rest}}


def cmp(op: str, value: Json) -> Json:
    return {"op": op, "value": value}


COUNTS: Mapping[str, Did] = {"z": [], "a": bought(), "b": bought(AT, AT)}

CASES = {
    1: Case(
        traits={"a": {"tags": ["x", "y"]}, "b": {"tags": ["y"]}, "c": {}, "d": {"tags": []}},
        rule=trait("tags", "ne", "x"),
        found="bcd",
    ),
    2: Case(
        did={"a": bought(price=1500), "b": bought(price="1500"), "c": bought()},
        rule=did(where=[{"property": "price", "op": "gt", "value": 1000}]),
        found="a",
    ),
    3: Case(
        traits={"a": {"n": 1}, "b": {"n": "1"}, "c": {}},
        rule={"any": [trait("n", "lt", 5), trait("n", "gte", 5)]},
        found="a",
    ),
    4: Case(
        traits={"a": {"v": Decimal("1.0")}, "b": {"v": True}, "c": {"v": "1"}},
        rule=trait("v", "eq", 1),
        found="a",
    ),
    6: Case(
        traits={"a": {"v": "ACME"}, "b": {"v": "ÉCOLE"}, "c": {"v": "école"}},
        rule={"any": [trait("v", "contains", "cm"), trait("v", "starts_with", "éc")]},
        found="ac",
    ),
    8: Case(
        traits={"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}, "d": {"n": Decimal("3.01")}},
        rule=trait("n", "between", [1, 3]),
        found="abc",
    ),
    9: Case(
        did={
            "a": bought("2026-10-30T12:00:00Z"),
            "b": bought("2026-10-30T11:59:59Z"),
            "c": bought("2026-11-29T12:00:00Z"),
        },
        rule=did(when={"within": "30d"}),
        found="a",
    ),
    10: Case(
        did={"a": bought("2026-11-29T11:59:59Z"), "b": bought("2026-11-29T12:00:00Z")},
        rule=did(),
        found="a",
    ),
    11: Case(
        did={"a": bought("2026-11-01T00:00:00Z"), "b": bought("2026-10-31T23:59:59Z")},
        rule=did(when={"after": "2026-11-01T00:00:00Z"}),
        found="a",
    ),
    13: Case(
        did={"a": bought("2026-11-23T00:00:00Z"), "b": bought("2026-11-22T23:59:59Z")},
        rule=did(when={"since": "week"}),
        found="a",
    ),
    14: Case(
        did={"z": [], "a": bought(), "b": bought(AT, AT, AT)},
        rule=did(count=cmp("lt", 3)),
        found="az",
    ),
    15: Case(did={"z": [], "a": bought()}, rule=did(count=cmp("gte", 0)), found="az"),
    16: Case(did=COUNTS, rule=did(count=cmp("ne", 1)), found="bz"),
    18: Case(
        did={"z": [], "a": bought(amt=Decimal("0.3")), "b": bought(amt=9)},
        rule=did(count=cmp("gte", 1), sum={"property": "amt", **cmp("lt", 1)}),
        found="a",
    ),
    19: Case(
        did={
            "a": bought("2026-11-20T22:30:00Z", "2026-11-20T23:30:00Z"),
            "b": bought("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
        },
        rule=did(days=cmp("gte", 2)),
        found="a",
        zone="Europe/Berlin",
    ),
    21: Case(
        did={"a": named("cart", "view"), "b": named("cart")},
        rule=did(["cart", "view"], count=cmp("gte", 2)),
        found="a",
    ),
    22: Case(
        did={"z": [], "a": named("cart"), "b": named("cart", "buy")},
        rule={"all": [did("cart"), {"not": did()}]},
        found="a",
    ),
    23: Case(
        traits={"a": {}, "b": {}},
        rule={"all": [{"all": []}, {"not": {"any": []}}, {"in_cohort": "7"}]},
        found="a",
    ),
    25: Case(
        traits={
            "a": {"t": "2026-11-28T12:00:00+01:00"},
            "b": {"t": 1795867200},
            "c": {"t": 1795867200000},
            "d": {"t": "2026-11-28 12:00"},
            "e": {"t": "soon"},
            "f": {"t": "2026-11-29T12:00:00Z"},
        },
        rule=trait("t", "within", "2d"),
        found="abc",
    ),
}

# Kursaha's example: a purchase of the brand "something", priced higher than 1000.
KURSAHA = did(
    "purchase",
    where=[
        {"property": "brand", "op": "eq", "value": "something"},
        {"property": "price", "op": "gt", "value": 1000},
    ],
)
EXAMPLES = {
    "kursaha": Case(
        did={
            "a": [("purchase", AT, {"brand": "something", "price": 1500})],
            "b": [("purchase", AT, {"brand": "something", "price": 1000})],
            "c": [("purchase", AT, {"brand": "other", "price": 1500})],
            "d": [("view", AT, {"brand": "something", "price": 1500})],
        },
        rule=KURSAHA,
        found="a",
    ),
    "kursaha: downloaded without a subscription": Case(
        did={"a": named("download"), "b": named("download", "signup"), "c": named("signup")},
        rule={"all": [did("download"), {"not": did(["subscribe", "signup"])}]},
        found="a",
    ),
    "siren: installed in the last 7 days": Case(
        did={
            "a": [("install", "2026-11-23T00:00:00Z", {})],
            "b": [("install", "2026-11-20T00:00:00Z", {})],
        },
        rule=did("install", when={"within": "7d"}),
        found="a",
    ),
    "siren: premium, not logged in this month": Case(
        traits={one: {"plan": "premium" if one != "c" else "free"} for one in "abc"},
        did={
            "a": [("login", "2026-10-31T23:59:59Z", {})],
            "b": [("login", "2026-11-01T00:00:00Z", {})],
            "c": [],
        },
        rule={
            "all": [
                trait("plan", "eq", "premium"),
                {"not": did("login", when={"since": "month"})},
            ]
        },
        found="a",
    ),
    "siren: all users of a region": Case(
        traits={"a": {"region": "EU"}, "b": {"region": "US"}, "c": {}},
        rule=trait("region", "eq", "EU"),
        found="a",
    ),
    "siren: added to cart, did not purchase": Case(
        did={"a": named("cart"), "b": named("cart", "purchase"), "c": named("purchase")},
        rule={"all": [did("cart"), {"not": did("purchase")}]},
        found="a",
    ),
}


def facts_of(case: Case) -> Facts:
    people = {one: case.traits.get(one, {}) for one in {*case.traits, *case.did}}
    events = [
        Event(person, name, times.parse(time) or AS_OF, properties)
        for person, listed in case.did.items()
        for name, time, properties in listed
    ]
    cohorts = {"7": {"a", "stranger"}}
    return Facts(people=people, events=events, cohorts=cohorts, as_of=AS_OF, zone=case.zone)


@pytest.mark.parametrize("case", [*CASES.values(), *EXAMPLES.values()], ids=[*CASES, *EXAMPLES])
def test_case__of_the_table__holds_for_whom_it_says(pool: Pool, case: Case) -> None:
    behaving = Behaving(pool, facts_of(case))
    ran = behaving.run(case.rule, with_nodes=True)
    assert {person for person, _ in ran.sample} == set(case.found)
    assert rules.members(behaving.facts, case.rule) == set(case.found)
    assert behaving.members(case.rule) == set(case.found)
    explained = {one: behaving.explained(case.rule, one)[0] for one in behaving.facts.people}
    assert {one for one, holds in explained.items() if holds} == set(case.found)
