"""Google's rules of formatting, against its examples, and where they differ from Meta's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.google import normalise
from gateway.destinations.meta import normalise as meta
from gateway.destinations.normalise import hashing


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (normalise.email, " A lex@Example.COM ", "alex@example.com"),
        (normalise.email, "a.l.e.x@gmail.com", "alex@gmail.com"),
        (normalise.email, "A.lex+x@GoogleMail.com", "alex+x@googlemail.com"),
        (normalise.email, "a.l.e.x@example.com", "a.l.e.x@example.com"),
        (normalise.email, "...@gmail.com", ""),
        (normalise.email, "alex", ""),
        (normalise.given_name, " Mrs. Anna ", "anna"),
        (normalise.given_name, "Dr Anna Maria", "anna maria"),
        (normalise.given_name, "Drew", "drew"),
        (normalise.given_name, "Ms", "ms"),
        (normalise.family_name, "King, Jr.", "king"),
        (normalise.family_name, "Windsor III", "windsor"),
        (normalise.family_name, " O'Brien ", "o'brien"),
        (normalise.region_code, " us ", "US"),
        (normalise.region_code, "Germany", ""),
        (normalise.postal_code, " SW1A 1AA ", "SW1A 1AA"),
        (normalise.mobile_id, "0000-00", ""),
        (normalise.mobile_id, " AB-1 ", "AB-1"),
    ],
)
def test_rule__of_a_text__is_googles(rule: Callable[[str], str], text: str, expected: str) -> None:
    assert rule(text) == expected


def test_phone__of_googles_example__keeps_its_plus_sign() -> None:
    assert normalise.phone("(800)555-0100", "US") == "+18005550100"
    assert normalise.phone("nothing", "US") == ""


def test_hash__of_a_known_address__is_as_published() -> None:
    # The example that documents of several vendors share.
    assert (
        hashing.sha256(normalise.email("Test@Example.com"))
        == "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    )


def test_rules__of_the_two_vendors__differ_where_they_say_so() -> None:
    assert meta.email("a.b@gmail.com") != normalise.email("a.b@gmail.com")
    assert meta.phone("+18005550100", None) != normalise.phone("+18005550100", None)


@given(text=st.text())
def test_email__applied_twice__changes_nothing(text: str) -> None:
    once = normalise.email(text)
    assert normalise.email(once) == once
