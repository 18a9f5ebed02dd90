"""Access to people and events, and the calls of Segment and Kursaha that bring them."""

from __future__ import annotations

import base64
import datetime
import json

import pytest

from gateway.core.access import secrets
from gateway.core.access.scopes import Scope
from gateway.store.access import api_keys
from tests.http.people import People, event
from tests.http.world import START


def test_key__of_each_scope__may_post_only_if_it_says_so(people: People) -> None:
    body = json.dumps({"events": [event()]}).encode()
    allowed = {scope: people.send("/v1/events", body, scope=scope).status_code for scope in Scope}
    assert allowed == {Scope.READ: 403, Scope.WRITE: 403, Scope.INGEST: 200, Scope.ADMIN: 200}
    assert people.world.call("GET", "/v1/traits", scope=Scope.INGEST).status_code == 403


def test_key__of_one_source__means_that_one_and_no_other(people: People) -> None:
    people.add("other")
    with people.world.pool.begin() as conn:
        key_hash = secrets.hash_key("bound")
        api_keys.create(
            conn,
            name="bound",
            key_hash=key_hash,
            scopes=[Scope.INGEST],
            now=START,
            source="other",
        )
    sent = {"Authorization": "Bearer bound"}
    body = json.dumps({"events": [event()]}).encode()
    assert people.send("/v1/events", body, headers=sent).status_code == 200
    assert people.send("/v1/events?source=other", body, headers=sent).status_code == 200
    assert people.send("/v1/events?source=people", body, headers=sent).status_code == 403
    assert people.world.call("GET", "/v1/people/ada").status_code == 404
    assert len(people.world.get("/v1/people/ada/events", source="other")["events"]) == 2


def as_user(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def test_segment__tracks_and_identifies__are_events_and_traits(people: People) -> None:
    sent = {"userId": "ada", "event": "buy", "properties": {"p": 1}, "messageId": "m1"}
    for _ in range(2):
        answer = people.post("/v1/track", sent, headers=as_user("key-ingest"))
        assert answer == {"success": True}
    people.post("/v1/identify", {"userId": "ada", "traits": {"plan": "pro"}})
    assert [one["event_id"] for one in people.of("ada")] == ["m1"]
    assert people.traits("ada") == {"plan": "pro"}


def test_segment__an_anonymous_id_alone__is_rejected_as_such(people: People) -> None:
    refused = people.post("/v1/track", {"anonymousId": "x", "event": "buy"}, status=400)
    assert refused["code"] == "anonymous"
    assert people.post("/v1/track", {"event": "buy"}, status=400)["code"] == "missing_id"


def test_segment__a_batch__takes_what_is_kept_and_counts_the_rest(people: People) -> None:
    now = people.now() - datetime.timedelta(hours=1)
    answer = people.post(
        "/v1/batch",
        {
            "batch": [
                {"type": "track", "userId": "ada", "event": "buy", "timestamp": now.isoformat()},
                {"type": "identify", "userId": 7, "traits": {"plan": "pro"}},
                {"type": "page", "userId": "ada"},
                {"type": "track", "anonymousId": "x", "event": "buy"},
                {"type": "alias"},
            ],
        },
        headers=as_user("key-ingest"),
    )
    assert (answer["success"], answer["ignored"], answer["rejected_count"]) == (True, 2, 1)
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(3, "anonymous")]
    assert people.of("ada")[0]["time"] == now.isoformat(timespec="microseconds")
    assert people.traits("7") == {"plan": "pro"}


def test_key_as_user_name__of_other_calls__opens_nothing(people: People) -> None:
    body = json.dumps({"events": [event()]}).encode()
    assert people.send("/v1/events", body, headers=as_user("key-ingest")).status_code == 401
    wrong = people.send("/v1/track", b"{}", headers=as_user("no-key"))
    assert wrong.status_code == 401


def test_kursaha__signals__are_events_in_both_spellings(people: People) -> None:
    sent = {
        "requestIdentifier": "r1",
        "signals": [
            {"customerId": "ada", "eventType": "purchase", "data": {"price": 200, "brand": "x"}},
            {"emitterId": "bob", "stepNodeId": "cart"},
            {"customerId": "None", "eventType": "cart"},
        ],
    }
    path = "/kursaha/api/event-flows/signal"
    first, again = people.post(path, sent), people.post(path, sent)
    assert (first["accepted"], first["rejected"][0]["code"]) == (2, "placeholder_id")
    assert (again["accepted"], again["duplicate"]) == (0, 2)
    (stored,) = people.of("ada")
    assert (stored["event"], stored["event_id"]) == ("purchase", "r1#0")
    assert people.of("bob")[0]["properties"] == {}
    del sent["requestIdentifier"]
    assert people.post(path, sent)["accepted"] == 2


def test_kursaha__data_of_a_customer__are_traits_in_our_names(people: People) -> None:
    data = {"email": "j@x.com", "phoneNumber": "+91", "firstName": "J", "lastName": "D", "dob": ""}
    sent = {"customerId": "ada", "customerData": data}
    path = "/kursaha/api/customers"
    assert people.post(path, sent)["created"] == 1
    named = {"email": "j@x.com", "phone": "+91", "first_name": "J", "last_name": "D", "dob": ""}
    assert people.traits("ada") == named
    newer = {"phone": "+92", "dateOfBirth": "1990-01-01"}
    people.post(path, {"customerId": "ada", "customerData": newer})
    assert people.traits("ada") == {**named, "phone": "+92", "dob": "1990-01-01"}
    assert people.post(path, {"customerId": "null"}, status=400)["code"] == "placeholder_id"


@pytest.mark.parametrize(
    ("data", "phone"),
    [
        ({"phone": "1", "phoneNumber": None}, "1"),
        ({"phone": None, "phoneNumber": "1"}, "1"),
        ({"phone": "1", "phoneNumber": "2"}, "2"),
        ({"phoneNumber": None}, None),
    ],
)
def test_kursaha__null_in_one_spelling__removes_nothing_of_the_other(
    people: People, data: dict[str, object], phone: str | None
) -> None:
    path = "/kursaha/api/customers"
    people.post(path, {"customerId": "ada", "customerData": {"phone": "0"}})
    people.post(path, {"customerId": "ada", "customerData": data})
    assert people.traits("ada").get("phone") == phone
