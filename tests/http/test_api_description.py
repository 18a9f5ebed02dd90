"""The description of the API, and the page that shows it."""

from __future__ import annotations

import copy
import dataclasses
import html.parser
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest

from gateway.app import FOREIGN, OPERATIONS, VARIABLES
from gateway.handlers.http import deps, openapi, shell
from tests.http.world import World

DOCUMENT = openapi.Description(OPERATIONS, FOREIGN, VARIABLES).document
CALLS = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}
PROBLEM = "application/problem+json"
HERE = "http://localhost"


def test_description__of_every_route__is_there_and_of_no_other(world: World) -> None:
    served = {
        (method, re.sub(r"<(?:raw|number):(\w+)>", r"{\1}", rule.rule))
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    described = {
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    }
    assert described == served
    assert {"/healthz", "/readyz", "/metrics"} <= DOCUMENT["paths"].keys()


def test_description__is_openapi_3_1_and_its_references_lead_somewhere(world: World) -> None:
    answer = world.http.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.get_json() == {**DOCUMENT, "servers": [{"url": HERE}]}
    assert DOCUMENT["openapi"] == "3.1.0"
    for reference in set(_references(DOCUMENT)):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_description__of_an_operation__says_what_it_needs(operation: Any) -> None:  # noqa: ANN401
    path = re.sub(r"<(?:raw|number):(\w+)>", r"{\1}", operation.rule)
    described = DOCUMENT["paths"][path][operation.method.lower()]
    assert f"`{operation.scope}`" in described["description"]
    assert {"400", "401", "403", "503"} <= described["responses"].keys()
    named = {one["name"] for one in described["parameters"] if one["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", path))
    assert ("404" in described["responses"]) == (404 in operation.refusals)
    takes = operation.body is not None or operation.reads is not None
    assert ("requestBody" in described) == takes


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_description__of_a_call__has_examples_that_fit_their_schemas(call: Any) -> None:  # noqa: ANN401
    assert call["summary"]
    assert set(call["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    assert call["tags"]
    for parameter in call.get("parameters", ()):
        _check(parameter["schema"], parameter["example"])
    bodies = [response.get("content", {}) for response in call["responses"].values()]
    for content in (call.get("requestBody", {}).get("content", {}), *bodies):
        for form in content.values():
            assert _examples(form)
            for example in _examples(form):
                _check(form["schema"], example)


def test_description__of_errors__has_examples_with_their_own_fields() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for status, response in DOCUMENT["components"]["responses"].items():
        for form in response.get("content", {}).values():
            for example in _examples(form):
                _check(form["schema"], example)
                assert example["status"] == int(status)
                found[status, example["code"]] = set(example)
    common = {"type", "title", "status", "detail", "code"}
    assert found.pop(("409", "ahead")) == common | {"last_seq", "epoch"}
    assert found.pop(("409", "in_use")) == common | {"cohorts"}
    assert found.pop(("409", "exists")) == common | {"id", "deleted"}
    assert found.pop(("409", "load_running")) == common | {"id"}
    assert found.pop(("410", "gone")) == common | {"oldest_seq"}
    assert found.pop(("422", "invalid")) == common | {"errors"}
    assert all(fields == common for fields in found.values())
    statuses = {int(status) for status, _ in found}
    assert {*openapi.ALWAYS, 404, 409, 429} <= statuses


@pytest.mark.parametrize(("status", "field"), [("422", "errors")])
def test_description__of_an_error_with_a_field__requires_it(status: str, field: str) -> None:
    form = DOCUMENT["components"]["responses"][status]["content"][PROBLEM]
    (example,) = _examples(form)
    assert not _validator(form["schema"]).is_valid({**example, field: None})
    del example[field]
    assert not _validator(form["schema"]).is_valid(example)


def test_description__of_every_field__has_its_type() -> None:
    schemas = [*DOCUMENT["components"]["schemas"].items(), *_schemas(DOCUMENT)]
    assert len(schemas) > 100
    assert [one for place, schema in schemas for one in _untyped(schema, place)] == []


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"description": "any"},
        {"type": "array"},
        {"type": "object", "properties": {"one": {}}},
        {"type": "object", "additionalProperties": {}},
        {"type": "object", "additionalProperties": True},
        {"anyOf": [{"type": "null"}, {"description": "any"}]},
    ],
)
def test_untyped__of_a_schema_that_takes_anything__is_found(schema: Any) -> None:  # noqa: ANN401
    assert [*_untyped(schema, "")]


