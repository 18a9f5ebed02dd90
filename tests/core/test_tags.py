"""Tags: equal for equal parts, and for no others."""

from __future__ import annotations

import re

from gateway.core import etags
from gateway.core.etags import IfNoneMatch


def test_of__other_parts__is_another_tag() -> None:
    made = [
        etags.of("a", 1),
        etags.of("a", 2),
        etags.of("a", "1"),
        etags.of("a", 1, None),
        etags.of("a1"),
        etags.of_bytes(b"a"),
    ]
    assert len(set(made)) == len(made)
    assert etags.of("a", 1) == made[0]


def test_tag__of_anything__needs_no_quoting() -> None:
    assert all(re.fullmatch(r"[\w-]{16}", etags.of(number)) for number in range(200))


def test_held__has__what_was_sent_or_anything() -> None:
    assert IfNoneMatch(tags=frozenset({"x"})).has("x")
    assert not IfNoneMatch(tags=frozenset({"x"})).has("y")
    assert IfNoneMatch(anything=True).has("y")
    assert not etags.NOTHING.has("")
