"""What the webhook accepts, and what services then read: ids, profiles, paging, sessions, skips."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.http.inside import Gateway
from tests.http.webhook import accepted, body, refused, unique
from tests.stack import PROJECT

DATA = Path(__file__).resolve().parent.parent / "data" / "mixpanel"
IDS = [
    "a",
    "A",
    " a ",
    "a/b",
    "..",
    "%2F",
    "\\N",
    "\\.",
    "tab\there",
    "line\nbreak",
    "'; DROP TABLE memberships; --",
    "\U0001f600",
    "\u00e9",
    "e\u0301",
    "\u2028x",
    "\x1c",
    "\x1f",
    "\u200b",
    "\ufeff",
    "\x7f",
    "0",
    "null",
    "x" * 1024,
    "\u20ac" * 341 + "x",
    "\U0001f600" * 256,
]
BLANKS = ["", " ", "\t\n\v\f\r", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f\u205f\u3000"]


def sample(name: str, cohort: str) -> dict[str, Any]:
    """Read a sample and make it a page of a cohort of its own."""
    page: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    page["parameters"]["mixpanel_cohort_id"] = cohort
    return page


def test_documented_payload__posted__makes_its_cohort(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(sample("documented", cohort)), "members")
    found = gateway.cohort(cohort, project_id="{mixpanel_project_id}")
    assert (found["source"], found["name"]) == ("default", "{mixpanel_cohort_name}")
    assert found["description"] == "description"
    refresh = {"session_id": "mixpanel_session_id", "pages_received": 1, "total_pages": 10}
    assert found["refresh"] == refresh


def test_worked_example__posted_in_order__leaves_a_c_e_and_f(gateway: Gateway) -> None:
    cohort = unique()
    for request in json.loads((DATA / "worked_example.json").read_text()):
        page = request["body"]
        page["parameters"]["mixpanel_cohort_id"] = cohort
        accepted(gateway.post(page), page["action"])
    assert set(gateway.members(cohort)) == {"A", "C", "E", "F"}


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("reserved_property_names", {"1-a", "1-b"}),
        ("unknown_fields", set()),
        ("no_description", {"a"}),
        ("no_page_info", {"a", "b"}),
        ("numeric_ids", {"42", "123456789012345678901234567890"}),
        ("texts_for_values", {"a"}),
    ],
)
def test_shapes_seen_in_the_wild__posted__are_accepted(
    gateway: Gateway, name: str, ids: set[str]
) -> None:
    cohort = unique()
    page = sample(name, cohort)
    accepted(gateway.post(page), page["action"])
    assert set(gateway.members(cohort)) == ids


@pytest.mark.parametrize("name", ["page_numbers_as_texts", "page_numbers_as_floats"])
def test_page_numbers__as_texts_or_floats__are_numbers(gateway: Gateway, name: str) -> None:
    cohort = unique()
    accepted(gateway.post(sample(name, cohort)), "members")
    refresh = {"session_id": "s1", "pages_received": 1, "total_pages": 3}
    assert gateway.cohort(cohort)["refresh"] == refresh


def test_member_ids__of_every_kind__are_kept_byte_for_byte(gateway: Gateway) -> None:
    cohort = unique()
    numbers = [42, 0, -7, 2**64, 10**100]
    accepted(gateway.post(body(cohort, *IDS, *numbers)))
    assert set(gateway.members(cohort)) == {*IDS, *map(str, numbers)}
    (sync,) = gateway.syncs(cohort)
    assert (sync["members_received"], sync["skipped"]) == (len(IDS) + len(numbers), {})


def test_members__without_a_usable_id__are_skipped_and_counted_by_reason(gateway: Gateway) -> None:
    cohort = unique()
    members: list[object] = [{"distinct_id": "good"}, None, "text", 5, ["a"], {}, {"email": "e"}]
    members += [{"distinct_id": wrong} for wrong in (True, 1.5, ["a"], {"a": "b"})]
    members += [{"distinct_id": blank} for blank in BLANKS]
    members += [{"distinct_id": long} for long in ("x" * 1025, "\u20ac" * 342, 10**1024)]
    members += [{"distinct_id": bad} for bad in ("nul\0", "\ud800", "x\udfffx")]
    accepted(gateway.post(body(cohort, members=members)))
    assert set(gateway.members(cohort)) == {"good"}
    (sync,) = gateway.syncs(cohort)
    assert sync["members_received"] == len(members)
    assert sync["skipped"] == {
        "not_an_object": 4,
        "missing_id": 2,
        "wrong_type": 4,
        "blank_id": len(BLANKS),
        "too_long": 3,
        "bad_text": 3,
    }


@pytest.mark.parametrize(
    "members", [[{}], [None], [{"distinct_id": ""}], [{"email": "a@example.com"}] * 1000]
)
def test_members__none_with_a_usable_id__are_400_and_make_no_cohort(
    gateway: Gateway, members: list[object]
) -> None:
    cohort = unique()
    message = refused(gateway.post(body(cohort, members=members)), 400)
    assert "distinct_id" in message
    assert gateway.cohort(cohort) is None


@pytest.mark.parametrize("field", ["mixpanel_project_id", "mixpanel_cohort_id", "members"])
@pytest.mark.parametrize("value", [..., None, True, {}, 1.5])
def test_required_field__missing_null_or_wrong__is_400_naming_it(
    gateway: Gateway, field: str, value: object
) -> None:
    assert field in refused(gateway.post(body("c", "a", **{field: value})), 400)


@pytest.mark.parametrize("page", [{"action": "members"}, {"action": "members", "parameters": None}])
def test_parameters__missing_or_null__are_400(gateway: Gateway, page: object) -> None:
    assert "parameters" in refused(gateway.post(page), 400, action="members")


@pytest.mark.parametrize("action", ["delete", "MEMBERS", "", "members\n", "x" * 10_000])
def test_action__unknown__is_400_and_echoed(gateway: Gateway, action: str) -> None:
    message = refused(gateway.post(body("c", "a", action=action)), 400, action=action)
    assert "add_members" in message


@pytest.mark.parametrize("action", [None, 5, True, ["members"], {"members": 1}, ...])
def test_action__that_is_no_text__is_400_and_null(gateway: Gateway, action: object) -> None:
    page = body("c", "a", action=action) if action is not ... else {"parameters": {}}
    assert "action" in refused(gateway.post(page), 400, action=None)


@pytest.mark.parametrize("bad", ["a\0b", "\ud800", "\udc00\ud800"])
@pytest.mark.parametrize(
    "field", ["mixpanel_project_id", "mixpanel_cohort_id", "mixpanel_session_id"]
)
def test_id__with_nul_or_half_a_pair__is_400(gateway: Gateway, field: str, bad: str) -> None:
    assert field in refused(gateway.post(body("c", "a", **{field: bad})), 400)


@pytest.mark.parametrize("bad", ["", "x" * 256, "\u20ac" * 85 + "x", 10**255])
def test_cohort_id__of_no_or_too_many_bytes__is_400(gateway: Gateway, bad: object) -> None:
    assert "255" in refused(gateway.post(body("c", "a", mixpanel_cohort_id=bad)), 400)


def test_cohort_id__of_any_255_bytes__is_compared_byte_for_byte(gateway: Gateway) -> None:
    stem = unique()
    ids = [stem.ljust(255, "x"), f" {stem}", f"{stem} ", stem.upper(), f"{stem}/\\\n\u00e9", stem]
    for number, cohort in enumerate(ids):
        accepted(gateway.post(body(cohort, number)))
    for number, cohort in enumerate(ids):
        assert set(gateway.members(cohort)) == {str(number)}


def test_project_id__as_number_or_text__is_the_same_project(gateway: Gateway) -> None:
    cohort = unique()
    for project in (int(PROJECT), PROJECT, f"0{PROJECT}", ""):
        accepted(gateway.post(body(cohort, f"of {project}", mixpanel_project_id=project)))
    assert set(gateway.members(cohort, project_id=PROJECT)) == {f"of {PROJECT}"}
    found = gateway.api("/v1/cohorts", external_id=cohort).json["cohorts"]
    assert {each["project_id"] for each in found} == {PROJECT, f"0{PROJECT}", ""}


def test_name__of_a_cohort__follows_the_newest_session(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a", mixpanel_cohort_name=..., mixpanel_session_id="1")))
    assert gateway.cohort(cohort)["name"] == cohort
    for session, name in (("2", "Second"), ("3", "Third"), ("2", "Late"), ("3", None), ("4", 5)):
        page = body(cohort, name, "b", mixpanel_cohort_name=name, mixpanel_session_id=session)
        accepted(gateway.post(page))
    assert gateway.cohort(cohort)["name"] == "Third"
    accepted(gateway.post(body(cohort, mixpanel_cohort_name="n\0\ud800" * 100_000)))
    name = gateway.cohort(cohort)["name"]
    assert name.startswith("n\ufffd\ufffdn")
    assert len(name) < 10_000


def test_profile__of_a_member__is_replaced_by_each_page(gateway: Gateway) -> None:
    cohort = unique()
    first = {"distinct_id": "a", "email": "a@example.com", "phone": "1", "plan": "gold"}
    second = {"distinct_id": "a", "$email": "b@example.com", "$first_name": "B", "seats": 2}
    accepted(gateway.post(body(cohort, members=[first])))
    accepted(gateway.post(body(cohort, members=[{"distinct_id": "a", "email": "old"}, second])))
    found = gateway.members(cohort)["a"]
    assert isinstance(found.pop("entered_at"), str)
    assert found == {
        "member_id": "a",
        "distinct_id": "a",
        "email": "b@example.com",
        "first_name": "B",
        "last_name": None,
        "phone": None,
        "properties": {"seats": 2},
    }


def test_properties__of_any_type_and_key__read_back_equal(gateway: Gateway) -> None:
    cohort = unique()
    properties = {
        "": "empty key",
        "a\tb\\N\n": ["\\", "\t", "\u2028", "\U0001f600", "\x85", "\x7f\x01"],
        "numbers": [0, -1, 2**53 + 1, 2**64, 10**4299, 0.1, -1e-300, 1e300, 123456789.5],
        "types": {"true": True, "false": False, "null": None, "list": [[], {}], "one": 1},
        "member_id": "mine",
        "properties": {"properties": {}},
        "$email ": "with a blank",
    }
    accepted(gateway.post(body(cohort, members=[{"distinct_id": "a", **properties}])))
    assert gateway.members(cohort)["a"]["properties"] == properties


def test_texts__that_postgres_cannot_hold__have_replacement_characters(gateway: Gateway) -> None:
    cohort = unique()
    member = {"distinct_id": "a", "email": "a\0b", "p\0": ["\ud800", {"\udfff": "x\0"}]}
    accepted(gateway.post(body(cohort, members=[member])))
    found = gateway.members(cohort)["a"]
    assert found["email"] == "a\ufffdb"
    assert found["properties"] == {"p\ufffd": ["\ufffd", {"\ufffd": "x\ufffd"}]}


@pytest.mark.parametrize(
    "info",
    [
        {"total_pages": "1", "page_count": "1"},
        {"total_pages": 1.0, "page_count": "01"},
        {"total_pages": 10**300, "page_count": 1},
        {"total_pages": 3, "page_count": 3, "unknown": {}},
        None,
        ...,
    ],
)
@pytest.mark.parametrize("action", ["members", "add_members", "remove_members"])
def test_page_info__sensible__is_accepted(gateway: Gateway, action: str, info: object) -> None:
    accepted(gateway.post(body(unique(), "a", action=action, page_info=info)), action)


@pytest.mark.parametrize(
    "info",
    [
        {"total_pages": 1, "page_count": 0},
        {"total_pages": 1, "page_count": 2},
        {"total_pages": 0, "page_count": 0},
        {"total_pages": 0, "page_count": 1},
        {"total_pages": -1, "page_count": -1},
        {"page_count": 1},
        {"total_pages": None, "page_count": 1},
        {"total_pages": 1},
        {},
    ],
)
def test_page_info__senseless__is_400_for_a_refresh_and_fine_for_a_diff(
    gateway: Gateway, info: object
) -> None:
    refusal = refused(
        gateway.post(body(unique(), "a", action="members", page_info=info)), 400, action="members"
    )
    assert "page_info" in refusal
    for action in ("add_members", "remove_members"):
        accepted(gateway.post(body(unique(), "a", action=action, page_info=info)), action)


@pytest.mark.parametrize("number", [True, "x", "", "-1", "1.0", "\u0661", 1.5, [1]])
@pytest.mark.parametrize("action", ["members", "add_members"])
def test_page_number__that_is_none__is_400(gateway: Gateway, action: str, number: object) -> None:
    for info in (
        {"total_pages": number, "page_count": 1},
        {"total_pages": 1, "page_count": number},
    ):
        page = body(unique(), "a", action=action, page_info=info)
        assert "page_info" in refused(gateway.post(page), 400, action=action)


@pytest.mark.parametrize("total", [0, 1])
@pytest.mark.parametrize("number", [0, 1])
def test_refresh__empty__empties_the_cohort(gateway: Gateway, total: int, number: int) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a")))
    info = {"total_pages": total, "page_count": number}
    accepted(gateway.post(body(cohort, action="members", page_info=info)), "members")
    assert gateway.members(cohort) == {}


def test_refresh__without_page_info__is_the_whole_cohort(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a", "b")))
    accepted(gateway.post(body(cohort, "b", "c", action="members", page_info=None)), "members")
    assert set(gateway.members(cohort)) == {"b", "c"}
