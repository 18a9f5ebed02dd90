"""Placeholders: what they become, and that no value changes the form of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.destinations.answers import Done
from gateway.destinations.http import settings, templates, values
from gateway.destinations.http.templates import Scope, Unfit
from tests.destinations import servers
from tests.destinations.servers import Said, Scripted

TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        "..",
        ".",
        "/",
        "a/b",
        "?x=1",
        "#",
        "%2e%2e",
        "a&b=c",
        "\r\nX: 1",
        "{{member.id}}",
        "\x00",
        " ",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def scope(**member: object) -> Scope:
    names: Mapping[str, Mapping[str, object]] = {"cohort": {"name": "VIP"}, "settings": {}}
    row: Mapping[str, Mapping[str, object]] = {"member": member, "row": {}}
    return Scope(names, [row, {"member": {}, "row": {}}], [1], row)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{member.id}}", 7),
        ("plain", "plain"),
        ({"a": "{{member.id}}", "b": "{{member.none}}"}, {"a": 7}),
        (["{{member.id}}", "{{member.none}}", None], [7, None]),
        ("{{member}}", {"id": 7, "name": "n"}),
        ("{{members}}", [1]),
        ({"each": "members", "item": "{{member.id}}"}, [7]),
        ({"each": "members", "item": 1, "more": 2}, {"each": "members", "item": 1, "more": 2}),
        ({"{{member.name}}": {"x": "{{cohort.name}}"}}, {"n": {"x": "VIP"}}),
    ],
)
def test_template__of_json__has_values_for_placeholders(template: object, expected: object) -> None:
    assert templates.compiled(template)(scope(id=7, name="n")) == expected


def test_key__that_would_be_another_of_the_template__is_refused() -> None:
    template = templates.compiled({"id": 1, "{{member.name}}": 2})
    assert template(scope(name="x")) == {"id": 1, "x": 2}
    for taken in ("id", ["no", "text"], None):
        with pytest.raises(Unfit):
            template(scope(name=taken))


@given(value=JSON)
def test_value__of_any_json__stands_in_its_place_unchanged(value: object) -> None:
    template = templates.compiled({"a": ["{{member.x}}"], "b": {"c": "{{member.x}}"}})
    assert template(scope(x=value)) == {"a": [value], "b": {"c": value}}


@given(value=TEXTS)
def test_path__with_any_text__keeps_its_segments(value: str) -> None:
    path = templates.path("/users/{{member.x}}/tags")
    try:
        filled = path.fill(scope(x=value))
    except Unfit:
        assert value in ("", ".", "..")
    else:
        assert filled.split("/")[:2] == ["", "users"]
        assert filled.split("/")[3:] == ["tags"]
        assert unquote(filled.split("/")[2]) == value
        assert filled.isascii()
        assert not set(filled) & set("?# \r\n\t\\")


@given(value=TEXTS, name=st.sampled_from(["a", "b"]))
def test_query__with_any_text__keeps_its_parameters(value: str, name: str) -> None:
    filled = templates.query({name: "{{member.x}}", "z": "1"})(scope(x=value))
    first, _, last = filled.partition("&")
    assert last == "z=1"
    assert first.startswith(f"{name}=")
    assert unquote(first.partition("=")[2]) == value


def test_query__of_a_list__repeats_and_of_nothing__is_left_out() -> None:
    fill = templates.query({"id": "{{member.ids}}", "x": "{{member.none}}"})
    assert fill(scope(ids=[1, "a b", True])) == "id=1&id=a%20b&id=true"
    with pytest.raises(Unfit):
        fill(scope(ids=[{"a": 1}]))


@pytest.mark.parametrize(
    "bad", ["a", "/a/../b", "/a/./b", "/a b", "/a?x", "/a#", "/x{{cohort.id}}", "/{{a", "/ä"]
)
def test_path__that_is_not_plain__is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        templates.path(bad)


def test_path__with_a_setting_beside_text__is_one_segment() -> None:
    path = templates.path("/rows/key:{{settings.table}}/x")
    filled = path.fill(Scope(names={"settings": {"table": "a/b"}}))
    assert filled == "/rows/key:a%2Fb/x"
    assert path.names == ("settings.table",)


@pytest.mark.parametrize("value", [None, {}, [], ""])
def test_path__with_no_plain_value__is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        templates.path("/{{member.x}}").fill(scope(x=value))


def test_put__through_something_that_is_no_object__changes_nothing() -> None:
    body: dict[str, object] = {"a": 1}
    values.put(body, "a.b", 2)
    values.put(body, "c.d", 3)
    assert body == {"a": 1, "c": {"d": 3}}


ONE_BY_ONE: dict[str, Any] = {
    "identifier": {"any_of": ["id"]},
    "auth": {"type": "bearer"},
    "ops": {
        "add": {
            "method": "PUT",
            "path": "/people/{{member.id}}/flags",
            "query": {"of": "{{member.id}}", "kind": "x"},
            "headers": {"X-Fixed": "1"},
            "body": {"id": "{{member.id}}", "fixed": 1},
            "collect": "single",
        }
    },
    "response": {"ok": {"status": [200]}},
}


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[Scripted, Any]]:
    vendor = Scripted(Said())
    with servers.account(vendor, ONE_BY_ONE, {"token": "t"}) as account:
        yield vendor, settings.connect(account)


@given(value=st.text(min_size=1, max_size=60) | TEXTS)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_request__with_any_value_of_a_member__keeps_address_and_headers(
    peer: tuple[Scripted, Any], value: str
) -> None:
    vendor, push = peer
    vendor.asked.clear()
    answer = push.add(servers.target("id"), servers.batch({"id": value}))
    assert isinstance(answer, Done)
    if answer.rejected:
        assert value in ("", ".", "..")
        assert vendor.asked == []
        return
    (asked,) = vendor.asked
    path, _, query = asked.target.partition("?")
    assert (path.count("/"), query.count("&"), query.count("=")) == (3, 1, 2)
    assert unquote(path.split("/")[2]) == value
    assert asked.json == {"id": value, "fixed": 1}
    assert sorted(asked.headers) == [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-fixed",
    ]
    assert json.loads(asked.body)["fixed"] == 1
