"""People and events over the API: what is taken, and what is rejected."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.http.people import NDJSON, People, event
from tests.http.world import START


def test_events__of_unknown_people__are_stored_and_create_them(people: People) -> None:
    answer = people.events(event(properties={"price": 1}), event("bob"), event("bob"))
    assert answer == {"accepted": 3, "duplicate": 0, "rejected": [], "rejected_count": 0}
    (stored,) = people.of("ada")
    assert (stored["event"], stored["properties"]) == ("buy", {"price": 1})
    assert stored["time"] == stored["received_at"]
    assert people.world.get("/v1/people/bob")["traits"] == {}


def test_numbers__of_any_length__keep_their_digits(people: People) -> None:
    digits = ["12345678901234567890123", "0.1000", "1.10", "3.141592653589793238462643", "1e30"]
    properties = f'{{"n":[{",".join(digits)}]}}'
    raw = f'{{"events":[{{"person_id":"ada","event":"n","properties":{properties}}}]}}'
    assert people.send("/v1/events", raw.encode()).status_code == 200
    answer = people.world.call("GET", "/v1/people/ada/events").text
    written = [*digits[:-1], "1" + "0" * 30]
    assert f'"n": [{", ".join(written)}]' in answer


def test_event_id__again__is_a_duplicate_that_changes_nothing(people: People) -> None:
    first = people.events(event(event_id="e1"), event("zoe", event_id="e1"), event(event_id=7))
    assert (first["accepted"], first["duplicate"]) == (2, 1)
    again = people.events(event("bob", "other", event_id="e1"), event("bob", event_id="7"))
    assert (again["accepted"], again["duplicate"]) == (0, 2)
    assert len(people.of("ada")) == 2
    for stranger in ("bob", "zoe"):
        assert people.world.call("GET", f"/v1/people/{stranger}").status_code == 404


def test_event_id__after_its_time__is_new(people: People) -> None:
    people.events(event(event_id="e1"))
    people.world.clock.tick(days=6, hours=23)
    assert people.events(event(event_id="e1"))["duplicate"] == 1
    people.world.clock.tick(hours=2)
    assert people.events(event(event_id="e1"))["accepted"] == 1


def test_event_id__of_a_rejected_event__is_not_remembered(people: People) -> None:
    assert people.events(event(event_id="e1", properties=[]))["rejected_count"] == 1
    assert people.events(event(event_id="e1"))["accepted"] == 1


def test_event_id__in_two_requests_at_once__is_stored_once(people: People) -> None:
    answers: list[Any] = []

    def post() -> None:
        body = json.dumps({"events": [event(event_id=f"e{n % 7}") for n in range(40)]})
        client = people.world.app.test_client()
        sent = {"Authorization": "Bearer key-ingest"}
        answers.append(client.post("/v1/events", data=body, headers=sent).get_json())

    threads = [threading.Thread(target=post) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(one["accepted"] for one in answers) == 7
    assert sum(one["duplicate"] for one in answers) == 6 * 40 - 7
    assert len(people.of("ada")) == 7


REJECTED = [
    (5, "not_an_object"),
    (None, "not_an_object"),
    ({"event": "buy"}, "missing_id"),
    (event(None), "missing_id"),
    (event(person_id=True), "wrong_type"),
    (event(1.5), "wrong_type"),
    (event([]), "wrong_type"),
    (event(""), "placeholder_id"),
    (event("NULL"), "placeholder_id"),
    (event("Undefined"), "placeholder_id"),
    (event("none"), "placeholder_id"),
    (event("anonymous"), "placeholder_id"),
    (event("NaN"), "placeholder_id"),
    (event("00000000-0000-0000-0000-000000000000"), "placeholder_id"),
    (event(" \u2003"), "blank_id"),
    (event("a\0"), "bad_text"),
    (event("a" * 1025), "too_long"),
    (event(10**1025), "too_long"),
    (event(name=None), "bad_name"),
    (event(name=""), "bad_name"),
    (event(name=5), "bad_name"),
    (event(name="n" * 201), "bad_name"),
    (event(event_id=[]), "bad_event_id"),
    (event(event_id=True), "bad_event_id"),
    (event(event_id="a\0"), "bad_event_id"),
    (event(event_id="a" * 1025), "bad_event_id"),
    (event(time="soon"), "bad_time"),
    (event(time="2026-01-01 10:00"), "bad_time"),
    (event(time="2026-02-30T10:00:00Z"), "bad_time"),
    (event(time="2026-01-01T10:00:00+24:00"), "bad_time"),
    (event(time=True), "bad_time"),
    (event(time=[]), "bad_time"),
    (event(time=-1), "time_out_of_range"),
    (event(time="1969-12-31T23:59:59Z"), "time_out_of_range"),
    (event(time="9999-12-31T23:59:59-01:00"), "time_out_of_range"),
    (event(time="2026-01-01T01:00:01Z"), "time_out_of_range"),
    (event(time="2024-11-26T23:59:59Z"), "time_out_of_range"),
    (event(properties=5), "bad_properties"),
    (event(properties={str(n): n for n in range(256)}), "too_many_keys"),
    (event(properties={"a": "x" * 32761}), "too_large"),
    (event(properties={"a": [[[[[[[[[[1]]]]]]]]]]}), "too_deep"),
]


def test_events__that_cannot_be_taken__are_rejected_alone(people: People) -> None:
    people.world.clock.now = START
    sent, codes = zip(*REJECTED, strict=True)
    answer = people.events(event(event_id="good"), *sent, event("bob"))
    assert answer["accepted"] == 2
    found = {one["index"] - 1: one["code"] for one in answer["rejected"]}
    assert found == dict(enumerate(codes))
    assert answer["rejected_count"] == len(codes)
    recent = people.world.get("/v1/events/recent", rejected="true")["events"]
    assert [one["rejected"]["code"] for one in recent] == list(reversed(codes))


TAKEN = [
    event(5),
    event(" ada"),
    event("a" * 1024),
    event(name="n" * 200),
    event(event_id=""),
    event(properties=None),
    event(properties={str(n): n for n in range(255)}),
    event(properties={"a": "x" * 32760}),
    event(properties={"a": [[[[[[[[[1]]]]]]]]]}),
    event(time="2026-01-01T01:00:00Z"),
    event(time="2024-11-27T00:00:00Z"),
    event(time=None),
]


def test_events__at_the_limits__are_taken(people: People) -> None:
    people.world.clock.now = START
    assert people.events(*TAKEN)["rejected"] == []


TIMES = [
    ("2025-12-31T12:00:00Z", "2025-12-31T12:00:00.000000+00:00"),
    ("2025-12-31t12:00:00.1234567z", "2025-12-31T12:00:00.123456+00:00"),
    ("2025-12-31 12:00:00+01:30", "2025-12-31T10:30:00.000000+00:00"),
    (1767182400, "2025-12-31T12:00:00.000000+00:00"),
    (1767182400.25, "2025-12-31T12:00:00.250000+00:00"),
    (1767182400250, "2025-12-31T12:00:00.250000+00:00"),
    ("2026-01-01T00:59:59Z", "2026-01-01T00:00:00.000000+00:00"),
]


def test_time__in_each_form__is_understood(people: People) -> None:
    people.world.clock.now = START
    people.events(*(event(f"p{n}", time=sent) for n, (sent, _) in enumerate(TIMES)))
    found = [people.of(f"p{n}")[0]["time"] for n in range(len(TIMES))]
    assert found == [stored for _, stored in TIMES]


def test_text__with_nul_or_half_a_pair__is_replaced(people: People) -> None:
    raw = rb'{"events":[{"person_id":"ada","event":"b\u0000","properties":{"\u0000k":"\ud800"}}]}'
    assert people.send("/v1/events", raw).status_code == 200
    (stored,) = people.of("ada")
    assert (stored["event"], stored["properties"]) == ("b\ufffd", {"\ufffdk": "\ufffd"})


def test_body__with_lines__is_taken_line_by_line(people: People) -> None:
    lines = [json.dumps(event()), "{no json", "", json.dumps(event("bob")), '"text"']
    answer = people.send("/v1/events", "\n".join(lines).encode(), media_type=NDJSON).get_json()
    assert answer["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        (1, "not_json"),
        (3, "not_an_object"),
    ]


@pytest.mark.parametrize("zipped", [False, True])
def test_body__beyond_the_limits__is_413_and_nothing_is_stored(
    people: People,
    zipped: bool,  # noqa: FBT001 - of the table
) -> None:
    for path, name, most in (("/v1/events", "events", 2000), ("/v1/people", "people", 1000)):
        body = json.dumps({name: [event()] * (most + 1)}).encode()
        assert people.send(path, body, zipped=zipped).status_code == 413
        lines = b"\n".join([json.dumps(event()).encode()] * (most + 1))
        assert people.send(path, lines, zipped=zipped, media_type=NDJSON).status_code == 413
    large = json.dumps({"events": [event(properties={"a": "x" * (16 << 20)})]}).encode()
    answer = people.send("/v1/events", large, zipped=zipped)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert people.world.call("GET", "/v1/people/ada").status_code == 404


def test_body__with_as_many_as_may_be__is_stored(people: People) -> None:
    people.world.clock.now = START
    sent = [event(f"p{n % 50}", time=f"2025-{1 + n % 12:02}-11T00:00:00Z") for n in range(2000)]
    assert people.events(*sent)["accepted"] == 2000
    listed = people.world.pages("/v1/people/p7/events", limit=7)
    found = [(one["time"], one["event"]) for part in listed for one in part]
    assert len(found) == 40
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"events": {}}', b'{"events": [], "source": 5}', b"{", b"\xff"]
)
def test_body__of_another_form__is_400(people: People, raw: bytes) -> None:
    assert people.send("/v1/events", raw).status_code == 400


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ('"properties": {"n": NUMBER}', "bad_number"),
        ('"properties": {"n": [-NUMBER]}', "bad_number"),
        ('"person_id": NUMBER', "wrong_type"),
        ('"event_id": NUMBER', "bad_event_id"),
        ('"time": NUMBER', "time_out_of_range"),
        ('"event": NUMBER', "bad_name"),
    ],
)
def test_event__with_an_integer_that_is_too_long__costs_no_other(
    people: People, member: str, code: str
) -> None:
    sent = member.replace("NUMBER", "1" * 4301)
    bad = f'{{"person_id": "bob", "event": "buy", {sent}}}'
    raw = f'{{"events": [{json.dumps(event("ada"))}, {bad}]}}'.encode()
    answer = people.send("/v1/events", raw).get_json()
    assert (answer["accepted"], answer["rejected"][0]["code"]) == (1, code)
    raw = f"{json.dumps(event('ada'))}\n{bad}".encode()
    answer = people.send("/v1/events", raw, media_type=NDJSON).get_json()
    assert (answer["accepted"], answer["rejected"][0]["code"]) == (1, code)
