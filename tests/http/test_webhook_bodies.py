"""The webhook's bodies: how large and how deep, how packed, and what is no JSON."""

import gzip
import json
import zlib

import pytest

from tests.http.inside import Gateway
from tests.http.webhook import accepted, body, padded, raw, refused, unique

MEBIBYTE = 1024 * 1024
LIMIT = 16 * MEBIBYTE
GZIP = {"Content-Encoding": "gzip"}


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def with_property(cohort: str, value: bytes) -> bytes:
    """Build a page of one member with a property of this JSON."""
    members = [{"distinct_id": "a", "p": "HERE"}]
    return raw(cohort, members=members).replace(b'"HERE"', value)


def test_members__10000_of_them__are_accepted(gateway: Gateway) -> None:
    accepted(gateway.post(body(unique(), *range(10_000))))


def test_members__one_more__are_refused_naming_the_limit(gateway: Gateway) -> None:
    cohort = unique()
    message = refused(gateway.post(body(cohort, *range(10_001))), 400)
    assert "10000" in message
    assert gateway.cohort(cohort) is None


@pytest.mark.parametrize("level", [1, 9])
def test_gzip__of_a_page__is_accepted(gateway: Gateway, level: int) -> None:
    cohort = unique()
    accepted(gateway.post(gzip.compress(raw(cohort, "a"), level), headers=GZIP))
    assert set(gateway.members(cohort)) == {"a"}


def test_gzip__by_its_older_name__is_accepted(gateway: Gateway) -> None:
    sent = gzip.compress(raw(unique(), "a"))
    for name in ("x-gzip", "X-GZip", " gzip "):
        accepted(gateway.post(sent, headers={"Content-Encoding": name}))


def test_gzip__in_several_members__is_their_joined_text(gateway: Gateway) -> None:
    page = raw(unique(), "a")
    halves = gzip.compress(page[:50]) + gzip.compress(page[50:])
    accepted(gateway.post(halves, headers={"Content-Encoding": "GZIP"}))


def test_gzip__in_very_many_members__is_refused_at_once(gateway: Gateway) -> None:
    empty = gzip.compress(b"")
    sent = empty * (4 * MEBIBYTE // len(empty))
    assert "gzip members" in refused(gateway.post(sent, headers=GZIP), 400, action=None)


def test_gzip__inflating_to_the_limit__is_accepted_and_no_byte_more(gateway: Gateway) -> None:
    accepted(gateway.post(gzip.compress(padded(unique(), LIMIT), 1), headers=GZIP))
    answer = gateway.post(gzip.compress(padded(unique(), LIMIT + 1), 1), headers=GZIP)
    assert str(LIMIT) in refused(answer, 400, action=None)


def test_gzip__that_explodes__is_refused_naming_the_limit(gateway: Gateway) -> None:
    bomb = gzip.compress(b" " * (20 * MEBIBYTE) + raw(unique(), "a"))
    assert len(bomb) < 40_000
    assert str(LIMIT) in refused(gateway.post(bomb, headers=GZIP), 400, action=None)


@pytest.mark.parametrize(
    "garbage", [b"{}", b"\x1f\x8b" + b"\0" * 30, b"\x1f\x8b\x08" + b"\xff" * 50]
)
def test_gzip__that_is_none__is_refused(gateway: Gateway, garbage: bytes) -> None:
    assert "gzip" in refused(gateway.post(garbage, headers=GZIP), 400, action=None)


def test_gzip__with_a_broken_checksum__is_refused(gateway: Gateway) -> None:
    packed = bytearray(gzip.compress(raw(unique(), "a")))
    packed[-8] ^= 1
    assert "gzip" in refused(gateway.post(bytes(packed), headers=GZIP), 400, action=None)


def test_gzip__with_garbage_behind__is_refused(gateway: Gateway) -> None:
    packed = gzip.compress(raw(unique(), "a")) + b"garbage"
    refused(gateway.post(packed, headers=GZIP), 400, action=None)


@pytest.mark.parametrize("kept", [5, 40, -9, -1])
def test_gzip__cut_short__is_503(gateway: Gateway, kept: int) -> None:
    cohort = unique()
    packed = gzip.compress(raw(cohort, "a"))
    refused(gateway.post(packed[:kept], headers=GZIP), 503, action=None)
    assert gateway.cohort(cohort) is None


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "compress", "gzip, gzip", "x"])
def test_content_encoding__other_than_gzip__is_refused(gateway: Gateway, encoding: str) -> None:
    packed = zlib.compress(raw(unique(), "a"))
    message = refused(
        gateway.post(packed, headers={"Content-Encoding": encoding}), 400, action=None
    )
    assert "gzip" in message


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"null", b"[]", b"5", b'"members"', b"action=members", b"\0", b"{}{}", b"nan"],
)
def test_body__that_is_no_page_at_all__is_400(gateway: Gateway, garbage: bytes) -> None:
    assert "JSON object" in refused(gateway.post(garbage), 400, action=None)


