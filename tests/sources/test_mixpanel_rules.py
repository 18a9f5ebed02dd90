"""Mixpanel's body, sentence by sentence of the contract: what is accepted, and what is refused."""

import json

import pytest

from gateway import errors
from gateway.core.cohorts.page import Action
from tests.sources.bodies import MEMBER, envelope, ids, page, parse, refusal

ACTIONS = [action.value for action in Action]
HUGE = 10**300


@pytest.mark.parametrize("field", ["mixpanel_project_id", "mixpanel_cohort_id", "members"])
@pytest.mark.parametrize("value", [..., None, True, 1.5, {}, {"a": 1}])
def test_required_field__missing_null_or_of_the_wrong_type__is_named(
    field: str, value: object
) -> None:
    assert refusal(envelope(**{field: value})).startswith(f"parameters.{field}: ")


@pytest.mark.parametrize("value", ["a", 7, "[]"])
def test_members__that_are_no_list__are_refused(value: object) -> None:
    assert refusal(envelope(members=value)) == "parameters.members: send a list of objects"


@pytest.mark.parametrize("value", [[], ["1"]])
def test_ids__that_are_lists__are_refused(value: object) -> None:
    for field in ("mixpanel_project_id", "mixpanel_cohort_id", "mixpanel_session_id"):
        assert "send it as text or as an integer" in refusal(envelope(**{field: value}))


@pytest.mark.parametrize("body", [[], "members", 5, None, True])
def test_body__that_is_no_object__is_refused(body: object) -> None:
    assert refusal(body) == "the body: send a JSON object"


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_parameters__that_are_no_object__are_refused(value: object) -> None:
    assert refusal({"action": "members", "parameters": value}).startswith("parameters: ")
    assert refusal({"action": "members"}).startswith("parameters: missing")


@pytest.mark.parametrize("action", ["", "Members", "members ", "delete", 5, True, [], {"a": 1}])
def test_action__unknown__is_refused_with_those_there_are(action: object) -> None:
    assert refusal(envelope(action)) == (
        "action: unknown; send one of members, add_members, remove_members"
    )


def test_action__missing_or_null__is_refused() -> None:
    assert refusal({"parameters": envelope()["parameters"]}).startswith("action: missing")
    assert refusal(envelope(None)).startswith("action: null")


@pytest.mark.parametrize(
    "text", ["1", " 1 ", "\u00c9", "E\u0301", "a/b", "\t", "0", "caf\xe9" * 51]
)
def test_ids__of_any_text__are_kept_byte_for_byte(text: str) -> None:
    found = page(mixpanel_project_id=text, mixpanel_cohort_id=text, mixpanel_session_id=text)
    assert (found.project_id, found.external_id, found.session_id) == (text, text, text)


@pytest.mark.parametrize("number", [0, -5, 2**63, 10**200])
def test_ids__that_are_integers__become_their_decimal_text(number: int) -> None:
    found = page(mixpanel_project_id=number, mixpanel_cohort_id=number, mixpanel_session_id=number)
    assert {found.project_id, found.external_id, found.session_id} == {str(number)}


@pytest.mark.parametrize("bad", ["a\0", "\ud800", "\udc00\ud800"])
@pytest.mark.parametrize(
    "field", ["mixpanel_project_id", "mixpanel_cohort_id", "mixpanel_session_id"]
)
def test_ids__with_nul_or_half_a_pair__are_refused(field: str, bad: str) -> None:
    assert refusal(envelope(**{field: bad})).startswith(f"parameters.{field}: it has a NUL")


@pytest.mark.parametrize("good", ["a", "a" * 255, "\u20ac" * 85, 10**254])
def test_cohort_id__of_1_to_255_bytes__is_accepted(good: object) -> None:
    assert page(mixpanel_cohort_id=good).external_id == str(good)


@pytest.mark.parametrize("bad", ["", "a" * 256, "\u20ac" * 85 + "a", 10**255])
def test_cohort_id__of_no_or_more_bytes__is_refused(bad: object) -> None:
    assert "send 1 to 255 bytes" in refusal(envelope(mixpanel_cohort_id=bad))


