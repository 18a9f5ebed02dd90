"""What members are put into: how it is called, found and created, and what goes wrong there."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.destinations.answers import Audience, Later, Stop, StopCode
from tests.destinations import servers
from tests.destinations.http.declared import BODY, connect, declared
from tests.destinations.servers import Said, Scripted

FIND = {"path": "/lists", "items": "lists", "name_path": "name", "id_path": "id"}
CREATE = {"method": "POST", "path": "/lists", "body": {"name": "{{audience.name}}"}}
TARGET = servers.target("id")


def found(audience: dict[str, Any], *said: Said, **options: object) -> tuple[object, Scripted]:
    """Look for the audience of a declaration."""
    vendor = Scripted(*(said or (Said(),)))
    with servers.account(vendor, declared(BODY, audience=audience)) as account:
        return connect(account).find(servers.target("id", options=options)), vendor


@pytest.mark.parametrize(
    ("audience", "name"),
    [
        ({}, "cohort_7"),
        ({"mode": "tag", "name": {"prefix": "cg-"}}, "cg-7"),
        ({"mode": "attribute", "name": {"max": 3}}, "coh"),
    ],
)
def test_attribute__of_a_cohort__is_called_by_its_id(audience: dict[str, Any], name: str) -> None:
    answer, vendor = found(audience)
    assert (answer, vendor.asked) == (Audience(id=name, name=name), [])


def test_attribute__with_a_name_of_the_job__is_called_so() -> None:
    answer, _ = found({"mode": "tag"}, audience_name="vip")
    assert answer == Audience(id="vip", name="vip")


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"transform": "snake"}, "big_spenders"),
        ({"prefix": "a.", "max": 5}, "a.Big"),
        ({}, "Big spenders"),
    ],
)
def test_list__of_a_cohort__is_called_by_its_name(rule: dict[str, Any], name: str) -> None:
    lists = [{"id": 4, "name": name}]
    answer, _ = found({"mode": "list", "find": FIND, "name": rule}, Said(body={"lists": lists}))
    assert answer == Audience(id="4", name=name)


def test_name__that_cannot_be_used_there__stops_the_job() -> None:
    audience = {"mode": "list", "create": CREATE, "name": {"pattern": "[a-z]+"}}
    answer, _ = found(audience)
    assert isinstance(answer, Stop)
    with servers.account(Scripted(Said()), declared(BODY, audience=audience)) as account:
        assert isinstance(connect(account).create(TARGET), Stop)


def test_list__that_can_neither_be_found_nor_made__has_to_be_given() -> None:
    answer, _ = found({"mode": "list"})
    assert isinstance(answer, Stop)
    assert "give its id" in answer.message
    assert found({"mode": "list", "create": CREATE})[0] is None
    with servers.account(
        Scripted(Said()), declared(BODY, audience={"mode": "list", "find": FIND})
    ) as account:
        assert isinstance(connect(account).create(TARGET), Stop)


def test_lists__page_by_page__end_with_an_empty_one() -> None:
    pages = [[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], [{"id": 3, "name": "c"}], []]
    said = [Said(body={"lists": page}) for page in pages]
    next_page = {"style": "offset", "query": "start"}
    answer, vendor = found({"mode": "list", "find": {**FIND, "next": next_page}}, *said)
    assert answer is None
    assert [asked.target for asked in vendor.asked] == [
        "/lists",
        "/lists?start=2",
        "/lists?start=3",
    ]


def test_lists__with_a_cursor_that_stays__end() -> None:
    said = Said(body={"lists": [{"id": 1, "name": "a"}], "next": "x"})
    find = {**FIND, "query": {"q": "1"}, "next": {"style": "cursor", "query": "c", "path": "next"}}
    answer, vendor = found({"mode": "list", "find": find}, said)
    assert answer is None
    assert [asked.target for asked in vendor.asked] == ["/lists?q=1", "/lists?q=1&c=x"]


def test_lists__with_a_link_to_the_next_page__are_asked_by_its_query() -> None:
    pages = ["https://elsewhere.example/lists?page=2&q=x", "/lists?page=3", "/lists?page=3", None]
    said = [Said(body={"lists": [{"id": 1, "name": "a"}], "next": page}) for page in pages]
    answer, vendor = found({"mode": "list", "find": {**FIND, "next": "next"}}, *said)
    assert answer is None
    assert [asked.target for asked in vendor.asked] == [
        "/lists",
        "/lists?page=2&q=x",
        "/lists?page=3",
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(status=500), Later),
        (Said(status=429), Later),
        (Said(status=401), StopCode.CREDENTIALS),
        (Said(status=402), StopCode.REFUSED),
        (Said(status=403), StopCode.PERMISSION),
        (Said(status=404), StopCode.CONFIGURATION),
        (Said(status=400, body={"message": "no"}), StopCode.REFUSED),
    ],
)
def test_failure__without_members__is_later_or_a_stop(said: Said, expected: object) -> None:
    audience = {"mode": "list", "find": FIND, "create": CREATE}
    with servers.account(Scripted(said), declared(BODY, audience=audience)) as account:
        push = connect(account)
        for answer in (push.find(TARGET), push.create(TARGET)):
            assert (answer.code if isinstance(answer, Stop) else type(answer)) == expected


def test_creation__with_an_answer_of_another_form__looks_for_what_is_there() -> None:
    audience = {"mode": "list", "find": FIND, "create": CREATE}
    lists = Said(body={"lists": [{"id": 5, "name": "Big spenders"}]})
    with servers.account(Scripted(Said(), lists), declared(BODY, audience=audience)) as account:
        assert connect(account).create(TARGET) == Audience(id="5", name="Big spenders")
    with servers.account(Scripted(Said()), declared(BODY, audience=audience)) as account:
        answer = connect(account).create(TARGET)
    assert isinstance(answer, Stop)
    assert "has no id" in answer.message


def test_search__by_something_that_is_not_set__stops_the_job() -> None:
    find = {**FIND, "path": "/lists/{{cohort.description}}"}
    audience = {"mode": "list", "find": find}
    nameless = servers.COHORT.__class__(**{**vars(servers.COHORT), "description": None})
    with servers.account(Scripted(Said()), declared(BODY, audience=audience)) as account:
        answer = connect(account).find(servers.target("id", cohort=nameless))
    assert isinstance(answer, Stop)
    assert answer.code is StopCode.CONFIGURATION


def test_test__of_a_declaration__asks_what_it_says() -> None:
    vendor = Scripted(Said(status=403, body={"message": "not for you"}))
    config = declared(BODY, test={"path": "/me", "query": {"a": "1"}})
    with servers.account(vendor, config) as account:
        (check,) = connect(account).verify()
    assert (check.ok, check.message) == (False, "not for you (HTTP 403)")
    assert vendor.asked[0].target == "/me?a=1"


def test_test__where_nothing_can_be_asked__says_so() -> None:
    with servers.account(Scripted(Said()), declared(BODY)) as account:
        (check,) = connect(account).verify()
    assert check.ok
    assert "the first run will tell" in check.message
