"""Databases in the console: sources of them, and cohorts of their queries."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Response

from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests import customer as customers
from tests import statements
from tests.customer import PASSWORD, Customer
from tests.http.console import ORIGIN, Visitor, text
from tests.http.shop import DEFINITION, QUERY, Shop
from tests.http.world import Answer, Clock, World, make_app

MOST_STATEMENTS = 5
HEADERS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this file."""
    with customers.database(database_url, f"customer_console_{worker_id}") as made:
        yield made


@pytest.fixture
def shop(pool: Pool, database_url: str, clock: Clock, customer: Customer) -> Shop:
    """Lend a gateway with a customer's database."""
    return Shop(World(pool, make_app(database_url, clock), clock), customer)


def test_kinds__of_sources__are_in_three_groups(shop: Shop) -> None:
    said = Visitor(shop.world).page("/new-source")
    places = [said.index(name) for name in ("Databases", "Integrations", "Segments")]
    assert places == sorted(places)
    assert "PostgreSQL A query, read when asked or by a schedule" in said


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "redshift"])
def test_form__of_a_database__has_every_field_of_its_kind(shop: Shop, kind: str) -> None:
    given: deps.Deps = shop.world.app.extensions[deps.EXTENSION]
    known = given.setup.kinds[kind]
    page = Visitor(shop.world).get(f"/new-source/{kind}")
    if known.reason is None:
        names = re.findall(r'name="((?:config|secrets)\.\w+)"', page.text)
        wanted = [f"config.{one.name}" for one in known.config]
        assert names == [*wanted, *(f"secrets.{one.name}" for one in known.secrets)]
        assert re.search(r'<input id="secrets.password"[^>]*type="password"', page.text)


