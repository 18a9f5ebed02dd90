"""Signing in: what is sent, what is kept from messages, and tokens of OAuth 2."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.destinations.answers import Done, Later, Stop, StopCode
from tests.destinations import servers
from tests.destinations.http.declared import BODY, ROWS, connect, declared, sent
from tests.destinations.servers import Said, Scripted


@pytest.mark.parametrize(
    ("auth", "secrets", "name", "value"),
    [
        ({"type": "bearer"}, {"token": "t"}, "authorization", "Bearer t"),
        (
            {"type": "basic"},
            {"username": "u", "password": "p"},
            "authorization",
            f"Basic {base64.b64encode(b'u:p').decode()}",
        ),
        (
            {"type": "basic", "user": "{{settings.token}}"},
            {"token": "t"},
            "authorization",
            f"Basic {base64.b64encode(b't:').decode()}",
        ),
        (
            {"type": "header", "values": {"X-A": "{{settings.api_key}}"}, "prefix": "Key "},
            {"api_key": "k"},
            "x-a",
            "Key k",
        ),
    ],
)
def test_auth__in_a_header__is_sent(
    auth: dict[str, Any], secrets: dict[str, str], name: str, value: str
) -> None:
    assert sent(declared(BODY, auth=auth), secrets).headers[name] == value


def test_secret__by_its_own_name__stands_in_a_header() -> None:
    config = declared({**BODY, "headers": {"X-A": "{{secrets.token}}", "X-B": "{{secrets.key}}"}})
    asked = sent(config, {"token": "t"})
    assert asked.headers["x-a"] == "t"
    assert "x-b" not in asked.headers


def test_auth__in_query_or_body__is_sent() -> None:
    in_query = {"type": "query", "values": {"key": "{{settings.api_key}}"}}
    asked = sent(declared({**BODY, "query": {"a": "1"}}, auth=in_query), {"api_key": "k&x"})
    assert asked.target == "/add?a=1&key=k%26x"
    in_body = {"type": "body", "values": {"auth.key": "{{settings.api_key}}", "v": "1"}}
    asked = sent(declared(BODY, auth=in_body), {"api_key": "k"})
    assert asked.json == {"m": ["a", "b"], "auth": {"key": "k"}, "v": "1"}


def test_secret__with_a_line_end__stops_the_job_unsent() -> None:
    vendor = Scripted(Said())
    with servers.account(vendor, declared(BODY, auth={"type": "bearer"}), {"token": "a\nb"}) as one:
        answer = connect(one).add(servers.target("id"), ROWS)
    assert isinstance(answer, Stop)
    assert (answer.code, vendor.asked) == (StopCode.CREDENTIALS, [])


class Tokens:
    """Gives tokens, each good for a number of requests."""

    def __init__(self, lasts: int, said: Said | None = None) -> None:
        self.lasts, self.said = lasts, said
        self.given, self.left = 0, 0
        self.asked: list[servers.Asked] = []

    def answer(self, asked: servers.Asked) -> Said:
        self.asked.append(asked)
        if asked.path == "/oauth/token":
            self.given, self.left = self.given + 1, self.lasts
            return self.said or Said(body={"access_token": f"t{self.given}", "expires_in": 3600})
        if asked.headers.get("authorization") != f"Bearer t{self.given}" or not self.left:
            return Said(status=401, body={"error": "expired"})
        self.left -= 1
        return Said(body={"ok": True})


@pytest.mark.parametrize("style", ["form", "json", "query", "basic"])
def test_token__of_oauth__is_used_until_it_is_refused(style: str) -> None:
    vendor = Tokens(lasts=2)
    auth = {
        "type": "oauth2_client",
        "token_url": "https://a.example/oauth/token",
        "style": style,
        "scope": "all",
    }
    secrets = {"client_id": "me", "client_secret": "hush"}
    with servers.account(vendor, declared(BODY, auth=auth), secrets) as account:
        push = connect(account)
        for _ in range(3):
            answer = push.add(servers.target("id"), ROWS)
            assert isinstance(answer, Done)
    assert vendor.given == 2
    first = vendor.asked[0]
    told = first.target + first.body.decode() + first.headers.get("authorization", "")
    assert "client_credentials" in told
    assert ("hush" in told) == (style != "basic")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(status=401, body={"error_description": "hush is wrong"}), StopCode.CREDENTIALS),
        (Said(status=200, body={"nothing": 1}), None),
        (Said(status=500), None),
    ],
)
def test_token__that_is_not_given__stops_or_waits(said: Said, expected: StopCode | None) -> None:
    auth = {"type": "oauth2_client", "token_url": "/oauth/token"}
    with servers.account(
        Tokens(1, said), declared(BODY, auth=auth), {"client_secret": "hush"}
    ) as one:
        push = connect(one)
        answer = push.add(servers.target("id"), ROWS)
        (check,) = push.verify()
    assert isinstance(answer, Later | Stop)
    assert (answer.code if isinstance(answer, Stop) else None) == expected
    assert "hush" not in answer.message
    assert not check.ok
