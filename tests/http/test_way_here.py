"""Headers about the way here, and those that mean nothing here, are no reason to refuse."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

from gateway.core.access.scopes import Scope
from tests.http.serving import PATIENCE_SECONDS, Web
from tests.http.webhook import unique
from tests.http.world import KEYS, PROJECT

HEADERS = [
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-Protocol", "http")],
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "off")],
    [("X-Forwarded-Proto", "http"), ("X-Forwarded-Ssl", "on")],
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
    [("X-Forwarded-Proto", "https,http")],
    [("X-Forwarded-Protocol", "ssl"), ("X-Forwarded-Proto", "gopher")],
    [("X_Forwarded_Proto", "https"), ("X-Forwarded-Proto", "http")],
    [("Script_Name", "/elsewhere"), ("SCRIPT-NAME", "/elsewhere"), ("Path_Info", "/elsewhere")],
    [("X-Forwarded-For", "unknown, 1.2.3.4:80, [::1]:9, ,'")],
    [("X-Forwarded-For", "1.2.3.4")] * 40,
    [("X-Forwarded-Host", "a b/../?#"), ("X-Forwarded-Port", "many"), ("X-Forwarded-Prefix", "x")],
    [("X-Forwarded-Server", "\xe9"), ("X-Real-IP", "none"), ("Via", "1.0 fred, , x")],
    [("Forwarded", 'for="_gazonk;proto=;;host="'), ("Forwarded", "by")],
    [("Front-End-Https", "on"), ("Proxy", "http://evil"), ("Proxy-Connection", "close")],
    [("Content-Type", "text/plain"), ("Content-Type", "nonsense")],
    [("Content-Type", "multipart/form-data")],
    [("Host", "a b")],
    [("Host", "[::1")],
    [("Host", "gateway:many")],
    [("Host", "")],
    [("Host", "\xe9.example")],
    [("Cookie", '=;;"\\'), ("Accept", ";q=x"), ("Accept-Encoding", "gzip;q=nan")],
    [("If-Match", "x"), ("If-None-Match", '"'), ("If-Modified-Since", "never"), ("Range", "x")],
    [("Upgrade", "h2c"), ("HTTP2-Settings", "x"), ("Connection", "Upgrade, HTTP2-Settings")],
    [("Max-Forwards", "x"), ("TE", "trailers"), ("Origin", "null"), ("Date", "x")],
    [("traceparent", "x"), ("tracestate", "=,"), ("X-Request-Id", "\xe9")],
    [("X-HTTP-Method-Override", "GET"), ("X-Original-URL", "/metrics")],
]


def _send(web: Web, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> int:
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_SECONDS)
    with closing(client):
        client.putrequest(method, path, skip_host=any(name == "Host" for name, _ in headers))
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            client.putheader(name, value)
        client.endheaders(body)
        return client.getresponse().status


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("headers", HEADERS, ids=lambda one: one[0][0])
def test_headers__about_the_way_here__change_nothing(
    web: Web, headers: list[tuple[str, str]]
) -> None:
    parameters = {
        "mixpanel_project_id": PROJECT,
        "mixpanel_cohort_id": unique(),
        "members": [{"mixpanel_distinct_id": "ada"}],
    }
    page = json.dumps({"action": "add_members", "parameters": parameters}).encode()
    assert _send(web, "POST", "/webhooks/mixpanel/default", headers, page) == 200
    key = ("Authorization", f"Bearer {KEYS[Scope.READ]}")
    assert _send(web, "GET", "/v1/cohorts", [*headers, key], b"") == 200
    assert _send(web, "GET", "/docs", headers, b"") == 200
