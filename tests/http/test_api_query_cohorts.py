"""Cohorts of a query over HTTP, read from a real database by the loader's own reader."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.core.access.scopes import Scope
from gateway.flows.access.reseal import Resealed
from gateway.flows.sources import reseal
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests import customer as customers
from tests.customer import Customer
from tests.http.shop import DEFINITION, KEY, QUERY, Shop
from tests.http.world import Clock, World, make_app


@pytest.fixture(scope="module")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this file."""
    with customers.database(database_url, f"customer_loads_{worker_id}") as made:
        yield made


@pytest.fixture
def shop(pool: Pool, database_url: str, clock: Clock, customer: Customer) -> Shop:
    """Lend a gateway with a customer's database."""
    return Shop(World(pool, make_app(database_url, clock), clock), customer)


def test_cohort__made_with_a_definition__is_loaded_at_once(shop: Shop) -> None:
    cohort_id = shop.make()
    (queued,) = shop.loads(cohort_id)
    assert (queued["state"], queued["trigger"], queued["definition_number"]) == (
        "queued",
        "definition",
        1,
    )
    shop.read()
    (load,) = shop.loads(cohort_id)
    assert (load["state"], load["entered"], load["exited"]) == ("applied", 3, 0)
    assert load["rows"] == {
        "read": 3,
        "accepted": 3,
        "duplicate": 0,
        "rejected": 0,
        "reasons": {},
    }
    assert (load["file"], load["error"], load["progress"]) == (None, None, 1)
    members = shop.members(cohort_id)
    assert members["u1"]["email"] == "ada@example.com"
    assert members["u1"]["properties"] == {"plan": "pro"}
    cohort = shop.cohort(cohort_id)
    assert (cohort["kind"], cohort["definition"], cohort["schedule"]) == (
        "postgresql",
        DEFINITION,
        None,
    )
    assert (cohort["fresh_until"], cohort["stale"], cohort["next_load_at"]) == (None, False, None)
    assert cohort["last_load"]["state"] == "applied"
    sample = shop.world.get(f"/v1/loads/{load['id']}/sample")["rows"]
    assert [one["member_id"] for one in sample] == ["u1", "u2", "u3"]


def test_load__asked_for__reads_what_there_is_now(shop: Shop) -> None:
    cohort_id = shop.make()
    shop.read()
    shop.customer.run("INSERT INTO shop.users VALUES ('u4')")
    try:
        load = shop.call("POST", f"/v1/cohorts/{cohort_id}/loads", 202)
        busy = shop.call("POST", f"/v1/cohorts/{cohort_id}/loads", 409)
        assert (busy["code"], busy["id"]) == ("load_running", load["id"])
        shop.read()
    finally:
        shop.customer.run("DELETE FROM shop.users WHERE id = 'u4'")
    assert shop.members(cohort_id).keys() == {"u1", "u2", "u3", "u4"}
    again = shop.call("POST", f"/v1/cohorts/{cohort_id}/loads?review=true", 202)
    shop.read()
    found = shop.world.get(f"/v1/loads/{again['id']}")
    assert (found["state"], found["would_enter"], found["would_exit"]) == ("needs_approval", 0, 1)
    shop.call("POST", f"/v1/loads/{again['id']}/approve", 200)
    shop.world.apply()
    assert shop.members(cohort_id).keys() == {"u1", "u2", "u3"}
    file = shop.world.call("POST", f"/v1/cohorts/{cohort_id}/loads", data=b"a\n")
    assert (file.status_code, file.get_json()["code"]) == (409, "not_a_list")


def test_rows__that_are_no_members__are_listed_with_the_columns_of_the_query(shop: Shop) -> None:
    query = "SELECT email AS id, plan FROM shop.users UNION ALL SELECT 'ada@example.com', 'x'"
    cohort_id = shop.make(definition={"query": query, "member_id": "id"})
    shop.read()
    (load,) = shop.loads(cohort_id)
    assert load["rows"] == {
        "read": 4,
        "accepted": 2,
        "duplicate": 1,
        "rejected": 1,
        "reasons": {"missing_id": 1},
    }
    rejected = shop.world.call("GET", f"/v1/loads/{load['id']}/rejected.csv").text
    assert rejected == "row,reason,id,plan\r\n2,missing_id,,free\r\n"


def test_definition__that_is_changed__cancels_a_load_and_starts_another(shop: Shop) -> None:
    cohort_id = shop.make()
    path = f"/v1/cohorts/{cohort_id}"
    changed = {"query": "SELECT id FROM shop.pros", "member_id": "id"}
    shop.call("PATCH", path, 200, {"definition": changed})
    assert [one["state"] for one in shop.loads(cohort_id)] == ["queued", "canceled"]
    shop.read()
    assert shop.members(cohort_id).keys() == {"u1"}
    shop.call("PATCH", path, 200, {"definition": changed, "name": "Others"})
    assert len(shop.loads(cohort_id)) == 2
    found = shop.world.get(f"{path}/definitions")["definitions"]
    assert [(one["number"], one["by"], one["definition"]) for one in found] == [
        (2, "admin", changed),
        (1, "admin", DEFINITION),
    ]
    refused = shop.call("PATCH", path, 422, {"definition": None})
    assert [one["path"] for one in refused["errors"]] == ["definition"]