@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"]
)
def test_body__that_is_not_utf8__is_400(gateway: Gateway, wrong: bytes) -> None:
    page = raw(unique(), "HERE").replace(b"HERE", wrong)
    assert "UTF-8" in refused(gateway.post(page), 400, action=None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_body__in_another_unicode_encoding__is_400(gateway: Gateway, encoding: str) -> None:
    refused(gateway.post(raw(unique(), "a").decode().encode(encoding)), 400, action=None)


def test_body__behind_a_byte_order_mark__is_accepted(gateway: Gateway) -> None:
    accepted(gateway.post(b"\xef\xbb\xbf" + raw(unique(), "a")))


@pytest.mark.parametrize("levels", [100, 250, 251, 496])
def test_depth__up_to_500__is_accepted_and_kept(gateway: Gateway, levels: int) -> None:
    cohort = unique()
    accepted(gateway.post(with_property(cohort, deep(levels))))
    kept = json.dumps(gateway.members(cohort)["a"]["properties"]["p"], separators=(",", ":"))
    assert kept.encode() == deep(levels)


@pytest.mark.parametrize("levels", [497, 1000, 100_000])
def test_depth__beyond_500__is_400_with_the_action(gateway: Gateway, levels: int) -> None:
    for value in (deep(levels), b'{"a":' * levels + b"1" + b"}" * levels):
        assert "500 levels" in refused(gateway.post(with_property("c", value)), 400)
    ignored = b'{"other": %b, "action": "add_members"}' % deep(levels + 10)
    refused(gateway.post(ignored), 400)


def test_depth__that_texts_hide__is_400(gateway: Gateway) -> None:
    hidden = b'["]",' * 600 + b"1" + b',"["]' * 600
    assert "500 levels" in refused(gateway.post(with_property("c", hidden)), 400)


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_integer__of_4300_digits__is_accepted_and_kept(gateway: Gateway, sign: bytes) -> None:
    cohort, number = unique(), sign + b"7" * 4300
    accepted(gateway.post(with_property(cohort, number)))
    assert gateway.members(cohort)["a"]["properties"] == {"p": int(number)}


@pytest.mark.parametrize("digits", [4301, 100_000])
def test_integer__of_more_digits__is_400_with_the_action(gateway: Gateway, digits: int) -> None:
    for value in (b"7" * digits, b"-" + b"7" * digits):
        assert "digits" in refused(gateway.post(with_property("c", value)), 400)


def test_nan_and_infinities__become_null(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(with_property(cohort, b"[NaN, Infinity, -Infinity, 1e999, 1e300]")))
    assert gateway.members(cohort)["a"]["properties"] == {"p": [None, None, None, None, 1e300]}


def test_keys__given_twice__count_with_their_last_value(gateway: Gateway) -> None:
    cohort = unique()
    page = raw(cohort, "a").replace(b'{"action": ', b'{"action": "members", "action": ')
    accepted(gateway.post(page.replace(b'"members": [', b'"members": [5], "members": [')))
    assert gateway.syncs(cohort)[0]["members_received"] == 1


def test_action__with_half_a_pair__is_echoed_as_it_was_sent(gateway: Gateway) -> None:
    refused(gateway.post(b'{"action": "\\ud800"}'), 400, action="\ud800")
