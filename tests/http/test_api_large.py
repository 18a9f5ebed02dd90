"""Lists of large rows: no answer is beyond 16 MiB, and its cursors lead to every row once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from tests.http.world import World

MOST_BYTES = 16 * 1024 * 1024
MEBIBYTE = 1024 * 1024
# JSON takes six bytes for it, Postgres' text one.
ESCAPED = "\x01"


def parts(world: World, path: str, name: str, **query: object) -> list[list[Any]]:
    """Read a list as its cursors lead and see that each answer is no longer than may be."""
    found: list[list[Any]] = []
    while True:
        answer = world.call("GET", path, query_string=query)
        assert answer.status_code == 200, answer.text
        assert len(answer.data) <= MOST_BYTES
        page = json.loads(answer.data)
        found.append(page[name])
        query["cursor"] = page.get("next_cursor")
        if query["cursor"] is None:
            return found
        assert page[name]


def fat(world: World, sizes: dict[str, int], filler: str = "x") -> str:
    """Make a cohort of people with texts of so many bytes, each on a page of its own."""
    for place, (member_id, size) in enumerate(sizes.items()):
        member = {"mixpanel_distinct_id": member_id, "notes": filler * (size // len(filler))}
        world.post("add_members", [member], session=f"s{place}")
    world.apply()
    return world.cohort_id()


@pytest.mark.parametrize(("filler", "size"), [("x", 2 * MEBIBYTE), ('"\n', MEBIBYTE)])
def test_members__with_fat_profiles__come_in_answers_of_at_most_16_mib(
    world: World, filler: str, size: int
) -> None:
    ids = [f"u{number:02}" for number in range(12)]
    cohort_id = fat(world, dict.fromkeys(ids, size), filler)
    found = parts(world, f"/v1/cohorts/{cohort_id}/members", "members", limit=1000)
    assert [one["member_id"] for part in found for one in part] == ids
    assert [len(part) for part in found] == [7, 5]
    (last,) = found[-1][-1:]
    assert last == world.get(f"/v1/cohorts/{cohort_id}/members/u11")
    few = parts(world, f"/v1/cohorts/{cohort_id}/members", "members", limit=2)
    assert [len(part) for part in few] == [2] * 6


def test_members__one_as_large_as_an_answer__is_answered_alone(world: World) -> None:
    cohort_id = fat(world, {"a": 10, "b": MOST_BYTES - 2000, "c": 10, "d": 10})
    found = parts(world, f"/v1/cohorts/{cohort_id}/members", "members")
    assert [[one["member_id"] for one in part] for part in found] == [["a"], ["b"], ["c", "d"]]
    world.post("remove_members", ["a"], session="r")
    world.apply()
    found = parts(world, f"/v1/cohorts/{cohort_id}/members", "members")
    assert [[one["member_id"] for one in part] for part in found] == [["b"], ["c", "d"]]


def test_members__with_numbers_that_are_short_only_when_stored__are_cut_too(world: World) -> None:
    numbers = [10.0**308 + 1 for _ in range(90)]
    people = [{"mixpanel_distinct_id": f"u{n:04}", "n": numbers} for n in range(1000)]
    cohort_id = world.fill(people)
    found = parts(world, f"/v1/cohorts/{cohort_id}/members", "members", limit=1000)
    assert len(found) > 1
    ids = [one["member_id"] for part in found for one in part]
    assert ids == [f"u{n:04}" for n in range(1000)]


def test_refresh__of_pages_that_are_staged_in_parts__is_applied_whole(world: World) -> None:
    for number, member_id in enumerate("abc", 1):
        member = {"mixpanel_distinct_id": member_id, "notes": "x" * (2 * MEBIBYTE)}
        world.post("members", [member], session="r", page=(number, 3))
    world.apply()
    assert world.members(world.cohort_id()) == ["a", "b", "c"]


def test_changes__of_the_longest_ids__fit_into_an_answer(world: World) -> None:
    ids = [f"{number:04}".rjust(1024, ESCAPED) for number in range(1000)]
    cohort_id = world.fill(ids, session=ESCAPED * 255)
    answer = world.call("GET", f"/v1/cohorts/{cohort_id}/changes?limit=1000")
    assert len(answer.data) <= MOST_BYTES
    assert [one["member_id"] for one in answer.get_json()["changes"]] == ids


def test_cohorts__with_the_longest_texts__come_in_answers_of_at_most_16_mib(world: World) -> None:
    with world.pool.begin() as conn:
        conn.execute(_LONG_COHORTS, {"text": ESCAPED, "count": 1100})
        conn.execute(_COUNTERS, {"text": ESCAPED})
    found = parts(world, "/v1/cohorts", "cohorts", limit=1000)
    assert 900 < len(found[0]) < 1000
    ids = [int(one["id"]) for part in found for one in part]
    assert ids == sorted(set(ids))
    assert len(ids) == 1100


def test_cohorts_of_a_member__with_the_longest_names__come_in_parts(world: World) -> None:
    with world.pool.begin() as conn:
        conn.execute(_LONG_COHORTS, {"text": ESCAPED, "count": 4100})
        conn.execute(_EVERYWHERE)
    found = parts(world, "/v1/members/zoe/cohorts", "cohorts", project_id=ESCAPED * 255)
    assert len(found) > 1
    ids = [int(one["id"]) for part in found for one in part]
    assert ids == sorted(set(ids))
    assert len(ids) == 4100


def test_cohorts_of_a_member__with_a_limit__come_in_parts(world: World) -> None:
    ids = [world.fill(["zoe"], cohort=f"{number}") for number in range(5)]
    found = parts(world, "/v1/members/zoe/cohorts", "cohorts", limit=2)
    assert [[one["id"] for one in part] for part in found] == [ids[:2], ids[2:4], ids[4:]]
    first = world.get("/v1/members/zoe/cohorts", limit=2)
    other = world.call("GET", f"/v1/members/eve/cohorts?cursor={first['next_cursor']}")
    assert other.status_code == 400


def test_sources__of_the_most_projects__come_in_answers_of_at_most_16_mib(world: World) -> None:
    with world.pool.begin() as conn:
        conn.execute(_LONG_SOURCES, {"text": ESCAPED})
    found = parts(world, "/v1/sources", "sources", limit=1000)
    assert len(found) > 1
    assert sum(len(part) for part in found) == 21


def test_syncs_and_deliveries__of_the_longest_ids__fit_into_an_answer(world: World) -> None:
    for number in range(3):
        world.post("add_members", ["a"], session=f"{number}".rjust(255, ESCAPED))
    (waiting,) = parts(world, "/v1/deliveries", "deliveries", limit=1000)
    world.apply()
    (applied,) = parts(world, f"/v1/cohorts/{world.cohort_id()}/syncs", "syncs", limit=1000)
    for row in (waiting[0], applied[0]):
        assert len(json.dumps(row)) * 1000 < MOST_BYTES


@pytest.mark.parametrize(("people", "status"), [(26, 200), (28, 400)])
def test_check__whose_answer_could_be_too_long__is_400_and_says_so(
    world: World, people: int, status: int
) -> None:
    cohort_id = world.fill(["a"])
    ids = [f"{number:04}".rjust(1024, ESCAPED) for number in range(people)]
    cohorts = [cohort_id, *(f"{number}" for number in range(10**6, 10**6 + 99))]
    body = {"cohort_ids": cohorts, "member_ids": ids}
    answer = world.call("POST", "/v1/membership/check", json=body)
    assert answer.status_code == status
    if status == 400:
        problem = answer.get_json()
        assert problem["code"] == "malformed"
        assert problem["detail"].startswith("member_ids")
        assert str(MOST_BYTES) in problem["detail"]


_LONG_COHORTS = text("""
    INSERT INTO cohorts
        (source_id, project_id, external_id, key, name, description, created_at, updated_at)
    SELECT s.id, repeat(:text, 255), repeat(:text, 250) || n,
           sha256(CAST(CAST(n AS text) AS bytea)), repeat(:text, 1000), repeat(:text, 1000),
           now(), now()
    FROM sources s, generate_series(1, :count) n WHERE s.slug = 'default'
""")

# Each is under a refresh, of a session with the longest id.
_COUNTERS = text("""
    WITH counted AS (
        INSERT INTO intake_state (cohort_id, refresh_session) SELECT id, 1 FROM cohorts),
    named AS (
        INSERT INTO sessions (cohort_id, number, session_id, started_order, started_at)
        SELECT id, 1, repeat(:text, 255), 1, now() FROM cohorts),
    begun AS (
        INSERT INTO syncs (cohort_id, session, action, total_pages, pages, members_received,
                           started_at, last_received_at)
        SELECT id, 1, 'members', 2, '{[1,1]}', 1, now(), now() FROM cohorts)
    INSERT INTO apply_state (cohort_id, updated_at) SELECT id, now() FROM cohorts
""")

_EVERYWHERE = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT id, 'zoe', 1, now() FROM cohorts
""")

_LONG_SOURCES = text("""
    INSERT INTO sources (slug, created_at, project_ids)
    SELECT 'long-' || n, now(), array_fill(repeat(:text, 255), ARRAY[1000])
    FROM generate_series(1, 20) n
""")
