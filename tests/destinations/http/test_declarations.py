"""Declarations: what is refused before anything is sent, and why."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import fields
from gateway.destinations.facts import Mode, Replaces
from gateway.destinations.http import addresses, checking, schema, settings, shorthands
from gateway.destinations.http.declaration import Setting
from gateway.destinations.http.templates import Unfit
from tests.destinations.http.lists import DECLARED

BASE: dict[str, Any] = {**DECLARED, "base_url": "https://api.example.com"}


def changed(path: str, value: object) -> dict[str, Any]:
    """Copy the declaration with another value at a path."""
    copied: dict[str, Any] = copy.deepcopy(BASE)
    *steps, last = path.split(".")
    place = copied
    for step in steps:
        place = place.setdefault(step, {})
    place[last] = value
    return copied


def faults(config: Mapping[str, Any]) -> list[str]:
    own = list(fields.faults(settings.CONFIG, config, "config", whole=True))
    found = own or list(settings.faults_of(config))
    return [f"{fault.path}: {fault.message}" for fault in found]


@pytest.mark.parametrize(
    ("name", "short", "long"),
    [
        ("auth", "none", {"type": "none"}),
        ("auth", {}, {"type": "none"}),
        ("auth", "bearer", {"type": "bearer"}),
        ("auth", {"bearer": "{{settings.key}}"}, {"type": "bearer", "token": "{{settings.key}}"}),
        ("auth", {"basic": {"user": "u"}}, {"type": "basic", "user": "u"}),
        ("auth", {"header": {"X": "1"}}, {"type": "header", "values": {"X": "1"}}),
        ("identifier", "email", {"any_of": ["email"]}),
        ("settings", {"table": 7}, [{"key": "table", "default": 7}]),
        (
            "errors",
            [{"when": 418, "do": "stop"}],
            [{"when": {"status": 418}, "do": "stop"}],
        ),
        (
            "errors",
            [{"when": {"path": "c", "code": 4}, "do": "stop"}],
            [{"when": {"path": "c", "equals": 4}, "do": "stop"}],
        ),
    ],
)
def test_declaration__in_a_shorter_form__is_the_long_one(
    name: str, short: object, long: object
) -> None:
    assert faults({**BASE, name: short}) == []
    assert shorthands.spelled_out({**BASE, name: short}) == {**BASE, name: long}
    assert shorthands.spelled_out({**BASE, name: long}) == {**BASE, name: long}


def test_declaration__that_is_sound__has_no_faults() -> None:
    assert faults(BASE) == []
    assert faults({**BASE, "base_url": None, "endpoint": "https://api.example.com"}) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("ops.add.body.x", "Hello {{member.email}}", "must be the whole text"),
        ("ops.add.body.x", "{{member.email | upper}}", "must be the whole text"),
        ("ops.add.body.x", "{{env.PATH}}", "cannot stand here"),
        ("ops.add.body.x", "{{member.email}}", "outside of what is for each member"),
        ("ops.add.body.x", "{{settings.api_key}}", "a secret can only stand"),
        ("ops.add.body.x", "{{settings.none}}", "there is no setting none"),
        ("ops.add.body", {"a": 1}, "names no member"),
        ("ops.add.path", "lists", "must match"),
        ("ops.add.path", "/lists/../x", "must not have . or .."),
        ("ops.add.path", "/lists?x=1", "neither a placeholder nor plain text"),
        ("ops.add.path", "/lists/{{member.email}}", "cannot stand here"),
        ("ops.add.path", "/lists/x{{audience.id}}", "a segment of its own"),
        ("ops.add.path", "/{{settings.api_key}}", "a secret can only stand"),
        ("ops.add.path", "/{{members}}", "cannot have all members"),
        ("ops.add.headers", {"X-Member": "{{member.email}}"}, "cannot stand here"),
        ("ops.add.headers", {"X-Cohort": "{{cohort.name}}"}, "cannot stand here"),
        ("ops.add.headers", {"Host": "evil.example"}, "is set by the gateway"),
        ("ops.add.headers", {"X-A": "a\r\nX-B: 1"}, "must match"),
        ("ops.add.headers", {"X A": "1"}, "is no name"),
        ("ops.add.method", "TRACE", "must be one of"),
        ("ops.add.max_items", 0, "must be from 1"),
        ("ops.add.max_items", True, "must be a whole number"),
        ("ops.add.code", "x", "there is no such field"),
        ("ops.add.headers", {"X-A": "{{secrets.none}}"}, "there is no setting"),
        ("ops.add.body.x", "{{secrets.token}}", "a secret can only stand"),
        ("auth", {"header": {}, "body": {}}, "send at most 1"),
        ("ops", {"remove": DECLARED["ops"]["remove"]}, "config.ops.add: is missing"),
        ("audience.mode", "tag", "must be list"),
        ("audience.find.next", {"style": "cursor", "query": "c"}, "next.path: is missing"),
        ("audience.find.next", {"style": "offset"}, "next.query: is missing"),
        ("identifier.fields", [{"name": "x", "pattern": "("}], "fields.0.pattern: is no regular"),
        ("audience.create.body", {"x": "{{member.email}}"}, "cannot stand here"),
        ("identifier.pattern", "(", "is no regular expression"),
        ("identifier.any_of", [], "at least 1"),
        ("auth", {"type": "header"}, "config.auth.values: is missing"),
        ("auth", {"type": "magic"}, "must be one of"),
        ("auth", {"type": "oauth2_client", "token_url": "token"}, "must be an address"),
        ("auth", {"type": "oauth2_client", "token_url": "/{{settings.x}}"}, "a placeholder"),
        ("auth.values", {"X-Key": "{{member.email}}"}, "cannot stand here"),
        ("auth.values", {"Content-Length": "{{settings.token}}"}, "is set by the gateway"),
        ("base_url", "ftp://api.example.com", "must match"),
        ("base_url", "https://user@api.example.com", "must be an address"),
        ("base_url", "https://{{settings.region}}.example.com", "there is no setting"),
        ("base_url", "https://{{settings.token}}.example.com", "cannot have a secret"),
        ("settings", [{"key": "mine", "secret": True}], "a secret must be one of"),
        ("values", {"region": "eu"}, "there is no such setting"),
        ("values", {"token": "x"}, "belongs to the secrets"),
        (
            "response.async",
            {"id_path": "id", "path": "/{{member.x}}", "status_path": "s", "done": ["d"]},
            "cannot stand",
        ),
        ("errors", [{"when": {}, "do": "run"}], "must be one of"),
        (
            "lookup",
            {"path": "/{{members}}", "items": "", "key": "email", "key_path": "", "id_path": ""},
            "all members",
        ),
    ],
)
def test_declaration__with_something_wrong__is_refused_where_it_is(
    path: str, value: object, expected: str
) -> None:
    found = faults(changed(path, value))
    assert any(expected in one for one in found), found


REGION = {"key": "region", "pattern": "[a-z]{2}"}


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ({"key": "region"}, "eu", "needs a pattern or choices"),
        (REGION, "eu", None),
        (REGION, "e/u", "must match"),
        ({**REGION, "choices": ["eu"]}, "us", "must be one of"),
        ({"key": "region", "pattern": ".*"}, "evil.example/", "cannot stand in an address"),
        ({"key": "region", "pattern": ".*"}, "a@evil", "cannot stand in an address"),
        (REGION, None, "cannot stand in an address"),
        ({**REGION, "default": "eu"}, None, None),
    ],
)
def test_setting__in_a_host__cannot_lead_elsewhere(
    setting: dict[str, Any], value: str | None, expected: str | None
) -> None:
    config = {**BASE, "base_url": "https://{{settings.region}}.example.com", "settings": [setting]}
    found = faults({**config, "values": {} if value is None else {"region": value}})
    assert (found == []) if expected is None else any(expected in one for one in found), found


def test_declaration__without_any_address__is_refused() -> None:
    config = {name: one for name, one in BASE.items() if name != "base_url"}
    assert faults(config) == ["config.endpoint: is missing, as there is no base_url"]


@given(value=st.text(max_size=20))
def test_base__with_any_value__keeps_its_host(value: str) -> None:
    try:
        filled = addresses.base("https://{{settings.r}}.example.com/v1/", {"r": value})
    except Unfit:
        return
    host = filled.removeprefix("https://").partition("/")[0]
    assert filled.endswith("/v1")
    assert host.rpartition(":")[0].endswith(".example.com") or host.endswith(".example.com")


def test_tokens__with_an_endpoint_of_the_operator__come_from_there() -> None:
    there = addresses.token_url(
        "https://auth.example.com/v2/token", {}, base_url="x", endpoint="http://h:1"
    )
    own = addresses.token_url("https://auth.example.com/v2/token", {}, base_url="x", endpoint="")
    assert (there, own) == ("http://h:1/v2/token", "https://auth.example.com/v2/token")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 600)
    | st.sampled_from(["", "a", "/a", "GET", "list"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["method", "path", "add", "any_of", "mode", "x y"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(schema.PARTS)), value=VALUES)
def test_check__of_any_values__finds_faults_where_the_schema_does(name: str, value: object) -> None:
    shape = schema.PARTS[name]
    found = list(checking.faults(shape, value, name))
    assert (found == []) == jsonschema_rs.validator_for(shape).is_valid(value)


@given(
    path=st.sampled_from(
        [
            "ops.add.max_items",
            "ops.add.collect",
            "rate.per_second",
            "auth.type",
            "identifier.hash",
            "response.ok.status",
            "errors",
            "settings",
        ]
    ),
    value=VALUES,
)
def test_check__of_a_changed_declaration__agrees_with_the_schema(path: str, value: object) -> None:
    config = changed(path, value)
    own = list(fields.faults(settings.CONFIG, config, "config", whole=True))
    described = fields.json_schema(settings.CONFIG)
    assert (own == []) == jsonschema_rs.validator_for(described).is_valid(config)


def test_check__of_what_is_deep__ends() -> None:
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    (fault,) = checking.faults({}, deep, "x")
    assert "deeper" in fault.message


def test_read__of_whole_numbers_with_a_point__keeps_integers() -> None:
    (part,) = [one for one in settings.CONFIG if one.name == "rate"]
    kept = part.read({"per_second": 5.0, "a": [1.0, 1.5]})
    assert kept == {"per_second": 5, "a": [1, 1.5]}
    assert type(kept["per_second"]) is int


def test_facts__of_a_declaration__are_what_it_declares() -> None:
    facts = settings.facts_of(
        {**BASE, "rate": {"per_minute": 30, "concurrency": 2}, "refresh_days": 9}
    )
    assert [one.name for one in facts.identifiers] == ["email", "phone"]
    assert facts.matching == (frozenset({"email"}), frozenset({"phone"}))
    assert (facts.limits.members, facts.limits.requests, facts.limits.per_seconds) == (3, 30, 60.0)
    assert (facts.limits.concurrency, facts.refresh_days, facts.replaces) == (2, 9, Replaces.NEVER)
    assert (facts.modes, facts.others) == ((Mode.MIRROR, Mode.ADD_ONLY), False)


def test_facts__without_removals__only_add() -> None:
    adds = {"add": DECLARED["ops"]["add"]}
    assert settings.facts_of({**BASE, "ops": adds}).modes == (Mode.ADD_ONLY,)
    replaces = settings.facts_of({**BASE, "ops": {"replace": DECLARED["ops"]["add"]}})
    assert (replaces.modes, replaces.replaces) == ((Mode.MIRROR, Mode.ADD_ONLY), Replaces.ALWAYS)


def test_facts__where_whole_members_are_sent__let_more_be_mapped() -> None:
    whole = changed("ops.add.body", {"people": "{{members}}"})
    assert settings.facts_of(whole).others


def test_field__of_each_sort_of_setting__says_so_in_its_schema() -> None:
    text, matched, choice, secret = (
        settings.field(Setting(key="a", label="A", **about)).schema()
        for about in ({}, {"pattern": "[a-z]"}, {"choices": ("x",)}, {"secret": True})
    )
    assert (text["type"], matched["pattern"], choice["enum"]) == ("string", "^(?:[a-z])$", ["x"])
    assert secret["writeOnly"]
