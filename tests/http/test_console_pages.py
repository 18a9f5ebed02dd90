"""The pages of the console: what they tell, what they cost, and whom they offer what."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from gateway.flows.sources import admin
from gateway.handlers.http import deps
from tests import statements
from tests.http.console import Visitor, text
from tests.http.world import World

MOST_STATEMENTS: Final = 5
PAGES: Final = (
    "",
    "/cohorts",
    "/cohorts?q=trial&source=default",
    "/deleted-cohorts",
    "/cohorts/{id}",
    "/cohorts/{id}?id=a&span=year",
    "/cohorts/{id}/changes",
    "/cohorts/{id}/syncs",
    "/cohorts/{id}/settings",
    "/cohorts/{id}/loads",
    "/cohorts/{id}/members/ada",
    "/sources",
    "/sources/default",
    "/new-source",
    "/new-source/mixpanel",
    "/deliveries",
    "/deliveries?state=blocked",
    "/keys",
    "/keys?all=1",
    "/activity",
    "/notices",
)
INLINE: Final = re.compile(
    r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", re.IGNORECASE
)


@pytest.mark.parametrize("path", PAGES)
def test_page__of_any_kind__costs_few_statements_and_has_nothing_inline(
    world: World, cohort: str, path: str
) -> None:
    visitor = Visitor(world)
    world.clock.tick(minutes=2)  # the use of the session is noted again
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    sent: list[str] = []
    with statements.noted(given.reading.engine, sent.append):
        answer = visitor.get(path.format(id=cohort))
    assert answer.status_code == 200
    assert 0 < len(sent) <= MOST_STATEMENTS, sent
    assert not INLINE.search(answer.text)
    assert "<b>Ada" not in answer.text
    assert "<i>users" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_page__for_a_key_that_only_reads__offers_nothing_that_is_refused(
    world: World, cohort: str, path: str
) -> None:
    answer = Visitor(world, "read").get(path.format(id=cohort))
    is_for_admins = path.startswith(("/keys", "/new-source", "/activity"))
    assert answer.status_code == (403 if is_for_admins else 200)
    assert re.findall(r'method="post" action="([^"]+)"', answer.text) == ["/console/sign-out"]
    assert "/console/keys" not in answer.text
    assert "/console/new-source" not in answer.text


@pytest.mark.parametrize("scope", ["read", "write"])
def test_form__posted_without_the_scope__is_refused(world: World, cohort: str, scope: str) -> None:
    visitor = Visitor(world, scope)
    for path in (
        f"/cohorts/{cohort}/delete",
        f"/cohorts/{cohort}/restore",
        "/sources/default",
        "/sources/default/pause",
        "/sources/default/resume",
        "/sources/default/rotate",
        "/sources/default/remove",
        "/new-source/mixpanel",
        f"/deliveries/{cohort}-3/retry",
        "/keys",
        "/keys/1/revoke",
    ):
        answer = visitor.post(path)
        assert answer.status_code == 403, path
        assert "lacks the scope 'admin'" in text(answer), path
    assert world.members(cohort) == ["ada", "grace"]


def test_overview__of_a_gateway_in_trouble__names_what_needs_a_person(
    world: World, cohort: str
) -> None:
    said = Visitor(world).page("")
    assert "1 blocked page" in said
    assert "1 refusal" in said
    assert "The workers: none is running; start one with <code>python -m workers</code>." in said
    assert "start one with <code>python -m workers sender</code>." in said
    assert "Redis does not answer" in said
    assert "3 entered 1 exited" in said
    world.clock.tick(hours=2)
    assert "default is silent" in Visitor(world).page("")
    world.post("add_members", ["a"], cohort="2")
    assert "1 stale cohort" in Visitor(world).page("")
    admin.pause(world.pool, "default", now=world.clock.now)
    world.clock.tick(minutes=10)
    said = Visitor(world).page("")
    assert "default is paused" in said
    assert "waited for more than five minutes" in said
    assert f"/console/cohorts/{cohort}" in Visitor(world).get("/cohorts").text


def test_overview__of_a_gateway_without_sources__says_what_to_do_first(world: World) -> None:
    admin.remove(world.pool, "default", now=world.clock.now)
    assert "No source yet" in Visitor(world).page("")
    assert "Create a source" in Visitor(world).page("/sources")
    assert "Create a source" not in Visitor(world, "read").page("/sources")


def test_cohorts__searched__are_found_by_a_part_of_the_name_or_the_whole_id(world: World) -> None:
    world.fill(["a"], cohort="77", mixpanel_cohort_name="Trial users")
    world.fill(["a"], cohort="78", mixpanel_cohort_name="Churn risk")
    visitor = Visitor(world)
    for query, found in (("TRIAL", True), ("77", True), ("7", False), ("%", False)):
        assert ("Trial users" in visitor.page(f"/cohorts?q={query}")) is found, query
    assert "Churn risk" not in visitor.page("/cohorts?q=trial")
    assert "No cohort is like that" in visitor.page("/cohorts?q=nothing")
    assert "No cohort is like that" in visitor.page("/cohorts?source=other")


def walk(visitor: Visitor, path: str, cells: Callable[[str], list[str]]) -> list[str]:
    """Follow a list by the links to its next pages."""
    found: list[str] = []
    while path:
        body = visitor.get(path).text
        found += cells(body)
        following = re.search(r'rel="next" href="/console([^"]+)"', body)
        path = following[1].replace("&amp;", "&") if following else ""
    return found


def test_lists__longer_than_a_page__go_on_by_key(world: World) -> None:
    people = [f"m{number:03}" for number in range(120)]
    number = world.fill(people)
    visitor = Visitor(world)
    ids = re.compile(r'members/(m\d+)"')
    assert walk(visitor, f"/cohorts/{number}", ids.findall) == people
    assert walk(visitor, f"/cohorts/{number}?id=m01", ids.findall) == people[10:20]
    assert walk(visitor, f"/cohorts/{number}/changes", ids.findall) == people[::-1]
    for cohort in range(60):
        world.post("add_members", ["a"], cohort=f"c{cohort}", session="s9")
    links = re.compile(r'href="/console/cohorts/(\d+)"')
    assert len(set(walk(visitor, "/cohorts", links.findall))) == 61
    waiting = re.compile(r'<th scope="row"><a href="/console/cohorts/(\d+)"')
    assert len(set(walk(visitor, "/deliveries?state=pending", waiting.findall))) == 60


def test_list__on_its_last_page__leads_back_to_the_first(world: World) -> None:
    number = world.fill([f"m{number:03}" for number in range(60)])
    visitor = Visitor(world)
    for path in (f"/cohorts/{number}", f"/cohorts/{number}/changes"):
        page = visitor.get(path).text
        assert "First page" not in page
        more = page.split('rel="next" href="/console')[1].split('"')[0].replace("&amp;", "&")
        page = visitor.get(more).text
        assert "First page" in page
        assert "End of the list" in page


def test_members__found_by_the_beginning_of_an_id__are_those_alone(
    world: World, cohort: str
) -> None:
    visitor = Visitor(world)
    assert "ada@example.com" in visitor.page(f"/cohorts/{cohort}?id=ad")
    assert "grace@example.com" not in visitor.page(f"/cohorts/{cohort}?id=ad")
    assert "No member's id begins like that" in visitor.page(f"/cohorts/{cohort}?id=A")
    assert "No member's id begins like that" in visitor.page(f"/cohorts/{cohort}?id=%25")


def test_member__of_any_id__has_a_page_with_profile_and_cohorts(world: World) -> None:
    number = world.fill([{"mixpanel_distinct_id": "a/b ?é", "plan": "pro"}])
    visitor = Visitor(world)
    (href,) = set(
        re.findall(r'href="/console([^"]+/members/[^"]+)"', visitor.get(f"/cohorts/{number}").text)
    )
    said = visitor.page(href)
    assert "a/b ?é" in said
    assert "plan pro" in said
    assert "1 cohort" in said
    assert visitor.get(f"/cohorts/{number}/members/nobody").status_code == 404


def test_changes__of_an_erased_person__name_nobody(world: World) -> None:
    number = world.fill(["ada", "grace"])
    assert world.call("DELETE", "/v1/members/ada").status_code == 204
    said = Visitor(world).page(f"/cohorts/{number}/changes")
    assert "ada" not in said
    assert "erased" in said


@pytest.mark.parametrize(
    "path", ["/nowhere", "/cohorts/x", "/cohorts/999", "/cohorts/0", "/sources/x", "/static/x"]
)
def test_page__that_is_not_there__says_so_with_a_way_back(world: World, path: str) -> None:
    answer = Visitor(world).get(path)
    assert answer.status_code == 404
    assert "Back to the overview" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_page__asked_with_a_broken_cursor__says_that_it_cannot_be_read(world: World) -> None:
    assert Visitor(world).get("/cohorts?cursor=x").status_code == 400


def test_page__asked_in_another_way__says_which_way_there_is(world: World) -> None:
    answer = world.http.put("/console/cohorts")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_files__of_the_pages__are_kept_by_browsers_for_as_long_as_they_are_the_same(
    world: World,
) -> None:
    visitor = Visitor(world)
    paths = re.findall(r'(?:href|src)="(/console/static/[^"]+)"', visitor.get("").text)
    assert len(paths) == 4
    for path in paths:
        answer = world.http.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["Cache-Control"]
        assert "<" not in answer.headers["Content-Type"]
