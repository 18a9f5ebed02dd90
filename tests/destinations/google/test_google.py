"""The adapter of Customer Match, against a fake that works on requests and keeps lists."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

import pytest

from gateway.destinations import kinds
from gateway.destinations.answers import (
    Accepted,
    Answer,
    Audience,
    Done,
    Later,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.google import consent
from gateway.destinations.google.push import Push
from gateway.destinations.normalise import hashing
from tests.destinations import servers
from tests.destinations.google.manager import PARENT, SECRETS, Manager, error
from tests.destinations.servers import NOW, Said

CONFIG: dict[str, object] = {
    "account_id": "123-456-7890",
    "account_type": "GOOGLE_ADS",
    "login_account_id": None,
    "login_account_type": "GOOGLE_ADS",
}
A, B, C = (hashing.sha256(f"{name}@example.com") for name in "abc")
TARGET = servers.target("email", audience="100", consent={"ad_user_data": "granted"})


@pytest.fixture
def google() -> Manager:
    return Manager()


@pytest.fixture
def push(google: Manager) -> Iterator[Push]:
    with servers.account(google, CONFIG, SECRETS) as account:
        yield Push(account)


def settled(push: Push, answer: Answer) -> Answer:
    """Ask until the request is worked off."""
    while isinstance(answer, Accepted):
        answer = push.settle(TARGET, answer.ticket)
    return answer


def test_list__by_its_name__is_found_on_any_page_before_it_is_created(
    google: Manager, push: Push
) -> None:
    for name in "abc":
        push.create(servers.target("email", options={"audience_name": name}))
    google.lists["100"] |= {"displayName": "Big spenders", "readOnly": True}
    assert push.find(TARGET) is None
    assert push.create(TARGET) == Audience(id="103", name="Big spenders")
    assert push.find(TARGET) == Audience(id="103", name="Big spenders")
    assert google.lists["103"]["ingestedUserListInfo"] == {
        "uploadKeyTypes": ["CONTACT_ID"],
        "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
    }
    push.create(servers.target("user_id"))
    assert google.lists["104"]["ingestedUserListInfo"] == {"uploadKeyTypes": ["USER_ID"]}


def test_members__added_and_removed__are_awaited_and_on_the_list(
    google: Manager, push: Push
) -> None:
    push.create(TARGET)
    accepted = push.add(TARGET, servers.batch({"email": A}, {"email": B}))
    assert isinstance(accepted, Accepted)
    busy = push.settle(TARGET, accepted.ticket)
    assert isinstance(busy, Accepted)
    assert busy.after_seconds > accepted.after_seconds
    done = push.settle(TARGET, busy.ticket)
    assert isinstance(done, Done)
    assert done.receipt == {
        "request": "request-0",
        "status": "SUCCESS",
        "match_rate": "MATCH_RATE_RANGE_20_TO_30",
    }
    assert isinstance(settled(push, push.remove(TARGET, servers.batch({"email": A}))), Done)
    assert set(google.members["100"]) == {B}
    ingested = next(one for one in google.asked if one.path.endswith(":ingest")).json
    assert ingested["consent"] == {"adUserData": "CONSENT_GRANTED"}


def test_batch__of_the_most_rows__is_taken(google: Manager, push: Push) -> None:
    push.create(TARGET)
    most = kinds.KINDS["google"].facts.limits.members
    rows = [{"email": hashing.sha256(str(number))} for number in range(most)]
    assert isinstance(push.add(TARGET, servers.batch(*rows)), Accepted)
    assert len(google.members["100"]) == most == 10_000
    assert isinstance(push.add(TARGET, servers.batch(*rows, {"email": A})), Split)


def test_request__with_one_bad_member__is_split(google: Manager, push: Push) -> None:
    push.create(TARGET)
    answer = push.add(TARGET, servers.batch({"email": A}, {"email": "no hash"}))
    assert isinstance(answer, Split)
    assert "audience_members[1]: is no SHA-256" in answer.message
    assert google.members["100"] == {}


@pytest.mark.parametrize("theirs", [0, -30, 30])
def test_replacement__of_all_members__never_empties_and_removes_the_others(
    google: Manager, push: Push, theirs: int
) -> None:
    """Their clock differs from ours by so many seconds, and members are as old as it says."""
    clock = google.clock = NOW + datetime.timedelta(seconds=theirs)
    push.create(TARGET)
    google.members["100"] = {A: clock - datetime.timedelta(hours=1), C: clock}
    assert isinstance(settled(push, push.replace(TARGET, servers.batch({"email": B}))), Done)
    assert isinstance(settled(push, push.finish(TARGET, 1, NOW)), Done)
    assert set(google.members["100"]) == {B, C}


def test_replacement__by_nobody__empties_the_list(google: Manager, push: Push) -> None:
    push.create(TARGET)
    google.members["100"] = {A: NOW - datetime.timedelta(hours=1)}
    assert push.replace(TARGET, servers.batch()) == Done()
    assert isinstance(settled(push, push.finish(TARGET, 1, NOW)), Done)
    assert google.members["100"] == {}


@pytest.mark.parametrize(
    ("states", "reason", "expected"),
    [
        (["PARTIAL_SUCCESS"], "X", Done),
        (["FAILED"], "X", Split),
        (["FAILED"], "PROCESSING_ERROR_REASON_INTERNAL_ERROR", Later),
        (["REQUEST_STATUS_UNKNOWN"], "X", Accepted),
    ],
)
def test_request__that_ends_otherwise__is_booked_so(
    google: Manager, push: Push, states: list[str], reason: str, expected: type
) -> None:
    push.create(TARGET)
    accepted = push.add(TARGET, servers.batch({"email": A}, {"email": B}))
    assert isinstance(accepted, Accepted)
    counts = {"errorCounts": [{"reason": reason, "recordCount": "2"}]}
    place = {"requestStatus": states[0], "errorInfo": counts}
    google.next = [Said(body={"requestStatusPerDestination": [place]})]
    answer = push.settle(TARGET, accepted.ticket)
    assert type(answer) is expected
    if isinstance(answer, Done):
        assert answer.unconfirmed == {0, 1}
        assert answer.receipt["errors"] == counts["errorCounts"]


def test_wait__for_a_request__grows_up_to_five_minutes(google: Manager, push: Push) -> None:
    google.states = ["PROCESSING"]
    push.create(TARGET)
    answer, waits = push.add(TARGET, servers.batch({"email": A})), []
    for _ in range(10):
        assert isinstance(answer, Accepted)
        waits.append(answer.after_seconds)
        answer = push.settle(TARGET, answer.ticket)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 300.0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(429, "RESOURCE_EXHAUSTED", delay="3.5s"), Later),
        (error(500), Later),
        (error(400, "INTERNAL_ERROR"), Later),
        (error(403, "PERMISSION_DENIED"), StopCode.PERMISSION),
        (error(403), StopCode.PERMISSION),
        (error(404), StopCode.AUDIENCE_DELETED),
        (error(400, "TERMS_AND_CONDITIONS_NOT_SIGNED"), StopCode.TERMS),
        (error(400, "REQUIRED_PREREQUISITE_LINK_MISSING"), StopCode.PERMISSION),
        (error(400, "INVALID_USER_LIST_ID"), StopCode.AUDIENCE_DELETED),
        (error(400, "INVALID_USER_LIST_TYPE"), StopCode.CONFIGURATION),
        (error(400, "SOMETHING_NEW"), Split),
        (Said(status=400, body=b"no JSON"), Split),
        (Said(status=302), StopCode.CONFIGURATION),
        (Said(status=200, body=b"no JSON"), Done),
    ],
)
def test_failure__by_its_reason__is_later_split_or_a_stop(
    google: Manager, push: Push, said: Said, expected: object
) -> None:
    google.next = [said]
    answer = push.add(TARGET, servers.batch({"email": A}, {"email": B}))
    assert (answer.code if isinstance(answer, Stop) else type(answer)) == expected
    if isinstance(answer, Later) and said.status == 429:
        assert (answer.after_seconds, answer.for_all) == (3.5, True)
    if isinstance(answer, Done):
        assert answer.unconfirmed == {0, 1}


def test_list__that_cannot_be_made__is_no_matter_of_rows(google: Manager, push: Push) -> None:
    google.next = [error(400, "X"), error(400, "X"), Said(body={}), error(500), error(400, "X")]
    assert isinstance(push.create(TARGET), Stop)
    assert isinstance(push.find(TARGET), Stop)
    assert isinstance(push.create(TARGET), Stop)
    assert isinstance(push.find(TARGET), Later)
    assert isinstance(push.settle(TARGET, "0:1:x"), Stop)
    given = servers.target("email", options={"audience_id": "9"})
    assert push.find(given) == Audience(id="9", name="Big spenders")


def test_token__that_was_revoked__is_asked_for_anew_once(google: Manager, push: Push) -> None:
    push.create(TARGET)
    google.tokens += 1
    assert isinstance(push.add(TARGET, servers.batch({"email": A})), Accepted)
    google.next = [error(401), error(401)]
    refused = push.refresh(TARGET, servers.batch({"email": A}))
    assert isinstance(refused, Stop)
    assert refused.code is StopCode.CREDENTIALS


def test_test__of_the_connection__tells_token_and_account_apart(google: Manager) -> None:
    with servers.account(google, CONFIG, SECRETS) as account:
        assert [check.ok for check in Push(account).verify()] == [True, True]
        google.next = [error(403, "PERMISSION_DENIED")]
        assert [check.ok for check in Push(account).verify()] == [True, False]
    with servers.account(google, CONFIG, {**SECRETS, "refresh_token": "old"}) as account:
        (check,) = Push(account).verify()
    assert (check.step, check.ok, check.message) == (
        "sign_in",
        False,
        "no token: gone (HTTP 400)",
    )
    assert google.members == {}


def test_manager_account__that_signs_in__is_named_in_every_request(google: Manager) -> None:
    config = {**CONFIG, "login_account_id": "99-9"}
    with servers.account(google, config, SECRETS) as account:
        push = Push(account)
        push.create(TARGET)
        push.find(TARGET)
        push.add(TARGET, servers.batch({"email": A}))
    found, added = google.asked[-2], google.asked[-1]
    assert found.headers["login-account"] == "accountTypes/GOOGLE_ADS/accounts/999"
    login = {"accountType": "GOOGLE_ADS", "accountId": "999"}
    assert added.json["destinations"][0]["loginAccount"] == login
    assert found.path == PARENT


def test_prepare__of_a_whole_member__is_by_googles_rules(push: Push) -> None:
    raw: dict[str, object] = {
        "email": "A.B@gmail.com",
        "phone": "0170 1234567",
        "first_name": "Mrs. Ada",
        "last_name": "King, Jr.",
        "country": "de",
        "zip": 10115,
        "user_id": "u",
    }
    target = servers.target(*raw, options={"default_country": "DE"})
    sent = push.prepare(target, raw)
    assert sent == {
        "email": hashing.sha256("ab@gmail.com"),
        "phone": hashing.sha256("+491701234567"),
        "first_name": hashing.sha256("ada"),
        "last_name": hashing.sha256("king"),
        "country": "DE",
        "zip": "10115",
    }
    without = push.prepare(target, {**raw, "zip": None})
    assert not isinstance(without, Skipped)
    assert set(without) == {"email", "phone"}


def test_member__with_an_address__has_all_its_parts(google: Manager, push: Push) -> None:
    push.create(TARGET)
    sent = {"email": A, "phone": B, "first_name": C, "last_name": C, "country": "DE", "zip": "1"}
    push.add(TARGET, servers.batch(sent, {"email": A, "zip": "1"}))
    assert set(google.members["100"]) == {A, B, f"{C}/{C}/DE/1"}


@pytest.mark.parametrize("name", ["mobile_id", "user_id"])
def test_member__of_another_type__has_its_own_data(google: Manager, push: Push, name: str) -> None:
    push.create(TARGET)
    sent = push.prepare(servers.target(name), {name: " X-1 "})
    assert sent == {name: "X-1"}
    push.add(TARGET, servers.batch({name: "X-1"}))
    assert set(google.members["100"]) == {"X-1"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [({"email": "none"}, "bad_email"), ({"zip": "1"}, "no_identifier"), ({}, "no_identifier")],
)
def test_prepare__without_any_identifier__skips_the_member(
    push: Push, raw: dict[str, object], reason: str
) -> None:
    assert push.prepare(servers.target("email", "zip"), raw) == Skipped(reason=reason)


def test_prepare__of_what_is_hashed_already__passes_it_on(push: Push) -> None:
    target = servers.target("email", "zip", options={"hashed": ["email", "zip"]})
    assert push.prepare(target, {"email": A.upper()}) == {"email": A}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"other": True, "ad_user_data": "maybe"}, {}),
        (
            {"adUserData": "CONSENT_GRANTED", "ad_personalization": False},
            {"consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"}},
        ),
    ],
)
def test_consent__as_a_job_tells_it__is_googles(
    told: dict[str, object] | None, expected: object
) -> None:
    assert consent.written(told) == expected


def test_warnings__of_a_request__are_in_its_receipt(google: Manager, push: Push) -> None:
    warnings = [{"field": "x", "reason": "y"}]
    google.next = [Said(body={"requestId": "r", "fieldWarnings": warnings})]
    answer = push.add(TARGET, servers.batch({"email": A}))
    assert isinstance(answer, Accepted)
    assert answer.receipt == {"request": "r", "warnings": warnings}
    assert dataclasses.replace(answer, receipt={}).ticket == "0:1:r"
