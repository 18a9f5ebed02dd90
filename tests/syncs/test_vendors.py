"""Sync jobs to vendors: the audience that each fake ends up with is the cohort."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway.destinations.normalise import hashing
from tests.destinations import servers
from tests.destinations.braze import instance as braze
from tests.destinations.google import manager as google
from tests.destinations.http import lists
from tests.destinations.meta import graph as meta
from tests.syncs.office import Office


def person(name: str, **rest: object) -> dict[str, object]:
    return {"mixpanel_distinct_id": name, "email": f"{name}@example.com", **rest}


def emails(names: str) -> set[str]:
    return {hashing.sha256(f"{name}@example.com") for name in names}


def change(desk: Office, action: str, *members: object) -> None:
    """Change the cohort, and work on the job when it is due."""
    desk.clock.tick(seconds=1)
    desk.post(action, list(members), session=f"s{desk.clock.now.timestamp()}")
    desk.apply()
    desk.clock.tick(minutes=6)
    desk.send()


@pytest.fixture
def graph(desk: Office) -> Iterator[meta.Graph]:
    vendor = meta.Graph()
    secrets = {"access_token": meta.TOKEN}
    with servers.serving(vendor) as base:
        desk.destination("meta", {"account_id": "42", "endpoint": base}, secrets)
        yield vendor


def test_meta__through_changes__has_exactly_the_cohort(desk: Office, graph: meta.Graph) -> None:
    cohort = desk.fill([person("a"), person("b"), person("c", email="a@example.com")])
    job = desk.job(cohort, mapping={"external_id": "member_id", "email": "email"})
    desk.send()
    (audience,) = graph.audiences
    assert graph.audiences[audience]["name"] == desk.get(f"/v1/cohorts/{cohort}")["name"]
    assert graph.known(audience, "EXTERN_ID") == {"a", "b", "c"}
    change(desk, "remove_members", "a")
    # The address stays, as another member that stays has it.
    assert graph.known(audience, "EXTERN_ID") == {"b", "c"}
    assert graph.known(audience, "EMAIL") == emails("ab")
    change(desk, "add_members", person("b", email="new@example.com"))
    assert graph.known(audience, "EMAIL") == emails("a") | {hashing.sha256("new@example.com")}
    assert desk.shown(job)["state"] == "active"
    assert len(graph.audiences) == 1


def test_meta__that_wants_a_person__stops_the_job_with_its_words(
    desk: Office, graph: meta.Graph
) -> None:
    graph.next = [meta.error(2655, error_user_title="Terms", error_user_msg="Accept them")]
    job = desk.job(desk.fill([person("a")]), mapping={"email": "email"})
    desk.send()
    shown = desk.shown(job)
    assert shown["state"] == "stopped"
    assert "Terms: Accept them" in str(shown)


def test_meta__with_weak_keys_alone__refuses_the_mapping(desk: Office, graph: meta.Graph) -> None:
    body = {
        "cohort_id": desk.fill([person("a")]),
        "destination": "crm",
        "frequency": "5m",
        "mapping": {"first_name": "first_name", "city": "properties.city"},
    }
    assert desk.call("POST", "/v1/sync-jobs", json=body).status_code == 422
    assert graph.asked == []


@pytest.mark.parametrize(
    "secrets",
    [
        {"partner_api_key": braze.PARTNER, "client_secret": braze.SECRET},
        {"api_key": braze.REST},
    ],
)
def test_braze__through_changes__has_exactly_the_cohort(
    desk: Office, secrets: dict[str, str]
) -> None:
    people = [f"m{number}" for number in range(100)]
    vendor = braze.Instance(*people)
    with servers.serving(vendor) as base:
        desk.destination("braze", {"endpoint": base}, secrets)
        cohort = desk.fill([person(name) for name in people])
        desk.job(cohort, mapping={"external_id": "member_id"})
        desk.send()
        assert _in_braze(vendor, cohort) == set(people)
        change(desk, "remove_members", "m1", "m2")
        assert _in_braze(vendor, cohort) == set(people) - {"m1", "m2"}


def _in_braze(vendor: braze.Instance, cohort: str) -> set[str]:
    if vendor.cohorts:
        return vendor.cohorts[cohort]
    has = f"cohort_{cohort}"
    return {user for user, of in vendor.users.items() if has in of.get("cohorts", set())}


def test_google__through_changes_and_a_resync__has_exactly_the_cohort(desk: Office) -> None:
    vendor = google.Manager()
    vendor.clock = desk.clock.now
    with servers.serving(vendor) as base:
        config = {"account_id": "123-456-7890", "endpoint": base}
        desk.destination("google", config, google.SECRETS)
        cohort = desk.fill([person("a"), person("b")])
        job = desk.job(cohort, mapping={"email": "email"})
        desk.send()
        assert set(vendor.members["100"]) == emails("ab")
        vendor.states = ["SUCCESS"]
        change(desk, "add_members", person("c"))
        change(desk, "remove_members", "a")
        assert set(vendor.members["100"]) == emails("bc")
        vendor.members["100"][hashing.sha256("stranger@example.com")] = desk.clock.now
        desk.clock.tick(minutes=1)
        vendor.clock = desk.clock.now
        desk.act(job, "resync")
        desk.send()
        assert set(vendor.members["100"]) == emails("bc")


def test_declared_api__through_changes__has_exactly_the_cohort(desk: Office) -> None:
    vendor = lists.Lists()
    with servers.serving(vendor) as base:
        desk.destination("http", {**lists.DECLARED, "endpoint": base}, {"api_key": lists.KEY})
        cohort = desk.fill([*(person(name) for name in "abcdefgh"), person("bad")])
        job = desk.job(cohort, mapping={"email": "email"})
        desk.send()
        assert vendor.members[1] == {f"{name}@example.com" for name in "abcdefgh"}
        shown: Any = desk.shown(job)["last_run"]
        assert (shown["state"], shown["added"]) == ("partial", 8)
        change(desk, "remove_members", "a", "b")
        assert vendor.members[1] == {f"{name}@example.com" for name in "cdefgh"}


@pytest.mark.parametrize("state", ["active", "paused"])
def test_erasure__where_nothing_can_be_removed__stays_outstanding_and_lets_the_job_go_on(
    desk: Office, state: str
) -> None:
    vendor = lists.Lists()
    adds = {"add": lists.DECLARED["ops"]["add"]}
    with servers.serving(vendor) as base:
        config = {**lists.DECLARED, "ops": adds, "endpoint": base}
        desk.destination("http", config, {"api_key": lists.KEY})
        cohort = desk.fill([person(name) for name in "abc"])
        job = desk.job(cohort, mapping={"email": "email"}, mode="add_only")
        desk.send()
        if state == "paused":
            desk.act(job, "pause")
        assert desk.call("DELETE", "/v1/members/a").status_code == 204
        desk.send()
        if state == "paused":
            asked = len(vendor.asked)
            desk.send()
            assert len(vendor.asked) == asked
            desk.act(job, "resume")
        change(desk, "add_members", person("d"))
        shown = desk.shown(job)
        assert (shown["state"], shown["error"]) == ("active", None)
        assert shown["last_run"]["skipped"] == {"erasure_without_remove": 1}
        assert "d@example.com" in vendor.members[1]
        with desk.pool.read() as conn:
            outstanding = conn.execute(text("SELECT member_id FROM sync_erasures")).scalars().all()
        assert outstanding == ["a"]