def test_description__of_the_webhook__takes_what_mixpanel_sends_and_answers_its_shape() -> None:
    call = DOCUMENT["paths"]["/webhooks/mixpanel/{source}"]["post"]
    (form,) = call["requestBody"]["content"].values()
    assert set(form["examples"]) == {"members", "add_members", "remove_members"}
    assert {name: one["value"]["action"] for name, one in form["examples"].items()} == {
        name: name for name in form["examples"]
    }
    assert set(call["responses"]) == {"200", "400", "401", "403", "404", "429", "500", "503"}
    (login,) = call["security"][0]
    assert DOCUMENT["components"]["securitySchemes"][login]["scheme"] == "basic"
    for status, response in call["responses"].items():
        (example,) = _examples(response["content"]["application/json"])
        assert example.get("error", {}).get("code", 200) == int(status)


def test_description__of_the_webhook__shows_pages_that_are_accepted(world: World) -> None:
    call = DOCUMENT["paths"]["/webhooks/mixpanel/{source}"]["post"]
    for page in _examples(call["requestBody"]["content"]["application/json"]):
        answer = world.http.post("/webhooks/mixpanel/default", json=page)
        assert answer.status_code == 200
        schema = call["responses"]["200"]["content"]["application/json"]["schema"]
        _check(schema, answer.get_json())
    refused = world.http.post("/webhooks/mixpanel/default", json={"action": "members"})
    schema = call["responses"]["400"]["content"]["application/json"]["schema"]
    _check(schema, refused.get_json())


def test_servers__without_a_public_url__are_the_address_that_was_asked(world: World) -> None:
    for host in ("gateway.example:8443", "cohort_gateway:8000", "127.0.0.1:8000", "[::1]:8000"):
        for scheme in ("http", "https"):
            there, sent = f"{scheme}://{host}", {"Host": host}
            found = world.http.get("/openapi.json", headers=sent, base_url=f"{scheme}://localhost")
            assert found.get_json()["servers"] == [{"url": there}]
            page = world.http.get("/docs", headers=sent, base_url=f"{scheme}://localhost").text
            assert f"{there}/v1/cohorts" in html.unescape(page)
    elsewhere = world.http.get("/openapi.json").get_json()
    assert elsewhere["servers"] == [{"url": HERE}]


NO_HOSTS = (
    "",
    "<i>",
    "a b",
    "a/b",
    "a@b",
    'a"b',
    "a'b",
    "a:b",
    "a:0",
    "a;b",
    "$(id)",
    "a,b",
    "[x]",
)


def test_servers__asked_by_a_host_that_is_none__are_those_of_this_machine(world: World) -> None:
    local = world.app.extensions[deps.EXTENSION].settings.local_url
    for host in NO_HOSTS:
        for path in ("/openapi.json", "/docs"):
            answer = world.http.get(path, environ_overrides={"HTTP_HOST": host})
            assert answer.status_code == 200
            assert local in answer.text
            assert not host or f"://{host}" not in answer.text


def test_servers__with_a_public_url__are_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = world.app.extensions[deps.EXTENSION]
    public = dataclasses.replace(given.settings, public_url="https://gateway.example/c")
    changed = dataclasses.replace(given, settings=public)
    monkeypatch.setitem(world.app.extensions, deps.EXTENSION, changed)
    found = world.http.get("/openapi.json", headers={"Host": "elsewhere.example"})
    assert found.get_json()["servers"] == [{"url": "https://gateway.example/c"}]
    page = world.http.get("/docs", headers={"Host": "elsewhere.example"}).text
    assert "https://gateway.example/c/v1/cohorts" in page
    assert "elsewhere.example" not in page
    assert "http://localhost" not in page


