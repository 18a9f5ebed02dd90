"""Texts: which of them may be a member's id, and how the others are made storable."""

import hashlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import texts
from gateway.core.cohorts import member_ids
from gateway.core.cohorts.member_ids import Skip

ANY_TEXT = st.text(st.characters())


def test_white_space__is_the_unicode_property() -> None:
    # str.isspace() is the property and the four separators of ASCII, which do not have it.
    spaces = {character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()}
    assert set(member_ids.WHITE_SPACE) == spaces - set("\x1c\x1d\x1e\x1f")


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\x85", "\xa0", "\u2028\u3000", " " * 2000])
def test_why_unusable__of_nothing_but_white_space__is_blank(blank: str) -> None:
    assert member_ids.why_unusable(blank) is Skip.BLANK_ID


@pytest.mark.parametrize(
    "odd", ["\x1c", "\x1f", "\u200b", "\ufeff", "\u180e", " a ", ".", "..", "/", "\\N", "\x01"]
)
def test_why_unusable__of_an_odd_text__is_nothing(odd: str) -> None:
    assert member_ids.why_unusable(odd) is None


@pytest.mark.parametrize("bad", ["a\0", "\0", "\ud800", "a\udfff", "\udc00\ud800", "\ud83d" * 2000])
def test_why_unusable__with_nul_or_half_a_pair__is_bad_text(bad: str) -> None:
    assert member_ids.why_unusable(bad) is Skip.BAD_TEXT


@pytest.mark.parametrize(
    ("longest", "more"),
    [
        ("a" * 1024, "a"),
        ("\xe9" * 512, "a"),
        ("\u20ac" * 341 + "a", "a"),
        ("\U0001f600" * 256, "a"),
    ],
)
def test_why_unusable__beyond_1024_bytes__is_too_long(longest: str, more: str) -> None:
    assert member_ids.why_unusable(longest) is None
    assert member_ids.why_unusable(longest + more) is Skip.TOO_LONG


@given(st.lists(ANY_TEXT | st.text("a \xe9", max_size=3) | st.just("\u20ac" * 342), min_size=1))
def test_are_surely_usable__of_ids__is_never_said_of_an_unusable_one(ids: list[str]) -> None:
    unusable = [each for each in ids if member_ids.why_unusable(each) is not None]
    assert not (member_ids.are_surely_usable(ids) and unusable)


@pytest.mark.parametrize(
    "usual", ["a", "0", "ada@example.com", "\xe9\u4e2d", "a" * 1024, "\xe9" * 256]
)
def test_are_surely_usable__of_usual_ids__is_true(usual: str) -> None:
    assert member_ids.are_surely_usable(["b", usual])


@given(ANY_TEXT)
def test_storable__of_any_text__is_utf8_without_nul_and_as_long(value: str) -> None:
    storable = texts.storable(value)
    assert b"\0" not in storable.encode()
    assert len(storable) == len(value)
    assert texts.is_storable(value) == (storable == value)


def test_storable__with_nul_and_half_pairs__has_replacement_characters() -> None:
    assert texts.storable("a\0b\ud800c\udfff") == "a\ufffdb\ufffdc\ufffd"


@given(ANY_TEXT, st.integers(0, 5))
def test_cut__of_any_text__is_its_beginning_made_storable(value: str, length: int) -> None:
    assert texts.cut(value, length) == texts.storable(value)[:length]


@pytest.mark.parametrize("value", ["", "a", "a" * 255, "\u20ac" * 85, "\n" * 255])
def test_shown_id__of_at_most_255_bytes__is_whole(value: str) -> None:
    assert texts.kept_id(value) == texts.shown_id(value) == value


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ("a" * 256, "a" * 200),
        ("\u20ac" * 86, "\u20ac" * 66),
        ("a\U0001f600" * 52, "a\U0001f600" * 40),
        ("\xe9" * 10**6, "\xe9" * 100),
        ("a" * 200 + "\u2026" + "0" * 64, "a" * 200),
    ],
)
def test_shown_id__of_more_bytes__is_its_start_and_a_part_of_its_digest(
    value: str, start: str
) -> None:
    digest = hashlib.sha256(value.encode()).hexdigest()
    assert texts.shown_id(value) == f"{start}\u2026{digest[:16]}"
    kept = texts.kept_id(value)
    assert texts.id_of_kept(kept) == texts.shown_id(value)
    assert len(kept.encode()) > 255
    assert texts.kept_id(value + "b") != kept
