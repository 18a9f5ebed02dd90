"""The description of the API, and the page that shows it."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.handlers import openapi
from tests.http.world import World

DOCUMENT = openapi.document()


def test_description__of_every_route__is_there_and_of_no_other(world: World) -> None:
    served = {
        (method, re.sub(r"<raw:(\w+)>", r"{\1}", rule.rule))
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
    assert answer.get_json() == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"
    for reference in set(_references(DOCUMENT)):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.parametrize("operation", openapi.OPERATIONS, ids=lambda operation: operation.name)
def test_description__of_an_operation__says_what_it_needs(operation: Any) -> None:  # noqa: ANN401
    path = re.sub(r"<raw:(\w+)>", r"{\1}", operation.rule)
    described = DOCUMENT["paths"][path][operation.method.lower()]
    assert f"`{operation.scope}`" in described["description"]
    assert {"400", "401", "403", "503"} <= described["responses"].keys()
    named = {one["name"] for one in described["parameters"] if one["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", path))
    assert ("404" in described["responses"]) == (404 in operation.refusals)
    assert ("requestBody" in described) == (operation.body is not None)


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