@pytest.mark.parametrize(
    ("parts", "code", "path"),
    [
        ({"definition": None}, "invalid", "definition"),
        ({"definition": {"query": QUERY}}, "invalid", "definition.member_id"),
        (
            {"definition": {"query": "DELETE FROM a", "member_id": "id"}},
            "writes",
            "definition.query",
        ),
        ({"schedule": {"every": "2m"}}, "invalid", "schedule.every"),
    ],
)
def test_cohort__that_cannot_be_read__is_refused(
    shop: Shop, parts: dict[str, object], code: str, path: str
) -> None:
    body = {"source": "shop", "name": "x", "definition": DEFINITION, **parts}
    refused = shop.call("POST", "/v1/cohorts", 422, body)
    assert (refused["code"], [one["path"] for one in refused["errors"]]) == (code, [path])


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ({"query": "SELECT nothing FROM shop.users", "member_id": "id"}, "query_invalid"),
        ({"query": "SELECT id FROM shop.hidden", "member_id": "id"}, "permission"),
        ({"query": "SELECT id FROM shop.users", "member_id": "user_id"}, "column_missing"),
        ({"query": 'SELECT 1 AS id, 2 AS "ID"', "member_id": "id"}, "ambiguous_column"),
    ],
)
def test_load__that_fails__says_why_and_changes_nobody(
    shop: Shop, definition: dict[str, object], code: str
) -> None:
    cohort_id = shop.make()
    shop.read()
    shop.call("PATCH", f"/v1/cohorts/{cohort_id}", 200, {"definition": definition})
    shop.read()
    load = shop.loads(cohort_id)[0]
    assert (load["state"], load["error"]["code"], bool(load["error"]["hint"])) == (
        "failed",
        code,
        True,
    )
    assert len(shop.members(cohort_id)) == 3


def test_load__of_too_many_rows_or_too_long__fails(shop: Shop) -> None:
    cohort_id = shop.make()
    shop.read(setup=dataclasses.replace(shop.setup, query_rows=2))
    assert shop.loads(cohort_id)[0]["error"]["code"] == "too_many_rows"
    slow = {"query": "SELECT shop.slow() AS id", "member_id": "id"}
    shop.call("PATCH", f"/v1/cohorts/{cohort_id}", 200, {"definition": slow})
    shop.read(setup=dataclasses.replace(shop.setup, query_seconds=0.5))
    assert shop.loads(cohort_id)[0]["error"]["code"] == "timed_out"


def test_load__canceled_while_it_is_read__stops_the_query_on_the_server(shop: Shop) -> None:
    slow = {"query": "SELECT shop.slow() AS id", "member_id": "id"}
    cohort_id = shop.make(definition=slow)
    (load,) = shop.loads(cohort_id)
    reading = threading.Thread(target=shop.read)
    reading.start()
    active = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE application_name = 'cohort-gateway' AND state = 'active'"
    )
    for _ in range(200):
        if shop.customer.run(active):
            break
    else:
        pytest.fail("the query does not run")
    shop.call("POST", f"/v1/loads/{load['id']}/cancel", 200)
    reading.join(10)
    assert not reading.is_alive()
    assert shop.customer.run(active) == []
    assert shop.loads(cohort_id)[0]["state"] == "canceled"


def test_cohort__deleted_and_restored__is_loaded_again(shop: Shop) -> None:
    cohort_id = shop.make(schedule={"every": "5m"})
    shop.call("DELETE", f"/v1/cohorts/{cohort_id}", 204)
    shop.world.clock.tick(minutes=6)
    assert shop.tick() == 0
    shop.read()
    shop.world.call("POST", f"/v1/cohorts/{cohort_id}/restore")
    shop.read()
    assert len(shop.members(cohort_id)) == 3
    assert shop.world.call("GET", "/v1/cohorts/999999/definitions").status_code == 404


def test_member__edited_in_while_a_query_waits__does_not_win_over_its_reading(shop: Shop) -> None:
    """The place in order is that of the reading, not of the request."""
    cohort_id = shop.make()
    shop.read()
    shop.call("POST", f"/v1/cohorts/{cohort_id}/loads", 202)
    gone = shop.world.call("DELETE", "/v1/members/u1", scope=Scope.ADMIN)
    assert gone.status_code == 204
    shop.read()
    load = shop.loads(cohort_id)[0]
    assert (load["state"], load["warnings"]) == ("applied", {"erased_again": 1})
    assert "u1" in shop.members(cohort_id)
    with shop.world.pool.read() as conn:
        count = conn.execute(text("SELECT count(*) FROM cohort_definitions")).scalar_one()
    assert count == 1


def test_load__under_a_key_that_was_lost__fails_and_after_a_rotation_reads_again(
    shop: Shop,
) -> None:
    cohort = shop.make()
    shop.read()
    shop.call("POST", f"/v1/cohorts/{cohort}/loads", 202)
    new = "another key of 32 characters too"
    shop.read(setup=dataclasses.replace(shop.setup, vault=Vault([new])))
    (load, *_) = shop.loads(cohort)
    assert (load["state"], load["error"]["code"]) == ("failed", "secret_unreadable")
    assert "GATEWAY_SECRET_KEY" in load["error"]["hint"]
    assert len(shop.members(cohort)) == 3
    both = dataclasses.replace(shop.setup, vault=Vault([new, KEY]))
    assert reseal.reseal(shop.world.pool, both, now=shop.world.clock()) == Resealed(resealed=1)
    shop.call("POST", f"/v1/cohorts/{cohort}/loads", 202)
    shop.read(setup=dataclasses.replace(shop.setup, vault=Vault([new])))
    assert shop.loads(cohort)[0]["state"] == "applied"
