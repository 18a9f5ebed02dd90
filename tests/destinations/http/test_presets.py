"""Presets: sound, and the requests that each of them sends."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson
import pytest

from gateway.core import fields
from gateway.destinations import kinds, presets
from gateway.destinations.answers import Accepted, Done
from gateway.destinations.http import addresses, schema, settings, soundness
from gateway.destinations.http.push import Push
from gateway.destinations.presets import Preset
from tests.destinations import servers
from tests.destinations.servers import Said, Scripted

ALL = {one.name: one for one in presets.all_of_them()}
COVERED = {
    "airship",
    "appcues",
    "chameleon",
    "clevertap",
    "insider",
    "iterable",
    "kameleoon",
    "leanplum",
    "mailchimp",
    "marketo",
    "moengage",
    "onesignal",
    "salesforce_marketing_cloud",
    "segment",
    "vwo",
    "webengage",
    "xtremepush",
}
# A value for each setting that has neither a default nor a choice.
VALUES = {
    "account_id": "123",
    "app_id": "app-1",
    "client_id": "client",
    "data_extension": "People",
    "dc": "us1",
    "instance": "123-ABC-456",
    "license_code": "code",
    "list_id": "abc",
    "partner": "gateway",
    "site_code": "site1",
    "subdomain": "sub",
    "tag_group": "cohorts",
}


def test_presets__there_are__are_those_that_can_be_covered() -> None:
    assert ALL.keys() == COVERED
    assert kinds.KINDS.keys() >= COVERED


@pytest.mark.parametrize("name", sorted(COVERED))
def test_preset__by_the_schema__is_valid_and_sound(name: str) -> None:
    given = orjson.loads((presets.FOLDER / f"{name}.json").read_bytes())
    jsonschema_rs.meta.validate(schema.WHOLE)
    jsonschema_rs.validator_for(schema.WHOLE).validate(given)
    declared = {one.key: one for one in ALL[name].declared.settings}
    assert list(soundness.faults(given, declared)) == []
    assert given["status"] in ("documented", "unverified", "deprecated")
    assert any("not tried" in one for one in given["effects"])


@pytest.mark.parametrize("name", sorted(COVERED))
def test_preset__with_its_settings__leads_to_a_host_of_the_vendor(name: str) -> None:
    preset = ALL[name]
    config = _config(preset)
    assert list(fields.faults(preset.config, config, "config", whole=True)) == []
    values = settings.values_of(preset.declared, config, {})
    assert addresses.base(preset.declared.base_url, values).startswith("https://")
    assert preset.carriers <= {one.name for one in preset.config}
    assert "endpoint" in preset.carriers


def _config(preset: Preset) -> dict[str, object]:
    return {one.name: VALUES[one.name] for one in preset.config if one.required}


class Anything:
    """Takes everything, gives a token, and keeps what else was asked."""

    def __init__(self, *said: Said) -> None:
        self.scripted = Scripted(*(said or (Said(),)))

    def answer(self, asked: servers.Asked) -> Said:
        if "/token" in asked.path:
            return Said(body={"access_token": "t", "expires_in": 3600})
        return self.scripted.answer(asked)


def _sent(
    name: str, sent: dict[str, object], *said: Said, op: str = "add"
) -> tuple[Any, servers.Asked]:
    """Send one row by a preset; returns the answer and the last request."""
    preset, vendor = ALL[name], Anything(*said)
    secrets = {one.name: f"secret-{one.name}" for one in preset.secrets}
    with servers.account(vendor, _config(preset), secrets) as account:
        push = preset.connect(account)
        assert isinstance(push, Push)
        target = servers.target(
            *sent, audience="12" if preset.declared.audience.mode == "list" else "cohort_7"
        )
        answer = getattr(push, op)(target, servers.batch(sent))
    return answer, vendor.scripted.asked[-1]


MAIL: dict[str, object] = {"email": "a@b.c"}

BODIES: list[tuple[str, dict[str, object], str, object, object]] = [
    (
        "iterable",
        {"email": "a@b.c"},
        "/api/lists/subscribe",
        {"listId": 12, "subscribers": [{"email": "a@b.c"}], "updateExistingUsersOnly": True},
        {"listId": 12, "subscribers": [{"email": "a@b.c"}], "channelUnsubscribe": False},
    ),
    (
        "mailchimp",
        {"email": "a@b.c"},
        "/3.0/lists/abc/segments/12",
        {"members_to_add": ["a@b.c"]},
        {"members_to_remove": ["a@b.c"]},
    ),
    (
        "airship",
        {"named_user_id": "u"},
        "/api/named_users/tags",
        {"audience": {"named_user_id": ["u"]}, "add": {"cohorts": ["cohort_7"]}},
        {"audience": {"named_user_id": ["u"]}, "remove": {"cohorts": ["cohort_7"]}},
    ),
    (
        "clevertap",
        {"identity": "u"},
        "/1/upload",
        {"d": [{"identity": "u", "type": "profile", "profileData": {"cohort_7": True}}]},
        {"d": [{"identity": "u", "type": "profile", "profileData": {"cohort_7": False}}]},
    ),
    (
        "moengage",
        {"uid": "u"},
        "/v1/integrations/cohortsync",
        {
            "action": "add_members",
            "partner": "gateway",
            "parameters": {
                "cohort_id": "cohort_7",
                "cohort_name": "cohort_7",
                "members": [{"uid": "u"}],
            },
        },
        None,
    ),
    (
        "insider",
        {"email": "a@b.c"},
        "/api/user/v1/upsert",
        {
            "users": [
                {
                    "identifiers": {"email": "a@b.c"},
                    "attributes": {"custom": {"cohorts": ["cohort_7"]}},
                    "not_append": False,
                }
            ]
        },
        {
            "users": [
                {
                    "identifiers": {"email": "a@b.c"},
                    "custom": {"partial": {"cohorts": ["cohort_7"]}},
                }
            ]
        },
    ),
    (
        "onesignal",
        {"external_id": "u/1"},
        "/apps/app-1/users/by/external_id/u%2F1",
        {"properties": {"tags": {"cohort_7": "1"}}},
        {"properties": {"tags": {"cohort_7": ""}}},
    ),
    (
        "webengage",
        {"user_id": "u"},
        "/v1/accounts/code/bulk-users",
        {"users": [{"userId": "u", "attributes": {"cohort_7": True}}]},
        {"users": [{"userId": "u", "attributes": {"cohort_7": False}}]},
    ),
    (
        "chameleon",
        {"uid": "u"},
        "/v3/observe/hooks/profiles",
        {"profiles": [{"uid": "u", "cohort_7": True}]},
        {"profiles": [{"uid": "u", "cohort_7": False}]},
    ),
    (
        "salesforce_marketing_cloud",
        {"subscriber_key": "s"},
        "/data/v1/async/dataextensions/key:People/rows",
        {"items": [{"SubscriberKey": "s", "cohort_7": True}]},
        {"items": [{"SubscriberKey": "s", "cohort_7": False}]},
    ),
    (
        "segment",
        {"user_id": "u"},
        "/v1/batch",
        {"batch": [{"type": "identify", "userId": "u", "traits": {"cohort_7": True}}]},
        {"batch": [{"type": "identify", "userId": "u", "traits": {"cohort_7": False}}]},
    ),
    (
        "kameleoon",
        {"visitor_id": "v"},
        "/map/maps?siteCode=site1",
        {"v": {"cohort_7": True}},
        {"v": {"cohort_7": False}},
    ),
    (
        "vwo",
        {"visitor_id": "v"},
        "/collect/events/t?en=vwo_integration&a=123",
        {
            "d": {
                "event": {
                    "name": "vwo_integration",
                    "props": {
                        "action": "audience_entered",
                        "audienceName": "Big spenders",
                        "audienceId": "cohort_7",
                        "identifier": "v",
                    },
                }
            }
        },
        None,
    ),
    (
        "leanplum",
        {"user_id": "u"},
        "/api?action=multi",
        {
            "apiVersion": "1.0.6",
            "data": [
                {
                    "action": "setUserAttributes",
                    "userId": "u",
                    "userAttributes": {"cohort_7": True},
                }
            ],
            "appId": "app-1",
            "clientKey": "secret-api_key",
        },
        None,
    ),
    (
        "appcues",
        {"user_id": "u"},
        "/v2/accounts/123/segments/12/add_user_ids",
        {"user_ids": ["u"]},
        {"user_ids": ["u"]},
    ),
    (
        "xtremepush",
        {"user_id": "u"},
        "/api/external/import/profile",
        {
            "columns": ["user_id", "cohort_7"],
            "rows": [["u", True]],
            "async": False,
            "apptoken": "secret-token",
        },
        None,
    ),
]


@pytest.mark.parametrize(("name", "sent", "path", "added", "removed"), BODIES)
def test_preset__adding_and_removing__sends_what_the_vendor_documents(
    name: str, sent: dict[str, object], path: str, added: object, removed: object
) -> None:
    _, asked = _sent(name, sent)
    assert asked.target == path
    assert asked.json == added
    _, asked = _sent(name, sent, op="remove")
    assert removed is None or asked.json == removed


def test_marketo__with_a_lead__puts_its_id_on_the_list() -> None:
    lead = Said(body={"success": True, "result": [{"id": 9, "email": "a@b.c"}]})
    done = Said(body={"success": True, "result": [{"id": 9, "status": "added"}]})
    answer, asked = _sent("marketo", MAIL, lead, done)
    assert (answer, asked.target) == (Done(), "/rest/v1/lists/12/leads.json?id=9")


def test_iterable__that_refuses_some__rejects_them() -> None:
    said = Said(body={"successCount": 0, "failedUpdates": {"notFoundEmails": ["a@b.c"]}})
    added, _ = _sent("iterable", MAIL, said)
    removed, _ = _sent("iterable", MAIL, said, op="remove")
    assert (list(added.rejected), removed) == ([0], Done())


def test_mailchimp__with_addresses_it_does_not_have__rejects_them() -> None:
    told = [{"email_addresses": ["x@y.z", "a@b.c"], "error": "not on the list"}]
    added, _ = _sent("mailchimp", MAIL, Said(body={"error_count": 2, "errors": told}))
    assert added.rejected[0].message == "not on the list"


def test_salesforce__that_works_on_it__is_asked_later() -> None:
    answer, _ = _sent(
        "salesforce_marketing_cloud",
        {"subscriber_key": "s"},
        Said(status=202, body={"requestId": "r-1"}),
    )
    assert isinstance(answer, Accepted)
    assert answer.ticket == "add:r-1"


@pytest.mark.parametrize("name", ["segment", "vwo", "moengage", "insider"])
def test_vendor__that_proves_nothing__leaves_rows_unconfirmed(name: str) -> None:
    first = ALL[name].declared.rules[0].name
    answer, _ = _sent(name, {first: "a@b.c"}, Said())
    assert answer == Done(unconfirmed=frozenset({0}))
