r"""Rosters: what is written for COPY can be read and thinned out without parsing it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cohorts import member_rows

# Texts full of what COPY's text format gives a meaning to, and of what other formats do.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("\\\t\n\r\b\f\v.Nnt\x85\u2028\ufffd\U0001f600 "),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    )
)


def written(*member_ids: str) -> bytes:
    """Write one line for each id, with an empty profile."""
    rest = "\t".join([member_rows.NULL] * (len(member_rows.COLUMNS) - 2) + ["{}"])
    return "".join(f"{member_rows.escape(each)}\t{rest}\n" for each in member_ids).encode()


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain", "plain"),
        ("", ""),
        ("\\N", "\\\\N"),
        ("\\.", "\\\\."),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("\x85\u2028", "\x85\u2028"),
    ],
)
def test_escape__of_a_text__is_copys_text_format(value: str, escaped: str) -> None:
    assert member_rows.escape(value) == escaped


@given(TEXTS)
def test_unescape__of_an_escaped_text__is_the_text_in_one_line_and_column(value: str) -> None:
    escaped = member_rows.escape(value)
    assert member_rows.unescape(escaped) == value
    assert not set("\t\n\r") & set(escaped)
    assert escaped not in (member_rows.NULL, "\\.")


@given(st.lists(TEXTS))
def test_member_ids__of_a_roster__are_those_written_in_order(ids: list[str]) -> None:
    assert member_rows.member_ids(written(*ids)) == ids


@given(st.lists(TEXTS), st.lists(TEXTS, max_size=2))
def test_without_digests__of_some__drops_just_their_lines(ids: list[str], gone: list[str]) -> None:
    digests = {hashlib.sha256(each.encode()).digest() for each in gone}
    kept = [each for each in ids if each not in gone]
    assert member_rows.without_digests(written(*ids), digests) == written(*kept)


def test_without_digests__of_strangers__is_the_very_same_roster() -> None:
    text = written("a", "b\t")
    assert member_rows.without_digests(text, {hashlib.sha256(b"c").digest()}) is text


@given(st.lists(TEXTS), st.lists(TEXTS, max_size=3))
def test_without_digests__of_some_bare__leaves_nothing_but_their_ids(
    ids: list[str], gone: list[str]
) -> None:
    digests = [hashlib.sha256(each.encode()).digest() for each in gone]
    bare = {*gone[:2]}
    text = b"".join(line(each, profile="known") for each in ids)
    left = member_rows.without_digests(text, digests, bare=digests[:2])
    assert left == b"".join(
        line(each, profile=member_rows.NULL if each in bare else "known")
        for each in ids
        if each in bare or each not in gone
    )
    assert member_rows.without_digests(left, digests[:2], bare=digests[:2]) is left
    assert member_rows.named(text, digests[:2]) == [each for each in ids if each in bare]


def line(member_id: str, *, profile: str) -> bytes:
    columns = [member_rows.escape(member_id), *[profile] * (len(member_rows.COLUMNS) - 1)]
    return "\t".join(columns).encode() + b"\n"


@pytest.mark.parametrize("stranger", ["b", "a\tb", "aa", "", "{}", "\\N"])
def test_without_ids__of_a_stranger__is_the_very_same_roster(stranger: str) -> None:
    text = written("a", "ab", "b\t")
    assert member_rows.without_ids(text, {member_rows.escape(stranger).encode()}) is text


@given(st.lists(TEXTS), st.sets(TEXTS))
def test_without_ids__of_several__drops_each_of_them(ids: list[str], gone: set[str]) -> None:
    gone |= set(ids[::2])
    kept = [each for each in ids if each not in gone]
    escaped = {member_rows.escape(each).encode() for each in gone}
    assert member_rows.without_ids(written(*ids), escaped) == written(*kept)
    assert escaped.issuperset(
        set(member_rows.escaped_ids(written(*ids))).difference(
            member_rows.escaped_ids(written(*kept))
        )
    )


@pytest.mark.parametrize("damaged", [b"no separator", b"a\tb\nno end of line"])
def test_without_ids__of_a_damaged_roster__leaves_that_to_postgres(damaged: bytes) -> None:
    assert member_rows.without_ids(damaged, {b"c"}) is damaged
