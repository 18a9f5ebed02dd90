"""Tags of answers, and answers that whoever asks holds already."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable

import pytest

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import retention
from gateway.handlers.http import deps
from tests import statements
from tests.http.world import Answer, World

NDJSON, CSV = "application/x-ndjson", "text/csv"
PATHS = ("", "/members", "/members/a", "/changes", "/syncs")
OF_MEMBERS = ("/members", "/members/a", "/changes")
FORMS = [*((path, "application/json") for path in PATHS), ("/members", NDJSON), ("/members", CSV)]

every_form = pytest.mark.parametrize(("path", "accept"), FORMS)


def ask(
    world: World, path: str, held: str | None = None, accept: str = "*/*", method: str = "GET"
) -> Answer:
    headers = {"Accept": accept} | ({} if held is None else {"If-None-Match": held})
    url = f"/v1/cohorts/{world.cohort_id()}{path}"
    return world.call(method, url, scope=Scope.READ, headers=headers)


def tag(world: World, path: str, accept: str = "*/*") -> str:
    answer = ask(world, path, accept=accept)
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


def noted(world: World, note: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """Note each statement of the readers before it is sent."""
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    return statements.noted(given.reading.engine, note)


@every_form
def test_answer__held__is_304_and_says_its_tag_only(world: World, path: str, accept: str) -> None:
    world.fill(["a", "b"])
    held = tag(world, path, accept)
    assert held.startswith('"')
    for sent in (held, f"W/{held}", f'"other", {held}', f'W/"x",W/{held} , "y"', "*"):
        for method in ("GET", "HEAD"):
            answer = ask(world, path, sent, accept, method)
            assert (answer.status_code, answer.data) == (304, b"")
            assert answer.headers["ETag"] == held
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Content-Type" not in answer.headers


@every_form
def test_answer__not_held__is_sent_with_its_tag(world: World, path: str, accept: str) -> None:
    world.fill(["a", "b"])
    held = tag(world, path, accept)
    for sent in ('"other"', "", '""', held.strip('"')[:-1], f'"{held}"'):
        answer = ask(world, path, sent, accept)
        assert answer.status_code == 200
        assert answer.data
        assert answer.headers["ETag"] == held


def test_tags__of_one_cohort__differ_by_what_is_asked_for(world: World) -> None:
    world.fill(["a", "b"])
    asked = [*FORMS, ("/members?limit=1", "*/*"), ("/changes?after=1", "*/*")]
    assert len({tag(world, *one) for one in asked}) == len(asked)
    assert ask(world, "/members").headers["Vary"] == "Accept"


def test_held__one_small_statement__is_all_that_is_read(world: World) -> None:
    world.fill(["a", "b"])
    for path, accept in FORMS:
        held, seen = tag(world, path, accept), list[str]()
        with noted(world, seen.append):
            assert ask(world, path, held, accept).status_code == 304
        looks = [one for one in seen if "external_id" not in one or path == ""]
        reads = [one for one in looks if "api_keys" not in one and "apply_state" in one]
        if path == "/members/a":
            assert len([one for one in seen if "FROM memberships" in one]) == 1
        elif path != "":
            assert len(reads) == 1
            assert not [one for one in seen if "FROM memberships" in one or "FROM syncs" in one]


@pytest.mark.parametrize("path", ["/members/stranger", "/members?cursor=x", "/changes?after=x"])
def test_answer__that_is_none__is_refused_whatever_is_held(world: World, path: str) -> None:
    world.fill(["a"])
    refused = ask(world, path).status_code
    assert refused in (400, 404)
    for held in ("*", tag(world, "/members"), tag(world, "/changes")):
        assert ask(world, path, held).status_code == refused


def test_tags__of_members__last_through_what_changes_nothing(world: World) -> None:
    world.post("members", ["a", "b"], session="s1")
    world.apply()
    held = {path: tag(world, path) for path in PATHS}
    world.post("members", ["a", "b"], session="s1")
    world.post("members", ["b", "a"], session="s2")
    world.apply()
    for path in OF_MEMBERS:
        assert ask(world, path, held[path]).status_code == 304
    for path in ("", "/syncs"):
        assert tag(world, path) != held[path]


def profile(world: World) -> None:
    world.post("add_members", [{"mixpanel_distinct_id": "a", "email": "new@x"}], session="s2")
    world.apply()


def entry(world: World) -> None:
    world.post("add_members", ["c"], session="s2")
    world.apply()


def exit_(world: World) -> None:
    world.post("remove_members", ["b"], session="s2")
    world.apply()


def erasure(world: World) -> None:
    assert world.call("DELETE", "/v1/members/b").status_code == 204


def erasure_from_history(world: World) -> None:
    exit_(world)
    tag_then = tag(world, "/changes")
    erasure(world)
    assert tag(world, "/changes") != tag_then


def deletion(world: World) -> None:
    path = f"/v1/cohorts/{world.cohort_id()}"
    assert world.call("DELETE", path).status_code == 204
    assert world.call("POST", f"{path}/restore").status_code == 204
    world.post("members", ["a", "b"], session="s3")
    world.apply()


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (profile, ("/members", "/members/a", "/syncs")),
        (entry, ("", "/members", "/changes", "/syncs")),
        (exit_, ("", "/members", "/changes", "/syncs")),
        (erasure, ("", "/members", "/changes")),
        (erasure_from_history, ("/members", "/changes")),
        (deletion, PATHS),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_tag__after_a_change__is_another(
    world: World, change: Callable[[World], None], paths: tuple[str, ...]
) -> None:
    world.fill(["a", "b"])
    held = {(path, form): tag(world, path, form) for path, form in FORMS if path in paths}
    change(world)
    for (path, form), old in held.items():
        answer = ask(world, path, old, form)
        assert answer.status_code == 200
        assert answer.headers["ETag"] != old


def test_tag__of_what_has_expired__is_not_the_old_one(world: World) -> None:
    world.clock.now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    world.fill(["a", "b"])
    held = {path: tag(world, path) for path in ("/changes", "/syncs")}
    assert retention.run(world.pool, every_seconds=0)
    assert ask(world, "/changes", held["/changes"]).status_code == 410
    assert ask(world, "/changes", "*").status_code == 410
    answer = ask(world, "/syncs", held["/syncs"])
    assert (answer.status_code, answer.get_json()["syncs"]) == (200, [])


@pytest.mark.parametrize(("path", "accept"), FORMS)
def test_tag__an_apply_between_any_two_statements__belongs_to_its_answer(
    world: World, path: str, accept: str
) -> None:
    world.fill(["a"])
    answers: dict[str, set[bytes]] = {}
    turn = 0

    def apply_one(_statement: str) -> None:
        nonlocal turn
        turn += 1
        profile = {"mixpanel_distinct_id": "a", "email": f"{turn}@x"}
        world.post("add_members", [profile, f"m-{turn}"], session=f"more-{turn}")
        world.apply()

    cohort_id, held = world.cohort_id(), tag(world, path, accept)
    for _ in range(3):
        for sent in ({}, {"If-None-Match": held}):
            with noted(world, apply_one):
                url = f"/v1/cohorts/{cohort_id}{path}"
                answer = world.call("GET", url, headers={"Accept": accept, **sent})
            quiet = ask(world, path, accept=accept)
            for one in (answer, quiet):
                assert one.status_code == 200
                answers.setdefault(one.headers["ETag"], set()).add(one.data)
            held = answer.headers["ETag"]
    assert turn > 3
    assert all(len(bodies) == 1 for bodies in answers.values())


@pytest.mark.parametrize("path", PATHS)
def test_min_seq__not_reached__is_503_and_says_when_to_ask_again(world: World, path: str) -> None:
    world.fill(["a", "b"])
    for min_seq, status in (("0", 200), ("2", 200), ("3", 503), ("x", 400), (str(2**63), 400)):
        answer = ask(world, f"{path}?min_seq={min_seq}")
        assert answer.status_code == status
        if status == 503:
            assert answer.headers["Retry-After"] == "1"
            assert answer.content_type == "application/problem+json"
    for accept in (NDJSON, CSV):
        assert ask(world, "/members?min_seq=3", accept=accept).status_code == 503
    unknown = f"/v1/cohorts/999{path}?min_seq=1"
    assert world.call("GET", unknown).status_code == 404


def test_description__of_conditional_calls__says_so(world: World) -> None:
    paths = world.http.get("/openapi.json").get_json()["paths"]
    tagged = {
        path
        for path, methods in paths.items()
        if "304" in methods["get" if "get" in methods else next(iter(methods))]["responses"]
    }
    assert tagged == {
        f"/v1/cohorts/{{cohort_id}}{rest}"
        for rest in ("", "/members", "/members/{member_id}", "/changes", "/syncs")
    }
    for path in tagged:
        described = paths[path]["get"]
        assert "ETag" in described["responses"]["200"]["headers"]
        named = {one["name"] for one in described["parameters"]}
        assert {"If-None-Match", "min_seq"} <= named
