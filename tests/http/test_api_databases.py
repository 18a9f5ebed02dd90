"""Databases over HTTP: their sources are tested, browsed and previewed, and nothing moves."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.core import fields
from gateway.flows.sources.setup import Setup
from gateway.handlers.http import deps
from gateway.reach import Own, Reach
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from gateway.waits import Waits
from tests import customer as customers
from tests.customer import PASSWORD, Customer
from tests.http.world import Answer, Clock, World, make_app

KEY = "a key of thirty-two characters!!"


@pytest.fixture(scope="module")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this file."""
    with customers.database(database_url, f"customer_http_{worker_id}") as made:
        yield made


@pytest.fixture
def world(pool: Pool, database_url: str, clock: Clock, customer: Customer) -> World:
    """Lend a gateway with a source of that database."""
    made = World(pool, make_app(database_url, clock), clock)
    give(made, setup=Setup(vault=Vault([KEY]), reach=Reach(allow_local=True)))
    source = {
        "slug": "shop",
        "kind": "postgresql",
        "config": customer.config(),
        "secrets": {"password": PASSWORD},
    }
    answer = made.call("POST", "/v1/sources", json=source)
    assert answer.status_code == 201, answer.text
    return made


def give(world: World, **parts: Any) -> None:  # noqa: ANN401 - of Deps
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    world.app.extensions[deps.EXTENSION] = dataclasses.replace(given, **parts)


def outcome(world: World, slug: str = "shop") -> Any:  # noqa: ANN401 - JSON
    answer = world.call("POST", f"/v1/sources/{slug}/test")
    assert answer.status_code == 200, answer.text
    assert PASSWORD not in answer.text
    return answer.get_json()


def preview(world: World, query: object, slug: str = "shop", **more: object) -> Answer:
    answer = world.call("POST", f"/v1/sources/{slug}/preview", json={"query": query, **more})
    assert PASSWORD not in answer.text
    return answer


def change(world: World, config: Mapping[str, object], password: str = PASSWORD) -> None:
    body = {"config": config, "secrets": {"password": password}}
    answer = world.call("PATCH", "/v1/sources/shop", json=body)
    assert answer.status_code == 200, answer.text


def test_kind__of_postgresql__has_schemas_and_can_be_made(world: World) -> None:
    kinds = {one["kind"]: one for one in world.get("/v1/source-kinds")["kinds"]}
    found = kinds["postgresql"]
    assert (found["available"], found["reason"]) == (True, None)
    assert found["config"]["$schema"] == fields.DIALECT
    assert found["config"]["required"] == ["host", "database", "user"]
    assert found["config"]["properties"]["sslmode"]["default"] == "verify-full"
    assert found["secrets"]["properties"].keys() == {
        "password",
        "client_certificate",
        "client_key",
    }


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"host": "a,b"}, "config.host"),
        ({"host": "/run/postgresql"}, "config.host"),
        ({"host": "a:5432"}, "config.host"),
        ({"host": "h sslmode=disable"}, "config.host"),
        ({"host": "fe80::1%eth0"}, "config.host"),
        ({"host": "a" * 300}, "config.host"),
        ({"port": 0}, "config.port"),
        ({"port": "5432"}, "config.port"),
        ({"sslmode": "no"}, "config.sslmode"),
        ({"database": ""}, "config.database"),
        ({"options": "-c x=y"}, "config.options"),
    ],
)
def test_source__set_to_what_cannot_be__is_refused_with_the_path(
    world: World, customer: Customer, config: dict[str, object], path: str
) -> None:
    body = {"slug": "x", "kind": "postgresql", "config": {**customer.config(), **config}}
    answer = world.call("POST", "/v1/sources", json=body)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.get_json()["errors"]] == [path]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"config": {"root_certificate": "a certificate"}}, "config.root_certificate"),
        ({"secrets": {"client_certificate": PASSWORD}}, "secrets.client_certificate"),
        ({"secrets": {"client_key": PASSWORD}}, "secrets.client_key"),
    ],
)
def test_source__with_what_is_no_pem__is_refused_when_it_is_written(
    world: World, parts: dict[str, object], path: str
) -> None:
    answer = world.call("PATCH", "/v1/sources/shop", json=parts)
    assert (answer.status_code, PASSWORD in answer.text) == (422, False)
    assert [one["path"] for one in answer.get_json()["errors"]] == [path]


def test_source__moved_elsewhere_without_its_secrets__is_refused(world: World) -> None:
    for config in ({"host": "other"}, {"port": 1}, {"sslmode": "require"}):
        answer = world.call("PATCH", "/v1/sources/shop", json={"config": config})
        assert (answer.status_code, answer.get_json()["code"]) == (422, "secrets_needed")
    assert (
        world.call("PATCH", "/v1/sources/shop", json={"config": {"user": "x"}}).status_code == 200
    )


def test_test__of_a_source_that_works__takes_all_steps(world: World) -> None:
    found = outcome(world)
    assert found["ok"], found
    assert [one["step"] for one in found["steps"]] == [
        "configuration",
        "resolve",
        "connect",
        "sign_in",
        "query",
        "read_only",
    ]
    activity = world.get("/v1/activity")["activity"][0]
    assert (activity["action"], activity["thing"]) == ("source.tested", "shop")


