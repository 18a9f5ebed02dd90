"""Profiles: which of a member's fields go where, and who is skipped for what reason."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cohorts import member_rows
from gateway.sources import member_writer
from tests.sources.json_values import TEXTS, VALUES, nested
from tests.sources.rosters import IDENTITIES, one_by_one, read_all, rows

MEMBERS = nested(VALUES, TEXTS)


def skipped(*members: object, identity: tuple[str, ...] = member_writer.IDENTITY) -> dict[str, int]:
    return dict(member_writer.write_rows(members, identity=identity, clean=False).skipped)


@pytest.mark.parametrize("clean", [True, False])
def test_profile__as_documented__fills_every_field(*, clean: bool) -> None:
    member = {
        "email": "ada@example.com",
        "mixpanel_distinct_id": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone_number": "+44 1",
        "plan": {"name": "gold"},
    }
    expected = {
        "member_id": "ada",
        "distinct_id": "ada",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 1",
        "properties": {"plan": {"name": "gold"}},
    }
    assert rows(member, clean=clean) == [expected]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("email", ("email", "$email")),
        ("first_name", ("first_name", "$first_name")),
        ("last_name", ("last_name", "$last_name")),
        ("phone", ("phone_number", "phone", "$phone")),
    ],
)
def test_profile__each_alias__gives_way_to_those_before_it(
    field: str, names: tuple[str, ...]
) -> None:
    member: dict[str, object] = {"distinct_id": "a"}
    for name in reversed(names):  # also in an order other than that of the list
        member[name] = f"by {name}"
        assert rows(member)[0][field] == f"by {name}"
        assert rows(member)[0]["properties"] == {}


@pytest.mark.parametrize("other", [None, True, 1.0, [], ["a@example.com"], {"a": 1}])
def test_profile__an_alias_of_another_type__gives_way_and_stays_a_property(other: object) -> None:
    (row,) = rows({"distinct_id": "a", "email": other, "$email": "b@example.com"})
    assert (row["email"], row["properties"]) == ("b@example.com", {"email": other})
    (row,) = rows({"distinct_id": "a", "email": other})
    assert (row["email"], row["properties"]) == (None, {"email": other})
    (row,) = rows({"distinct_id": "a", "$distinct_id": other})
    assert (row["distinct_id"], row["properties"]) == ("a", {"$distinct_id": other})


@pytest.mark.parametrize("name", ["phone_number", "phone", "$phone"])
def test_profile__an_integer__is_its_decimal_text(name: str) -> None:
    members = [{"distinct_id": "a", name: 15551234567}, {"distinct_id": "b", name: "1"}]
    assert [row["phone"] for row in rows(*members)] == ["15551234567", "1"]
    (row,) = rows({"distinct_id": "a", name: -(10**30), "first_name": 0})
    assert (row["phone"], row["first_name"], row["properties"]) == (str(-(10**30)), "0", {})


def test_profile__the_first_listed_of_an_integer_and_a_text__wins() -> None:
    (row,) = rows({"distinct_id": "a", "$phone": "2", "phone": 1, "phone_number": True})
    assert (row["phone"], row["properties"]) == ("1", {"phone_number": True})


def test_profile__members_of_one_shape_but_for_types__are_each_told_apart() -> None:
    people = [{"distinct_id": str(at), "email": at % 2 or [at]} for at in range(4)]
    found = [(row["email"], row["properties"]) for row in rows(*people)]
    assert found == [(None, {"email": [0]}), ("1", {}), (None, {"email": [2]}), ("1", {})]


def test_profile__an_empty_text__is_a_text() -> None:
    (row,) = rows({"distinct_id": "a", "email": "", "$email": "b@example.com"})
    assert row["email"] == ""


def test_profile__fields_missing__are_null() -> None:
    nothing = dict.fromkeys(("email", "first_name", "last_name", "phone"))
    assert rows({"distinct_id": "a"}) == [
        {"member_id": "a", "distinct_id": "a", **nothing, "properties": {}}
    ]


@pytest.mark.parametrize(
    ("member", "member_id"),
    [
        ({"mixpanel_distinct_id": "a", "$distinct_id": "b", "distinct_id": "c"}, "a"),
        ({"distinct_id": "c", "$distinct_id": "b"}, "b"),
        ({"distinct_id": "c"}, "c"),
        ({"mixpanel_distinct_id": None, "distinct_id": "c"}, "c"),
        ({"mixpanel_distinct_id": " ", "distinct_id": "c"}, "c"),
        ({"distinct_id": 42}, "42"),
        ({"distinct_id": -(2**70)}, "-1180591620717411303424"),
        ({"distinct_id": 0}, "0"),
        ({"mixpanel_distinct_id": 0, "distinct_id": "c"}, "0"),
        ({"distinct_id": " a "}, " a "),
        ({"distinct_id": "\x1c"}, "\x1c"),
        ({"distinct_id": "e\u0301"}, "e\u0301"),
        ({"distinct_id": "A"}, "A"),
        ({"distinct_id": "x" * 1024}, "x" * 1024),
    ],
)
def test_identity__by_default__is_the_first_usable_one_untouched(
    member: dict[str, object], member_id: str
) -> None:
    assert [row["member_id"] for row in rows(member)] == [member_id]


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (None, "not_an_object"),
        ("a", "not_an_object"),
        (["a"], "not_an_object"),
        (7, "not_an_object"),
        ({}, "missing_id"),
        ({"email": "a@example.com"}, "missing_id"),
        ({"distinct_id": None}, "missing_id"),
        ({"distinct_id": True}, "wrong_type"),
        ({"distinct_id": 1.0}, "wrong_type"),
        ({"distinct_id": ["a"]}, "wrong_type"),
        ({"distinct_id": {"a": "b"}}, "wrong_type"),
        ({"distinct_id": ""}, "blank_id"),
        ({"distinct_id": "\u3000\x85\t"}, "blank_id"),
        ({"distinct_id": "x" * 1025}, "too_long"),
        ({"distinct_id": 10**1024}, "too_long"),
        ({"distinct_id": "a\0"}, "bad_text"),
        ({"distinct_id": "\ud800"}, "bad_text"),
        ({"mixpanel_distinct_id": "\0", "$distinct_id": [], "distinct_id": ""}, "bad_text"),
    ],
)
def test_skipped__without_a_usable_id__is_counted_by_the_first_reason(
    member: object, reason: str
) -> None:
    assert skipped(member, {"distinct_id": "good"}, member) == {reason: 2}
    assert [row["member_id"] for row in rows(member, {"distinct_id": "good"})] == ["good"]


def test_identity_property__of_a_source__is_the_only_one_looked_at() -> None:
    member = {"mixpanel_distinct_id": "m", "user_key": "u", "email": "a@example.com"}
    (row,) = rows(member, identity=("user_key",))
    assert (row["member_id"], row["distinct_id"]) == ("u", "m")
    assert row["properties"] == {"user_key": "u"}
    (row,) = rows(member, identity=("email",))
    assert (row["member_id"], row["email"], row["distinct_id"]) == (
        "a@example.com",
        "a@example.com",
        "m",
    )
    assert skipped(member, identity=("$braze_external_id",)) == {"missing_id": 1}


def test_distinct_id__of_members_known_by_another_property__may_be_missing() -> None:
    (row,) = rows({"user_key": "u", "distinct_id": 1.5}, identity=("user_key",))
    assert (row["distinct_id"], row["properties"]) == (None, {"user_key": "u", "distinct_id": 1.5})


@pytest.mark.parametrize("clean", [True, False])
def test_write_roster__an_id_twice__takes_the_last_one(*, clean: bool) -> None:
    members = [
        {"distinct_id": "7", "email": "old@example.com", "a": 1},
        {"distinct_id": "8"},
        {"distinct_id": 7, "first_name": "New"},
    ]
    found = {row["member_id"]: row for row in rows(*members, clean=clean)}
    assert set(found) == {"7", "8"}
    assert (found["7"]["email"], found["7"]["first_name"]) == (None, "New")
    assert found["7"]["properties"] == {}


def test_write_roster__texts_postgres_cannot_hold__have_replacement_characters() -> None:
    (row,) = rows({"distinct_id": "a", "email": "a\0b", "$city": "\ud800", "k\0": [float("nan")]})
    assert row["email"] == "a\ufffdb"
    assert row["properties"] == {"$city": "\ufffd", "k\ufffd": [None]}


@given(MEMBERS)
def test_write_roster__of_any_json__is_one_line_each_or_a_reason(member: object) -> None:
    written = member_writer.write_rows([member], identity=member_writer.IDENTITY, clean=False)
    assert written.usable + sum(written.skipped.values()) == 1
    whole = [{"distinct_id": "a"}, {"distinct_id": "b", "p": member, "email": member}]
    found = rows(*_with(member, whole))
    assert [row["member_id"] for row in found][-2:] == ["a", "b"]


def _with(member: object, others: Iterable[object]) -> list[object]:
    return [member, *others]


_ALIKE = st.fixed_dictionaries(
    {"distinct_id": st.one_of(VALUES, st.sampled_from(["a", "b", " ", "\xa0", "x" * 1025]))},
    optional={"email": VALUES, "$email": TEXTS, "%s": VALUES, "plan": TEXTS, "n": MEMBERS},
)


@given(st.lists(_ALIKE | MEMBERS, max_size=8))
def test_write_roster__of_a_page__writes_each_member_as_if_it_were_alone(
    members: list[object],
) -> None:
    written = member_writer.write_rows(members, identity=member_writer.IDENTITY, clean=False)
    assert (read_all(written), written.skipped) == one_by_one(members, member_writer.IDENTITY)


@given(st.lists(_ALIKE | MEMBERS, max_size=8), IDENTITIES)
def test_write_ids__of_a_page__writes_those_of_its_roster_and_nothing_else(
    members: list[object], identity: tuple[str, ...]
) -> None:
    whole = member_writer.write_rows(members, identity=identity, clean=False)
    written = member_writer.write_ids(members, identity=identity)
    nothing = dict.fromkeys(member_rows.COLUMNS)
    assert read_all(written) == [
        {**nothing, "member_id": row["member_id"]} for row in read_all(whole)
    ]
    assert written.skipped == whole.skipped
