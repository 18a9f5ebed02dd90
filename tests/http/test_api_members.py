"""Members as services see them: paged, one by one, and across cohorts."""

from __future__ import annotations

import datetime
import json
import re

import pytest

from tests.http.world import PROJECT, World, quoted

ODD_IDS = [
    "a/b",
    "//",
    "..",
    ".",
    " a b ",
    "100%",
    "%2F",
    "a?b#c",
    "a+b",
    "a;b,c",
    'q"u\\o',
    "😀👍🏽",
    "é",
    "é",
    "tab\tline\nreturn\r",
    "\x01\x1f\x7f",
    "ß" * 512,
    "null",
    "0",
]

PROPERTIES = {
    "plan": "pro",
    "n": 12345678901234567890,
    "f": 0.1,
    "big": 1e300,
    "nested": {"a": [1, None, True, {"": "x"}]},
    "quote": 'a"b\\c\n\u2028</script>',
    "": "empty key",
}


def test_member__with_a_whole_profile__comes_out_as_it_came_in(world: World) -> None:
    sent = {
        "mixpanel_distinct_id": "u1",
        "$email": "u@example.com",
        "first_name": "Ü",
        "last_name": "O'Neil",
        "phone_number": "+1",
        "$distinct_id": "other",
        **PROPERTIES,
    }
    world.post("add_members", [sent])
    world.apply()
    cohort_id = world.cohort_id()
    got = world.get(f"/v1/cohorts/{cohort_id}/members/u1")
    assert list(got) == [
        "member_id",
        "distinct_id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "properties",
        "entered_at",
    ]
    assert got["member_id"] == "u1"
    assert got["email"] == "u@example.com"
    assert got["first_name"] == "Ü"
    assert got["last_name"] == "O'Neil"
    assert got["phone"] == "+1"
    assert got["properties"] == PROPERTIES
    assert datetime.datetime.fromisoformat(got["entered_at"]) == world.clock.now
    listed = world.get(f"/v1/cohorts/{cohort_id}/members")
    assert listed == {"members": [got], "next_cursor": None}


def test_member__without_a_profile__has_nulls_and_no_properties(world: World) -> None:
    cohort_id = world.fill(["a"])
    got = world.get(f"/v1/cohorts/{cohort_id}/members/a")
    assert got["email"] is got["first_name"] is got["last_name"] is got["phone"] is None
    assert got["properties"] == {}


@pytest.mark.parametrize("member_id", ODD_IDS)
def test_member__with_an_odd_id__can_be_asked_for(world: World, member_id: str) -> None:
    cohort_id = world.fill([member_id, "someone-else"])
    path = f"/v1/cohorts/{cohort_id}/members/{quoted(member_id)}"
    assert world.get(path)["member_id"] == member_id
    found = world.get(f"/v1/members/{quoted(member_id)}/cohorts")
    assert found["member_id"] == member_id
    assert [one["id"] for one in found["cohorts"]] == [cohort_id]
    check = {"cohort_ids": [cohort_id], "member_ids": [member_id]}
    answer = world.call("POST", "/v1/membership/check", json=check)
    assert answer.get_json() == {
        "memberships": {cohort_id: [member_id]},
        "stale": {cohort_id: False},
        "unknown_cohorts": [],
    }
    assert member_id in world.members(cohort_id)


def test_member__who_left_or_never_was__is_404(world: World) -> None:
    cohort_id = world.fill(["a", "b"])
    world.post("remove_members", ["a"], session="s2")
    world.apply()
    for member_id in ("a", "never", "A"):
        answer = world.call("GET", f"/v1/cohorts/{cohort_id}/members/{member_id}")
        assert answer.status_code == 404
    assert world.members(cohort_id) == ["b"]


@pytest.mark.parametrize("path", ["%FF", "a%C3", "%ED%A0%80", "%00", "a%00b"])
def test_member__id_that_is_no_text__is_400(world: World, path: str) -> None:
    for url in (f"/v1/cohorts/1/members/{path}", f"/v1/members/{path}/cohorts"):
        answer = world.call("GET", url)
        assert answer.status_code == 400
        assert answer.content_type == "application/problem+json"


