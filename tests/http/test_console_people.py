"""People and events in the console: found, looked at, and erased."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.handlers.http import deps
from tests import statements
from tests.http.console import Visitor, text
from tests.http.people import People, event
from tests.http.world import quoted

MOST_STATEMENTS: Final = 5
ODD: Final = "a/b <i>"


@pytest.fixture
def shop(people: People) -> People:
    """Fill a source with people, events, and a rejected one."""
    people.people(
        {
            "ada": {"email": "Ada@Example.com", "plan": "pro", "tags": ["a", 1]},
            "bob": {"$email": "bob@example.com"},
            ODD: {},
        }
    )
    people.events(
        event("ada", "purchase", properties={"brand": "<b>Ada", "price": 12.5}),
        event("ada", "view"),
        event("", "view"),
    )
    return people


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("ada", "ada"), ("ADA@example.COM", "ada"), ("bob@example.com", "bob"), (ODD, ODD)],
)
def test_person__looked_for_by_id_or_email__is_found(shop: People, wanted: str, found: str) -> None:
    page = Visitor(shop.world, "read").get(f"/people?q={quoted(wanted)}").text
    assert f'href="/console/people/{quoted(found)}"' in page
    assert page.count("/console/people/") == 1


def test_people__without_a_search__are_those_that_changed_last(shop: People) -> None:
    visitor = Visitor(shop.world)
    said = visitor.page("/people")
    assert "Changed last" in said
    assert "plan pro" in said
    assert "Nobody is found by that" in visitor.page("/people?q=exam")
    assert visitor.get("/people?source=nowhere").status_code == 404
    assert visitor.get("/people?source=default").status_code == 409


def test_person__on_a_page__has_traits_events_and_cohorts(shop: People) -> None:
    cohort = shop.world.fill(["ada", "zoe"])
    visitor = Visitor(shop.world, "read")
    said = visitor.page("/people/ada")
    assert 'tags ["a", 1]' in said
    assert "Events 2" in said
    assert "purchase brand <b>Ada" in said
    assert "Erase" not in said
    assert "brand" not in visitor.page("/people/ada?event=view").split("Properties")[1]
    said = visitor.get("/people/ada/cohorts").text
    assert f'href="/console/cohorts/{cohort}/why?id=ada"' in said
    assert "A member of none" in visitor.page("/people/bob/cohorts")
    assert visitor.get(f"/people/{quoted(ODD)}").status_code == 200
    assert visitor.get("/people/zoe").status_code == 404


def test_events__of_a_person__are_shown_page_by_page(people: People) -> None:
    times = (f"2026-01-01T00:00:00.{number:03}Z" for number in range(51))
    people.events(*(event("ada", "view", time=one) for one in times))
    page = Visitor(people.world).get("/people/ada").text
    assert page.count("</td><td><time") == 50
    more = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    page = Visitor(people.world).get(more.removeprefix("/console")).text
    assert page.count("</td><td><time") == 1


def test_person__erased__is_gone_from_everywhere(shop: People) -> None:
    cohort = shop.world.fill(["ada", "zoe"])
    visitor = Visitor(shop.world)
    assert "3 traits and 2 events go" in visitor.page("/people/ada")
    answer = visitor.post("/people/ada/erase")
    assert answer.status_code == 303
    said = visitor.page(answer.headers["Location"].removeprefix("/console"))
    assert "The person is erased everywhere" in said
    assert visitor.get("/people/ada").status_code == 404
    assert shop.world.members(cohort) == ["zoe"]
    assert Visitor(shop.world, "write").post("/people/bob/erase").status_code == 403


def test_events__that_arrived__are_shown_with_what_was_rejected(shop: People) -> None:
    visitor = Visitor(shop.world, "read")
    said = visitor.page("/events")
    assert "purchase" in said
    assert "Rejected" in said
    said = visitor.page("/events?only=rejected").split("Arrived")[1]
    assert ("purchase" in said, "missing_id" in said or "person_id" in said) == (False, True)
    said = visitor.page("/events?only=accepted&event=purchase").split("Arrived")[1]
    assert ("brand <b>Ada" in said, "view" in said) == (True, False)
    assert "No event is like that" in visitor.page("/events?person_id=zoe")


def test_events__before_the_first__say_what_to_do(people: People) -> None:
    visitor = Visitor(people.world)
    assert "No events yet" in visitor.page("/events")
    assert "No people yet" in visitor.page("/people")
    assert "People and events" in visitor.page("/sources/people")


@pytest.mark.parametrize(
    "path",
    ["/people", "/people?q=ada", "/people/ada", "/people/ada/cohorts", "/events?event=view"],
)
def test_page__of_people__costs_few_statements(shop: People, path: str) -> None:
    shop.world.fill(["ada"])
    visitor = Visitor(shop.world)
    shop.world.clock.tick(minutes=2)
    given: deps.Deps = shop.world.app.extensions[deps.EXTENSION]
    sent: list[str] = []
    with statements.noted(given.reading.engine, sent.append):
        answer = visitor.get(path)
    assert answer.status_code == 200, text(answer)
    assert 0 < len(sent) <= MOST_STATEMENTS, sent
    assert "<b>Ada" not in answer.text


def test_indexes__on_the_page_of_events__are_asked_for_and_dropped(shop: People) -> None:
    visitor, reader = Visitor(shop.world), Visitor(shop.world, "read")
    assert "Indexed properties" not in reader.page("/events")
    answer = visitor.post("/events/indexes", index_event=" purchase ", index_property="brand")
    assert answer.status_code == 303
    said = visitor.page(answer.headers["Location"].removeprefix("/console"))
    assert "The index is built in the background" in said
    assert "purchase brand Building" in said
    assert "Drop" not in reader.page("/events")
    form = {"index_event": "purchase", "index_property": "brand"}
    assert Visitor(shop.world, "write").post("/events/indexes/drop", **form).status_code == 403
    assert visitor.post("/events/indexes/drop", **form).status_code == 303
    assert "Building" not in visitor.page("/events")
    assert visitor.post("/events/indexes", index_event="purchase").status_code == 422


def test_indexes__of_another_source__lead_back_to_it(shop: People) -> None:
    shop.add("shop")
    form = {"index_event": "view", "index_property": "brand"}
    answer = Visitor(shop.world).post("/events/indexes?source=shop", **form)
    assert answer.headers["Location"].endswith("source=shop")
    assert "Building" in Visitor(shop.world).page("/events?source=shop")
    assert "Building" not in Visitor(shop.world).page("/events")
