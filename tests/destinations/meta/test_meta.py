"""The adapter of Facebook custom audiences, against a fake that keeps them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from gateway.destinations import kinds
from gateway.destinations.answers import (
    Audience,
    Done,
    Later,
    Rejected,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.meta.push import Push
from gateway.destinations.normalise import hashing
from tests.destinations import servers
from tests.destinations.meta.graph import ACCOUNT, TOKEN, Graph, error
from tests.destinations.servers import Said

CONFIG = {"account_id": "42", "version": "v26.0", "customer_file_source": "USER_PROVIDED_ONLY"}
A, B, C = (hashing.sha256(f"{name}@example.com") for name in "abc")
TARGET = servers.target("email", "external_id", audience="1000")


@pytest.fixture
def graph() -> Graph:
    return Graph()


@pytest.fixture
def push(graph: Graph) -> Iterator[Push]:
    with servers.account(graph, CONFIG, {"access_token": TOKEN}) as account:
        yield Push(account)


def test_audience__by_its_name__is_found_on_any_page_before_it_is_created(
    graph: Graph, push: Push
) -> None:
    for name in "abc":
        push.create(servers.target("email", options={"audience_name": name}))
    graph.audiences["1000"] |= {"name": "Big spenders", "subtype": "LOOKALIKE"}
    assert push.find(TARGET) is None
    assert push.create(TARGET) == Audience(id="1003", name="Big spenders")
    assert push.find(TARGET) == Audience(id="1003", name="Big spenders")
    assert all(asked.path.startswith(f"/v26.0/{ACCOUNT}/") for asked in graph.asked)


def test_members__added_and_removed__are_in_the_audience_and_not(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    rows = [{"email": A, "external_id": "a"}, {"email": B}, {"external_id": "c"}]
    added = push.add(TARGET, servers.batch(*rows, session=7))
    assert isinstance(added, Done)
    assert (added.rejected, added.unconfirmed) == ({}, frozenset())
    assert added.receipt["num_received"] == 3
    assert graph.known("1000", "EMAIL") == {A, B}
    assert graph.asked[-1].json["payload"] == {
        "schema": ["EXTERN_ID", "EMAIL"],
        "data": [["a", A], ["", B], ["c", ""]],
    }
    assert graph.asked[-1].json["session"] == {
        "session_id": 7,
        "batch_seq": 1,
        "last_batch_flag": True,
        "estimated_num_total": 3,
    }
    removed = push.remove(TARGET, servers.batch({"email": A}, {"external_id": "c"}, session=8))
    assert isinstance(removed, Done)
    assert graph.asked[-1].method == "DELETE"
    assert graph.people["1000"] == [{"EMAIL": B}]


def test_session__of_several_batches__counts_and_ends(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    one = dataclasses.replace(servers.batch({"email": A}, session=9), total=2, members=2)
    assert isinstance(push.add(TARGET, one), Done)
    two = dataclasses.replace(servers.batch({"email": B}, session=9), number=2, total=2, members=2)
    assert isinstance(push.add(TARGET, two), Done)
    assert graph.closed == {9}


def test_batch__of_the_most_rows__is_taken(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    most = kinds.KINDS["meta"].facts.limits.members
    rows = [{"external_id": f"m{number}"} for number in range(most)]
    assert isinstance(push.add(TARGET, servers.batch(*rows)), Done)
    assert len(graph.people["1000"]) == most == 10_000
    assert isinstance(push.add(TARGET, servers.batch(*rows, {"email": A}, session=2)), Stop)


def test_rows__that_meta_takes_for_invalid__are_rejected(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    answer = push.add(TARGET, servers.batch({"email": A}, {"email": "no hash"}))
    assert isinstance(answer, Done)
    assert answer.rejected == {1: Rejected(reason="invalid_entry", message="is no SHA-256")}
    assert graph.known("1000", "EMAIL") == {A}


@pytest.mark.parametrize(
    ("body", "rejected", "unconfirmed"),
    [
        ({"num_received": 2, "num_invalid_entries": 0}, [], []),
        ({"num_received": 2, "num_invalid_entries": 1}, [], [0, 1]),
        ({"num_received": 1, "num_invalid_entries": 0}, [], [0, 1]),
        ({}, [], [0, 1]),
        (
            {"num_received": 2, "num_invalid_entries": 2, "invalid_entry_samples": {A: [1]}},
            [0],
            [1],
        ),
    ],
)
def test_answer__that_proves_less__leaves_rows_unconfirmed(
    graph: Graph, push: Push, body: object, rejected: list[int], unconfirmed: list[int]
) -> None:
    graph.next = [Said(body=body)]
    answer = push.add(TARGET, servers.batch({"email": A}, {"email": B}))
    assert isinstance(answer, Done)
    assert (list(answer.rejected), sorted(answer.unconfirmed)) == (rejected, unconfirmed)


def test_row__that_is_alone_and_invalid__is_rejected(graph: Graph, push: Push) -> None:
    graph.next = [Said(body={"num_received": 1, "num_invalid_entries": 1})]
    answer = push.add(TARGET, servers.batch({"email": A}))
    assert isinstance(answer, Done)
    assert list(answer.rejected) == [0]


USAGE = '{"42": [{"type": "ads_management", "estimated_time_to_regain_access": 3}, {}], "x": 1}'


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(1), Later),
        (error(2, status=500), Later),
        (error(803), Later),
        (error(999, is_transient=True), Later),
        (error(4), Later),
        (error(80004), Later),
        (Said(status=200, body=b"<html>sorry</html>"), Later),
        (Said(status=502, body=b"<html>sorry</html>"), Later),
        (Said(status=500, body={}), Later),
        (Said(status=413, body=b"too large"), Split),
        (error(999), Split),
        (Said(status=404, body={"error": "text"}), Split),
        (error(190, 460), StopCode.CREDENTIALS),
        (error(999, status=401), StopCode.CREDENTIALS),
        (error(10), StopCode.PERMISSION),
        (error(294), StopCode.PERMISSION),
        (error(999, status=403), StopCode.PERMISSION),
        (error(100), StopCode.CONFIGURATION),
        (error(100, status=200), StopCode.CONFIGURATION),
        (error(100, 33), StopCode.AUDIENCE_DELETED),
        (error(100, 1487366), StopCode.AUDIENCE_DELETED),
        (error(1487301), StopCode.PERMISSION),
        (error(100, 1713230), StopCode.AUDIENCE_BLOCKED),
        (error(2635), StopCode.API_VERSION),
        (error(2655), StopCode.TERMS),
        (error(2654), StopCode.REFUSED),
        (Said(status=302, body={}), StopCode.CONFIGURATION),
    ],
)
def test_failure__by_its_code__is_later_split_or_a_stop(
    graph: Graph, push: Push, said: Said, expected: object
) -> None:
    graph.next = [said]
    answer = push.add(TARGET, servers.batch({"email": A}, {"email": B}))
    assert (answer.code if isinstance(answer, Stop) else type(answer)) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Business-Use-Case-Usage": USAGE}, 180.0),
        ({"X-Business-Use-Case-Usage": "no JSON", "Retry-After": "9"}, 9.0),
        ({}, 60.0),
    ],
)
def test_throttling__for_the_account__waits_as_meta_says(
    graph: Graph, push: Push, headers: dict[str, str], seconds: float
) -> None:
    graph.next = [dataclasses.replace(error(80003), headers=headers)]
    answer = push.add(TARGET, servers.batch({"email": A}))
    assert isinstance(answer, Later)
    assert (answer.after_seconds, answer.for_all) == (seconds, True)


def test_failure__with_words_for_people__shows_them_without_secrets(
    graph: Graph, push: Push
) -> None:
    graph.next = [
        error(190, 463, error_user_title="Out", error_user_msg=f"{TOKEN} ended", fbtrace_id="T")
    ]
    answer = push.add(TARGET, servers.batch({"email": A}))
    assert isinstance(answer, Stop)
    assert answer.message == "Out: *** ended (code 190/463, trace T)"


def test_audience__that_meta_has_flagged__stops_the_job(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    graph.audiences["1000"]["operation_status"] = {"code": 471, "description": "Flagged"}
    found = push.find(TARGET)
    assert found == Stop(code=StopCode.AUDIENCE_BLOCKED, message="Flagged (operation_status 471)")


def test_audience__that_cannot_be_made__is_no_matter_of_rows(graph: Graph, push: Push) -> None:
    graph.next = [error(999), error(999), Said(body={}), error(1)]
    assert isinstance(push.create(TARGET), Stop)
    assert isinstance(push.find(TARGET), Stop)
    assert isinstance(push.create(TARGET), Stop)
    assert isinstance(push.find(TARGET), Later)
    assert push.find(servers.target(options={"audience_id": "9"})) == Audience(
        id="9", name="Big spenders"
    )


def test_test__of_the_connection__tells_token_and_account_apart(graph: Graph) -> None:
    with servers.account(graph, {**CONFIG, "account_id": "act_42"}, {"access_token": TOKEN}) as one:
        push = Push(one)
        assert [check.ok for check in push.verify()] == [True, True]
        graph.next = [error(10)]
        assert [check.ok for check in push.verify()] == [True, False]
        graph.next = [error(190)]
        assert [(check.step, check.ok) for check in push.verify()] == [("sign_in", False)]
    assert {asked.method for asked in graph.asked} == {"GET"}


def test_request__with_an_app_secret__proves_it() -> None:
    graph = Graph("app-secret")
    secrets = {"access_token": TOKEN, "app_secret": "app-secret"}
    with servers.account(graph, CONFIG, secrets) as account:
        assert all(check.ok for check in Push(account).verify())
    with servers.account(graph, CONFIG, {"access_token": TOKEN}) as account:
        assert not all(check.ok for check in Push(account).verify())


def test_prepare__of_a_whole_member__is_a_row_by_metas_rules(push: Push) -> None:
    raw: dict[str, object] = {
        "external_id": 17,
        "email": " A@Example.com",
        "phone": "0170 1234567",
        "birth_date": "1984-01-02",
        "state": "California",
        "country": "US",
        "zip": "94035-1234",
        "gender": "female",
        "city": "San José",
        "madid": "AB-1",
    }
    target = servers.target(*raw, options={"default_country": "DE"})
    assert push.prepare(target, {**raw, "other": "x"}) == {
        "external_id": "17",
        "email": A,
        "phone": hashing.sha256("491701234567"),
        "gender": hashing.sha256("f"),
        "birth_year": hashing.sha256("1984"),
        "birth_month": hashing.sha256("01"),
        "birth_day": hashing.sha256("02"),
        "city": hashing.sha256("sanjosé"),
        "state": hashing.sha256("ca"),
        "zip": hashing.sha256("94035"),
        "country": hashing.sha256("us"),
        "madid": "ab-1",
    }


def test_prepare__of_what_is_hashed_already__passes_it_on_where_it_is_declared(push: Push) -> None:
    declared = servers.target("email", options={"hashed": ["email"]})
    assert push.prepare(declared, {"email": A.upper()}) == {"email": A}
    assert push.prepare(declared, {"email": "a@example.com"}) == Skipped(reason="bad_email")
    looks_so = servers.target("external_id")
    assert push.prepare(looks_so, {"external_id": A}) == {"external_id": A}
    assert push.prepare(servers.target("email"), {"email": A}) == Skipped(reason="bad_email")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"email": "none", "city": "Rome"}, "bad_email"),
        ({"phone": True}, "bad_phone"),
        ({"city": "Rome"}, "no_identifier"),
    ],
)
def test_prepare__of_weak_keys_alone__skips_the_member(
    push: Push, raw: dict[str, object], reason: str
) -> None:
    target = servers.target("email", "phone", "city")
    assert push.prepare(target, raw) == Skipped(reason=reason)


def test_facts__of_meta__match_by_strong_keys_only() -> None:
    facts = kinds.KINDS["meta"].facts
    assert sorted(next(iter(one)) for one in facts.matching) == [
        "email",
        "external_id",
        "madid",
        "phone",
    ]
    assert kinds.KINDS["meta"].carriers == {"endpoint"}


def test_ids__of_another_session__are_accepted_after_each_other(graph: Graph, push: Push) -> None:
    push.create(TARGET)
    for session, email in ((1, A), (2, B), (3, C)):
        assert isinstance(push.add(TARGET, servers.batch({"email": email}, session=session)), Done)
    assert graph.known("1000", "EMAIL") == {A, B, C}