def test_docs__of_every_call__show_a_command_and_its_answer(world: World) -> None:
    page = world.http.get("/docs").text
    shown = [html.unescape(one) for one in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    for path, methods in DOCUMENT["paths"].items():
        for method, call in methods.items():
            command = shell.curl(HERE, path, method, call)
            words = shlex.split(command)
            assert command in shown
            assert words[0] == "curl"
            assert words[-1].startswith(f"{HERE}/")
            assert "{" not in words[-1]
            assert ("-d" in words) == ("requestBody" in call)
            assert ("-H" in words) == (path.startswith("/v1/") or "requestBody" in call)
            for status, response in call["responses"].items():
                for form in response.get("content", {}).values() if status[0] == "2" else ():
                    assert shell.written(form) in [one.removesuffix("\n") for one in shown] + shown


def test_docs__of_errors__say_what_is_common_once(world: World) -> None:
    page = html.unescape(world.http.get("/docs").text)
    for status in openapi.ALWAYS:
        described = DOCUMENT["components"]["responses"][str(status)]["description"]
        plain = re.sub("<.*?>", "", page)
        assert plain.count(described.replace("`", "")) == 1


def test_docs__without_a_network__show_every_call(world: World) -> None:
    answer = world.http.get("/docs")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = _Page()
    page.feed(answer.text)
    assert page.open == []
    assert not [one for one in page.sources if "//" in one]
    assert {one.removeprefix("#") for one in page.sources if one.startswith("#")} <= page.ids
    for path, methods in DOCUMENT["paths"].items():
        assert f"<code>{path}</code>" in answer.text
        for operation in methods.values():
            assert operation["operationId"] in page.ids


def _validator(schema: Any) -> jsonschema_rs.Draft202012Validator:  # noqa: ANN401 - JSON
    whole = {"components": DOCUMENT["components"], "allOf": [schema]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _check(schema: Any, value: Any) -> None:  # noqa: ANN401 - JSON
    _validator(schema).validate(value)


def _examples(form: Mapping[str, Any]) -> list[Any]:
    """Copies of the examples of a body."""
    if "example" in form:
        return [copy.deepcopy(form["example"])]
    return [copy.deepcopy(one["value"]) for one in form["examples"].values()]


def _schemas(value: Any, place: str = "#") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    """Yield each schema of parameters, headers and bodies, and where it stands."""
    if isinstance(value, dict):
        if "schema" in value:
            yield place, value["schema"]
        value = {name: one for name, one in value.items() if name not in ("example", "examples")}
    for name, one in value.items() if isinstance(value, dict) else ():
        yield from _schemas(one, f"{place}/{name}")
    for one in value if isinstance(value, list) else ():
        yield from _schemas(one, f"{place}/{one.get('name') if isinstance(one, dict) else one}")


def _untyped(schema: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield where in a schema any value will do."""
    if schema is False:
        return
    if schema is True or not schema.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf"}:
        yield place
        return
    parts = {"items": schema.get("items", False), "*": schema.get("additionalProperties", False)}
    if schema.get("type") == "array" and not parts["items"]:
        yield f"{place}/items"
    parts |= schema.get("properties", {})
    for several in ("anyOf", "oneOf", "allOf"):
        parts |= {f"{several}{n}": one for n, one in enumerate(schema.get(several, ()))}
    for name, part in parts.items():
        yield from _untyped(part, f"{place}/{name}")


class _Page(html.parser.HTMLParser):
    """Collects what a page refers to, and what it leaves open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.sources += [named[name] for name in ("src", "href") if name in named]
        self.ids |= {named["id"]} if "id" in named else set()
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _references(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