def test_test__of_what_is_wrong__stops_there_and_says_what_to_do(
    world: World, customer: Customer
) -> None:
    for config, password, step, said in (
        ({"user": customer.writer}, PASSWORD, "read_only", "it owns shop.mine"),
        ({"user": customer.reader}, "wrong", "sign_in", "sign_in_failed"),
        ({"sslmode": "require"}, PASSWORD, "connect", "no TLS"),
        ({"port": 1, "sslmode": "disable"}, PASSWORD, "connect", "unreachable"),
        ({"host": "nowhere.invalid"}, PASSWORD, "resolve", "no address"),
        ({"host": "169.254.169.254"}, PASSWORD, "resolve", "link-local"),
    ):
        change(world, config, password)
        found = outcome(world)
        assert not found["ok"]
        last = found["steps"][-1]
        assert (last["step"], last["ok"]) == (step, False)
        assert said in last["message"]


def test_test__of_a_source_without_a_key_of_its_secret__fails_at_its_configuration(
    world: World,
) -> None:
    give(world, setup=Setup(vault=Vault(()), reach=Reach(allow_local=True)))
    (step,) = outcome(world)["steps"]
    assert (step["step"], step["ok"]) == ("configuration", False)
    assert "secret_unreadable" in step["message"]
    answer = preview(world, "SELECT 1 AS id")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "secret_unreadable")


def test_test__of_a_source_without_a_connection__has_one_step(world: World) -> None:
    (step,) = outcome(world, "default")["steps"]
    assert (step["step"], step["ok"]) == ("configuration", True)
    world.call("POST", "/v1/sources", json={"slug": "mp", "kind": "mixpanel"})
    assert outcome(world, "mp")["ok"]
    world.clock.tick(days=1)
    with world.pool.begin() as conn:
        conn.exec_driver_sql("DELETE FROM source_credentials")
    (step,) = outcome(world, "mp")["steps"]
    assert (step["ok"], "source rotate mp" in step["message"]) == (False, True)


def test_test__of_a_driver_that_is_not_installed__says_so(world: World) -> None:
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    absent = dataclasses.replace(given.setup.kinds["postgresql"], package="no_such_package")
    give(world, setup=dataclasses.replace(given.setup, kinds={"postgresql": absent}))
    (step,) = outcome(world)["steps"]
    assert "requirements-postgresql.txt" in step["message"]


def test_database__of_the_gateway_itself__is_no_source(world: World, customer: Customer) -> None:
    own = [Own(customer.host, customer.port)]
    give(world, setup=Setup(vault=Vault([KEY]), reach=Reach(own=own, allow_local=True)))
    assert "a server of this gateway" in outcome(world)["steps"][-1]["message"]
    answer = preview(world, "SELECT 1 AS id")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "forbidden_address")


def test_preview__of_a_query__has_columns_rows_and_warnings(world: World) -> None:
    answer = preview(world, "SELECT email, visits FROM shop.users ORDER BY id", member_id="Email")
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert found["columns"] == [
        {"name": "email", "type": "text"},
        {"name": "visits", "type": "integer"},
    ]
    assert found["rows"] == [["ada@example.com", 3], [None, 0], ["cy@example.com", None]]
    assert (found["truncated"], found["estimate"].keys()) == (False, {"rows"})
    assert [one["code"] for one in found["warnings"]] == ["missing_id"]
    assert world.get("/v1/activity")["activity"][0]["action"] == "source.previewed"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("DELETE FROM shop.users", 422, "writes"),
        ("SELECT 1; SELECT 2", 422, "not_one_statement"),
        ("SELEC 1", 422, "query_invalid"),
        ("SELECT 1 /*! x */", 422, "query_invalid"),
        ("SELECT nothing FROM shop.users", 422, "query_invalid"),
        ("SELECT id FROM shop.hidden", 422, "permission"),
        (7, 422, "invalid"),
    ],
)
def test_preview__of_a_query_that_cannot_be__tells_by_its_code(
    world: World, query: object, status: int, code: str
) -> None:
    answer = preview(world, query)
    found = answer.get_json()
    assert (answer.status_code, found["code"]) == (status, code)
    assert [one["path"] for one in found["errors"]] == ["query"]


def test_preview__with_an_id_that_is_no_column__tells_the_columns(world: World) -> None:
    found = preview(world, "SELECT id, email FROM shop.users", member_id="user_id").get_json()
    assert found["code"] == "column_missing"
    assert "id, email" in found["detail"]


def test_schema__of_a_database__lists_what_may_be_read(world: World) -> None:
    found = world.call("GET", "/v1/sources/shop/schema?search=USERS").get_json()
    assert [(one["schema"], one["name"]) for one in found["tables"]] == [("shop", "users")]
    assert found["tables"][0]["columns"][3] == {"name": "visits", "type": "integer"}
    assert found["truncated"] is False


def test_source__that_is_no_database__has_no_schema_and_no_preview(world: World) -> None:
    assert world.call("GET", "/v1/sources/default/schema").status_code == 409
    assert preview(world, "SELECT 1", "default").status_code == 409
    assert preview(world, "SELECT 1", "nowhere").status_code == 404
    assert world.call("POST", "/v1/sources/nowhere/test").status_code == 404


def test_calls_that_wait__beyond_the_bound__are_told_to_come_back(world: World) -> None:
    waits = Waits(1)
    give(world, waits=waits)
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with waits.turn():
            begun.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(20)
    for method, path, body in (
        ("POST", "/v1/sources/shop/test", None),
        ("GET", "/v1/sources/shop/schema", None),
        ("POST", "/v1/sources/shop/preview", {"query": "SELECT 1"}),
    ):
        answer = world.call(method, path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    done.set()
    thread.join()
    assert outcome(world)["ok"]