def test_members__by_pages_while_others_come_and_go__are_seen_once(world: World) -> None:
    staying = [f"stay-{number:02}" for number in range(20)]
    cohort_id = world.fill([*staying, "stay-05x"])
    seen = []
    for turn, page in enumerate(world.pages(f"/v1/cohorts/{cohort_id}/members")):
        assert len(page) <= 3
        seen += [one["member_id"] for one in page]
        coming = [f"stay-{turn:02}a", f"stay-{20 - turn:02}a"]
        world.post("add_members", coming, session=f"add-{turn}")
        world.post("remove_members", ["stay-05x"], session=f"remove-{turn}")
        world.apply()
    assert [member_id for member_id in seen if member_id in staying] == staying
    assert len(seen) == len(set(seen))


def test_members__order__is_that_of_the_bytes(world: World) -> None:
    people = ["b", "B", "a", "é", "z", "~", "😀", "10", "9"]
    cohort_id = world.fill(people)
    assert world.members(cohort_id) == sorted(people, key=str.encode)


def test_cohorts_of_a_member__filters__narrow_them(world: World) -> None:
    world.add_source("other")
    first = world.fill(["zoe"], cohort="1", mixpanel_cohort_name="One")
    world.fill(["zoe"], cohort="2", source="other", mixpanel_project_id="7")
    world.fill(["eve"], cohort="3")
    everything = world.get("/v1/members/zoe/cohorts")
    assert len(everything["cohorts"]) == 2
    joined = everything["cohorts"][0]
    assert joined.pop("entered_at") is not None
    assert joined.pop("stale") is False
    assert joined == {
        "id": first,
        "source": "default",
        "project_id": PROJECT,
        "external_id": "1",
        "name": "One",
    }
    found = world.get("/v1/members/zoe/cohorts", source="other", project_id="7")
    assert [one["external_id"] for one in found["cohorts"]] == ["2"]
    for query in ({"source": "none"}, {"project_id": "8"}, {"source": "other", "project_id": "8"}):
        assert world.get("/v1/members/zoe/cohorts", **query)["cohorts"] == []
    stranger = world.get("/v1/members/stranger/cohorts")
    assert stranger == {"member_id": "stranger", "cohorts": []}


def test_cohorts_of_a_member__in_many__are_in_the_order_of_their_ids(world: World) -> None:
    ids = [world.fill(["zoe"], cohort=f"{number}") for number in range(12)]
    world.post("remove_members", ["zoe"], cohort="5", session="s2")
    world.apply()
    found = world.get("/v1/members/zoe/cohorts")["cohorts"]
    assert [one["id"] for one in found] == ids[:5] + ids[6:]
    assert [one["external_id"] for one in found] == [f"{n}" for n in range(12) if n != 5]
    for one in found:
        member = world.get(f"/v1/cohorts/{one['id']}/members/zoe")
        since, told = (who["entered_at"] for who in (member, one))
        assert datetime.datetime.fromisoformat(told) == datetime.datetime.fromisoformat(since)
        assert told == since
        assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}[.][0-9]{6}[+]00:00", told)


def test_check__many_in_many__tells_who_is_where(world: World) -> None:
    first = world.fill(["a", "b", "c"], cohort="1")
    second = world.fill(["b", "d"], cohort="2")
    body = {"cohort_ids": [first, second, "999", "x", f"0{first}"], "member_ids": list("abdx")}
    answer = world.call("POST", "/v1/membership/check", json=body)
    assert answer.get_json() == {
        "memberships": {
            first: ["a", "b"],
            second: ["b", "d"],
            "999": [],
            "x": [],
            f"0{first}": [],
        },
        "stale": {first: False, second: False},
        "unknown_cohorts": ["999", "x", f"0{first}"],
    }


