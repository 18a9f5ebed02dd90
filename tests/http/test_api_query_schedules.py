"""Schedules of query cohorts: when they are loaded, and tried again, and how fresh they are."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

import pytest

from gateway.reach import Reach
from gateway.store.db.engine import Pool
from tests import customer as customers
from tests.customer import Customer
from tests.http.shop import Shop
from tests.http.world import Clock, World, make_app


@pytest.fixture(scope="module")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this file."""
    with customers.database(database_url, f"customer_plans_{worker_id}") as made:
        yield made


@pytest.fixture
def shop(pool: Pool, database_url: str, clock: Clock, customer: Customer) -> Shop:
    """Lend a gateway with a customer's database."""
    return Shop(World(pool, make_app(database_url, clock), clock), customer)


def test_load__of_a_source_that_is_away__fails_and_is_tried_again(shop: Shop) -> None:
    cohort_id = shop.make(schedule={"every": "1h"})
    shop.read()
    cohort = shop.cohort(cohort_id)
    start = shop.world.clock.now - datetime.timedelta(seconds=10)
    planned_at = (start + datetime.timedelta(hours=1)).isoformat(timespec="microseconds")
    assert cohort["next_load_at"] == planned_at
    fresh = (start + datetime.timedelta(hours=3)).isoformat(timespec="microseconds")
    assert (cohort["fresh_until"], cohort["stale"]) == (fresh, False)
    gone = dataclasses.replace(shop.setup, reach=Reach(resolve=lambda *_: []))
    shop.world.clock.tick(hours=1)
    assert shop.tick() == 1
    assert shop.tick() == 0
    assert shop.loads(cohort_id)[0]["trigger"] == "schedule"
    for minutes in (1, 2, 5, 15):
        before = shop.world.clock.now
        shop.read(setup=gone)
        load = shop.loads(cohort_id)[0]
        assert (load["state"], load["error"]["code"]) == ("failed", "unreachable")
        source = shop.world.get("/v1/sources/shop")
        assert source["last_error"]["code"] == "unreachable"
        assert source["last_ok_at"] is not None
        again = before + datetime.timedelta(minutes=minutes)
        shown = shop.cohort(cohort_id)["next_load_at"]
        assert shown == again.isoformat(timespec="microseconds")
        shop.world.clock.tick(minutes=minutes)
        assert shop.tick() == 1
    shop.read(setup=gone)
    planned_at = (start + datetime.timedelta(hours=2)).isoformat(timespec="microseconds")
    assert shop.cohort(cohort_id)["next_load_at"] == planned_at
    shop.world.clock.tick(hours=3)
    assert shop.cohort(cohort_id)["stale"]
    assert shop.tick() == 1
    shop.read()
    assert not shop.cohort(cohort_id)["stale"]
    assert shop.world.get("/v1/sources/shop")["last_error"] is None


def test_schedule__after_an_outage__queues_one_load_and_none_beside_one_that_runs(
    shop: Shop,
) -> None:
    cohort_id = shop.make(schedule={"cron": "*/5 * * * *", "time_zone": "Europe/Berlin"})
    shop.world.clock.tick(hours=5)
    assert shop.tick() == 0  # the first load still waits
    assert len(shop.loads(cohort_id)) == 1
    shop.read()
    shop.world.clock.tick(hours=5)
    assert shop.tick() == 1
    assert shop.tick() == 0
    shop.call("PATCH", f"/v1/cohorts/{cohort_id}", 200, {"schedule": None})
    cohort = shop.cohort(cohort_id)
    assert (cohort["schedule"], cohort["next_load_at"], cohort["fresh_until"]) == (None,) * 3


def test_source__that_is_paused__starts_nothing(shop: Shop) -> None:
    cohort_id = shop.make(schedule={"every": "5m"})
    shop.read()
    shop.call("PATCH", "/v1/sources/shop", 200, {"paused": True})
    shop.world.clock.tick(minutes=6)
    assert shop.tick() == 0
    refused = shop.call("POST", f"/v1/cohorts/{cohort_id}/loads", 409)
    assert refused["code"] == "source_paused"
    changed = {"query": "SELECT id FROM shop.pros", "member_id": "id"}
    shop.call("PATCH", f"/v1/cohorts/{cohort_id}", 200, {"definition": changed})
    assert len(shop.loads(cohort_id)) == 1


def test_definition__set_while_its_source_is_paused__is_loaded_when_that_is_resumed(
    shop: Shop,
) -> None:
    changed = shop.make()
    shop.read()
    shop.call("PATCH", "/v1/sources/shop", 200, {"paused": True})
    definition = {"query": "SELECT id FROM shop.pros", "member_id": "id"}
    shop.call("PATCH", f"/v1/cohorts/{changed}", 200, {"definition": definition})
    made = shop.make(name="Made", definition=definition)
    for _ in range(3):
        shop.world.clock.tick(minutes=1)
        assert shop.tick() == 0
    assert [len(shop.loads(one)) for one in (changed, made)] == [1, 0]
    assert shop.cohort(made)["next_load_at"] is None
    shop.call("PATCH", "/v1/sources/shop", 200, {"paused": False})
    shop.world.clock.tick(seconds=15)
    assert (shop.tick(), shop.tick()) == (2, 0)
    shop.read()
    for one in (changed, made):
        assert (shop.loads(one)[0]["trigger"], shop.loads(one)[0]["state"]) == (
            "definition",
            "applied",
        )
        assert shop.members(one).keys() == {"u1"}
    shop.world.clock.tick(minutes=1)
    assert shop.tick() == 0
