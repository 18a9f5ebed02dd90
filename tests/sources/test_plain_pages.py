"""Pages as nearly all are, with the same names and clean texts, which are written in one go."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources import member_writer
from tests.sources.json_values import PLAIN
from tests.sources.rosters import IDENTITIES, one_by_one, read_all, rows

NAMES = st.sampled_from(
    [
        *member_writer.IDENTITY,
        *member_writer.EMAIL,
        "phone",
        "last_name",
        "plan",
        "%s",
        "{}",
        "\xe9\u2028",
        "",
    ]
)
IDS = st.sampled_from(
    [*"abcdef", "\xe9", "a b", " ", "", "\x85", "\u3000", "x" * 1025, "\xe9" * 512]
)

Member = dict[str, object]


@st.composite
def pages(draw: st.DrawFn) -> list[object]:
    """Draw members of the same names, in any order, with texts for values."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    texts = {name: IDS if name in member_writer.IDENTITY else PLAIN | IDS for name in names}
    found = draw(st.lists(st.fixed_dictionaries(texts), min_size=1, max_size=6))
    return [dict(draw(st.permutations(list(member.items())))) for member in found]


def odd_name(member: Member) -> object:
    return {**member, "odd": "a"}


def other_name(member: Member) -> object:
    return {"odd" if name == "plan" else name: value for name, value in member.items()}


def no_text(member: Member) -> object:
    return {**member, "plan": None, "email": [{"a": 1.5}]}


def number_for_id(member: Member) -> object:
    return {**member, "mixpanel_distinct_id": 7}


def no_object(member: Member) -> object:
    return list(member)


ODDITIES = (odd_name, other_name, no_text, number_for_id, no_object)


@given(pages(), IDENTITIES)
def test_plain_page__in_one_go__is_as_one_by_one(
    members: list[object], identity: tuple[str, ...]
) -> None:
    written = member_writer.write_rows(members, identity=identity, clean=True)
    assert (read_all(written), written.skipped) == one_by_one(members, identity)


@given(pages(), st.sampled_from(ODDITIES), st.integers(0, 5), IDENTITIES)
def test_plain_page__but_for_one_member__is_as_one_by_one(
    members: list[object],
    spoil: Callable[[object], object],
    place: int,
    identity: tuple[str, ...],
) -> None:
    members[place % len(members)] = spoil(members[place % len(members)])
    written = member_writer.write_rows(members, identity=identity, clean=True)
    assert (read_all(written), written.skipped) == one_by_one(members, identity)


def member(number: int, **others: object) -> Member:
    """Describe somebody as Mixpanel does."""
    return {"mixpanel_distinct_id": f"p{number}", "email": "e", "plan": f"gold {number}", **others}


@pytest.mark.parametrize("spoil", [None, *ODDITIES])
def test_plain_page__however_long__has_the_same_bytes_as_the_long_way(
    spoil: Callable[[Member], object] | None,
) -> None:
    members: list[object] = [member(number) for number in range(1000)]
    if spoil is not None:
        members[500] = spoil(member(500))
    quick, slow = (
        member_writer.write_rows(members, identity=member_writer.IDENTITY, clean=clean)
        for clean in (True, False)
    )
    assert quick == slow


def test_plain_page__with_names_in_any_order__has_each_text_in_its_place() -> None:
    shuffle = random.Random(1)  # noqa: S311 - no secret
    members = [member(number, first_name=f"F{number}") for number in range(100)]
    found = rows(
        *(dict(shuffle.sample(list(each.items()), len(each))) for each in members), clean=True
    )
    assert found == rows(*members)


def test_plain_page__of_repeated_ids__takes_the_last_of_each() -> None:
    members = [member(number % 10, email=f"{number}@example.com") for number in range(100)]
    assert rows(*members, clean=True) == rows(*members[-10:], clean=True)


def test_plain_page__with_two_spellings_of_a_field__takes_the_first() -> None:
    members = [member(number, **{"$email": "other"}) for number in range(3)]
    assert [row["email"] for row in rows(*members, clean=True)] == ["e", "e", "e"]


def test_plain_page__where_another_name_stands_for_a_second_spelling__keeps_it() -> None:
    members = [member(1, **{"$email": "other"}), member(2, odd="kept")]
    found = rows(*members, clean=True)
    assert [row["properties"] for row in found] == [
        {"plan": "gold 1"},
        {"plan": "gold 2", "odd": "kept"},
    ]


def test_plain_page__of_nobody__is_empty() -> None:
    assert rows(clean=True) == []
