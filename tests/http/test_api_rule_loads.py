"""Loads of cohorts of people: asked for, planned, held, failed, and what looks make of them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from typing import Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts import kinds
from gateway.flows.behaviour import rule_reading
from gateway.flows.cohorts import load_lookup, planned
from gateway.flows.cohorts.load_reader import Reader
from gateway.handlers.http import deps
from gateway.jobs import WakeUps
from gateway.store.cohorts import loads, receipts
from tests.http.people import People, event
from tests.http.test_api_live_rules import BUYERS, Live
from tests.http.world import NO_REDIS

PROS = {"trait": {"property": "plan", "op": "eq", "value": "pro"}}
HOURLY = {"every": "1h"}
GUARD = {"shrink_percent": 10, "from_members": 1}


@pytest.fixture
def live(people: People) -> Live:
    return Live(people)


def tick(live: Live) -> int:
    return planned.tick(live.world.pool, WakeUps(NO_REDIS), now=live.world.clock.now)


def act(live: Live, load: Any, what: str) -> None:  # noqa: ANN401 - JSON
    answer = live.world.call("POST", f"/v1/loads/{load['id']}/{what}")
    assert answer.status_code == 200, answer.text


def test_load__asked_for__evaluates_the_rule_whole_and_tells_its_number(live: Live) -> None:
    live.people.people({"ada": {"plan": "pro", "email": "a@x"}, "bob": {}})
    cohort_id = live.make(PROS, guard=GUARD)["id"]
    assert live.load(cohort_id, status=409)["code"] == "load_running"
    live.settle()
    live.change(cohort_id, {"not": PROS})
    live.settle()
    load = live.loads(cohort_id)[0]
    assert (load["state"], load["definition_number"]) == ("needs_approval", 2)
    asked = live.load(cohort_id)
    assert (asked["state"], asked["trigger"], asked["definition_number"]) == (
        "queued",
        "request",
        2,
    )
    live.settle()
    act(live, live.loads(cohort_id)[0], "approve")
    live.settle()
    found = live.loads(cohort_id)
    assert [one["state"] for one in found] == ["applied", "superseded", "applied"]
    assert [one["definition_number"] for one in found] == [2, 2, 1]
    assert (found[0]["rows"]["accepted"], found[0]["file"], found[0]["progress"]) == (1, None, 1)
    assert live.members(cohort_id) == ["bob"]
    sample = live.world.get(f"/v1/loads/{found[2]['id']}/sample")["rows"]
    assert [(one["member_id"], one["email"]) for one in sample] == [("ada", "a@x")]
    assert sample[0]["properties"] == {"plan": "pro"}


class Counting(WakeUps):
    """Wake-ups that count how often loaders are notified."""

    rung = 0

    def notify_loader(self) -> bool:
        self.rung += 1
        return True


def test_definition__given_or_changed__is_rung_for_once(live: Live) -> None:
    extensions, bell = live.world.app.extensions, Counting(NO_REDIS)
    given: deps.Deps = extensions[deps.EXTENSION]
    extensions[deps.EXTENSION] = dataclasses.replace(given, wake_ups=bell)
    try:
        cohort_id = live.make(BUYERS)["id"]
        assert bell.rung == 1
        live.settle()
        path = f"/v1/cohorts/{cohort_id}"
        assert live.world.call("PATCH", path, json={"name": "Buyers"}).status_code == 200
        assert bell.rung == 1
        live.change(cohort_id, PROS)
        assert bell.rung == 2
    finally:
        extensions[deps.EXTENSION] = given


def test_load__that_adds__leaves_the_rule_in_force_as_it_was_seen(live: Live) -> None:
    live.people.people({"ada": {"plan": "pro"}})
    cohort_id = live.make(PROS)["id"]
    live.settle()
    live.load(cohort_id, mode="add")
    live.people.people({"ada": {"plan": None}})
    live.settle()
    assert live.members(cohort_id) == []
    assert [one["mode"] for one in live.loads(cohort_id)] == ["add", "replace"]


def test_cohort__with_a_schedule__is_evaluated_at_its_times_alone(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS, schedule=HOURLY)["id"]
    assert live.cohort(cohort_id)["stale"] is True
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.people.events(event("bob"))
    live.settle()
    assert live.members(cohort_id) == ["ada"], "it is not live"
    assert (live.cohort(cohort_id)["stale"], tick(live)) == (False, 0)
    live.world.clock.tick(hours=1)
    assert (tick(live), tick(live)) == (1, 0)
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"]
    load = live.loads(cohort_id)[0]
    assert (load["trigger"], load["definition_number"], load["entered"]) == ("schedule", 1, 1)
    live.world.clock.tick(hours=3)
    assert live.cohort(cohort_id)["stale"] is True


def test_schedule__taken_away__makes_the_cohort_live_again(live: Live) -> None:
    cohort_id = live.make(BUYERS, schedule=HOURLY)["id"]
    live.settle()
    live.people.events(event("ada"))
    path = f"/v1/cohorts/{cohort_id}"
    assert live.world.call("PATCH", path, json={"schedule": None}).status_code == 200
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    assert live.cohort(cohort_id)["next_load_at"] is None


def test_definition__of_a_rule__cannot_be_taken_away(live: Live) -> None:
    cohort_id = live.make(BUYERS)["id"]
    path = f"/v1/cohorts/{cohort_id}"
    answer = live.world.call("PATCH", path, json={"definition": None})
    assert (answer.status_code, answer.get_json()["errors"][0]["path"]) == (422, "definition")
    assert live.cohort(cohort_id)["definition"] == {"rule": BUYERS}


def test_stale__of_a_live_rule__is_told_wherever_its_members_are(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    assert live.cohort(cohort_id)["stale"] is True, "it was not evaluated yet"
    live.settle()

    def told() -> tuple[bool, bool, bool]:
        body = {"cohort_ids": [cohort_id], "member_ids": ["ada"]}
        checked = live.world.call("POST", "/v1/membership/check", json=body).get_json()
        (joined,) = live.world.get("/v1/members/ada/cohorts")["cohorts"]
        return checked["stale"][cohort_id], joined["stale"], live.cohort(cohort_id)["stale"]

    assert told() == (False, False, False)
    live.world.clock.tick(minutes=6)
    assert told() == (True, True, True)
    live.settle()
    assert told() == (False, False, False)


def test_load__canceled_before_it_was_read__is_not_begun_again(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    act(live, live.loads(cohort_id)[0], "cancel")
    live.settle()
    assert (live.members(cohort_id), len(live.loads(cohort_id))) == ([], 1)
    live.load(cohort_id)
    live.settle()
    assert live.members(cohort_id) == ["ada"]


def test_load__approved_while_a_newer_one_waits__has_its_own_rule_in_force(live: Live) -> None:
    live.people.events(event("ada"), event("bob", "view"))
    cohort_id = live.make({"all": []}, guard=GUARD)["id"]
    live.settle()
    for rule in (BUYERS, {"did": {"event": "view"}}):
        live.change(cohort_id, rule)
        live.settle()
    newer, older, _ = live.loads(cohort_id)
    assert (newer["state"], older["state"]) == ("needs_approval", "needs_approval")
    act(live, older, "approve")
    live.settle()
    live.people.events(event("carl"), event("dan", "view"))
    live.settle()
    assert live.members(cohort_id) == ["ada", "carl"]
    act(live, newer, "approve")
    live.settle()
    live.settle()
    assert live.members(cohort_id) == ["bob", "dan"]


def test_looks__by_the_rule_before__are_looked_at_whole_by_the_rule_after(live: Live) -> None:
    earlier = (live.world.clock.now - datetime.timedelta(hours=23)).isoformat()
    live.people.events(event("gail", time=earlier), event("fred", "view"))
    live.people.people({"ada": {}})
    cohort_id = live.make({"not": BUYERS}, guard=GUARD)["id"]
    live.settle()
    live.change(cohort_id, {"did": {"event": "view"}})
    live.settle(hours=2)
    assert live.members(cohort_id) == ["ada", "fred", "gail"]
    act(live, live.loads(cohort_id)[0], "approve")
    live.settle()
    live.settle()
    assert live.members(cohort_id) == ["fred"]
    with live.world.pool.read() as conn:
        assert conn.execute(text("SELECT sum(drift) FROM rule_states")).scalar_one() == 0


def test_load__of_a_rule_that_names_a_deleted_cohort__fails_and_keeps_the_members(
    live: Live,
) -> None:
    live.people.people({"ada": {}})
    premium = live.world.fill(["ada"])
    cohort_id = live.make({"in_cohort": premium})["id"]
    live.settle()
    live.world.call("DELETE", f"/v1/cohorts/{premium}")
    live.load(cohort_id)
    live.settle()
    load = live.loads(cohort_id)[0]
    assert (load["state"], load["error"]["code"]) == ("failed", "cohort_deleted")
    assert live.cohort(cohort_id)["last_load"]["error"]["code"] == "cohort_deleted"
    assert live.members(cohort_id) == ["ada"]


def test_load__of_a_rule_of_an_older_version__fails_if_it_is_refused_now(live: Live) -> None:
    cohort_id = live.make(BUYERS)["id"]
    with live.world.pool.begin() as conn:
        definition = json.dumps({"rule": {"nope": []}})
        conn.execute(
            text("UPDATE cohort_definitions SET definition = CAST(:one AS jsonb)"),
            {"one": definition},
        )
    live.settle()
    assert live.loads(cohort_id)[0]["error"]["code"] == "query_invalid"


def test_load__of_a_rule_that_takes_too_long__fails(live: Live) -> None:
    cohort_id = live.make(BUYERS)["id"]
    pool = live.world.pool
    impatient = functools.partial(rule_reading.read, limit_seconds=0.3)
    reader = Reader(
        pool,
        pool,
        WakeUps(NO_REDIS),
        name="reader",
        at_most=2,
        now=live.world.clock,
        definitions={kinds.PEOPLE: impatient},
    )
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE people, events"))
        assert reader.read_next()
    assert live.loads(cohort_id)[0]["error"]["code"] == "timed_out"


def test_load__of_a_rule_while_the_database_goes_away__is_left_to_another(live: Live) -> None:
    live.people.events(event("ada"))
    live.world.clock.tick(seconds=1)
    cohort_id = int(live.make(BUYERS)["id"])
    number = (
        load_lookup.of_cohort(live.world.pool, cohort_id, before=load_lookup.NEWEST, limit=1)
        .items[0]
        .number
    )
    with live.world.pool.begin() as conn:
        asked, one = receipts.asked(conn, cohort_id, number), loads.lock(conn, cohort_id, number)
        assert one is not None
        one = loads.restart(conn, one, session=one.session, begun_at=one.begun_at)

    def check() -> None:
        message = "gone"
        raise errors.Unavailable(message)

    with pytest.raises(errors.Unavailable):
        rule_reading.read(live.world.pool, one, asked, check=check, now=live.world.clock)


@pytest.mark.parametrize(
    ("op", "value", "traits"),
    [
        ("eq", 2**64, {"ada": 2**64, "bob": 2**64 + 1}),
        ("eq", -(10**30), {"ada": -(10**30), "bob": 1}),
        ("lt", 1e300, {"ada": 1e299, "bob": 1e301}),
    ],
)
def test_rule__that_compares_with_a_large_number__is_saved_and_shown(
    live: Live, op: str, value: float, traits: dict[str, float]
) -> None:
    live.people.people({person_id: {"n": number} for person_id, number in traits.items()})
    rule = {"trait": {"property": "n", "op": op, "value": value}}
    made = live.make(rule)
    assert made["definition"]["rule"] == rule
    live.settle()
    assert live.members(made["id"]) == ["ada"]
    (listed,) = live.world.get("/v1/cohorts", source="people")["cohorts"]
    assert listed["definition"]["rule"] == rule
    assert live.world.get(f"/v1/cohorts/{made['id']}/definitions")["definitions"]
