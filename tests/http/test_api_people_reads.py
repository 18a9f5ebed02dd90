"""What can be read of people and events, and what is removed."""

from __future__ import annotations

import json

import pytest

from gateway.core.access.scopes import Scope
from gateway.flows.sources import admin
from tests.http.people import People, event
from tests.http.world import START


def test_traits__posted_again__merge_and_null_removes(people: People) -> None:
    first = people.people({"ada": {"plan": "pro", "n": 1}, "bob": {}})
    assert first == {"accepted": 2, "created": 2, "rejected": [], "rejected_count": 0}
    ada = '{"person_id":"ada","traits":'
    raw = f'{{"people":[{ada}{{"plan":null,"n":2.50}}}},{ada}{{"x":{{"y":null}}}}}}]}}'.encode()
    answer = people.send("/v1/people", raw).get_json()
    assert (answer["accepted"], answer["created"]) == (2, 0)
    assert '"n": 2.50' in people.world.call("GET", "/v1/people/ada").text
    assert people.traits("ada") == {"n": 2.5, "x": {"y": None}}


def test_traits__that_would_be_too_many__are_rejected_and_stay(people: People) -> None:
    people.people({"ada": {str(n): n for n in range(255)}})
    answer = people.people({"ada": {"one more": 1}, "bob": {"a": 1}})
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(0, "too_large")]
    assert answer["accepted"] == 1
    assert len(people.traits("ada")) == 255
    assert people.people({"ada": {"0": None, "one more": 1}})["accepted"] == 1


def test_person__first_and_last_seen__are_of_events_and_traits(people: People) -> None:
    people.world.clock.now = START
    people.people({"ada": {}})
    people.events(event(time="2025-12-01T00:00:00Z"))
    found = people.world.get("/v1/people/ada")
    assert found["first_seen_at"].startswith("2025-12-01T00:00:00")
    assert found["last_seen_at"].startswith("2026-01-01T00:00:00")


def test_events_of_a_person__by_name_and_time__are_filtered(people: People) -> None:
    people.world.clock.now = START
    for day in range(1, 6):
        people.events(event(time=f"2025-12-0{day}T00:00:00Z"), event(name="view"))
    path = "/v1/people/ada/events"
    asked = {"event": "buy", "after": "2025-12-02T00:00:00Z", "before": "2025-12-04T00:00:00Z"}
    found = people.world.get(path, **asked)["events"]
    assert [one["time"][:10] for one in found] == ["2025-12-03", "2025-12-02"]


def test_recent__with_filters__shows_the_newest_first(people: People) -> None:
    people.events(event(), event("bob", "view"), event("null"))
    people.events(event("eve"))
    recent = people.world.get("/v1/events/recent")["events"]
    assert [one["person_id"] for one in recent] == ["eve", "null", "bob", "ada"]
    assert [one["rejected"] is None for one in recent] == [True, False, True, True]
    for asked, expected in (
        ({"event": "view"}, ["bob"]),
        ({"person_id": "ada"}, ["ada"]),
        ({"rejected": "false"}, ["eve", "bob", "ada"]),
        ({"limit": 2}, ["eve", "null"]),
    ):
        found = people.world.get("/v1/events/recent", **asked)["events"]
        assert [one["person_id"] for one in found] == expected


def test_event_names__always__have_the_predefined_and_those_seen(people: People) -> None:
    people.world.clock.now = START
    people.events(event(), event(time="2025-12-31T23:00:00Z"), event(name="view"))
    found = {one["name"]: one for one in people.world.get("/v1/event-names")["event_names"]}
    assert set(found) == {"signup", "click", "view", "cart", "purchase", "buy"}
    assert found["buy"]["days"] == [
        {"day": "2025-12-31", "count": 1},
        {"day": "2026-01-01", "count": 1},
    ]
    assert (found["buy"]["predefined"], found["signup"]["count"]) == (False, 0)


def test_properties__of_a_name__have_types_and_values_that_many_share(people: People) -> None:
    people.events(
        *(
            event(f"p{n}", properties={"brand": "acme", "price": n, "tags": ["x"]})
            for n in range(5)
        ),
        event("p0", properties={"brand": "rare", "price": "free"}),
    )
    found = people.world.get("/v1/event-names/buy/properties")["properties"]
    assert {one["name"]: (one["types"], one["values"]) for one in found} == {
        "brand": (["string"], ["acme"]),
        "price": (["number", "string"], []),
        "tags": (["array"], []),
    }
    usual = people.world.get("/v1/event-names/purchase/properties")["properties"]
    assert {"price", "brand"} <= {one["name"] for one in usual}
    assert people.world.call("GET", "/v1/event-names/never/properties").status_code == 404


