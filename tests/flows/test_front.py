"""What `check --url` finds out about what stands before a webhook."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from gateway.core.health.finding import Finding, Level
from gateway.flows.health import public_url

MEBIBYTE = 1024 * 1024

# Takes a method, the headers and the length of a body; gives a status, and whether it is ours.
Answer = Callable[[str, dict[str, str], bytes], tuple[int, bool]]


def gateway(method: str, _headers: dict[str, str], _body: bytes) -> tuple[int, bool]:
    """Answer as the gateway does."""
    return (405 if method == "GET" else 401), True


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve on a free port during the block; the URL of a webhook there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, ours = answer(self.command, dict(self.headers), body)
            said = {"action": None, "status": "failure", "error": {"message": "", "code": status}}
            text = json.dumps(said).encode() if ours else b"<html>Forbidden</html>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/mixpanel/default"
        server.shutdown()


def errors_of(answer: Answer) -> list[Finding]:
    """Return what is wrong with something that answers so."""
    with answering(answer) as url:
        return [one for one in public_url.front(url) if one.level is Level.ERROR]


def test_front__that_lets_everything_through__is_good_but_for_tls() -> None:
    with answering(gateway) as url:
        found = public_url.front(url)
    assert [one.level for one in found[1:]] == [Level.OK] * 7
    assert (found[0].level, "without TLS" in found[0].text) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("refuses", "status", "word"),
    [
        (lambda _headers, body: len(body) > 10 * MEBIBYTE, 413, "15 MiB"),
        (lambda _headers, body: len(body) > 16 * MEBIBYTE, 413, "17 MiB"),
        (lambda _headers, body: b"<script>" in body, 403, "looks like an attack"),
        (lambda headers, _body: "Content-Encoding" in headers, 415, "compressed"),
        (lambda headers, _body: "Content-Type" not in headers, 415, "without a Content-Type"),
        (lambda headers, _body: "Authorization" not in headers, 302, "a GET"),
    ],
)
def test_front__that_refuses_by_itself__is_an_error_that_says_what(
    refuses: Callable[[dict[str, str], bytes], bool], status: int, word: str
) -> None:
    def answer(method: str, headers: dict[str, str], body: bytes) -> tuple[int, bool]:
        if refuses(headers, body):
            return status, False
        return gateway(method, headers, body)

    found = errors_of(answer)
    assert any(word in one.text and f"answered {status}" in one.text for one in found)
    assert all(one.remedy and "docs/deploy.md" in one.remedy for one in found)


def test_front__of_another_source__says_that_there_is_none() -> None:
    found = errors_of(lambda method, _headers, _body: (404 if method == "POST" else 405, True))
    assert {one.text.partition(": ")[2] for one in found} == {"the gateway has no such source"}


def test_front__that_answers_a_get__is_no_webhook() -> None:
    (finding,) = errors_of(lambda _method, _headers, _body: (200, True))
    assert "instead of 405" in finding.text


def test_front__that_speaks_no_tls_behind_an_https_url__is_one_error() -> None:
    with answering(gateway) as url:
        (finding,) = public_url.front(url.replace("http://", "https://"))
    assert (finding.level, "no answer" in finding.text) == (Level.ERROR, True)


def test_front__where_nobody_is__is_one_error() -> None:
    found = public_url.front("http://127.0.0.1:1/webhooks/mixpanel/default")
    assert [one.level for one in found] == [Level.WARNING, Level.ERROR]
    assert "no answer" in found[1].text
    (finding,) = public_url.front("gateway.example.com/webhooks")
    assert (finding.level, "no URL" in finding.text) == (Level.ERROR, True)
