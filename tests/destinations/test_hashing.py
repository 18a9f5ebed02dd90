"""Hashes: the vectors that vendors publish, and what is hashed already."""

from __future__ import annotations

import pytest

from gateway.destinations.normalise import hashing


@pytest.mark.parametrize(
    ("normal", "expected"),
    [
        (
            "john_smith@gmail.com",
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        ("16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        ("valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        ("정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
        ("", ""),
    ],
)
def test_sha256__of_the_vendors_examples__is_theirs(normal: str, expected: str) -> None:
    assert hashing.sha256(normal) == expected


def test_md5__of_a_value__is_hexadecimal() -> None:
    assert hashing.md5("a@example.com") == "b418773a2c51fb9777a1648346fa7394"
    assert hashing.md5("") == ""


def test_given_sha256__of_a_hash_in_capitals__is_lower() -> None:
    hashed = hashing.sha256("a@example.com")
    assert hashing.given_sha256(f" {hashed.upper()} ") == hashed


@pytest.mark.parametrize("text", ["", "a@example.com", "0" * 63, "0" * 65, "g" * 64])
def test_given_sha256__of_anything_else__is_empty(text: str) -> None:
    assert hashing.given_sha256(text) == ""
