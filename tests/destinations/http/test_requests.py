"""The forms of requests that a declaration can ask for, as they arrive."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.destinations.adapter import Batch
from gateway.destinations.answers import Accepted, Done, Later, Skipped, Split, Stop
from gateway.destinations.http import settings
from gateway.destinations.normalise import hashing
from tests.destinations import servers
from tests.destinations.http.declared import BODY, IDS, ROWS, connect, declared, sent
from tests.destinations.servers import Said, Scripted


@pytest.mark.parametrize(
    ("add", "expected"),
    [
        ({"body": "{{members}}"}, [{"id": "a", "n": 1}, {"id": "b"}]),
        ({"body": {"x": "{{members}}"}, "item": "{{member.id}}"}, {"x": ["a", "b"]}),
        (
            {"body": "{{members}}", "item": {"on": True}, "collect": "object_by_id"},
            {"a": {"on": True}, "b": {"on": True}},
        ),
        (
            {"body": {"x": {"each": "members", "item": ["{{member.n}}", "{{row.key}}"]}}},
            {"x": [[1, "k0"], ["k1"]]},
        ),
        (
            {
                "body": {"c": "{{cohort.name}}", "i": "{{audience.id}}", "m": "{{members}}"},
                "item": 1,
            },
            {"c": "Big spenders", "i": "", "m": [1, 1]},
        ),
    ],
)
def test_body__of_two_rows__is_collected_as_declared(add: dict[str, Any], expected: object) -> None:
    assert sent(declared(add)).json == expected


def test_query__of_two_rows__is_repeated_or_has_commas() -> None:
    repeated = {"query": {"id": "{{members}}"}, "item": "{{member.id}}", "collect": "query_repeat"}
    assert sent(declared(repeated)).target == "/add?id=a&id=b"
    listed = {"query": {"id": "{{members}}"}, "item": "{{member.id}}", "collect": "csv"}
    assert sent(declared(listed)).target == "/add?id=a%2Cb"


def test_table__of_two_rows__is_csv() -> None:
    asked = sent(
        declared({"body": "{{members}}", "item": ["{{member.id}}", 'x"'], "collect": "csv"})
    )
    assert asked.headers["content-type"] == "text/csv; charset=utf-8"
    assert asked.body == b'a,"x"""\r\nb,"x"""\r\n'


ASYNC = {
    "id_path": "id",
    "path": "/jobs/{{ticket.id}}",
    "status_path": "state",
    "done": ["ok"],
    "failed": ["bad"],
    "every_s": 3,
}


def test_request__that_is_worked_on__is_asked_about_until_it_is_done() -> None:
    said = [{"id": 5}, {"state": "busy"}, {"state": "bad", "message": "no"}, {"state": "ok"}]
    vendor = Scripted(*(Said(body=one) for one in said))
    config = declared(BODY, response={"async": ASYNC})
    with servers.account(vendor, config) as account:
        push = connect(account)
        accepted = push.add(servers.target("id"), ROWS)
        assert accepted == Accepted(ticket="add:5", after_seconds=3, receipt={"request": "5"})
        settled = [push.settle(servers.target("id"), "add:5") for _ in range(3)]
        gone = push.settle(servers.target("id"), "old:5")
    assert [type(one) for one in settled] == [Accepted, Split, Done]
    assert vendor.asked[1].target == "/jobs/5"
    assert isinstance(gone, Stop)


def test_request__that_may_be_worked_on_but_says_no_id__is_unconfirmed() -> None:
    config = declared(BODY, response={"async": ASYNC, "ok": {"status": [200]}})
    with servers.account(Scripted(Said()), config) as account:
        answer = connect(account).add(servers.target("id"), ROWS)
    assert answer == Done(unconfirmed=frozenset({0, 1}))


