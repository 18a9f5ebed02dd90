"""Actions as services record them: each is the first once, through lost answers and at once."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from gateway.core.access.scopes import Scope
from gateway.flows import erasure
from gateway.flows.cohorts.erase import Where
from gateway.flows.syncs import actions as flow
from tests.http.scrape import parse
from tests.http.world import World


def post(world: World, *actions: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call("POST", "/v1/actions", json={"actions": actions}, scope=Scope.WRITE)
    assert answer.status_code == 200, answer.text
    said = answer.get_json()
    outcomes = ("recorded", "duplicate", "rejected")
    assert sum(said[name] for name in outcomes) == len(actions) == len(said["results"])
    return said


def mail(member_id: object = "ada", **more: object) -> dict[str, object]:
    return {"member_id": member_id, "source": "default", "action": "mail.sent", **more}


def firsts(world: World, *actions: object) -> list[bool]:
    return [one["first"] for one in post(world, *actions)["results"]]


def test_action__sent_again__is_first_once(world: World) -> None:
    assert post(world, mail()) == {
        "recorded": 1,
        "duplicate": 0,
        "rejected": 0,
        "results": [{"first": True}],
    }
    said = post(world, mail())
    assert (said["duplicate"], said["results"]) == (1, [{"first": False}])


def test_actions__that_differ_in_anything__are_each_first(world: World) -> None:
    world.add_source("other")
    cohort_id = world.fill(["a"])
    different = [
        mail(),
        mail("bob"),
        mail("Ada"),
        mail(" ada"),
        mail(7),
        mail(action="mail.opened"),
        mail(key="spring"),
        mail(source="other"),
        mail(cohort_id=cohort_id),
    ]
    assert firsts(world, *different) == [True] * len(different)
    assert firsts(world, *different) == [False] * len(different)
    same = [mail("7"), mail(key=""), mail(cohort_id=int(cohort_id)), mail(key=cohort_id)]
    assert firsts(world, *same) == [False] * len(same)
    assert firsts(world, mail(cohort_id=cohort_id, source=None, key="k")) == [True]


def test_claim__repeated__is_told_first_again(world: World) -> None:
    assert firsts(world, mail(claim="try-1")) == [True]
    assert firsts(world, mail(claim="try-2"), mail(), mail(claim="try-1")) == [False, False, True]


def test_actions__the_same_in_one_request__have_one_first(world: World) -> None:
    assert firsts(world, mail(claim="a"), mail(claim="b"), mail(), mail(claim="a")) == [
        True,
        False,
        False,
        True,
    ]
    assert firsts(world, mail(claim="b")) == [False]


def test_actions__sent_by_many_at_once__have_one_first_each(world: World) -> None:
    sent = [mail(f"m-{number}") for number in range(50)]
    given = world.app.test_client

    def call(number: int) -> list[bool]:
        caller = World.__new__(World)
        caller.__dict__.update(world.__dict__, http=given())
        some = sent if number % 2 else sent[::-1]
        told = firsts(caller, *some)
        return told if number % 2 else told[::-1]

    with ThreadPoolExecutor(6) as crew:
        told = list(crew.map(call, range(6)))
    assert [sum(each) for each in zip(*told, strict=True)] == [1] * len(sent)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("ada", "invalid"),
        ({"action": "a", "source": "default"}, "invalid"),
        (mail(""), "invalid"),
        (mail(action=""), "invalid"),
        (mail(action=7), "invalid"),
        (mail(action="x" * 256), "invalid"),
        (mail(key="\0"), "invalid"),
        (mail(key="é" * 128), "invalid"),
        (mail(claim="x" * 256), "invalid"),
        (mail(at="soon"), "invalid"),
        (mail(at=True), "invalid"),
        (mail(cohort_id="x"), "invalid"),
        (mail(cohort_id=0), "invalid"),
        (mail(cohort_id="9" * 19), "invalid"),
        (mail(properties=[1]), "bad_properties"),
        (mail(properties={"a": "x" * 40_000}), "too_large"),
        (mail(source=None), "no_source"),
        (mail(source="gone"), "no_source"),
        (mail(cohort_id="99999999"), "no_cohort"),
    ],
)
def test_action__that_cannot_be__is_rejected_by_itself(
    world: World, wrong: object, code: str
) -> None:
    said = post(world, mail("a"), wrong, mail("b"))
    assert [one["first"] for one in said["results"]] == [True, False, True]
    assert said["results"][1]["code"] == code
    assert said["rejected"] == 1


def test_action__of_a_cohort_of_another_source__is_rejected(world: World) -> None:
    world.add_source("other")
    cohort_id = world.fill(["a"])
    (told,) = post(world, mail(cohort_id=cohort_id, source="other"))["results"]
    assert told["code"] == "other_source"


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ("2026-11-30T13:00:00+01:00", "2026-11-30T12:00:00+00:00"),
        (1_795_867_200, "2026-11-28T12:00:00+00:00"),
        (1_795_867_200_500, "2026-11-28T12:00:00.500000+00:00"),
        (1_795_867_200.5, "2026-11-28T12:00:00.500000+00:00"),
        (None, None),
    ],
)
def test_action__of_a_time__is_kept_with_it(world: World, at: object, kept: str | None) -> None:
    post(world, mail(at=at, properties={"n": 1.5}))
    with world.pool.read() as conn:
        row = conn.execute(text("SELECT at, properties FROM actions")).one()
    wanted = world.clock() if kept is None else datetime.datetime.fromisoformat(kept)
    assert (row.at, row.properties) == (wanted, {"n": 1.5})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"actions": {}}, 400),
        ([], 400),
        ({"actions": [mail()] * 1001}, 413),
    ],
)
def test_body__that_is_no_list_of_actions__is_refused(
    world: World, body: object, status: int
) -> None:
    assert world.call("POST", "/v1/actions", json=body).status_code == status
    assert firsts(world, mail()) == [True]
    assert firsts(world) == []


def test_erasure__of_a_person__forgets_their_actions(world: World) -> None:
    world.add_source("other")
    cohort_id = world.fill(["ada"])
    sent = [mail(), mail(source="other"), mail(cohort_id=cohort_id), mail("bob")]
    post(world, *sent)
    now = world.clock()
    erasure.erase(world.pool, "ada", Where(source="default", project_id="2195193"), now=now)
    assert firsts(world, *sent) == [False, False, True, False]
    erasure.erase(world.pool, "ada", Where(source="other"), now=now)
    assert firsts(world, *sent) == [False, True, False, False]
    erasure.erase(world.pool, "ada", Where(), now=now)
    assert firsts(world, *sent) == [True, True, True, False]


def test_actions__of_more_than_400_days__are_deleted_and_may_come_again(world: World) -> None:
    post(world, *[mail(f"m-{number}") for number in range(3)])
    post(world, mail("young"))
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE actions SET recorded_at = now()"))
    assert flow.prune(world.pool, every_seconds=0) == 0
    with world.pool.begin() as conn:
        conn.execute(_AGE)
    assert flow.prune(world.pool, every_seconds=0, at_once=2) == 2
    assert flow.prune(world.pool, at_once=2) == 1, "a round goes on until it is through"
    assert flow.prune(world.pool) == 0
    assert firsts(world, mail("m-1"), mail("young")) == [True, False]


def test_metrics__of_actions__count_what_came_of_them(world: World) -> None:
    def counts() -> list[float]:
        page = parse(world.http.get("/metrics").text)
        outcomes = ("recorded", "duplicate", "rejected")
        return [page.value("gateway_actions_total", outcome=one) or 0 for one in outcomes]

    before = counts()
    post(world, mail(), mail(), mail("b"), "x")
    assert [after - then for after, then in zip(counts(), before, strict=True)] == [2, 1, 1]


def test_scope__read__may_not_record(world: World) -> None:
    answer = world.call("POST", "/v1/actions", json={"actions": []}, scope=Scope.READ)
    assert answer.status_code == 403


_AGE = text("""
    UPDATE actions SET recorded_at = recorded_at - interval '400 days 1 hour'
    WHERE member_id LIKE 'm-%'
""")
