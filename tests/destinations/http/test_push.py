"""The adapter of declared APIs, against a server that keeps lists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.destinations.adapter import Account
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
from gateway.destinations.http import settings
from gateway.destinations.http.push import Push
from tests.destinations import servers
from tests.destinations.http.lists import DECLARED, KEY, Lists
from tests.destinations.servers import Said, Scripted

ON_1 = servers.target("email", audience="1")


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
def push(lists: Lists) -> Iterator[Push]:
    with servers.account(lists, DECLARED, {"api_key": KEY}) as account:
        yield _push(account)


def _push(account: Account) -> Push:
    assert list(settings.faults_of(account.config)) == []
    made = settings.connect(account)
    assert isinstance(made, Push)
    return made


def test_audience__that_is_not_there__is_created_once_and_then_found(
    lists: Lists, push: Push
) -> None:
    lists.names = {1: "a", 2: "b", 3: "c"}
    assert push.find(servers.target("email")) is None
    assert push.create(servers.target("email")) == Audience(id="4", name="Big spenders")
    # It stands on the second page.
    assert push.find(servers.target("email")) == Audience(id="4", name="Big spenders")
    assert lists.names[4] == "Big spenders"


def test_members__added_and_removed__are_on_the_list_and_not(lists: Lists, push: Push) -> None:
    push.create(ON_1)
    both = servers.batch({"email": "a@example.com"}, {"email": "b@example.com"})
    assert push.add(ON_1, both) == Done()
    assert push.add(ON_1, both) == Done()
    assert lists.members[1] == {"a@example.com", "b@example.com"}
    assert push.remove(ON_1, servers.batch({"email": "a@example.com"})) == Done()
    assert lists.members[1] == {"b@example.com"}


def test_rows__that_the_answer_refuses__are_rejected_with_its_words(push: Push) -> None:
    push.create(ON_1)
    sent = [
        {"email": "a@example.com"},
        {"email": "bad@example.com"},
        {"email": "unknown@example.com"},
    ]
    answer = push.add(ON_1, servers.batch(*sent))
    assert isinstance(answer, Done)
    assert answer.rejected == {
        1: Rejected(reason="refused", message="is on no account"),
        2: Rejected(reason="refused", message="unknown"),
    }
    # Nothing that is said of additions counts for removals.
    removed = push.remove(ON_1, servers.batch(*sent))
    assert isinstance(removed, Done)
    assert list(removed.rejected) == [1]


def test_list__that_was_deleted__stops_the_job(push: Push) -> None:
    gone = servers.target("email", audience="9")
    answer = push.add(gone, servers.batch({"email": "a@example.com"}))
    assert answer == Stop(code=StopCode.AUDIENCE_DELETED, message="no such list (HTTP 404)")


def test_key__that_is_refused__stops_the_job_and_is_not_told(lists: Lists) -> None:
    with servers.account(lists, DECLARED, {"api_key": "wrong-key"}) as account:
        push = _push(account)
        (check,) = push.verify()
        answer = push.add(ON_1, servers.batch({"email": "a@example.com"}))
    assert not check.ok
    assert isinstance(answer, Stop)
    assert answer.code is StopCode.CREDENTIALS
    assert "wrong-key" not in answer.message + check.message
    assert "no such key: ***" in answer.message


def test_test__of_the_connection__changes_nothing(lists: Lists, push: Push) -> None:
    (check,) = push.verify()
    assert check.ok
    assert [asked.method for asked in lists.asked] == ["GET"]
    assert lists.names == {}


def test_prepare__of_a_member__has_what_is_mapped_and_normalised(push: Push) -> None:
    target = servers.target("email", "phone", "plan", options={"default_country": "DE"})
    raw = {"email": " A@Example.com ", "phone": "0170 1234567", "plan": {"a": 1}, "other": 1}
    assert push.prepare(target, raw) == {
        "email": "a@example.com",
        "phone": "+491701234567",
        "plan": {"a": 1},
    }


def test_prepare__of_what_cannot_be_normalised__leaves_it_out_or_skips(push: Push) -> None:
    target = servers.target("email", "phone")
    assert push.prepare(target, {"email": "none", "phone": "+49 170 1234567"}) == {
        "phone": "+491701234567"
    }
    assert push.prepare(target, {"email": "none"}) == Skipped(reason="bad_email")
    assert push.prepare(target, {}) == {}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(body={"ok": True}), Done()),
        (Said(body={"other": 1}), Done(unconfirmed=frozenset({0, 1}))),
        (Said(body=b"fine"), Done(unconfirmed=frozenset({0, 1}))),
        (Said(body={"ok": False, "why": "no"}), Split(message="no (HTTP 200)")),
        (
            Said(status=429, body={"why": "slow"}, headers={"Retry-After": "7"}),
            Later(message="slow (HTTP 429)", after_seconds=7.0, for_all=True),
        ),
        (
            Said(status=503, headers={"Retry-After": "Mon, 30 Nov 2026 12:00:09 GMT"}),
            Later(message="{} (HTTP 503)", after_seconds=9.0),
        ),
        (
            Said(body={"code": "slow", "why": "wait"}),
            Later(message="wait (HTTP 200)", for_all=True),
        ),
        (Said(status=413, body={"why": "large"}), Split(message="large (HTTP 413)")),
        (Said(status=422, body={"why": "odd"}), Split(message="odd (HTTP 422)")),
        (
            Said(status=403, body={"why": "no"}),
            Stop(code=StopCode.PERMISSION, message="no (HTTP 403)"),
        ),
        (
            Said(status=302, headers={"Location": "http://127.0.0.1/"}),
            Stop(code=StopCode.CONFIGURATION, message="the address leads elsewhere: {} (HTTP 302)"),
        ),
    ],
)
def test_answer__of_two_rows__is_read_as_declared(said: Said, expected: object) -> None:
    with servers.account(Scripted(said), DECLARED, {"api_key": KEY}) as account:
        push = _push(account)
        rows = servers.batch({"email": "a@example.com"}, {"email": "b@example.com"})
        assert push.add(ON_1, rows) == expected


def test_request__with_too_many_bytes__is_split_before_it_is_sent(lists: Lists) -> None:
    ops = {name: {**one, "max_bytes": 100} for name, one in DECLARED["ops"].items()}
    with servers.account(lists, {**DECLARED, "ops": ops}, {"api_key": KEY}) as account:
        push = _push(account)
        rows = [{"email": f"{'a' * 40}{number}@example.com"} for number in range(2)]
        assert isinstance(push.add(ON_1, servers.batch(*rows)), Split)
    assert lists.asked == []


def test_operation__that_is_not_declared__stops_the_job(lists: Lists) -> None:
    ops = {"add": DECLARED["ops"]["add"]}
    with servers.account(lists, {**DECLARED, "ops": ops}, {"api_key": KEY}) as account:
        push = _push(account)
        answer = push.remove(ON_1, servers.batch({"email": "a@example.com"}))
    assert isinstance(answer, Stop)
    assert answer.code is StopCode.CONFIGURATION


def test_audience__with_an_id_that_is_given__is_not_looked_for(lists: Lists, push: Push) -> None:
    target = servers.target("email", options={"audience_id": "12", "audience_name": "Mine"})
    assert push.find(target) == Audience(id="12", name="Mine")
    assert lists.asked == []
