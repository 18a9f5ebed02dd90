"""Cohorts of people: made with a rule, filled by it, and kept live."""

from __future__ import annotations

import datetime
import pathlib
import zoneinfo
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from gateway.core.cohorts import kinds
from gateway.flows.behaviour import rule_reading
from gateway.flows.behaviour.rounds import Evaluator
from gateway.flows.cohorts.load_reader import Reader
from gateway.jobs import WakeUps
from tests.http.people import People, event
from tests.http.world import NO_REDIS, START, World

BUYERS = {"did": {"event": "buy", "when": {"within": "1d"}}}


class Live:
    """A gateway with people, whose rules are evaluated by a call."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.world: World = people.world
        self.world.clock.now = max(START, self.world.clock.now)
        pool, wake_ups = self.world.pool, WakeUps(NO_REDIS)
        self.evaluator = Evaluator(pool, wake_ups, now=self.world.clock)
        self.reader = Reader(
            pool,
            pool,
            wake_ups,
            name="reader",
            at_most=2,
            now=self.world.clock,
            definitions={kinds.PEOPLE: rule_reading.read},
        )

    def make(self, rule: Mapping[str, Any], status: int = 201, **rest: object) -> Any:  # noqa: ANN401
        body = {"source": "people", "name": "Rule", "definition": {"rule": rule}, **rest}
        answer = self.world.call("POST", "/v1/cohorts", json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def change(self, cohort_id: str, rule: Mapping[str, Any], status: int = 200) -> Any:  # noqa: ANN401
        body = {"definition": {"rule": rule}}
        answer = self.world.call("PATCH", f"/v1/cohorts/{cohort_id}", json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def settle(self, **later: float) -> None:
        """Let time pass, and look until nothing more comes of it."""
        self.world.clock.tick(**(later or {"seconds": 3}))
        for _ in range(3):
            self.read()
            self.evaluator.evaluate()
            self.world.apply()

    def read(self) -> None:
        """Read all loads that are queued."""
        while self.reader.read_next():
            pass

    def load(self, cohort_id: str, status: int = 202, **query: object) -> Any:  # noqa: ANN401
        """Ask for a load."""
        path = f"/v1/cohorts/{cohort_id}/loads"
        answer = self.world.call("POST", path, query_string=query)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def loads(self, cohort_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{cohort_id}/loads")["loads"]

    def cohort(self, cohort_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{cohort_id}")

    def members(self, cohort_id: str) -> list[str]:
        return self.world.members(cohort_id)


@pytest.fixture
def live(people: People) -> Live:
    return Live(people)


def test_cohort__made_with_a_rule__is_filled_with_profiles(live: Live) -> None:
    live.people.people({"ada": {"email": "a@x", "phone": 5, "plan": "pro"}, "bob": {}})
    live.people.events(event("ada"))
    made = live.make(BUYERS)
    assert made["definition"] == {"rule": BUYERS}
    live.settle()
    assert live.members(made["id"]) == ["ada"]
    member = live.world.get(f"/v1/cohorts/{made['id']}/members/ada")
    assert (member["email"], member["phone"], member["properties"]) == ("a@x", "5", {"plan": "pro"})
    assert member["distinct_id"] is None
    found = live.world.get(f"/v1/cohorts/{made['id']}")
    assert (found["stale"], found["fresh_until"] is None) == (False, False)
    live.world.clock.tick(minutes=6)
    assert live.world.get(f"/v1/cohorts/{made['id']}")["stale"] is True
    (load,) = live.world.get(f"/v1/cohorts/{made['id']}/loads")["loads"]
    assert (load["state"], load["trigger"], load["entered"]) == ("applied", "definition", 1)


def test_event__of_a_live_cohort__lets_enter_and_time_lets_exit(live: Live) -> None:
    live.people.people({"ada": {}})
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    assert live.members(cohort_id) == []
    live.people.events(event("ada"))
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.settle(hours=25)
    assert live.members(cohort_id) == []
    assert [one[1] for one in live.world.changes(cohort_id)] == ["entered", "exited"]
    changes = live.world.get(f"/v1/cohorts/{cohort_id}/changes")["changes"]
    assert all(one["session_id"].startswith("live-") for one in changes)
    syncs = live.world.get(f"/v1/cohorts/{cohort_id}/syncs")["syncs"]
    assert [one["action"] for one in syncs] == ["members"], "looks are not listed"


def test_not_having_done_something__lets_enter_as_time_passes(live: Live) -> None:
    cohort_id = live.make({"not": BUYERS})["id"]
    live.people.events(event("ada"))
    live.settle()
    assert live.members(cohort_id) == []
    live.settle(hours=25)
    assert live.members(cohort_id) == ["ada"]


def test_trait__of_a_live_cohort__lets_enter_change_and_exit(live: Live) -> None:
    cohort_id = live.make({"trait": {"property": "plan", "op": "eq", "value": "pro"}})["id"]
    live.settle()
    live.people.people({"ada": {"plan": "pro", "n": 1}})
    live.settle()
    path = f"/v1/cohorts/{cohort_id}/members/ada"
    assert live.world.get(path)["properties"] == {"plan": "pro", "n": 1}
    live.people.people({"ada": {"n": 2}})
    live.settle()
    assert live.world.get(path)["properties"] == {"plan": "pro", "n": 2}
    live.people.people({"ada": {"plan": None}})
    live.settle()
    assert live.members(cohort_id) == []
    assert len(live.world.changes(cohort_id)) == 2


def test_cohort_of_a_rule__follows_the_cohorts_that_it_names(live: Live) -> None:
    live.people.people({"ada": {}, "bob": {}})
    premium = live.world.fill(["ada", "stranger"])
    cohort_id = live.make({"all": [{"in_cohort": premium}, {"not": BUYERS}]})["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.world.fill(["bob"], session="s2")
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"]
    live.world.post("remove_members", ["ada"], session="s3")
    live.world.apply()
    live.settle()
    assert live.members(cohort_id) == ["bob"]
    live.world.call("DELETE", f"/v1/cohorts/{premium}")
    live.people.events(event("bob"))
    live.settle()
    assert live.members(cohort_id) == ["bob"], "a rule that fails keeps its members"


def test_time_in_a_trait__moves_members_within_minutes(live: Live) -> None:
    at = (live.world.clock.now - datetime.timedelta(hours=23)).isoformat()
    live.people.people({"ada": {"seen": at}})
    cohort_id = live.make({"trait": {"property": "seen", "op": "within", "value": "1d"}})["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.settle(hours=2)
    assert live.members(cohort_id) == []


def test_erased_person__leaves_and_does_not_come_back(live: Live) -> None:
    live.people.events(event("ada"), event("bob"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    assert live.world.call("DELETE", "/v1/members/ada").status_code == 204
    assert live.members(cohort_id) == ["bob"]
    live.settle()
    assert live.members(cohort_id) == ["bob"]


def test_changed_rule__is_evaluated_anew_and_numbered(live: Live) -> None:
    live.people.events(event("ada"), event("bob", "view"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    viewers = {"did": {"event": "view"}}
    assert live.change(cohort_id, viewers)["definition"] == {"rule": viewers}
    live.change(cohort_id, viewers)
    live.settle()
    assert live.members(cohort_id) == ["bob"]
    found = live.world.get(f"/v1/cohorts/{cohort_id}/definitions")["definitions"]
    assert [(one["number"], one["by"]) for one in found] == [(2, "admin"), (1, "admin")]
    assert found[1]["definition"] == {"rule": BUYERS}


def test_changed_rule__that_would_empty_the_cohort__waits_while_the_old_one_lives(
    live: Live,
) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    live.change(cohort_id, {"did": {"event": "never"}})
    live.settle()
    load = live.world.get(f"/v1/cohorts/{cohort_id}/loads")["loads"][0]
    assert (load["state"], load["approval"], load["would_exit"]) == ("needs_approval", "shrink", 1)
    live.people.events(event("bob"))
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"]
    assert live.world.call("POST", f"/v1/loads/{load['id']}/approve").status_code == 200
    live.settle()
    assert live.members(cohort_id) == []


def test_definition__that_cannot_be_accepted__is_422_with_its_path(live: Live) -> None:
    told = live.make({"did": {}}, status=422)
    assert told["errors"][0]["path"] == "definition.rule.did.event"
    told = live.make({"not": {"in_cohort": "999"}}, status=422)
    assert told["errors"][0]["path"] == "definition.rule.not.in_cohort"
    body = {"source": "people", "name": "Rule"}
    answer = live.world.call("POST", "/v1/cohorts", json=body)
    assert answer.get_json()["errors"][0]["path"] == "definition"


def test_rules__that_look_into_each_other__are_refused_with_the_way_round(live: Live) -> None:
    one = live.make(BUYERS)["id"]
    two = live.make({"in_cohort": one}, external_id="two")["id"]
    three = live.make({"in_cohort": two}, external_id="three")["id"]
    told = live.change(one, {"not": {"in_cohort": three}}, status=422)
    assert told["code"] == "cycle"
    assert told["errors"][0]["path"] == "definition.rule.not.in_cohort"
    assert f"{one} → {three} → {two} → {one}" in told["errors"][0]["message"]
    assert live.change(one, {"in_cohort": one}, status=422)["code"] == "cycle"


def test_restored_cohort__is_filled_anew(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    live.world.call("DELETE", f"/v1/cohorts/{cohort_id}")
    live.settle()
    live.world.call("POST", f"/v1/cohorts/{cohort_id}/restore")
    live.settle()
    assert live.members(cohort_id) == ["ada"]


def test_deleted_events__let_members_exit(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    assert live.world.call("DELETE", "/v1/events?event=buy").status_code == 202
    live.settle()
    assert live.members(cohort_id) == []


def test_member__of_a_rule__is_explained_by_the_rule_and_what_happened(live: Live) -> None:
    live.people.events(event("ada", properties={"price": 5}), event("bob", "view"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    path = f"/v1/cohorts/{cohort_id}/members"
    found = live.world.get(f"{path}/ada/explain")
    assert (found["is_member"], found["holds"]) == (True, True)
    assert found["session_id"].startswith(f"load-{cohort_id}-")
    assert [one["change"] for one in found["changes"]] == ["entered"]
    assert found["rule"]["events"][0]["properties"] == {"price": 5}
    found = live.world.get(f"{path}/bob/explain")
    assert (found["is_member"], found["holds"], found["session_id"]) == (False, False, None)
    assert live.world.call("GET", f"{path}/eve/explain").status_code == 404


def test_member__of_another_kind_of_cohort__is_explained_by_what_happened(live: Live) -> None:
    cohort_id = live.world.fill(["ada", "bob"], session="s7")
    live.world.post("remove_members", ["bob"], session="s8")
    live.world.apply()
    path = f"/v1/cohorts/{cohort_id}/members"
    assert live.world.get(f"{path}/ada/explain")["session_id"] == "s7"
    found = live.world.get(f"{path}/bob/explain")
    assert (found["is_member"], found["session_id"]) == (False, "s8")
    assert [one["change"] for one in found["changes"]] == ["exited", "entered"]
    assert "rule" not in found
    for missing in (f"{path}/eve/explain", "/v1/cohorts/999/members/ada/explain"):
        assert live.world.call("GET", missing).status_code == 404
    assert live.world.call("GET", "/v1/cohorts/x/members/ada/explain").status_code == 404


def test_calendar_window__that_begins_anew__lets_all_exit(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make({"did": {"event": "buy", "when": {"since": "day"}}})["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.settle(hours=24)
    assert live.members(cohort_id) == []


def test_daily_look__at_all_people__finds_what_no_look_saw(live: Live) -> None:
    live.people.people({"ada": {}, "bob": {}})
    cohort_id = live.make({"trait": {"property": "plan", "op": "not_exists"}})["id"]
    live.settle()
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE people SET traits = '{\"plan\": 1}' WHERE person_id = 'ada'"))
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"], "nothing says that it changed"
    live.settle(hours=25)
    assert live.members(cohort_id) == ["bob"]
    with live.world.pool.read() as conn:
        assert conn.execute(text("SELECT sum(drift) FROM rule_states")).scalar_one() == 1


def test_rule__with_a_zone_that_the_database_lacks__fails_alone(
    live: Live, tmp_path: pathlib.Path
) -> None:
    live.people.events(event("ada"))
    days = {"did": {"event": "buy", "days": {"op": "gte", "value": 1}}}
    (tmp_path / "Nowhere").write_bytes((pathlib.Path(zoneinfo.TZPATH[0]) / "UTC").read_bytes())
    zoneinfo.reset_tzpath(to=[str(tmp_path), *zoneinfo.TZPATH])
    try:
        bad = live.make(days, external_id="bad", definition={"rule": days, "time_zone": "Nowhere"})[
            "id"
        ]
        good = live.make(BUYERS, external_id="good")["id"]
        live.settle()
    finally:
        zoneinfo.reset_tzpath()
    assert (live.members(bad), live.members(good)) == ([], ["ada"])
    (load,) = live.loads(bad)
    assert (load["state"], load["error"]["code"]) == ("failed", "query_invalid")
    assert "time zone" in load["error"]["hint"]


def test_round__of_the_scheduler__is_done_by_one_process_at_a_time(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    live.settle()
    live.people.events(event("bob"))
    live.world.clock.tick(seconds=3)
    assert live.evaluator.round()
    assert not live.evaluator.round()
    live.world.apply()
    assert live.members(cohort_id) == ["ada", "bob"]
