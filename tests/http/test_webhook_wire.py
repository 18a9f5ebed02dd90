"""The webhook's bytes on a wire: how heads and bodies may be framed, cut short, and how large."""

import gzip

import pytest

from tests.http.webhook import accepted, padded, raw, refused, unique
from tests.stack import DEFAULT, PASSWORD, USERNAME, Answer, Stack, basic_auth, read_answer

LIMIT = 16 * 1024 * 1024


def head(*lines: str) -> bytes:
    """Build the head of a POST with good credentials."""
    first = (f"POST {DEFAULT} HTTP/1.1", "Host: gateway.test")
    auth = f"Authorization: {basic_auth(USERNAME, PASSWORD)}"
    return "\r\n".join([*first, auth, *lines, "", ""]).encode()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def exchange(stack: Stack, sent: bytes, *, end: bool = False) -> Answer:
    """Send bytes on a connection of their own, and close our half if that was the `end`."""
    with stack.connect() as connection:
        connection.sendall(sent)
        if end:
            connection.shutdown(1)
        return read_answer(connection)


def test_credentials__with_latin_1_bytes__are_401(stack: Stack) -> None:
    with stack.connect() as connection:
        head = f"POST {DEFAULT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Basic "
        connection.sendall(head.encode() + b"\xe9\xff\r\n\r\n{}")
        refused(read_answer(connection), 401, action=None)


def test_body__of_16_mebibytes__is_accepted(stack: Stack) -> None:
    page = padded(unique(), LIMIT)
    assert len(page) == LIMIT
    accepted(stack.post(page))


def test_body__of_one_byte_more__is_refused_naming_the_limit(stack: Stack) -> None:
    cohort = unique()
    message = refused(stack.post(padded(cohort, LIMIT + 1)), 400, action=None)
    assert str(LIMIT) in message
    assert stack.cohort(cohort) is None


def test_body__declared_far_larger__is_refused_without_waiting_for_it(stack: Stack) -> None:
    answer = exchange(stack, head(f"Content-Length: {10**12}") + b'{"action"')
    assert str(LIMIT) in refused(answer, 400, action=None)


def test_body__chunked_beyond_the_limit__is_refused_naming_it(stack: Stack) -> None:
    sent = head("Transfer-Encoding: chunked") + b"%x\r\n" % (LIMIT + 1)
    assert str(LIMIT) in refused(exchange(stack, sent + b"x" * 1000), 400, action=None)


def test_chunked__in_any_pieces__is_accepted(stack: Stack) -> None:
    cohort = unique()
    page = raw(cohort, "a")
    for size in (1, 7, 1000, len(page)):
        parts = [page[at : at + size] for at in range(0, len(page), size)]
        sent = head("Transfer-Encoding: chunked") + chunks(*parts, b"")
        accepted(exchange(stack, sent))
    sync = stack.syncs(cohort)[0]
    assert (sync["pages_received"], sync["duplicates"]) == (1, 3)


def test_chunked__and_gzipped__is_accepted(stack: Stack) -> None:
    packed = gzip.compress(raw(unique(), "a"))
    sent = head("Transfer-Encoding: chunked", "Content-Encoding: gzip")
    accepted(exchange(stack, sent + chunks(packed[:20], packed[20:], b"")))


@pytest.mark.parametrize("cut", [b"", b"5\r\n", b"5\r\nab", b"0\r\n"])
def test_chunked__cut_short__is_503(stack: Stack, cut: bytes) -> None:
    cohort = unique()
    sent = head("Transfer-Encoding: chunked") + chunks(raw(cohort, "a")) + cut
    refused(exchange(stack, sent, end=True), 503, action=None)
    assert stack.cohort(cohort) is None


@pytest.mark.parametrize("missing", [1, 20, 10_000])
def test_content_length__of_a_body_cut_short__is_503(stack: Stack, missing: int) -> None:
    cohort = unique()
    page = raw(cohort, "a")
    sent = head(f"Content-Length: {len(page) + missing}") + page
    refused(exchange(stack, sent, end=True), 503, action=None)
    assert stack.cohort(cohort) is None


@pytest.mark.parametrize(
    "sent",
    [
        head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"-2\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"2\r\n{}XX0\r\n\r\n",
        head("Transfer-Encoding: chunked", "Content-Length: 2") + b"2\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: gzip") + b"{}",
        head("Content-Length: 2", "Content-Length: 3") + b"{}",
        head("Content-Length: -2") + b"{}",
        head("Content-Length: two") + b"{}",
        head("Content-Length: +2") + b"{}",
        head("Bad Header: x", "Content-Length: 2") + b"{}",
        head(": x", "Content-Length: 2") + b"{}",
        head("No-Colon", "Content-Length: 2") + b"{}",
        head("X: " + "x" * 20_000, "Content-Length: 2") + b"{}",
        head(*[f"X-{n}: x" for n in range(200)], "Content-Length: 2") + b"{}",
        f"POST {DEFAULT}\r\n\r\n".encode(),
        f"POST {DEFAULT} HTTP/9.9\r\nHost: x\r\n\r\n".encode(),
        f"POST {DEFAULT}?{'x' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
)
def test_framing__malformed__is_400_in_our_shape(stack: Stack, sent: bytes) -> None:
    refused(exchange(stack, sent), 400, action=None)


def test_expect__of_a_go_ahead__gets_it_before_the_body(stack: Stack) -> None:
    page = raw(unique(), "a")
    with stack.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(page)}", "Expect: 100-continue"))
        interim = connection.recv(100)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(page)
        accepted(read_answer(connection))


def test_connection__kept__takes_page_after_page(stack: Stack) -> None:
    with stack.connect() as connection:
        for _ in range(3):
            page = raw(unique(), "a")
            connection.sendall(head(f"Content-Length: {len(page)}") + page)
            accepted(read_answer(connection))
            connection.sendall(head("Content-Length: 1") + b"{")
            refused(read_answer(connection), 400, action=None)
