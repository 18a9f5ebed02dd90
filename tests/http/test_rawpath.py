"""Paths as they were sent."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from gateway.core.cohorts.member_ids import why_unusable
from gateway.handlers.http import raw_path
from tests.http.serving import Web
from tests.http.world import World, quoted

member_ids = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1
).filter(lambda text: why_unusable(text) is None)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"RAW_URI": "/v1/a%2Fb?x=/y#z"}, "/v1/a%2Fb"),
        ({"RAW_URI": "/v1/a//b/../c"}, "/v1/a//b/../c"),
        ({"RAW_URI": "//v1"}, "//v1"),
        ({"RAW_URI": "http://host:80/v1/a%20b?x"}, "/v1/a%20b"),
        ({"RAW_URI": "http://host"}, "/"),
        ({"RAW_URI": "*"}, "/"),
        ({"RAW_URI": "/v1/\xc3\xa9"}, "/v1/%C3%A9"),
        ({"RAW_URI": "/mount/v1/a%2Fb", "SCRIPT_NAME": "/mount"}, "/v1/a%2Fb"),
        ({"PATH_INFO": "/v1/a b/\xc3\xa9"}, "/v1/a%20b/%C3%A9"),
        ({"RAW_URI": "", "PATH_INFO": "/v1"}, "/v1"),
        ({"RAW_URI": "/mounted", "SCRIPT_NAME": "/mount", "PATH_INFO": "/x"}, "/x"),
    ],
)
def test_encoded_path__whatever_the_server_tells__is_the_sent_path(
    environ: dict[str, Any], path: str
) -> None:
    assert raw_path.encoded_path(environ) == path


@hypothesis.settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(people=strategies.lists(member_ids, min_size=10, max_size=20, unique=True))
@hypothesis.example(people=["..", ".", "/", "//", "a//b/../c", "%2e%2E", "?#&=+;", "😀" * 256])
def test_members__whatever_their_ids__are_found_over_real_connections(
    world: World, web: Web, people: list[str]
) -> None:
    world.post("members", people, session=None)
    world.apply()
    cohort_id = world.cohort_id()
    assert world.members(cohort_id) == sorted(people, key=str.encode)
    for member_id in people:
        status, body = web.get(f"/v1/cohorts/{cohort_id}/members/{quoted(member_id)}")
        assert status == 200
        assert json.loads(body)["member_id"] == member_id
    status, body = web.get(f"/v1/members/{quoted(people[0])}/cohorts")
    assert status == 200
    assert [one["id"] for one in json.loads(body)["cohorts"]] == [cohort_id]