class Leads:
    """Knows the ids of some addresses, as Marketo does."""

    def __init__(self) -> None:
        self.known = {"a@example.com": 1, "c@example.com": 3}
        self.asked: list[servers.Asked] = []

    def answer(self, asked: servers.Asked) -> Said:
        self.asked.append(asked)
        if asked.path != "/leads":
            rows = [
                {
                    "id": int(one),
                    "status": "skipped" if one == "3" else "added",
                    "reasons": [{"message": "full"}],
                }
                for one in asked.query["id"]
            ]
            return Said(body={"success": True, "result": rows})
        keys = asked.query["email"][0].split(",")
        found = [{"id": self.known[key], "email": key.upper()} for key in keys if key in self.known]
        return Said(body={"result": found})


def _by_leads() -> dict[str, Any]:
    lookup = {
        "path": "/leads",
        "query": {"email": "{{members}}"},
        "items": "result",
        "key": "email",
        "key_path": "email",
        "id_path": "id",
        "max_items": 2,
    }
    add = {
        "path": "/list",
        "query": {"id": "{{members}}"},
        "item": "{{row.lookup}}",
        "collect": "query_repeat",
    }
    errors = {
        "path": "result",
        "shape": "rows",
        "failed": {"path": "status", "equals": "skipped"},
        "reason_path": "reasons.0.message",
        "of": "add",
    }
    config = declared(
        add,
        lookup=lookup,
        identifier={"any_of": ["email"]},
        response={"ok": {"path": "success", "equals": True}, "item_errors": errors},
    )
    config["ops"]["remove"] = {**config["ops"]["add"], "method": "DELETE"}
    return config


def test_lookup__of_ids__sends_those_and_counts_in_what_was_sent() -> None:
    config = _by_leads()
    vendor = Leads()
    rows = servers.batch(*({"email": f"{name}@example.com"} for name in "abc"))
    with servers.account(vendor, config) as account:
        push = connect(account)
        added = push.add(servers.target("email"), rows)
        removed = push.remove(servers.target("email"), rows)
    assert isinstance(added, Done)
    assert {place: one.reason for place, one in added.rejected.items()} == {
        1: "not_found",
        2: "refused",
    }
    assert added.rejected[2].message == "full"
    # The vendor does not know it: it is on no list.
    assert removed == Done()
    assert [asked.target for asked in vendor.asked][:3] == [
        "/leads?email=a%40example.com%2Cb%40example.com",
        "/leads?email=c%40example.com",
        "/list?id=1&id=3",
    ]


def test_field__that_is_no_identifier__is_written_by_its_rule_and_finds_nobody() -> None:
    fields = [{"name": "city", "normalise": ["trim", "lower"], "hash": "sha256"}]
    config = declared(BODY, identifier={"any_of": ["id"], "fields": fields})
    assert settings.facts_of(config).matching == (frozenset({"id"}),)
    with servers.account(Scripted(Said()), config) as account:
        push, target = connect(account), servers.target("id", "city", "plan")
        sent = push.prepare(target, {"id": "a", "city": " Rome ", "plan": ""})
        assert sent == {"id": "a", "city": hashing.sha256("rome"), "plan": ""}
        assert push.prepare(target, {"id": "", "city": "Rome"}) == Skipped(reason="bad_id")


@pytest.mark.parametrize(
    "body",
    [
        {"body": {"m": "{{members}}"}, "item": "{{member.id}}"},
        {"body": {"m": "{{members}}"}, "item": {"id": "{{member.id}}", "x": "{{member.n}}"}},
        {"body": {"m": {"each": "members", "item": {"id": "{{member.id}}"}}}},
        {"body": {"m": "{{member.id}}"}, "collect": "single"},
    ],
)
def test_row__with_nothing_that_names_it__is_not_sent(body: dict[str, Any]) -> None:
    """It is left of a row when what others have too is taken out of it."""
    config = declared(body, identifier={"any_of": ["id", "phone"]})
    config["ops"]["remove"] = config["ops"]["add"]
    vendor = Scripted(Said())
    with servers.account(vendor, config) as account:
        push, rows = connect(account), servers.batch({"phone": "+1", "n": 1})
        added = push.add(servers.target("id", "phone"), rows)
        removed = push.remove(servers.target("id", "phone"), rows)
    assert isinstance(added, Done)
    assert added.rejected[0].reason == "no_identifier"
    assert (removed, vendor.asked) == (Done(), [])


