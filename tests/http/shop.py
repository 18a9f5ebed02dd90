"""A gateway with a customer's database as a source, and the loader that reads it."""

from __future__ import annotations

import dataclasses
from typing import Any

from gateway.core.cohorts import kinds
from gateway.flows.cohorts import planned
from gateway.flows.cohorts.load_reader import Reader
from gateway.flows.sources.query_reading import QueryReader
from gateway.flows.sources.setup import Setup
from gateway.handlers.http import deps
from gateway.reach import Reach
from gateway.vault import Vault
from tests.customer import PASSWORD, Customer
from tests.http.world import World

KEY = "a key of thirty-two characters!!"
QUERY = "SELECT id, email, plan FROM shop.users"
DEFINITION = {"query": QUERY, "member_id": "ID", "email": "email", "properties": ["plan"]}


class Shop:
    """A gateway with the source `shop`, and the loader that reads it."""

    def __init__(self, world: World, customer: Customer) -> None:
        self.world = world
        self.customer = customer
        self.setup = Setup(vault=Vault([KEY]), reach=Reach(allow_local=True), query_seconds=20)
        given: deps.Deps = world.app.extensions[deps.EXTENSION]
        world.app.extensions[deps.EXTENSION] = dataclasses.replace(given, setup=self.setup)
        self.wake_ups = given.wake_ups
        body = {
            "slug": "shop",
            "kind": "postgresql",
            "config": customer.config(),
            "secrets": {"password": PASSWORD},
        }
        assert world.call("POST", "/v1/sources", json=body).status_code == 201

    def call(self, method: str, path: str, status: int, body: object = None) -> Any:  # noqa: ANN401
        answer = self.world.call(method, path, json=body)
        assert answer.status_code == status, answer.text
        assert PASSWORD not in answer.text
        return answer.get_json()

    def make(self, **parts: object) -> str:
        body = {"source": "shop", "name": "Pros", "definition": DEFINITION, **parts}
        return str(self.call("POST", "/v1/cohorts", 201, body)["id"])

    def read(self, *, setup: Setup | None = None) -> None:
        """Read every load that is due, and apply what comes of it."""
        pool = self.world.pool
        reader = Reader(
            pool,
            pool,
            self.wake_ups,
            name="reader",
            at_most=2,
            now=self.world.clock,
            definitions=dict.fromkeys(kinds.DATABASES, QueryReader(setup or self.setup)),
        )
        while reader.read_next():
            pass
        self.world.apply()

    def tick(self) -> int:
        return planned.tick(self.world.pool, self.wake_ups, now=self.world.clock.now)

    def loads(self, cohort_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{cohort_id}/loads")["loads"]

    def cohort(self, cohort_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{cohort_id}")

    def members(self, cohort_id: str) -> dict[str, Any]:
        found = self.world.get(f"/v1/cohorts/{cohort_id}/members")["members"]
        return {one["member_id"]: one for one in found}