def test_traits__of_all_people__have_types_and_values_that_many_share(people: People) -> None:
    people.people({f"p{n}": {"plan": "pro", "n": n} for n in range(5)})
    found = people.world.get("/v1/traits")["traits"]
    assert [(one["name"], one["types"], one["values"]) for one in found] == [
        ("n", ["number"], []),
        ("plan", ["string"], ["pro"]),
    ]


def test_erasure__of_a_person__removes_and_keeps_out_what_was_before(people: People) -> None:
    people.people({"ada": {"plan": "pro"}})
    people.events(event(), event("bob"), event("ada", ""))
    people.world.clock.tick(minutes=1)
    assert people.world.call("DELETE", "/v1/members/ada").status_code == 204
    assert people.world.call("GET", "/v1/people/ada").status_code == 404
    recent = people.world.get("/v1/events/recent")["events"]
    assert {one["person_id"] for one in recent} == {"bob"}
    late = people.events(event(time=people.now().isoformat()), event(event_id="e"))
    assert late["accepted"] == 2
    assert people.events(event(event_id="e"))["duplicate"] == 1
    assert people.world.call("GET", "/v1/people/ada").status_code == 404
    people.world.clock.tick(minutes=1)
    people.events(event())
    assert len(people.of("ada")) == 1
    names = {
        one["name"]: one["count"] for one in people.world.get("/v1/event-names")["event_names"]
    }
    assert names["buy"] == 2


def test_erasure__in_another_source__leaves_people_as_they_are(people: People) -> None:
    people.add("other")
    people.events(event())
    for query in ("source=other", "source=default", "project_id=5"):
        assert people.world.call("DELETE", f"/v1/members/ada?{query}").status_code == 204
        assert len(people.of("ada")) == 1


def test_deletion__of_events__takes_what_is_meant_and_forgets_ids(people: People) -> None:
    people.world.clock.now = START
    people.events(
        event(time="2025-12-01T00:00:00Z", event_id="a"),
        event(time="2025-12-09T00:00:00Z", event_id="b"),
        event(name="view", time="2025-12-01T00:00:00Z", event_id="c"),
    )
    path = "/v1/events?event=buy&before=2025-12-05T00:00:00Z"
    assert people.world.call("DELETE", path).status_code == 202
    assert [one["event_id"] for one in people.of("ada")] == ["b", "c"]
    assert people.events(event(event_id="a"), event(event_id="b"))["duplicate"] == 1
    assert people.world.call("DELETE", "/v1/events").status_code == 400


@pytest.mark.parametrize("source", ["a\0", "\ud800", 1, ["people"]])
def test_source__in_a_body__that_is_no_slug__is_malformed(people: People, source: object) -> None:
    named = {"source": source}
    for path, body, scope in (
        ("/v1/events", {"events": [event()]}, Scope.INGEST),
        ("/v1/people", {"people": [{"person_id": "ada", "traits": {}}]}, Scope.INGEST),
        ("/kursaha/api/event-flows/signal", {"signals": []}, Scope.INGEST),
        ("/v1/rules/run", {"rule": {"all": []}}, Scope.READ),
    ):
        answer = people.send(path, json.dumps(body | named).encode(), scope=scope)
        assert answer.status_code == 400
        assert answer.get_json()["detail"] == "source: must be the slug of a source"


def test_source__that_is_paused_unknown_or_of_another_kind__refuses(people: People) -> None:
    body = json.dumps({"events": [event()]}).encode()
    assert people.send("/v1/events?source=nowhere", body).get_json()["code"] == "no_source"
    answer = people.send("/v1/events?source=default", body)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_kind")
    assert people.world.call("GET", "/v1/traits?source=nowhere").status_code == 404
    assert people.world.call("GET", "/v1/traits?source=default").status_code == 409
    admin.pause(people.world.pool, "people", now=START)
    assert people.send("/v1/events", body).status_code == 503
    admin.resume(people.world.pool, "people", now=START)
    assert people.send("/v1/events", body).status_code == 200


def test_two_sources__with_one_person__know_nothing_of_each_other(people: People) -> None:
    people.add("other")
    sent = {"source": "other", "events": [event(event_id="e")]}
    assert people.post("/v1/events", sent)["accepted"] == 1
    assert people.world.call("GET", "/v1/people/ada").status_code == 404
    assert people.world.call("GET", "/v1/people/ada?source=other").status_code == 200
    assert people.events(event(event_id="e"))["accepted"] == 1
