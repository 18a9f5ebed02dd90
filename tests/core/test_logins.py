"""Which slugs, names and passwords can be used."""

from __future__ import annotations

import pytest

from gateway.core.access import credentials


@pytest.mark.parametrize("text", ["default", "shop-eu", "a", "0", "-_-", "x" * 64])
def test_slug__of_url_characters__is_one(text: str) -> None:
    assert credentials.is_slug(text)


@pytest.mark.parametrize("text", ["", "Shop", "a/b", "a b", "ü", "x" * 65, "a\n", "a.b", "٣"])
def test_slug__of_anything_else__is_none(text: str) -> None:
    assert not credentials.is_slug(text)


def test_username__with_a_colon__is_refused_and_as_a_password_taken() -> None:
    assert not credentials.is_username("a:b")
    assert credentials.is_password("a:b")


@pytest.mark.parametrize("text", ["", "a\nb", "a\x00", "\x7f", "\ud800", "x" * 256])
def test_password__that_no_header_carries__is_refused(text: str) -> None:
    assert not credentials.is_password(text)
    assert not credentials.is_username(text)


@pytest.mark.parametrize("text", ["mixpanel", "ünï códe", "x" * 255])
def test_username__of_one_line__is_taken(text: str) -> None:
    assert credentials.is_username(text)
