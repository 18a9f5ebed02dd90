"""Meta's rules for the keys of a customer file, against its examples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.meta import normalise
from gateway.destinations.normalise import hashing


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (normalise.email, " John_Smith@gmail.com ", "john_smith@gmail.com"),
        (normalise.email, "J.o.h.n+Tag@Gmail.com", "j.o.h.n+tag@gmail.com"),
        (normalise.email, "no address", ""),
        (normalise.email, "two words@example.com", ""),
        (normalise.name, " Mary ", "mary"),
        (normalise.name, "O'Brien-Łukasz.", "obrienłukasz"),
        (normalise.name, "Vale\u0301ry", "valéry"),
        (normalise.name, "정", "정"),
        (normalise.name, "Anna Maria", "anna maria"),
        (normalise.initial, "'Édouard", "é"),
        (normalise.initial, "", ""),
        (normalise.gender, "Female", "f"),
        (normalise.gender, " M ", "m"),
        (normalise.gender, "unknown", ""),
        (normalise.birth_year, "1984", "1984"),
        (normalise.birth_year, "84", ""),
        (normalise.birth_year, "1984-01-02T00:00:00Z", "1984"),
        (normalise.birth_month, "1984-1-2", "01"),
        (normalise.birth_month, "7", "07"),
        (normalise.birth_month, "13", ""),
        (normalise.birth_day, "1984-01-02", "02"),
        (normalise.birth_day, "31", "31"),
        (normalise.birth_day, "0", ""),
        (normalise.birth_day, "32", ""),
        (normalise.city, "St. John's 2", "stjohns"),
        (normalise.city, "São Paulo", "sãopaulo"),
        (normalise.country, " US ", "us"),
        (normalise.country, "Germany", ""),
        (normalise.advertiser_id, "AB12-CD", "ab12-cd"),
        (normalise.advertiser_id, "00000000-0000-0000-0000-000000000000", ""),
    ],
)
def test_rule__of_a_text__is_metas(rule: Callable[[str], str], text: str, expected: str) -> None:
    assert rule(text) == expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("California", "us", "ca"),
        ("New York", "", "ny"),
        ("ca", "us", "ca"),
        ("D.C.", "us", "dc"),
        ("Atlantis", "us", ""),
        ("California", "mx", "california"),
        ("Île-de-France", "fr", "îledefrance"),
        ("Baden-Württemberg", "", "badenwürttemberg"),
    ],
)
def test_state__of_the_us__has_two_letters(text: str, country: str, expected: str) -> None:
    assert normalise.state(text, country) == expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("94035-1234", "us", "94035"),
        ("940351234", "us", "94035"),
        ("94035-1234", "", "94035"),
        ("94035", "", "94035"),
        ("940", "us", ""),
        ("SW1A 1AA", "gb", "sw1a1aa"),
        ("M1 1AE", "", "m11ae"),
        ("00-950", "pl", "00950"),
    ],
)
def test_postal_code__of_the_us__has_five_digits(text: str, country: str, expected: str) -> None:
    assert normalise.postal_code(text, country) == expected


@pytest.mark.parametrize(
    ("normal", "expected"),
    [
        (
            normalise.email(" John_Smith@gmail.com"),
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        (
            normalise.phone("+1 (650) 555-1212", None),
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        ),
        (
            normalise.phone("650-555-1212", "US"),
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        ),
        (
            normalise.name("Valéry"),
            "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c",
        ),
        (
            normalise.name("정"),
            "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14",
        ),
    ],
)
def test_hash__of_a_normalised_value__is_metas(normal: str, expected: str) -> None:
    assert hashing.sha256(normal) == expected


@given(text=st.text(), rule=st.sampled_from(sorted(normalise.PLAIN)))
def test_rules__applied_twice__change_nothing(text: str, rule: str) -> None:
    once = normalise.PLAIN[rule](text)
    assert normalise.PLAIN[rule](once) == once
