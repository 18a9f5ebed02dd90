"""Cells: two gateways, each with its own PostgreSQL, behind one nginx that routes by source."""

from __future__ import annotations

import datetime
import json
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.flows.sources import admin
from tests import stack as stacks
from tests.deploy import proxy
from tests.deploy.proxy import Front
from tests.deploy.requesting import Answer
from tests.stack import API_KEY, PROJECT, Stack, free_port, until

pytestmark = pytest.mark.timeout(300)

ODD_ID = "a/b .. é"


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The gateways by the source that each has, and the nginx in front of both."""

    by_source: Mapping[str, Stack]
    front: Front

    def post(self, slug: str, member_ids: list[str]) -> Answer:
        """Post a page to a source."""
        described = {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": "1",
            "mixpanel_session_id": "s1",
            "members": [{"mixpanel_distinct_id": one} for one in member_ids],
        }
        body = json.dumps({"action": "members", "parameters": described}).encode()
        return self.front.ask("POST", f"/webhooks/mixpanel/{slug}", body)

    def get(self, path: str) -> Answer:
        """Ask the API."""
        return self.front.ask("GET", path, headers={"Authorization": f"Bearer {API_KEY}"})


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    """Run the two gateways, and nginx with deploy/nginx/cells.conf."""
    folder = tmp_path_factory.mktemp("cells")
    for name in ("north", "south"):
        (folder / name).mkdir()
    few = {"GATEWAY_WEB_PROCESSES": "1"}
    with (
        stacks.running(folder / "north", **few) as north,
        stacks.running(folder / "south", **few) as south,
    ):
        by_source = {"shop": north, "app": south}
        for slug, stack in by_source.items():
            add(stack, slug)
        front, process = start(folder, north.port, south.port)
        try:
            yield Cells(by_source=by_source, front=front)
        finally:
            process.terminate()
            process.wait(10)


def add(stack: Stack, slug: str) -> None:
    """Add a source to a gateway, which takes pages from anybody."""
    wanted = admin.Wanted(slug=slug, login=None)
    with stack.pool() as pool:
        admin.add(pool, wanted, now=datetime.datetime.now(datetime.UTC))


def start(folder: Path, north: int, south: int) -> tuple[Front, subprocess.Popen[bytes]]:
    """Start nginx with the ports of this test."""
    text, router, port = (proxy.SNIPPETS / "cells.conf").read_text(), free_port(), free_port()
    for old, new in ((":8001", north), (":8002", south)):
        assert text.count(old) == 1
        text = text.replace(old, f":{new}")
    main = proxy.write(folder, upstream=text.replace(":8079", f":{router}"), port=port)
    process = subprocess.Popen([proxy.program(), "-e", folder / "error.log", "-c", main])
    front = Front(port=port, folder=folder)

    def answers() -> bool:
        try:
            return front.ask("GET", "/healthz").status == 200
        except OSError:
            return False

    until(answers)
    return front, process


def test_cells__pages_and_calls__go_where_their_source_is(cells: Cells) -> None:
    assert cells.post("shop", ["a", ODD_ID]).status == 200
    assert cells.post("app", ["b"]).status == 200
    for slug, people in (("shop", {"a", ODD_ID}), ("app", {"b"})):
        stack = cells.by_source[slug]
        stack.settle()
        assert set(stack.members("1", source=slug)) == people
        (found,) = json.loads(cells.get(f"/v1/cohorts?source={slug}").body)["cohorts"]
        assert (found["source"], found["member_count"]) == (slug, len(people))
        for one in people:
            path = f"/v1/cohorts/{found['id']}/members/{urllib.parse.quote(one, safe='')}"
            assert json.loads(cells.get(f"{path}?source={slug}").body)["member_id"] == one


def test_cells__source_that_none_has__is_404_and_no_source_is_400(cells: Cells) -> None:
    assert cells.front.ask("POST", "/webhooks/mixpanel/nobody", b"{}").status == 404
    answer = cells.get("/v1/cohorts")
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == "malformed"


def test_cells__one_of_them_is_down__the_other_goes_on(cells: Cells) -> None:
    south = cells.by_source["app"]
    south.process.terminate()
    south.process.wait(60)
    answer = cells.post("app", ["c"])
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert json.loads(answer.body)["status"] == "failure"
    assert cells.post("shop", ["a", "c"]).status == 200