def test_source__created_tested_changed_and_removed(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    visitor.page("/new-source/postgresql")
    fields = {f"config.{name}": str(value) for name, value in shop.customer.config().items()}
    fields |= {"slug": "eu", "name": "Europe", "config.root_certificate": ""}
    answer = visitor.post("/new-source/postgresql", **fields | {"config.host": "no such host"})
    assert (answer.status_code, "Host" in text(answer)) == (422, True)
    answer = visitor.post("/new-source/postgresql", **fields, **{"secrets.password": PASSWORD})
    assert (answer.status_code, PASSWORD in answer.text) == (200, False)
    said = text(visitor.post("/sources/eu/test"))
    assert "Passed Read the settings it is set up, and its secrets can be read" in said
    assert "Passed May only read the role may only read" in said
    assert "Create a cohort" in said
    changed = fields | {"kind": "postgresql", "config.host": "127.0.0.2"}
    answer = visitor.post("/sources/eu", **changed)
    assert (answer.status_code, "send it again" in text(answer)) == (422, True)
    changed |= {"config.host": "localhost", "secrets.password": "wrong"}
    assert visitor.post("/sources/eu", **changed).status_code == 303
    said = text(visitor.post("/sources/eu/test"))
    assert "Failed Sign in sign_in_failed" in said
    assert "May only read" not in said.split("Test again")[0]
    assert "Databases" in visitor.page("/sources")
    assert visitor.post("/sources/eu/remove").status_code == 303
    assert shop.world.call("GET", "/v1/sources/eu").status_code == 404


def begin_test(visitor: Visitor) -> tuple[Answer, Iterator[str]]:
    """Press Test; returns the answer, and its parts, each of which is made when it is asked for."""
    answer = visitor.http.post(
        "/console/sources/shop/test", data={"token": visitor.token}, headers=HEADERS, buffered=False
    )
    assert answer.status_code == 200
    return answer, (text(Response(part)) for part in answer.response)


def told(shop: Shop) -> tuple[str, object]:
    (newest, *_) = shop.world.get("/v1/activity")["activity"]
    return newest["action"], newest["details"]


def test_test__of_a_source__shows_each_step_when_it_was_taken(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    visitor.page("/sources/shop")
    answer, parts = begin_test(visitor)
    assert next(parts).endswith("Trying Read the settings")
    assert told(shop)[0] != "source.tested"
    said = next(parts)
    assert said.startswith("Passed Read the settings it is set up")
    assert said.endswith("Trying Find the host")
    rest = list(parts)
    assert [one.split(" the ")[0] for one in rest[:2]] == ["Passed Find", "Passed Connect"]
    assert rest[-2].startswith("Passed May only read")
    assert "Trying" not in rest[-2] + rest[-1]
    assert "Test again" in rest[-1]
    answer.close()
    assert told(shop) == ("source.tested", {"ok": True})


def test_test__that_nobody_waits_for__ends_and_is_told_as_not_passed(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    visitor.page("/sources/shop")
    answer, parts = begin_test(visitor)
    assert "Passed Read the settings" in [next(parts), next(parts)][1]
    answer.close()
    assert told(shop) == ("source.tested", {"ok": False})
    given: deps.Deps = shop.world.app.extensions[deps.EXTENSION]
    assert given.waits.waiting == 0


def test_test__of_a_source_that_is_not_there__is_refused(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    visitor.page("/sources")
    assert visitor.post("/sources/none/test").status_code == 404


def test_tables__of_a_database__are_browsed_and_searched(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    said = visitor.page("/sources/shop/tables")
    assert "shop.users 5 columns id text email text" in said
    assert "shop.hidden" not in said
    assert "shop.pros" not in visitor.page("/sources/shop/tables?q=USER")
    assert "No table is like that" in visitor.page("/sources/shop/tables?q=nothing")
    assert visitor.get("/sources/default/tables").status_code == 409
    assert Visitor(shop.world, "read").get("/sources/shop/tables").status_code == 403


def test_cohort__of_a_query__is_previewed_made_and_read(shop: Shop) -> None:
    visitor = Visitor(shop.world)
    visitor.page("/new-cohort/shop")
    fields = {
        "name": "Pros",
        "query": QUERY.replace(" FROM", "\r\nFROM"),
        "member_id": "ID",
        "email": "email",
        "properties": "plan\r\n",
        "schedule": "cron",
        "cron": "0 6 * * 1-5",
        "time_zone": "Europe/Berlin",
    }
    answer = visitor.post("/new-cohort/shop/preview", **fields)
    said = text(answer)
    assert "First rows 3 rows in" in said
    assert "u1 ada@example.com pro u2 NULL free" in said
    assert '<option value="plan">' in answer.text
    assert 'value="0 6 * * 1-5"' in answer.text
    assert shop.world.get("/v1/cohorts")["cohorts"] == []
    answer = visitor.post("/new-cohort/shop", **fields)
    assert answer.status_code == 303
    (found,) = shop.world.get("/v1/cohorts")["cohorts"]
    assert found["definition"] == {**DEFINITION, "query": fields["query"].replace("\r\n", "\n")}
    assert found["schedule"] == {"cron": "0 6 * * 1-5", "time_zone": "Europe/Berlin"}
    shop.read()
    assert shop.members(found["id"]).keys() == {"u1", "u2", "u3"}
    said = visitor.page(f"/cohorts/{found['id']}/loads")
    assert "What it reads was changed" in said
    assert "Read next" in said


@pytest.mark.parametrize(
    ("query", "member_id", "said"),
    [
        ("DELETE FROM shop.users", "id", "Query"),
        ("SELECT id FROM shop.nowhere", "id", "nowhere"),
        ("SELECT id FROM shop.users", "user_id", "user_id"),
    ],
)
def test_query__that_cannot_be_used__is_refused_beside_what_was_typed(
    shop: Shop, query: str, member_id: str, said: str
) -> None:
    visitor = Visitor(shop.world)
    answer = visitor.post("/new-cohort/shop/preview", name="n", query=query, member_id=member_id)
    assert answer.status_code == 422
    assert said in text(answer)
    assert f">{query}</textarea>" in answer.text


def test_query__of_a_cohort__is_changed_and_run_by_hand(shop: Shop) -> None:
    cohort_id = shop.make()
    shop.read()
    visitor = Visitor(shop.world)
    page = visitor.get(f"/cohorts/{cohort_id}/query").text
    assert f">{QUERY}</textarea>" in page
    changed = {"query": "SELECT id FROM shop.pros", "member_id": "id", "properties": "*"}
    assert "u1" in text(visitor.post(f"/cohorts/{cohort_id}/query/preview", **changed))
    answer = visitor.post(f"/cohorts/{cohort_id}/query", query="SELEC id", member_id="id")
    assert answer.status_code == 422
    assert visitor.post(f"/cohorts/{cohort_id}/query", **changed).status_code == 303
    assert shop.cohort(cohort_id)["definition"] == changed
    shop.read()
    assert shop.cohort(cohort_id)["last_load"]["state"] == "applied"
    writer = Visitor(shop.world, "write")
    assert "SELECT id FROM shop.pros" in writer.page(f"/cohorts/{cohort_id}/query")
    answer = writer.post(f"/cohorts/{cohort_id}/loads/run", review="on")
    assert answer.status_code == 303
    again = writer.post(f"/cohorts/{cohort_id}/loads/run")
    assert (again.status_code, "is queued or being read" in text(again)) == (409, True)
    shop.read()
    assert [one["trigger"] for one in shop.loads(cohort_id)] == [
        "request",
        "definition",
        "definition",
    ]
    settings = {"name": "Pros", "schedule": "1h"}
    assert visitor.post(f"/cohorts/{cohort_id}/settings", **settings).status_code == 303
    assert shop.cohort(cohort_id)["schedule"] == {"every": "1h"}
    settings = {"name": "Pros", "schedule": "", "cron": "0 6 * * *"}
    assert visitor.post(f"/cohorts/{cohort_id}/settings", **settings).status_code == 303
    assert shop.cohort(cohort_id)["schedule"] is None


def test_query__of_a_cohort_without_one__is_not_found(shop: Shop) -> None:
    cohort_id = shop.world.fill(["a"])
    assert Visitor(shop.world).get(f"/cohorts/{cohort_id}/query").status_code == 404


def test_pages__of_databases__cost_few_statements(shop: Shop) -> None:
    cohort_id = shop.make()
    shop.read()
    visitor = Visitor(shop.world)
    given: deps.Deps = shop.world.app.extensions[deps.EXTENSION]
    for path in (
        "/new-cohort/shop",
        "/sources/shop",
        "/sources/shop/tables",
        f"/cohorts/{cohort_id}/query",
        f"/cohorts/{cohort_id}/loads",
        f"/cohorts/{cohort_id}/settings",
    ):
        sent: list[str] = []
        with statements.noted(given.reading.engine, sent.append):
            assert visitor.get(path).status_code == 200, path
        assert 0 < len(sent) <= MOST_STATEMENTS, (path, sent)
