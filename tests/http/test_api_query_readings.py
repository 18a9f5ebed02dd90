"""Readings of query cohorts that cannot go on: what was asked for cannot be read any more."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.flows.cohorts.load_reader import Reader
from gateway.flows.sources.query_reading import QueryReader
from gateway.store.db.engine import Pool
from tests import customer as customers
from tests.customer import Customer
from tests.http.shop import Shop
from tests.http.world import Clock, World, make_app


@pytest.fixture(scope="module")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this file."""
    with customers.database(database_url, f"customer_readings_{worker_id}") as made:
        yield made


@pytest.fixture
def shop(pool: Pool, database_url: str, clock: Clock, customer: Customer) -> Shop:
    """Lend a gateway with a customer's database."""
    return Shop(World(pool, make_app(database_url, clock), clock), customer)


def error(shop: Shop, cohort_id: str) -> str:
    """Return the code by which the newest load failed."""
    load = shop.loads(cohort_id)[0]
    assert load["state"] == "failed"
    return str(load["error"]["code"])


def test_load__of_a_definition_that_is_not_kept__fails(shop: Shop) -> None:
    cohort_id = shop.make()
    with shop.world.pool.begin() as conn:
        conn.execute(text("DELETE FROM cohort_definitions"))
    shop.read()
    assert error(shop, cohort_id) == "internal"


def test_load__of_a_kind_that_is_gone__fails(shop: Shop) -> None:
    cohort_id = shop.make()
    shop.read(setup=dataclasses.replace(shop.setup, kinds={}))
    assert error(shop, cohort_id) == "driver_missing"


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ({"query": "DELETE FROM shop.users", "member_id": "id"}, "writes"),
        ({"query": "SELECT 1 AS id", "member_id": 1}, "query_invalid"),
    ],
)
def test_load__of_a_definition_of_an_older_version__fails_if_it_is_refused_now(
    shop: Shop, definition: dict[str, object], code: str
) -> None:
    cohort_id = shop.make()
    with shop.world.pool.begin() as conn:
        conn.execute(
            text("UPDATE cohort_definitions SET definition = CAST(:one AS jsonb)"),
            {"one": json.dumps(definition)},
        )
    shop.read()
    assert error(shop, cohort_id) == code


def test_reader__told_to_stop_in_the_middle_of_a_query__leaves_the_load_to_another(
    shop: Shop,
) -> None:
    slow = {"query": "SELECT shop.slow() AS id", "member_id": "id"}
    cohort_id = shop.make(definition=slow)
    stopping = threading.Event()
    pool = shop.world.pool
    reader = Reader(
        pool,
        pool,
        shop.wake_ups,
        name="stopped",
        at_most=2,
        now=shop.world.clock,
        stopping=stopping.is_set,
        definitions={"postgresql": QueryReader(shop.setup)},
    )
    timer = threading.Timer(3, stopping.set)
    timer.start()
    reader.read_next()
    assert stopping.is_set()
    assert shop.loads(cohort_id)[0]["state"] in ("queued", "reading")
    active = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%shop.slow()%' AND state = 'active'"
    assert shop.customer.run(active + " AND pid <> pg_backend_pid()") == []
