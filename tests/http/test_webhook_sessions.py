"""What the webhook takes for one session, and for a replay."""

import json

import pytest

from tests.http.inside import Gateway
from tests.http.webhook import accepted, body, refused, unique


@pytest.mark.parametrize("action", ["members", "add_members", "remove_members"])
def test_action__of_any_kind__may_be_a_cohorts_first(gateway: Gateway, action: str) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, action=action)), action)
    assert gateway.cohort(cohort)["external_id"] == cohort


@pytest.mark.parametrize("empty", ["", None, ...])
def test_session__without_an_id__is_one_of_its_own_each_time(
    gateway: Gateway, empty: object
) -> None:
    cohort = unique()
    for _ in range(3):
        accepted(gateway.post(body(cohort, "a", mixpanel_session_id=empty)))
    syncs = gateway.syncs(cohort)
    assert [(each["session_id"], each["duplicates"]) for each in syncs] == [(None, 0)] * 3
    assert set(gateway.members(cohort)) == {"a"}


@pytest.mark.parametrize("empty", ["", None, ...])
def test_session__of_a_refresh_in_pages__must_have_an_id(gateway: Gateway, empty: object) -> None:
    info = {"total_pages": 2, "page_count": 1}
    page = body("c", "a", action="members", page_info=info, mixpanel_session_id=empty)
    assert "mixpanel_session_id" in refused(gateway.post(page), 400, action="members")
    whole = body(unique(), "a", action="members", mixpanel_session_id=empty)
    accepted(gateway.post(whole), "members")


def test_replay__written_otherwise__is_one_and_other_members_are_not(gateway: Gateway) -> None:
    cohort = unique()
    page = body(cohort, members=[{"distinct_id": "a", "p": [1, {"x": "\u00e9", "y": True}]}])
    accepted(gateway.post(page))
    accepted(gateway.post(json.dumps(page, indent=3, ensure_ascii=False).encode()))
    accepted(gateway.post(json.dumps(page, sort_keys=True).encode()))
    assert gateway.syncs(cohort)[0]["duplicates"] == 2
    accepted(gateway.post(json.dumps(page).replace("true", "1").encode()))
    (sync,) = gateway.syncs(cohort)
    assert (sync["duplicates"], sync["pages_received"]) == (2, 1)
    assert gateway.members(cohort)["a"]["properties"] == {"p": [1, {"x": "\u00e9", "y": 1}]}


@pytest.mark.parametrize(
    ("number", "total"), [(0, 0), (5, 2), (-3, -1), (1, 0), (10**300, 1), (3, None), (None, None)]
)
def test_diff__with_odd_paging__is_applied(
    gateway: Gateway, number: int | None, total: int | None
) -> None:
    cohort, session = unique(), unique("s")
    info = {"total_pages": total, "page_count": number}
    for action, ids in (("add_members", "ab"), ("remove_members", "b")):
        page = body(cohort, *ids, action=action, page_info=info, mixpanel_session_id=session)
        accepted(gateway.post(page), action)
    assert set(gateway.members(cohort)) == {"a"}
    assert [each["pages_received"] for each in gateway.syncs(cohort)] == [1, 1]


def test_heartbeat__an_empty_diff_or_a_replay__moves_the_time_of_the_last_sync(
    gateway: Gateway,
) -> None:
    cohort = unique()
    page = body(cohort)
    accepted(gateway.post(page))
    times = [gateway.cohort(cohort)["last_synced_at"]]
    for again in (page, body(cohort)):
        accepted(gateway.post(again))
        times.append(gateway.cohort(cohort)["last_synced_at"])
    assert times == sorted(set(times))


def test_session__of_one_id_in_two_cohorts__is_two(gateway: Gateway) -> None:
    one, other = unique(), unique()
    for cohort in (one, other):
        accepted(gateway.post(body(cohort, "a", mixpanel_session_id="shared")))
    assert gateway.syncs(one)[0]["duplicates"] == gateway.syncs(other)[0]["duplicates"] == 0
    assert set(gateway.members(one)) == set(gateway.members(other)) == {"a"}


def test_session__as_number_or_text__is_the_same(gateway: Gateway) -> None:
    cohort = unique()
    for session in (7, "7", " 7", "07"):
        accepted(gateway.post(body(cohort, "a", mixpanel_session_id=session)))
    found = {sync["session_id"]: sync["duplicates"] for sync in gateway.syncs(cohort)}
    assert found == {"7": 1, " 7": 0, "07": 0}
