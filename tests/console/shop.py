"""A shop in the pictures of the console: its database, its customers, and what they did."""

from __future__ import annotations

import datetime
from typing import Any, Final

from gateway.flows.behaviour.rounds import Evaluator
from gateway.store.db.engine import Pool
from tests.console.backstage import Backstage
from tests.customer import PASSWORD, Customer
from tests.http.people import People, event
from tests.http.world import World
from tests.model.desk import Bell

QUERY: Final = """SELECT id, email, plan
FROM shop.users
WHERE plan IS DISTINCT FROM 'trial'"""
RULE: Final[dict[str, Any]] = {
    "all": [
        {
            "did": {
                "event": "purchase",
                "where": [
                    {"property": "brand", "op": "in", "value": ["Acme", "Umbrella"]},
                    {"property": "price", "op": "gt", "value": 100},
                ],
                "when": {"within": "30d"},
                "count": {"op": "gte", "value": 2},
            }
        },
        {
            "any": [
                {"trait": {"property": "plan", "op": "eq", "value": "pro"}},
                {"not": {"did": {"event": "login", "when": {"since": "month"}}}},
            ]
        },
    ]
}
BRANDS: Final = ("Acme", "Umbrella", "Initech")


def fill(world: World, behind: Backstage, customer: Customer, pool: Pool) -> None:
    """Have a cohort read from the database, and one of a rule."""
    made = {
        "slug": "shop",
        "name": "The shop's database",
        "kind": "postgresql",
        "config": customer.config(),
        "secrets": {"password": PASSWORD},
    }
    _call(world, "/v1/sources", made)
    definition = {"query": QUERY, "member_id": "id", "email": "email", "properties": ["plan"]}
    wanted = {"source": "shop", "name": "Paying customers", "schedule": {"every": "1h"}}
    _call(world, "/v1/cohorts", {**wanted, "definition": definition})
    behind.settle()
    _post(People(world), world.clock.now)
    wanted = {"source": "people", "name": "Bought twice lately"}
    _call(world, "/v1/cohorts", {**wanted, "definition": {"rule": RULE}})
    world.clock.tick(seconds=3)
    Evaluator(pool, Bell(), now=world.clock).evaluate()
    behind.settle()


def _post(people: People, now: datetime.datetime) -> None:
    traits = {
        f"c-{one:03}": {
            "email": f"customer.{one}@example.com",
            "plan": ("free", "pro")[one % 2],
            "city": ("Berlin", "Pune", "Austin")[one % 3],
        }
        for one in range(40)
    }
    people.people(traits)
    for one in range(40):
        properties = {"brand": BRANDS[one % 3], "price": 80 + 15 * (one % 5), "quantity": 1}
        bought = [
            event(f"c-{one:03}", "purchase", time=_before(now, hours=7 * one + back), **rest)
            for back, rest in ((1, {"properties": properties}), (90, {"properties": properties}))
        ]
        people.events(*bought, event(f"c-{one:03}", "login", time=_before(now, hours=one)))
    people.events(event("", "purchase"), event("c-001", "view", time="yesterday"))


def _before(now: datetime.datetime, **ago: float) -> str:
    return (now - datetime.timedelta(**ago)).isoformat()


def _call(world: World, path: str, body: object) -> None:
    answer = world.call("POST", path, json=body)
    assert answer.status_code == 201, answer.text
