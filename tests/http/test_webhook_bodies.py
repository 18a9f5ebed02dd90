"""The webhook's bodies: how they may be framed, how large and how deep, and what is no JSON."""

import gzip
import json
import time
import zlib

import pytest

from tests.http.webhook import accepted, body, padded, raw, refused, unique
from tests.stack import DEFAULT, PASSWORD, USERNAME, Answer, Stack, basic_auth, read_answer

MEBIBYTE = 1024 * 1024
LIMIT = 16 * MEBIBYTE
GZIP = {"Content-Encoding": "gzip"}


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


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def with_property(cohort: str, value: bytes) -> bytes:
    """Build a page of one member with a property of this JSON."""
    members = [{"distinct_id": "a", "p": "HERE"}]
    return raw(cohort, members=members).replace(b'"HERE"', value)


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


def test_members__10000_of_them__are_accepted(stack: Stack) -> None:
    accepted(stack.post(body(unique(), *range(10_000))))


def test_members__one_more__are_refused_naming_the_limit(stack: Stack) -> None:
    cohort = unique()
    message = refused(stack.post(body(cohort, *range(10_001))), 400)
    assert "10000" in message
    assert stack.cohort(cohort) is None


@pytest.mark.parametrize("level", [1, 9])
def test_gzip__of_a_page__is_accepted(stack: Stack, level: int) -> None:
    cohort = unique()
    accepted(stack.post(gzip.compress(raw(cohort, "a"), level), headers=GZIP))
    assert set(stack.members(cohort)) == {"a"}


def test_gzip__by_its_older_name__is_accepted(stack: Stack) -> None:
    sent = gzip.compress(raw(unique(), "a"))
    for name in ("x-gzip", "X-GZip", " gzip "):
        accepted(stack.post(sent, headers={"Content-Encoding": name}))


def test_gzip__in_several_members__is_their_joined_text(stack: Stack) -> None:
    page = raw(unique(), "a")
    halves = gzip.compress(page[:50]) + gzip.compress(page[50:])
    accepted(stack.post(halves, headers={"Content-Encoding": "GZIP"}))


def test_gzip__in_very_many_members__is_refused_at_once(stack: Stack) -> None:
    empty = gzip.compress(b"")
    began = time.monotonic()
    refused(stack.post(empty * (4 * MEBIBYTE // len(empty)), headers=GZIP), 400, action=None)
    assert time.monotonic() - began < 10


def test_gzip__inflating_to_the_limit__is_accepted_and_no_byte_more(stack: Stack) -> None:
    accepted(stack.post(gzip.compress(padded(unique(), LIMIT), 1), headers=GZIP))
    answer = stack.post(gzip.compress(padded(unique(), LIMIT + 1), 1), headers=GZIP)
    assert str(LIMIT) in refused(answer, 400, action=None)


def test_gzip__that_explodes__is_refused_naming_the_limit(stack: Stack) -> None:
    bomb = gzip.compress(b" " * (20 * MEBIBYTE) + raw(unique(), "a"))
    assert len(bomb) < 40_000
    assert str(LIMIT) in refused(stack.post(bomb, headers=GZIP), 400, action=None)


@pytest.mark.parametrize(
    "garbage", [b"{}", b"\x1f\x8b" + b"\0" * 30, b"\x1f\x8b\x08" + b"\xff" * 50]
)
def test_gzip__that_is_none__is_refused(stack: Stack, garbage: bytes) -> None:
    assert "gzip" in refused(stack.post(garbage, headers=GZIP), 400, action=None)


def test_gzip__with_a_broken_checksum__is_refused(stack: Stack) -> None:
    packed = bytearray(gzip.compress(raw(unique(), "a")))
    packed[-8] ^= 1
    assert "gzip" in refused(stack.post(bytes(packed), headers=GZIP), 400, action=None)


def test_gzip__with_garbage_behind__is_refused(stack: Stack) -> None:
    packed = gzip.compress(raw(unique(), "a")) + b"garbage"
    refused(stack.post(packed, headers=GZIP), 400, action=None)


@pytest.mark.parametrize("kept", [5, 40, -9, -1])
def test_gzip__cut_short__is_503(stack: Stack, kept: int) -> None:
    cohort = unique()
    packed = gzip.compress(raw(cohort, "a"))
    refused(stack.post(packed[:kept], headers=GZIP), 503, action=None)
    assert stack.cohort(cohort) is None


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "compress", "gzip, gzip", "x"])
def test_content_encoding__other_than_gzip__is_refused(stack: Stack, encoding: str) -> None:
    packed = zlib.compress(raw(unique(), "a"))
    message = refused(stack.post(packed, headers={"Content-Encoding": encoding}), 400, action=None)
    assert "gzip" in message


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


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"null", b"[]", b"5", b'"members"', b"action=members", b"\0", b"{}{}", b"nan"],
)
def test_body__that_is_no_page_at_all__is_400(stack: Stack, garbage: bytes) -> None:
    assert "JSON object" in refused(stack.post(garbage), 400, action=None)


