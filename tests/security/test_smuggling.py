"""Requests that two servers in a row could split differently: nothing hidden in one ever runs."""

from __future__ import annotations

import contextlib
from typing import Final

import pytest

from tests.http.door_client import Client
from tests.http.webhook import body, raw, unique
from tests.stack import DEFAULT, PASSWORD, USERNAME, Stack, basic_auth

AUTH: Final = f"Authorization: {basic_auth(USERNAME, PASSWORD)}"
START: Final = f"POST {DEFAULT} HTTP/1.1\r\nHost: gateway.test\r\n"

# Each stands before a hidden request, which a server that frames otherwise would take for one.
AMBIGUOUS: Final = {
    "length and chunks": START + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": START + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": START + "Content-Length: 0\r\nContent-Length: 4\r\n\r\n",
    "a list of lengths": START + "Content-Length: 0, 4\r\n\r\n",
    "a length with a sign": START + "Content-Length: +0\r\n\r\n",
    "a hexadecimal length": START + "Content-Length: 0x0\r\n\r\n",
    "a length with a space": START + "Content-Length: 0 0\r\n\r\n",
    "a length in other digits": START + "Content-Length: \xb2\r\n\r\n",
    "an empty length": START + "Content-Length:\r\n\r\n",
    "space before the colon": START + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space before the name": START + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": START + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "control behind": START + "Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n",
    "quoted": START + 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked twice": START + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": START + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
    "chunked, then identity": START + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "unknown coding": START + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "folded": START + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": START.replace("\r", "") + "Content-Length: 0\n\n",
    "a bare line feed": START + "A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare carriage return": START + "A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP 1.0": START.replace("1.1", "1.0")
    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": START + "Host: other.test\r\nContent-Length: 0\r\n\r\n",
    "no colon": START + "Content-Length 0\r\n\r\n",
    "another version": START.replace("1.1", "2.0") + "Content-Length: 0\r\n\r\n",
    "no version": f"POST {DEFAULT}\r\n\r\n",
    "a chunk of hexadecimal with 0x": START + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk of minus nothing": START + "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
    "a chunk ended by LF": START + "Transfer-Encoding: chunked\r\n\r\n0\n\n",
    "a chunk longer than it says": START + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a huge chunk": START + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n\r\n",
    "a line feed in an extension": START + "Transfer-Encoding: chunked\r\n\r\n0;a=\n\r\n\r\n",
    "a length behind the chunks": START
    + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n",
}


def exchange(stack: Stack, sent: bytes, *, bodiless: bool = False) -> list[int]:
    """Send bytes, close our half, and return the statuses of all the answers."""
    found = []
    with Client(stack.port) as client:
        client.send(sent).half_close()
        with contextlib.suppress(EOFError):
            while True:
                found.append(client.answer(bodiless=bodiless).status)
        assert client.came == b""
    return found


def hidden(cohort: str) -> bytes:
    """Build a good request that makes a cohort."""
    page = raw(cohort, "a")
    return f"{START}{AUTH}\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_request__of_unclear_length__is_refused_with_all_behind_it(
    stack: Stack, shape: str
) -> None:
    cohort = unique("smuggled")
    assert exchange(stack, AMBIGUOUS[shape].encode("latin-1") + hidden(cohort)) == [400]
    assert stack.cohort(cohort) is None


def test_hidden_request__behind_a_clear_one__would_have_been_answered(stack: Stack) -> None:
    cohort = unique("pipelined")
    first = f"{START}{AUTH}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    assert exchange(stack, first + hidden(cohort)) == [400, 200]
    assert stack.cohort(cohort) is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [DEFAULT, "/healthz", "/v1/cohorts"])
def test_body__of_a_request_that_needs_none__is_no_request(
    stack: Stack, method: str, path: str
) -> None:
    cohort = unique("smuggled")
    inside = hidden(cohort)
    for framed in (
        b"Content-Length: %d\r\n\r\n%b" % (len(inside), inside),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(inside), inside),
    ):
        sent = f"{method} {path} HTTP/1.1\r\nHost: x\r\n".encode() + framed
        assert len(exchange(stack, sent, bodiless=method == "HEAD")) == 1
    assert stack.cohort(cohort) is None


@pytest.mark.parametrize("name", ["Content_Length", "Transfer_Encoding", "Content-Length\t"])
def test_header__that_only_looks_like_one_of_framing__frames_nothing(
    stack: Stack, name: str
) -> None:
    cohort = unique("framed")
    value = "chunked" if "Encoding" in name else "0"
    request = hidden(cohort).replace(
        b"Content-Length", f"{name}: {value}\r\nContent-Length".encode()
    )
    assert exchange(stack, request) in ([200], [400])


def test_password__of_one_request__does_not_serve_the_next_on_its_connection(stack: Stack) -> None:
    cohort, page = unique("after"), raw("x", "a")
    without = hidden(cohort).replace(f"{AUTH}\r\n".encode(), b"")
    assert exchange(stack, hidden(unique()) + without) == [200, 401]
    assert stack.cohort(cohort) is None
    assert stack.post(page, auth=None).status == 401


def test_forwarded_headers__of_a_stranger__move_nothing(stack: Stack) -> None:
    forged = {
        "X-Forwarded-Prefix": "/webhooks",
        "X-Script-Name": "/webhooks",
        "Script-Name": "/webhooks",
        "X-Original-URL": "/healthz",
        "X-Rewrite-URL": "/healthz",
        "X-Forwarded-Host": "elsewhere.test",
        "Forwarded": "host=elsewhere.test;proto=https",
        "X-Remote-User": "admin",
        "Remote-User": "admin",
    }
    assert stack.call("GET", "/v1/cohorts", headers=forged).status == 401
    answer = stack.post(body(unique(), "a"), headers=forged)
    assert answer.status == 200
    assert "elsewhere.test" not in str(answer.headers) + answer.body.decode()
