"""Large bodies: how many values are looked at, how long that takes, and how many at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest

from gateway import errors
from gateway.core import deadline
from gateway.sources import json_body
from gateway.sources.mixpanel import body
from tests.http.webhook import raw

MEBIBYTE: Final = 1024 * 1024
# Deeper than any Python's parser goes: 3.11 to 1,000 levels, 3.14 to 65,000 on a stack of 8 MiB.
TOO_DEEP: Final = 200_000


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """Leave no deadline behind for the tests that follow in this thread."""
    yield
    deadline.start()


def of_values(values: int, *, each: bytes = b"0") -> bytes:
    """Build a body of so many values: itself, its action, its list, and what is in that."""
    return b'{"action": "add_members", "p": [' + b",".join([each] * (values - 2)) + b"]}"


@pytest.mark.parametrize("each", [b"0", b"[]", b"{}", b'""', b"null"])
def test_values__beyond_the_limit__are_refused_with_the_action(each: bytes) -> None:
    sent = body.Body(of_values(json_body.MAX_VALUES + 3, each=each))
    assert sent.action == "add_members"
    with pytest.raises(errors.Malformed, match="more than 2000000 values"):
        sent.page(identity_property=None, max_members=1)


def test_values__within_the_limit__are_read() -> None:
    with pytest.raises(errors.Malformed, match="parameters: missing"):
        body.Body(of_values(json_body.MAX_VALUES - 10)).page(identity_property=None, max_members=1)


@pytest.mark.parametrize("text", [b"[,{", b'\\",', b"\\\\,", b'\\\\\\",[', b"\\u002c,"])
def test_values__named_in_texts_only__do_not_count(text: bytes) -> None:
    inside = b'"' + text * (json_body.MAX_VALUES + 1) + b'"'
    assert json_body.parse(b'{"action": "x", "p": ' + inside + b"}").problem is None
    many = of_values(json_body.MAX_VALUES + 3, each=b'"' + text[:2] + b'"')
    assert "values" in str(json_body.parse(many).problem)


@pytest.mark.parametrize(
    ("opening", "filling"),
    [
        (b"[" * TOO_DEEP + b'"', b'\\"'),
        (b"[" * TOO_DEEP + b'"', b"\\\n"),
        (b"[" * TOO_DEEP, b'"a" '),
        (b'{"a":' * TOO_DEEP, b'"\\'),
        (b"[" * TOO_DEEP + b'"', b"\\\\"),
    ],
)
def test_body__too_deep_and_full_of_quotes__is_refused_in_time(
    opening: bytes, filling: bytes
) -> None:
    began = time.monotonic()
    sent = body.Body(b'{"action": "members", "a": ' + opening + filling * 250_000)
    assert sent.action == "members"
    with pytest.raises(errors.Malformed):
        sent.page(identity_property=None, max_members=1)
    assert time.monotonic() - began < 20  # looking from each quote anew would take days


@pytest.mark.parametrize("seconds", [0.05, -1])
def test_large_body__while_another_is_read__waits_for_as_long_as_there_is_time(
    seconds: float,
) -> None:
    turn = threading.Lock()
    large = raw("c", "a", padding="x" * MEBIBYTE)
    with turn:
        deadline.start(time.monotonic() + seconds)
        with pytest.raises(errors.Unavailable, match="large"):
            body.Body(large, turn=turn)
        assert body.Body(raw("c", "a"), turn=turn).action == "add_members"
    assert body.Body(large, turn=turn).action == "add_members"


def test_large_body__read_and_refused__lets_the_next_one_have_its_turn() -> None:
    turn = threading.Lock()
    for page in (raw("c", None, padding="x" * MEBIBYTE), b"{" + b" " * MEBIBYTE):
        with pytest.raises(errors.Malformed):
            body.Body(page, turn=turn).page(identity_property=None, max_members=1)
        assert not turn.locked()