@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"]
)
def test_body__that_is_not_utf8__is_400(stack: Stack, wrong: bytes) -> None:
    page = raw(unique(), "HERE").replace(b"HERE", wrong)
    assert "UTF-8" in refused(stack.post(page), 400, action=None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_body__in_another_unicode_encoding__is_400(stack: Stack, encoding: str) -> None:
    refused(stack.post(raw(unique(), "a").decode().encode(encoding)), 400, action=None)


def test_body__behind_a_byte_order_mark__is_accepted(stack: Stack) -> None:
    accepted(stack.post(b"\xef\xbb\xbf" + raw(unique(), "a")))


@pytest.mark.parametrize("levels", [100, 250, 251, 496])
def test_depth__up_to_500__is_accepted_and_kept(stack: Stack, levels: int) -> None:
    cohort = unique()
    accepted(stack.post(with_property(cohort, deep(levels))))
    kept = json.dumps(stack.members(cohort)["a"]["properties"]["p"], separators=(",", ":"))
    assert kept.encode() == deep(levels)


@pytest.mark.parametrize("levels", [497, 1000, 100_000])
def test_depth__beyond_500__is_400_with_the_action(stack: Stack, levels: int) -> None:
    for value in (deep(levels), b'{"a":' * levels + b"1" + b"}" * levels):
        assert "500 levels" in refused(stack.post(with_property("c", value)), 400)
    ignored = b'{"other": %b, "action": "add_members"}' % deep(levels + 10)
    refused(stack.post(ignored), 400)


def test_depth__that_texts_hide__is_400(stack: Stack) -> None:
    hidden = b'["]",' * 600 + b"1" + b',"["]' * 600
    assert "500 levels" in refused(stack.post(with_property("c", hidden)), 400)


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_integer__of_4300_digits__is_accepted_and_kept(stack: Stack, sign: bytes) -> None:
    cohort, number = unique(), sign + b"7" * 4300
    accepted(stack.post(with_property(cohort, number)))
    assert stack.members(cohort)["a"]["properties"] == {"p": int(number)}


@pytest.mark.parametrize("digits", [4301, 100_000])
def test_integer__of_more_digits__is_400_with_the_action(stack: Stack, digits: int) -> None:
    for value in (b"7" * digits, b"-" + b"7" * digits):
        assert "digits" in refused(stack.post(with_property("c", value)), 400)


def test_nan_and_infinities__become_null(stack: Stack) -> None:
    cohort = unique()
    accepted(stack.post(with_property(cohort, b"[NaN, Infinity, -Infinity, 1e999, 1e300]")))
    assert stack.members(cohort)["a"]["properties"] == {"p": [None, None, None, None, 1e300]}


def test_keys__given_twice__count_with_their_last_value(stack: Stack) -> None:
    cohort = unique()
    page = raw(cohort, "a").replace(b'{"action": ', b'{"action": "members", "action": ')
    accepted(stack.post(page.replace(b'"members": [', b'"members": [5], "members": [')))
    assert stack.syncs(cohort)[0]["members_received"] == 1


def test_action__with_half_a_pair__is_echoed_as_it_was_sent(stack: Stack) -> None:
    refused(stack.post(b'{"action": "\\ud800"}'), 400, action="\ud800")
