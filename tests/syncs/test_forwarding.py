"""Forwarding: each recorded action reaches Mixpanel once, whatever it and the network answer."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from gateway.destinations.mixpanel import events
from gateway.flows.syncs import forwarding
from tests.syncs import project
from tests.syncs.branch import SOURCE, Branch

NAMES = [f"m-{number}" for number in range(9)]


def test_action__that_was_recorded__is_an_event_of_the_project(branch: Branch) -> None:
    cohort_id = branch.fill(["ada"])
    at = branch.clock.now.isoformat()
    given = {
        "template": "welcome",
        "n": 12345678901234567890123,
        "time": "mine",
        "nested": {"a": 1},
    }
    branch.act("ada", cohort_id=cohort_id, properties=given, at=at)
    branch.act("bob")
    branch.send()
    one, other = branch.project.events.values()
    sent = one["properties"]
    insert_id = sent.pop("$insert_id")
    assert (one["event"], sent) == (
        "mail.sent",
        {
            "cohort_id": cohort_id,
            "template": "welcome",
            "n": 12345678901234567890123,
            "nested": {"a": 1},
            "time": int(branch.clock.now.timestamp() * 1000),
            "distinct_id": "ada",
        },
    )
    assert project.INSERT_ID.fullmatch(insert_id)
    assert set(other["properties"]) == {"time", "distinct_id", "$insert_id"}
    shown = branch.shown()
    assert shown["last_sent_at"] is not None
    assert (shown["state"], shown["waiting"], shown["sent"], shown["rejected"]) == (
        "active",
        0,
        2,
        0,
    )
    branch.send()
    assert branch.project.requests == 1


def test_property__named_as_the_cohort__wins(branch: Branch) -> None:
    cohort_id = branch.fill(["ada"])
    branch.act("ada", cohort_id=cohort_id, properties={"cohort_id": "theirs"})
    branch.send()
    (one,) = branch.project.events.values()
    assert one["properties"]["cohort_id"] == "theirs"


def test_actions__in_great_number__go_in_batches_of_2000(branch: Branch) -> None:
    branch.act(*[f"m-{number}" for number in range(4500)])
    assert branch.shown()["waiting"] == 4500
    branch.send()
    assert branch.project.sizes == [2000, 2000, 500]
    assert len(branch.project.events) == 4500


def test_actions__with_large_properties__fit_into_the_bytes_of_a_request(branch: Branch) -> None:
    branch.project.max_bytes = events.MAX_BYTES
    branch.act(*[f"m-{number}" for number in range(150)], properties={"text": "x" * 30_000})
    branch.send()
    assert len(branch.project.events) == 150
    assert branch.project.requests == 3


def test_actions__recorded_before_it_was_set__are_not_sent(branch: Branch) -> None:
    assert branch.call("PATCH", SOURCE, json={"config": {"import": None}}).status_code == 200
    branch.act("early")
    assert branch.shown() is None
    branch.configure()
    branch.act("ada")
    branch.send()
    assert branch.project.members == {"ada"}


def test_actions__of_a_source_switched_off_meanwhile__wait_for_it(branch: Branch) -> None:
    branch.act("ada")
    branch.call("PATCH", SOURCE, json={"config": {"import": None}})
    branch.send()
    assert branch.project.requests == 0
    branch.configure()
    branch.send()
    assert branch.project.members == {"ada"}


@pytest.mark.parametrize("trouble", [429, 500, 503, 408, "away", "lost", (200, {}, b"<html>")])
def test_mixpanel__that_is_away__is_asked_again_later_and_nothing_is_lost(
    branch: Branch, trouble: int | str
) -> None:
    branch.project.trouble = [trouble, trouble]
    branch.act(*NAMES)
    branch.send()
    shown = branch.shown()
    assert (shown["state"], shown["waiting"]) == ("failing", len(NAMES))
    assert shown["last_error"]["code"] == "unavailable"
    assert shown["next_try_at"] is not None
    branch.send()
    assert branch.project.requests == 1, "not before its time"
    branch.clock.tick(seconds=10)
    branch.send()
    assert branch.project.requests == 2
    branch.clock.tick(seconds=10)
    branch.act("late")
    branch.send()
    assert branch.project.members == {*NAMES, "late"}
    assert len(branch.project.events) == len(NAMES) + 1
    shown = branch.shown()
    assert (shown["state"], shown["waiting"], shown["last_error"]) == ("active", 0, None)


def test_retry_after__of_an_answer__is_kept(branch: Branch) -> None:
    branch.project.trouble = [(429, {"Retry-After": "120"}, b"{}")]
    branch.act("ada")
    branch.send()
    branch.clock.tick(seconds=119)
    branch.send()
    assert branch.project.requests == 1
    branch.clock.tick(seconds=2)
    branch.send()
    assert branch.project.members == {"ada"}


def test_waits__grow_with_each_try_and_have_an_end() -> None:
    waits = [forwarding.wait_seconds(attempts, None) for attempts in range(12)]
    for attempts, seconds in enumerate(waits):
        assert min(2.0 * 2**attempts, 300) < seconds <= min(2.0 * 2**attempts, 300) + 5
    assert forwarding.wait_seconds(0, 10_000_000) == forwarding.MOST_ASKED_SECONDS


def test_events__that_are_refused_by_name__are_kept_with_the_words_and_not_sent_again(
    branch: Branch,
) -> None:
    branch.act("a", "none", "b", "anonymous", "c")
    branch.act("old", at="1970-06-01T00:00:00Z")
    branch.send()
    assert branch.project.members == {"a", "b", "c"}
    refused = branch.rejected()
    assert [member for member, _ in refused] == ["old", "anonymous", "none"]
    assert "properties.time" in refused[0][1]
    shown = branch.shown()
    assert (shown["state"], shown["waiting"], shown["sent"], shown["rejected"]) == (
        "active",
        0,
        3,
        3,
    )
    branch.clock.tick(hours=1)
    branch.send()
    assert branch.project.requests == 1
    parts = [
        [one["member_id"] for one in part]
        for part in branch.pages(f"{SOURCE}/rejected-actions", limit=2)
    ]
    assert parts == [["old", "anonymous"], ["none"]]


def test_refusals__of_which_not_all_are_named__let_the_others_be_sent_again(
    branch: Branch,
) -> None:
    branch.act("a", "b", "c")
    told = {"num_records_imported": 1, "failed_records": [{"index": 0, "message": "no"}]}
    branch.project.trouble = [(400, {}, json.dumps(told).encode())]
    branch.send()
    assert branch.project.members == {"b", "c"}
    assert branch.rejected() == [("a", "no")]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_service_account__that_is_refused__stops_it_until_the_source_is_mended(
    branch: Branch, status: int
) -> None:
    branch.project.trouble = [status]
    branch.act(*NAMES)
    branch.send()
    shown = branch.shown()
    code = {401: "credentials", 403: "permission", 404: "configuration"}[status]
    assert (shown["state"], shown["last_error"]["code"]) == ("stopped", code)
    assert f"HTTP {status}" in shown["last_error"]["message"]
    branch.clock.tick(days=3)
    branch.send()
    assert branch.project.requests == 1
    branch.configure()
    assert branch.shown()["state"] == "active"
    branch.send()
    assert branch.project.members == {*NAMES}


def test_secret__that_is_wrong__is_in_no_answer_and_another_mends_it(branch: Branch) -> None:
    branch.configure(secret="a-wrong-secret")
    branch.act("ada")
    branch.send()
    source = branch.call("GET", SOURCE)
    assert source.get_json()["forwarding"]["state"] == "stopped"
    assert "a-wrong-secret" not in source.text
    branch.configure()
    branch.send()
    assert branch.project.members == {"ada"}


def test_source__mended_while_a_request_is_under_way__is_not_stopped_by_its_answer(
    branch: Branch,
) -> None:
    branch.project.trouble = [401]
    branch.project.before = branch.configure
    branch.act("ada")
    branch.forwarder.look()
    branch.forwarder.wait()
    branch.project.before = lambda: None
    assert branch.shown()["state"] == "active"
    branch.send()
    assert branch.project.members == {"ada"}


def test_request__that_is_too_large__is_halved(branch: Branch) -> None:
    branch.project.max_bytes = 700
    branch.act(*NAMES, properties={"text": "x" * 100})
    branch.send()
    assert branch.project.members == {*NAMES}
    assert max(branch.project.sizes) > 1
    assert branch.shown()["rejected"] == 0


def test_event__that_is_too_large_by_itself__is_rejected_alone(branch: Branch) -> None:
    branch.project.max_bytes = 700
    branch.act("a", "b")
    branch.act("large", properties={"text": "x" * 1000})
    branch.act("c", "d")
    branch.send()
    assert branch.project.members == {"a", "b", "c", "d"}
    ((member, words),) = branch.rejected()
    assert (member, "exceeds max limit" in words) == ("large", True)


def test_refusal__of_everything_without_a_word__stops_it_and_rejects_nothing(
    branch: Branch,
) -> None:
    branch.project.trouble = [400] * 50
    branch.act(*NAMES)
    branch.send()
    shown = branch.shown()
    assert (shown["state"], shown["last_error"]["code"]) == ("stopped", "refused")
    assert (shown["waiting"], shown["rejected"]) == (len(NAMES), 0)


def test_refusal__of_one_event_without_a_word__stops_it_and_rejects_nothing(
    branch: Branch,
) -> None:
    branch.project.trouble = [400]
    branch.act("ada")
    branch.send()
    assert branch.shown()["state"] == "stopped"
    branch.configure()
    branch.send()
    assert branch.project.members == {"ada"}


def test_address__that_is_private__stops_it(branch: Branch) -> None:
    branch.configure(endpoint="http://10.0.0.1")
    branch.act("ada")
    branch.send()
    shown = branch.shown()
    assert (shown["state"], shown["last_error"]["code"]) == ("stopped", "configuration")


def test_key__that_is_lost__has_it_tried_again(branch: Branch) -> None:
    branch.act("ada")
    with branch.pool.begin() as conn:
        conn.execute(text("UPDATE source_secrets SET ciphertext = 'x'"))
    branch.send()
    shown = branch.shown()
    assert (shown["state"], shown["last_error"]["code"]) == ("failing", "secret_unreadable")
    with branch.pool.begin() as conn:
        conn.execute(text("DELETE FROM source_secrets"))
    branch.clock.tick(minutes=10)
    branch.send()
    assert branch.shown()["last_error"]["code"] == "credentials"