def test_check__cohort_without_members_or_deleted__is_unknown_only_if_deleted(
    world: World,
) -> None:
    empty = world.fill([], cohort="1")
    others = world.fill(["b"], cohort="2")
    gone = world.fill(["a"], cohort="3")
    assert world.call("DELETE", f"/v1/cohorts/{gone}").status_code == 204
    body = {"cohort_ids": [int(gone), empty, others, gone], "member_ids": ["a"]}
    answer = world.call("POST", "/v1/membership/check", json=body)
    assert answer.get_json() == {
        "memberships": {gone: [], empty: [], others: []},
        "stale": {empty: False, others: False},
        "unknown_cohorts": [gone],
    }
    nobody = world.call("POST", "/v1/membership/check", json={**body, "member_ids": []})
    assert nobody.get_json() == answer.get_json()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("", "body"),
        ("{", "body"),
        ("[]", "body"),
        ("null", "body"),
        ('{"cohort_ids": []}', "member_ids"),
        ('{"cohort_ids": "1", "member_ids": []}', "cohort_ids"),
        ('{"cohort_ids": [1.0], "member_ids": []}', "cohort_ids"),
        ('{"cohort_ids": [true], "member_ids": []}', "cohort_ids.0"),
        ('{"cohort_ids": ["\\ud800"], "member_ids": []}', "cohort_ids.0"),
        ('{"cohort_ids": {"a": 1}, "member_ids": []}', "cohort_ids"),
        ('{"cohort_ids": [], "member_ids": [' + "1," * 10_000 + "1]}", "values"),
        ('{"cohort_ids": [], "member_ids": [' + "1" * 4301 + "]}", "4300"),
        ('{"cohort_ids": [null], "member_ids": []}', "cohort_ids"),
        ('{"cohort_ids": [], "member_ids": ["a", {}]}', "member_ids"),
        (json.dumps({"cohort_ids": ["1"] * 101, "member_ids": []}), "cohort_ids"),
        (json.dumps({"cohort_ids": [], "member_ids": ["1"] * 1001}), "member_ids"),
        ('{"cohort_ids": [], "member_ids": ["a", "\\ud800"]}', "member_ids.1"),
        ("[" * 100_000, "body"),
        (b"\xff", "body"),
    ],
)
def test_check__of_another_shape__is_400_and_names_it(
    world: World, body: str | bytes, names: str
) -> None:
    answer = world.call("POST", "/v1/membership/check", data=body)
    assert answer.status_code == 400
    problem = answer.get_json()
    assert problem["code"] == "malformed"
    assert names in problem["detail"]


def test_check__larger_than_is_read__is_413_and_says_how_large(world: World) -> None:
    answer = world.call("POST", "/v1/membership/check", data=b" " * (7 * 2**20) + b"{}")
    assert answer.status_code == 413
    problem = answer.get_json()
    assert problem["code"] == "too_large"
    assert "bytes" in problem["detail"]


def test_check__ids_that_nobody_can_have__are_nobodys(world: World) -> None:
    cohort_id = world.fill(["a"])
    body = {
        "cohort_ids": [cohort_id, "\x00", "9" * 30, str(2**63)],
        "member_ids": ["a", "a", "\x00", "", "x" * 5000],
        "unknown": "ignored",
    }
    answer = world.call("POST", "/v1/membership/check", json=body)
    assert answer.status_code == 200
    found = answer.get_json()["memberships"]
    assert found == {cohort_id: ["a"], "\x00": [], "9" * 30: [], str(2**63): []}


def test_check__integers__are_their_decimal_texts(world: World) -> None:
    cohort_id = world.fill(["7", "-3", str(10**30)])
    body = f'{{"cohort_ids": [{cohort_id}, 0], "member_ids": [7, -3, {10**30}, {10**31}]}}'
    answer = world.call("POST", "/v1/membership/check", data=body)
    assert answer.get_json()["memberships"] == {cohort_id: ["-3", str(10**30), "7"], "0": []}


def test_check__at_the_limits__is_answered(world: World) -> None:
    cohort_id = world.fill(["id-0", "id-999"])
    body = {
        "cohort_ids": [cohort_id, *(str(n) for n in range(10**6, 10**6 + 99))],
        "member_ids": [f"id-{n}" for n in range(1000)],
    }
    answer = world.call("POST", "/v1/membership/check", json=body)
    assert answer.get_json()["memberships"][cohort_id] == ["id-0", "id-999"]
