"""Headers of answers: what browsers are told, and nothing that a request has put there."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

import pytest

from tests.http.webhook import raw, refused, unique
from tests.stack import DEFAULT, PASSWORD, USERNAME, Stack, basic_auth, read_answer

EVERYWHERE: Final = (
    ("GET", "/healthz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/docs", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/v1/cohorts", 401),
    ("GET", "/nowhere", 404),
    ("PUT", "/v1/cohorts", 405),
    ("GET", DEFAULT, 405),
    ("POST", DEFAULT, 401),
)

PLANTED: Final = "zqx-planted"
# What could end a line of a head, for somebody, in some encoding.
LINE_ENDS: Final = ("\r\n", "\n", "\r", "\u560d\u560a", "\u2028", "\x85", "\v", "\0")


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
def test_answer__of_any_kind__is_only_what_it_says_it_is(
    stack: Stack, method: str, path: str, status: int
) -> None:
    answer = stack.call(method, path)
    assert answer.status == status
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Referrer-Policy") == ["no-referrer"]
    (policy,) = answer.headers.get_all("Content-Security-Policy", [])
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Server"] == "gateway"
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_answer__of_members__is_kept_by_nobody_and_never_a_page(stack: Stack) -> None:
    cohort = unique()
    page = raw(
        cohort, "<script>alert(1)</script>", mixpanel_cohort_name="<script>alert(1)</script>"
    )
    assert stack.post(page).status == 200
    stack.settle()
    identity = stack.cohort(cohort)["id"]
    for path in ("", "/members", "/members/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/syncs"):
        answer = stack.api(f"/v1/cohorts/{identity}{path}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_refusal__by_the_door__is_only_what_it_says_it_is(stack: Stack) -> None:
    with stack.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        answer = read_answer(connection)
    refused(answer, 400, action=None)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"nonsense" not in answer.body


def test_docs__opened__run_nothing_but_their_own_style(stack: Stack) -> None:
    answer = stack.call("GET", "/docs")
    page = answer.body.decode()
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    # What the policy would stop is not even tried: it would be missing from the page.
    assert not re.search(r"<(script|img|link|iframe|object|form)\b|\bstyle=|\bon\w+=", page)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_action__with_line_ends__is_echoed_in_the_body_alone(stack: Stack, end: str) -> None:
    action = f"members{end}X-{PLANTED}: 1{end}{end}<html>"
    answer = stack.post({"action": action})
    refused(answer, 400, action=action)
    assert PLANTED not in str(answer.headers)
    assert b"\r" not in answer.body
    assert b"\n" not in answer.body


@pytest.mark.parametrize("end", ["%0d%0a", "%0a", "%0D", "%E5%98%8D%E5%98%8A", "%u000a", "%00"])
@pytest.mark.parametrize(
    "path",
    [
        f"/webhooks/mixpanel/default{{end}}X-{PLANTED}:%201",
        f"/webhooks/mixpanel/{{end}}X-{PLANTED}:%201/",
        f"/{{end}}X-{PLANTED}:%201",
        f"//{PLANTED}.test/{{end}}",
        f"/v1/cohorts/{{end}}X-{PLANTED}:%201",
        f"/v1/cohorts?cursor={{end}}X-{PLANTED}:%201",
        f"/v1/members/{{end}}X-{PLANTED}:%201/cohorts",
        f"/docs/{{end}}X-{PLANTED}:%201",
    ],
)
def test_path__with_encoded_line_ends__gets_into_no_header(
    stack: Stack, path: str, end: str
) -> None:
    for method in ("GET", "POST"):
        sent = {"Authorization": basic_auth(USERNAME, PASSWORD)}
        answer = stack.call(method, path.format(end=end), b"{}", sent)
        assert answer.status in (400, 401, 404, 405)
        assert PLANTED not in str(answer.headers)
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "sent",
    [
        f"12345678\r\n X-{PLANTED}: 1",
        f"12345678\rX-{PLANTED}: 1",
        f"12345678\nX-{PLANTED}: 1",
        f"12345678\0{PLANTED}",
        f"12345678 {PLANTED}",
        f"12345678,{PLANTED}",
        f"1234567\x85{PLANTED}",
        f"<{PLANTED}>",
        PLANTED * 100,
    ],
)
@pytest.mark.parametrize("name", ["X-Request-Id", "Host", "Origin", "X-Forwarded-Host", "Accept"])
def test_header__with_line_ends_or_more__comes_back_in_none(
    stack: Stack, name: str, sent: str
) -> None:
    with stack.connect() as connection:
        host = "" if name == "Host" else "Host: x\r\n"
        head = f"GET /healthz HTTP/1.1\r\n{host}{name}: {sent}\r\n\r\n"
        connection.sendall(head.encode("latin-1"))
        answer = read_answer(connection)
    assert answer.status in (200, 400)
    assert PLANTED not in str(answer.headers)
    assert PLANTED not in answer.body.decode()
