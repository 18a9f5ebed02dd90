"""Live rules while days pass: after each look a cohort has the members that an oracle names."""

from __future__ import annotations

import datetime
import random
from typing import Any, Final

import pytest
from sqlalchemy import text

from tests.http.people import People, event
from tests.http.test_api_live_rules import Live
from tests.http.world import START
from tests.model import rules
from tests.model.rules import Event, Facts

# A day before the clocks of Berlin change, whose days the rules count.
BEGINNING: Final = START + datetime.timedelta(days=86, hours=9)
STEP: Final = datetime.timedelta(minutes=97)
ZONE: Final = "Europe/Berlin"
PEOPLE: Final = 24
PLANS: Final = ("free", "pro", None)


def bought(**rest: object) -> dict[str, Any]:
    return {"did": {"event": "buy", **rest}}


def rules_of(vips: str) -> dict[str, Any]:
    """Name the rules that are kept live."""
    return {
        "by an event, until time passes": bought(when={"within": "6h"}),
        "false by an event": {"not": bought(when={"within": "1d"})},
        "true as time passes": bought(count={"op": "lt", "value": 2}, when={"within": "2d"}),
        "of the local day": bought(when={"since": "day"}),
        "of the local week": bought(days={"op": "gte", "value": 2}, when={"since": "week"}),
        "a sum": bought(sum={"property": "price", "op": "gte", "value": 30}),
        "dear ones of late": bought(
            where=[{"property": "price", "op": "gt", "value": 8}], when={"within": "3h"}
        ),
        "by another cohort": {"all": [{"in_cohort": vips}, bought(when={"within": "12h"})]},
        "by a trait": {"trait": {"property": "plan", "op": "ne", "value": "pro"}},
        "by the time in a trait": {"trait": {"property": "seen", "op": "within", "value": "5h"}},
    }


class Days:
    """A source of people that do things, and what an oracle knows of them."""

    def __init__(self, live: Live) -> None:
        self.live, self.world = live, live.world
        self.world.clock.now = BEGINNING
        self.facts = Facts(people={}, events=[], cohorts={}, as_of=BEGINNING, zone=ZONE)
        self.vips = self.world.fill(["p0", "stranger"])
        self.facts.cohorts[self.vips] = {"p0", "stranger"}
        self.rules = rules_of(self.vips)
        self.trait(*[f"p{n}" for n in range(PEOPLE)])
        self.ids = {
            name: live.make(rule, external_id=name, definition={"rule": rule, "time_zone": ZONE})[
                "id"
            ]
            for name, rule in self.rules.items()
        }
        live.settle()

    def trait(self, *people: str, **traits: object) -> None:
        for one in people:
            merged = {**self.facts.people.get(one, {}), **traits}
            self.facts.people[one] = {name: value for name, value in merged.items() if value}
        self.live.people.people(dict.fromkeys(people, traits))

    def buy(self, person: str, price: int, *, ago: datetime.timedelta) -> None:
        time = self.world.clock.now - ago
        sent = event(person, properties={"price": price}, time=time.isoformat())
        self.live.people.events(sent)
        self.facts.people.setdefault(person, {})
        self.facts.events.append(Event(person, "buy", time, {"price": price}))

    def erase(self, person: str) -> None:
        assert self.world.call("DELETE", f"/v1/members/{person}").status_code == 204
        self.facts.people.pop(person, None)
        self.facts.events = [one for one in self.facts.events if one.person != person]
        self.facts.cohorts[self.vips].discard(person)

    def happen(self, chance: random.Random) -> None:
        """Let a few things happen; some are told late."""
        for _ in range(chance.randrange(4)):
            late = datetime.timedelta(minutes=chance.choice([0, 0, 0, 20, 400]))
            self.buy(f"p{chance.randrange(PEOPLE + 3)}", chance.randrange(1, 12), ago=late)
        someone = f"p{chance.randrange(PEOPLE)}"
        kind = chance.randrange(8)
        if kind == 0:
            self.trait(someone, plan=chance.choice(PLANS))
        elif kind == 1:
            self.trait(someone, seen=self.world.clock.now.isoformat())
        elif kind == 2:
            action = chance.choice(["add_members", "remove_members"])
            session = f"s{self.world.clock.now.timestamp()}"
            self.world.post(action, [someone], session=session)
            among = self.facts.cohorts[self.vips]
            (among.add if action == "add_members" else among.discard)(someone)
        elif kind == 3 and chance.randrange(4) == 0:
            self.erase(someone)

    def look(self) -> None:
        """Let looks and workers run until what happened has taken effect everywhere."""
        self.world.clock.tick(seconds=STEP.total_seconds())
        self.live.evaluator.evaluate()
        self.world.apply()
        self.live.evaluator.evaluate()
        self.facts.as_of = self.world.clock.now
        self.world.apply()

    def check(self) -> None:
        found = {name: set(self.world.members(one)) for name, one in self.ids.items()}
        wanted = {name: rules.members(self.facts, rule) for name, rule in self.rules.items()}
        assert found == wanted, self.facts.as_of


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "steps", [10, pytest.param(105, marks=pytest.mark.long)], ids=["a day", "a week"]
)
def test_live_rules__while_time_passes__have_the_members_of_an_oracle_and_no_drift(
    people: People, steps: int
) -> None:
    days, chance = Days(Live(people)), random.Random(7)  # noqa: S311 - draws
    for _ in range(steps):
        days.happen(chance)
        days.look()
        days.check()
    days.world.clock.tick(hours=24)
    days.look()
    days.check()
    with days.world.pool.read() as conn:
        drift, whole_at = conn.execute(
            text("SELECT sum(drift), min(whole_at) FROM rule_states")
        ).one()
    assert drift == 0
    moved = {name: len(days.world.changes(one)) for name, one in days.ids.items()}
    assert all(moved.values()) or steps < 20, moved
    assert sum(moved.values()) > 5 * steps, moved
    assert whole_at > days.world.clock.now - datetime.timedelta(hours=1)
