"""What gunicorn's parser refuses is answered by the door: a 400 in the webhook's shape."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.door_client import GET, POST, Client, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process with a single thread."""
    with Server(tmp_path_factory.mktemp("door")) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """One connection."""
    with server.client() as connected:
        yield connected


REFUSED = {
    "both framings": POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": POST + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "list of lengths": POST + "Content-Length: 5, 5\r\n\r\n",
    "signed length": POST + "Content-Length: +5\r\n\r\n",
    "length of words": POST + "Content-Length: five\r\n\r\n",
    "chunked twice": POST + "Transfer-Encoding: chunked, chunked\r\n\r\n",
    "chunked not last": POST + "Transfer-Encoding: chunked, gzip\r\n\r\n",
    "gzip, then chunked": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "deflate, then chunked": POST
    + "Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n",
    "gzip only": POST + "Transfer-Encoding: gzip\r\n\r\n",
    "unknown coding": POST + "Transfer-Encoding: cohort\r\n\r\n",
    "chunked in 1.0": "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unknown expectation": POST + "Expect: 200-maybe\r\n\r\n",
    "no request line": "hello\r\n\r\n",
    "no target": "POST  HTTP/1.1\r\n\r\n",
    "unencoded target": "POST /\xe9 HTTP/1.1\r\n\r\n",
    "small method": "post / HTTP/1.1\r\n\r\n",
    "other version": "POST / HTTP/2.0\r\n\r\n",
    "no version": "POST /\r\n\r\n",
    "preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bare line feeds": "POST / HTTP/1.1\nHost: gateway\n\n",
    "bare line feed in a head": POST + "A: b\nC: d\r\n",
    "header without colon": POST + "Content-Length\r\n\r\n",
    "space before colon": POST + "Content-Length : 5\r\n\r\n",
    "control character": POST + "A: b\x00c\r\n\r\n",
    "continued header": POST + "A: b\r\n c\r\n\r\n",
    "two hosts": POST + "Host: other\r\n\r\n",
    "long line": "POST /" + "a" * 9000,
    "long header": POST + "A: " + "b" * 9000 + "\r\n\r\n",
    "many headers": POST + "A: b\r\n" * 200 + "\r\n",
    "many dropped headers": POST + "a_:\r\n" * 20_000 + "\r\n",
}


@pytest.mark.parametrize("shape", REFUSED)
def test_head__that_gunicorn_refuses__is_a_400_in_our_shape(client: Client, shape: str) -> None:
    answer = client.send(REFUSED[shape]).send("hello" + GET).answer()
    assert answer.is_refusal(400)
    assert client.rest() == b""


@pytest.mark.parametrize(
    "head",
    [
        "GET /v1/members/" + "a" * 9000,
        "GET /v1?" + "a" * 9000 + " HTTP/1.1\r\n\r\n",
        "GET http://gateway/v1/cohorts HTTP/1.1\r\nA: " + "b" * 9000 + "\r\n\r\n",
        "GET /v1/cohorts HTTP/1.1\r\n" + "A: b\r\n" * 200 + "\r\n",
        "GET /v1/cohorts HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET /v1/cohorts HTTP/2.0\r\n\r\n",
    ],
)
def test_head__to_the_api__is_refused_as_a_problem(client: Client, head: str) -> None:
    answer = client.send(head).answer()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": answer.status,
        "detail": answer.json["detail"],
        "code": "malformed",
    }
    assert answer.status == 400


def test_head__to_the_api__cut_short__is_a_503_problem(client: Client) -> None:
    answer = client.send("GET /v1/cohorts HTTP/1.1\r\n").half_close().answer()
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("target", ["/v10", "/webhooks/v1/", "http://v1/", "/x//v1/"])
def test_head__to_another_path__is_refused_in_the_webhooks_shape(
    client: Client, target: str
) -> None:
    assert client.send(f"GET {target} HTTP/3.0\r\n\r\n").answer().is_refusal(400)


def test_head__that_never_ends__is_a_400(client: Client) -> None:
    client.send(POST)
    for _ in range(20):
        client.send(("A: " + "b" * 8000 + "\r\n") * 10)
    assert client.answer().is_refusal(400)
    assert client.rest() == b""


def test_refusal__of_any_request__does_not_repeat_it(client: Client) -> None:
    client.send("GET /v1/members/member-4711 HTTP/3.0\r\n\r\n")
    assert b"4711" not in client.rest()
