"""What the console leads a person to: what waits, what is stale, what was deleted, and files."""

from __future__ import annotations

import re

import pytest

from gateway.flows.health import overview
from gateway.flows.notices import watch
from gateway.handlers.console import pages
from gateway.handlers.http import deps
from tests.http.console import Visitor
from tests.http.lists import Lists
from tests.http.world import World


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def led_to(page: str, line: str) -> str:
    """Return where the button behind a line of the overview leads."""
    found = re.search(line + r'.*?href="/console([^"]+)"', page, re.DOTALL)
    assert found, page
    return found[1].replace("&amp;", "&")


def test_load__that_waits_or_failed__is_named_with_the_way_to_it(
    world: World, lists: Lists
) -> None:
    visitor = Visitor(world, "read")
    waiting, failed = lists.make("waiting"), lists.make("failed")
    held = lists.load(waiting, "a\nb\n", review="true")
    assert held["state"] == "needs_approval"
    assert lists.load(failed, "id,id\na,b\n")["state"] == "failed"
    watch.tick(world.pool, now=world.clock(), every_seconds=0)
    page = visitor.get("").text
    assert "Everything works" not in page
    for look in (page, visitor.get("/notices").text):
        way = led_to(look, "“waiting”" if look is page else "Needs attention now")
        assert visitor.get(way).status_code == 200
    assert led_to(page, "“waiting”") == f"/loads/{held['id']}"
    assert led_to(page, "“failed”") == f"/cohorts/{failed}"
    lists.act(held["id"], "cancel")
    watch.tick(world.pool, now=world.clock(), every_seconds=0)
    assert "“waiting”" not in visitor.get("").text


def test_loads__more_than_a_page_takes__are_among_the_notices(
    world: World, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "LOADS", 2)
    for number in range(3):
        assert lists.load(lists.make(f"list {number}"), "id,id\na,b\n")["state"] == "failed"
    watch.tick(world.pool, now=world.clock(), every_seconds=0)
    page = Visitor(world, "read").get("").text
    assert page.count("its load failed") == 2
    assert led_to(page, "More loads") == "/notices"


def test_cohorts__of_a_kind_or_stale__are_those_that_the_api_calls_so(
    world: World, lists: Lists
) -> None:
    made = [lists.make("vip"), world.fill(["a"], cohort="1", session="s1")]
    world.clock.tick(days=7)
    made.append(world.fill(["a"], cohort="2", session="s2"))
    shown = {one["id"]: one for one in world.get("/v1/cohorts")["cohorts"]}
    assert [shown[one]["stale"] for one in made] == [False, True, False]
    visitor = Visitor(world, "read")

    def listed(query: str) -> list[str]:
        page = visitor.get(f"/cohorts?{query}").text
        return re.findall(r'<th scope="row"><a href="/console/cohorts/(\d+)"', page)

    assert listed("") == made
    assert listed("stale=1") == [made[1]]
    assert listed("kind=list") == [made[0]]
    assert listed("kind=mixpanel&stale=1") == [made[1]]
    assert listed("kind=list&stale=1") == []
    assert listed("kind=nonsense") == []
    page = visitor.get("").text
    assert led_to(page, "1 stale cohort") == "/cohorts?source=default&stale=1"
    assert 'name="stale" value="1" checked' in visitor.get("/cohorts?stale=1").text


def test_cohort__downloaded__is_the_file_of_the_api_and_is_noted(world: World) -> None:
    cohort = world.fill(["a", {"mixpanel_distinct_id": "b", "email": "=b@x.io"}])
    visitor = Visitor(world, "read")
    assert f'href="/console/cohorts/{cohort}/members.csv" download' in (
        visitor.get(f"/cohorts/{cohort}").text
    )
    answer = visitor.get(f"/cohorts/{cohort}/members.csv")
    csv = world.call("GET", f"/v1/cohorts/{cohort}/members", headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "text/csv", csv.data)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="cohort-{cohort}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    noted = [
        (one["action"], one["thing"], one["via"]) for one in world.get("/v1/activity")["activity"]
    ]
    assert ("cohort.exported", cohort, "console") in noted
    assert visitor.get("/cohorts/999/members.csv").status_code == 404
    assert Visitor(world, None).get(f"/cohorts/{cohort}/members.csv").status_code == 303


def test_downloads__as_many_as_may_be__leave_the_next_one_a_reason(world: World) -> None:
    cohort, visitor = world.fill(["a"]), Visitor(world, "read")
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    opened = []
    while (answer := visitor.get(f"/cohorts/{cohort}/members.csv")).status_code == 200:
        found = given.exporter.csv(int(cohort)).answer
        assert found is not None
        opened.append(found)
    for one in opened:
        one.close()
    assert (answer.status_code, "try again later" in answer.text) == (429, True)
    assert visitor.get(f"/cohorts/{cohort}/members.csv").status_code == 200


def test_deleted_cohorts__of_one_moment_and_another__are_shown_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS", 3)
    names = [world.fill(["a"], cohort=str(one), session=f"s{one}") for one in range(5)]
    visitor = Visitor(world)
    for number, cohort in enumerate(names):
        if number in {1, 4}:
            world.clock.tick(seconds=1)
        visitor.post(f"/cohorts/{cohort}/delete")
    page = visitor.get("/deleted-cohorts").text
    restorable = r'action="/console/cohorts/(\d+)/restore"'
    first = re.findall(restorable, page)
    second = re.findall(restorable, visitor.get(led_to(page, 'rel="next"')).text)
    assert (first, second) == ([names[4], names[1], names[2]], [names[3], names[0]])
