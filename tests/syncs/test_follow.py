"""Webhooks: each change once, in order, whatever the receiver answers."""

from __future__ import annotations

import base64

import pytest
import standardwebhooks

from tests.syncs import receiver
from tests.syncs.office import Office
from tests.syncs.receiver import Request

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Consumer:
    """Verifies signatures, and drops what it has seen."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.took: list[tuple[str, int, str | None]] = []
        self.seen: set[str] = set()
        self.status = 200
        self.lose = 0

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes] | None:
        told = standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))
        self.requests.append(request)
        if self.status != 200:
            return self.status, {}, b"not now"
        for one in told.get("messages", [told]):
            if request.headers["webhook-id"] not in self.seen:
                member = one["member"] and one["member"]["member_id"]
                self.took.append((one["type"].removeprefix("cohort."), one["seq"], member))
        self.seen.add(request.headers["webhook-id"])
        self.lose -= 1
        return None if self.lose >= 0 else (200, {}, b"")


def start(desk: Office, url: str, cohort: str, *, batch: int = 1, **rest: object) -> str:
    desk.destination("webhook", {"url": url, "batch": batch}, {"secret": SECRET})
    return desk.job(cohort, **{"frequency": "live", "mapping": {}, **rest})


@pytest.mark.parametrize("batch", [1, 10])
def test_job__that_is_live__delivers_each_change_in_order_and_once(
    desk: Office, batch: int
) -> None:
    consumer = Consumer()
    cohort = desk.fill(["a", "b"])
    with receiver.serving(consumer) as url:
        job = start(desk, url, cohort, batch=batch)
        desk.send()
        assert consumer.took == []
        desk.post("add_members", ["c"], session="s2")
        desk.post("remove_members", ["a"], session="s3")
        desk.apply()
        consumer.lose = 1
        desk.send()
        shown = desk.shown(job)
        assert shown["state"] == "active", shown
        assert consumer.took == [("entered", 3, "c"), ("exited", 4, "a")]
        sent = len(consumer.requests)
        desk.send()
        assert len(consumer.requests) == sent
    run = shown["last_run"]
    assert (run["state"], run["added"], run["removed"]) == ("done", 1, 1)
    assert run["retries"] == 1


@pytest.mark.parametrize("batch", [1, 2])
def test_job__that_starts_with_members__sends_those_of_its_beginning_first(
    desk: Office, batch: int
) -> None:
    consumer = Consumer()
    cohort = desk.fill(["a", "b", "c"])
    with receiver.serving(consumer) as url:
        start(
            desk,
            url,
            cohort,
            batch=batch,
            mapping={"mail": "email"},
            options={"start": "members"},
        )
        desk.post("add_members", ["d"], session="s2")
        desk.post("remove_members", ["b"], session="s3")
        desk.apply()
        desk.send()
    assert consumer.took == [
        ("entered", 3, "a"),
        ("entered", 3, "b"),
        ("entered", 3, "c"),
        ("entered", 4, "d"),
        ("exited", 5, "b"),
    ]
    assert len({one.headers["webhook-id"] for one in consumer.requests}) == len(consumer.requests)


def test_member__that_is_mapped__has_what_is_mapped_and_nothing_else(desk: Office) -> None:
    consumer = Consumer()
    member = {"mixpanel_distinct_id": "a", "email": "a@example.com", "plan": "pro", "x": 1}
    cohort = desk.fill(["z"])
    with receiver.serving(consumer) as url:
        start(desk, url, cohort, mapping={"mail": "email", "plan": "properties.plan", "n": "phone"})
        desk.post("add_members", [member], session="s2")
        desk.apply()
        desk.send()
    (request,) = consumer.requests
    assert request.json["member"] == {"member_id": "a", "mail": "a@example.com", "plan": "pro"}


def test_erased_person__in_what_is_sent_later__is_null(desk: Office) -> None:
    consumer = Consumer()
    cohort = desk.fill(["z"])
    with receiver.serving(consumer) as url:
        start(desk, url, cohort)
        desk.post("add_members", ["a"], session="s2")
        desk.apply()
        assert desk.call("DELETE", "/v1/members/a").status_code == 204
        desk.send()
    assert consumer.took == [("entered", 2, None), ("exited", 3, None)]


def test_receiver__that_refuses_the_secret__stops_the_job_until_it_is_resumed(
    desk: Office,
) -> None:
    consumer = Consumer()
    cohort = desk.fill(["z"])
    with receiver.serving(consumer) as url:
        job = start(desk, url, cohort)
        desk.post("add_members", ["a"], session="s2")
        desk.apply()
        consumer.status = 401
        desk.send()
        shown = desk.shown(job)
        assert (shown["state"], shown["error"]["code"]) == ("stopped", "credentials")
        assert "not now" in shown["error"]["message"]
        assert shown["last_run"]["state"] == "failed"
        desk.act(job, "run", 409)
        consumer.status = 200
        desk.act(job, "resume")
        desk.send()
        assert desk.shown(job)["state"] == "active"
    assert consumer.took == [("entered", 2, "a")]


@pytest.mark.parametrize("batch", [1, 10])
def test_change__that_is_refused_by_itself__is_rejected_and_holds_up_no_other(
    desk: Office, batch: int
) -> None:
    took: list[object] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        told = request.json
        messages = told.get("messages", [told])
        if any(one["member"] is None or one["member"]["member_id"] == "b" for one in messages):
            return 422, {}, b"no such person"
        took.extend(one["seq"] for one in messages)
        return 200, {}, b""

    cohort = desk.fill(["z"])
    with receiver.serving(respond) as url:
        job = start(desk, url, cohort, batch=batch)
        desk.post("add_members", ["a", "b", "c", "d"], session="s2")
        desk.apply()
        assert desk.call("DELETE", "/v1/members/d").status_code == 204
        desk.send()
    shown = desk.shown(job)
    run = shown["last_run"]
    assert (shown["state"], run["state"], run["added"]) == ("active", "partial", 2)
    assert (took, run["rejected"]) == ([2, 4], {"refused": 3})
    csv = desk.call("GET", f"/v1/sync-jobs/{job}/runs/{run['number']}/rejected.csv").text
    assert csv.splitlines()[1:] == ["b,refused,the receiver answers 422: no such person"]


@pytest.mark.parametrize("start_with", ["now", "members"])
def test_suppressed_member__is_in_no_message(desk: Office, start_with: str) -> None:
    consumer = Consumer()
    cohort = desk.fill(["a", "b"])
    hidden = desk.fill(["b", "d"], cohort="2", session="h1")
    with receiver.serving(consumer) as url:
        job = start(desk, url, cohort, batch=10, suppress=[hidden], options={"start": start_with})
        desk.send()
        desk.post("add_members", ["c", "d"], session="s2")
        desk.apply()
        desk.send()
        desk.post("remove_members", ["b"], session="s3")
        desk.apply()
        desk.send()
    first = [("entered", 2, "a")] if start_with == "members" else []
    assert consumer.took == [*first, ("entered", 3, "c")]
    assert desk.shown(job)["last_run"]["skipped"] == {"suppressed": 1}


def test_preview__of_a_webhook__counts_the_changes_to_come(desk: Office) -> None:
    cohort = desk.fill(["a", "b"])
    desk.destination("webhook", {"url": "http://127.0.0.1:1/"}, {"secret": SECRET})
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "live", "mapping": {}}
    members = {**body, "options": {"start": "members"}}

    def counts(asked: object) -> tuple[int, int]:
        found = desk.call("POST", "/v1/sync-jobs/preview", json=asked).get_json()
        return found["add"], found["remove"]

    assert (counts(body), counts(members)) == ((0, 0), (2, 0))
    desk.job(cohort, frequency="live", mapping={}, options={"start": "members"})
    desk.post("add_members", ["c", "d"], session="s2")
    desk.post("remove_members", ["a"], session="s3")
    desk.apply()
    assert counts(body) == (5, 1)


def test_cohort__that_is_deleted__stops_its_job_and_sends_nothing(desk: Office) -> None:
    consumer = Consumer()
    cohort = desk.fill(["z"])
    with receiver.serving(consumer) as url:
        job = start(desk, url, cohort)
        desk.send()
        assert desk.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204
        desk.send()
    assert consumer.requests == []
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]["code"]) == ("stopped", "cohort_deleted")