def test_row__that_cannot_stand_in_the_request__is_rejected_without_the_others() -> None:
    add = {"query": {"id": "{{members}}"}, "item": "{{member.id}}", "collect": "csv"}
    config = declared(add, response={"ok": {"status": [200]}})
    vendor = Scripted(Said())
    with servers.account(vendor, config) as account:
        rows = servers.batch({"id": "a"}, {"id": "b,c"}, {"id": "d"})
        answer = connect(account).add(servers.target("id"), rows)
    assert isinstance(answer, Done)
    assert list(answer.rejected) == [1]
    assert vendor.asked[0].target == "/add?id=a%2Cd"


def test_index__in_an_answer__is_that_of_what_was_sent() -> None:
    errors = [
        {"path": "bad", "shape": "index"},
        {
            "path": "worse",
            "shape": "index",
            "index_path": "at",
            "reason_path": "why",
            "ignore": ["known"],
        },
    ]
    add = {"query": {"id": "{{members}}"}, "item": "{{member.id}}", "collect": "csv"}
    said = {"bad": [1, 99, "x"], "worse": [{"at": 0, "why": "known"}, {"at": 2, "why": "new"}]}
    config = declared(add, response={"ok": {"status": [200]}, "item_errors": errors})
    with servers.account(Scripted(Said(body=said)), config) as account:
        rows = servers.batch({"id": ","}, {"id": "a"}, {"id": "b"}, {"id": "c"})
        answer = connect(account).add(servers.target("id"), rows)
    assert isinstance(answer, Done)
    assert {place: one.message for place, one in answer.rejected.items()} == {
        0: "members has a value that cannot stand in the request",
        2: "bad",
        3: "new",
    }


ONE = {"method": "DELETE", "path": "/p/{{member.id}}", "collect": "single"}


def test_member__that_is_not_there__is_removed_and_cannot_be_added() -> None:
    config = {"identifier": IDS, "ops": {"add": {**ONE, "method": "PUT"}, "remove": ONE}}
    with servers.account(Scripted(Said(status=404, body={"error": "none"})), config) as account:
        push = connect(account)
        one = servers.batch({"id": "a"})
        assert push.remove(servers.target("id"), one) == Done()
        added = push.add(servers.target("id"), one)
    assert isinstance(added, Done)
    assert added.rejected[0].reason == "not_found"


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("retry", Later),
        ("slow", Later),
        ("split", Split),
        ("stop", Stop),
        ("done", Done),
        ("reject_item", Split),
        ("reauth", Stop),
    ],
)
def test_rule__for_an_error__does_what_it_says(do: str, expected: type) -> None:
    rules = [{"when": {"status": [418], "path": "code", "equals": ["x"]}, "do": do, "of": "add"}]
    said = Said(status=418, body={"code": "x", "message": "teapot"})
    with servers.account(Scripted(said), declared(BODY, errors=rules)) as account:
        push = connect(account)
        assert type(push.add(servers.target("id"), ROWS)) is expected
        assert type(push.refresh(servers.target("id"), ROWS)) is expected


def test_replacement__of_all_members__is_one_request() -> None:
    config = {
        "identifier": IDS,
        "ops": {"replace": {"method": "PUT", "path": "/all", **BODY}},
        "response": {"ok": {"status": [200]}},
    }
    vendor = Scripted(Said())
    with servers.account(vendor, config) as account:
        push = connect(account)
        assert push.replace(servers.target("id"), ROWS) == Done()
        assert push.replace(servers.target("id"), servers.batch()) == Done()
        two = Batch(rows=ROWS.rows, session=1, number=1, total=2, members=4)
        assert isinstance(push.replace(servers.target("id"), two), Stop)
    assert [asked.json for asked in vendor.asked] == [{"m": ["a", "b"]}, {"m": []}]