@pytest.mark.parametrize("empty", ["", None, ...])
@pytest.mark.parametrize("action", ACTIONS)
def test_session_id__empty_null_or_missing__is_none(action: str, empty: object) -> None:
    assert page(action, mixpanel_session_id=empty).session_id is None


@pytest.mark.parametrize("empty", ["", None, ...])
def test_session_id__of_a_refresh_in_pages__is_needed(empty: object) -> None:
    pages = {"total_pages": 2, "page_count": 1}
    assert "mixpanel_session_id: missing" in refusal(
        envelope("members", mixpanel_session_id=empty, page_info=pages)
    )
    assert page("add_members", mixpanel_session_id=empty, page_info=pages).session_id is None


@pytest.mark.parametrize("value", [None, ..., "", 5, [], {}])
def test_name__that_is_no_text__is_missing(value: object) -> None:
    assert page(mixpanel_cohort_name=value).name is None


def test_name_and_description__absurdly_long_or_unstorable__are_cut_and_mended() -> None:
    found = page(mixpanel_cohort_name="n" * 100_000, mixpanel_cohort_description="\0\ud800")
    assert found.name == "n" * 1000
    assert found.description == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("info", "number", "total"),
    [
        ({"total_pages": 10, "page_count": 10}, 10, 10),
        ({"total_pages": "10", "page_count": "007"}, 7, 10),
        ({"total_pages": 10.0, "page_count": 1e0}, 1, 10),
        ({"total_pages": HUGE, "page_count": str(HUGE)}, 2**62, 2**62),
        ({"total_pages": 1e300, "page_count": "0" * 5000 + "3"}, 3, 2**62),
        ({"total_pages": 2, "page_count": 1, "page_size": "x"}, 1, 2),
        (None, 1, 1),
        (..., 1, 1),
    ],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_page_info__in_each_way_to_write_it__is_page_and_total(
    action: str, info: object, number: int, total: int
) -> None:
    found = page(action, page_info=info)
    assert (found.number, found.total) == (number, total)


@pytest.mark.parametrize(
    "number", [True, False, 1.5, "", "x", "1.0", "-1", "+1", " 1", "1_0", "\u0663", "\xb2", [1], {}]
)
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("field", ["total_pages", "page_count"])
def test_page_number__that_is_none__is_refused_by_name(
    action: str, number: object, field: str
) -> None:
    info = {"total_pages": 1, "page_count": 1} | {field: number}
    assert refusal(envelope(action, page_info=info)) == (
        f"parameters.page_info.{field}: send a whole number"
    )


@pytest.mark.parametrize("info", [[], "1", 1, True, [1, 1]])
def test_page_info__that_is_no_object__is_refused(info: object) -> None:
    assert refusal(envelope(page_info=info)).startswith("parameters.page_info: send a JSON object")


@pytest.mark.parametrize(
    ("number", "total"), [(0, 1), (2, 1), (-1, 1), (1, 0), (0, 0), (1, -1), (11, 10), (HUGE, 1)]
)
def test_refresh__with_senseless_page_numbers__is_refused(number: int, total: int) -> None:
    info = {"total_pages": total, "page_count": number}
    assert "page_info.page_count: send a page from 1" in refusal(
        envelope("members", page_info=info)
    )


@pytest.mark.parametrize("total", [0, 1, "0", 1.0])
@pytest.mark.parametrize("number", [0, 1, -7, 99])
def test_refresh__empty_of_no_or_one_page__is_the_whole(total: object, number: int) -> None:
    found = page("members", members=[], page_info={"total_pages": total, "page_count": number})
    assert (found.number, found.total, found.received) == (1, 1, 0)


@pytest.mark.parametrize(("number", "total"), [(0, 2), (3, 2), (1, -1)])
def test_refresh__empty_of_several_pages__still_needs_sensible_numbers(
    number: int, total: int
) -> None:
    info = {"total_pages": total, "page_count": number}
    assert "page_info.page_count" in refusal(envelope("members", members=[], page_info=info))
    good = page("members", members=[], page_info={"total_pages": 2, "page_count": 2})
    assert (good.number, good.total) == (2, 2)


@pytest.mark.parametrize(
    ("info", "field"),
    [
        ({}, "total_pages"),
        ({"page_count": 1}, "total_pages"),
        ({"total_pages": None, "page_count": 1}, "total_pages"),
        ({"total_pages": 1}, "page_count"),
        ({"total_pages": 1, "page_count": None}, "page_count"),
    ],
)
def test_page_number__missing_or_null__is_refused_for_a_refresh_only(
    info: object, field: str
) -> None:
    for members in ([], [MEMBER]):
        assert f"page_info.{field}: missing" in refusal(
            envelope("members", members=members, page_info=info)
        )
    assert page("add_members", page_info=info).number == 1
    assert page("remove_members", page_info=info).total == 1


@pytest.mark.parametrize(("number", "total"), [(0, 0), (5, 2), (-3, -1), (1, 0), (-HUGE, HUGE)])
def test_diff__with_odd_paging__is_tolerated(number: int, total: int) -> None:
    found = page("add_members", page_info={"total_pages": total, "page_count": number})
    assert abs(found.number) <= 2**62
    if abs(number) < HUGE:
        assert (found.number, found.total) == (number, total)


def test_members__more_than_the_limit__are_refused_naming_it() -> None:
    members = [{"distinct_id": n} for n in range(4)]
    whole = json.dumps(envelope(members=members[:3])).encode()
    assert parse(whole, max_members=3).usable == 3
    with pytest.raises(errors.Malformed, match=r"parameters\.members: 4 members; send at most 3"):
        parse(json.dumps(envelope(members=members)).encode(), max_members=3)


@pytest.mark.parametrize("members", [[{}], [None, 5, {"email": "secret@example.com"}]])
def test_members__none_with_a_usable_id__are_refused_without_their_values(
    members: list[object],
) -> None:
    message = refusal(envelope(members=members))
    assert "not one member has a usable id in mixpanel_distinct_id or $distinct_id" in message
    assert "identity property" in message
    assert "secret" not in message


def test_members__identified_by_another_property__are_told_that_one() -> None:
    body = json.dumps(envelope(members=[{"key": "k", "distinct_id": "d"}])).encode()
    assert ids(parse(body, identity_property="key")) == ["k"]
    with pytest.raises(errors.Malformed, match=r"no.* usable id in user_key;"):
        parse(body, identity_property="user_key")


def test_members__partly_usable__are_counted() -> None:
    members = [MEMBER, {}, MEMBER, 5, {"distinct_id": " "}, {"distinct_id": "b"}]
    found = page(members=members)
    assert (found.received, found.usable) == (6, 2)
    assert found.skipped == {"missing_id": 1, "not_an_object": 1, "blank_id": 1}
    assert ids(found) == ["a", "b"]


@pytest.mark.parametrize("action", ACTIONS)
def test_members__none_at_all__are_a_page_of_nobody(action: str) -> None:
    found = page(action, members=[])
    assert (found.received, found.usable, found.roster) == (0, 0, b"")


@pytest.mark.parametrize("levels", [496, 495, 100])
def test_depth__of_the_whole_body__may_be_500(levels: int) -> None:
    deep = json.loads("[" * levels + "]" * levels)
    assert page(members=[{"distinct_id": "a", "p": deep}]).usable == 1


def test_depth__of_more__is_refused_wherever_it_is() -> None:
    for levels, place in ((497, "member"), (499, "parameters"), (500, "body")):
        deep = json.loads("[" * levels + "]" * levels)
        body = envelope(members=[{"distinct_id": "a", "p": deep if place == "member" else 1}])
        if place == "parameters":
            body = envelope(other=deep)
        elif place == "body":
            body["other"] = deep
        assert "deeper than 500 levels" in refusal(body)
