"""The ledger: a destination ends up with exactly the cohort, and with what others put there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office

MAPPING = {"id": "member_id", "email": "email"}


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    kinds = {"sample": audience.KIND}
    with office.opened(pool, database_url, clock, kinds) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made


def person(member_id: str, email: str | None = None, **rest: object) -> dict[str, object]:
    return {"mixpanel_distinct_id": member_id, "email": email or f"{member_id}@x.io", **rest}


def change(desk: Office, action: str, *members: object) -> None:
    desk.clock.tick(seconds=1)
    desk.post(action, list(members), session=f"s{desk.clock.now.timestamp()}")
    desk.apply()


def due(desk: Office) -> None:
    desk.clock.tick(minutes=6)
    desk.send()


def test_first_run__of_a_cohort__creates_the_audience_once_and_adds_everybody(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person(str(one)) for one in range(10)])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    assert vendor.ids == {str(one) for one in range(10)}
    assert (vendor.audiences, vendor.largest) == (["1"], 3)
    shown = desk.shown(job)
    assert (shown["state"], shown["audience"]["id"]) == ("active", "a1")
    run = shown["last_run"]
    assert (run["number"], run["state"], run["added"]) == (1, "done", 10)
    assert run["requests"] == 6
    due(desk)
    assert vendor.calls["add"] == 4
    assert desk.shown(job)["last_run"]["number"] == 2


def test_run__after_changes__sends_the_difference_only(desk: Office, vendor: Vendor) -> None:
    vendor.present = {("id", "other"), ("email", "other@x.io")}
    cohort = desk.fill([person("a"), person("b"), person("c")])
    desk.job(cohort, mapping=MAPPING)
    desk.send()
    change(desk, "add_members", person("d"), person("a", "new@x.io"))
    change(desk, "remove_members", "b")
    vendor.rows.clear()
    due(desk)
    assert vendor.rows == [
        ("add", {"id": "a", "email": "new@x.io"}),
        ("add", {"id": "d", "email": "d@x.io"}),
        ("remove", {"email": "a@x.io"}),
        ("remove", {"id": "b", "email": "b@x.io"}),
    ]
    assert ("email", "a@x.io") not in vendor.present
    assert vendor.ids == {"a", "c", "d", "other"}
    assert ("email", "new@x.io") in vendor.present


def test_identifier__that_another_member_has_too__is_not_removed(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a", "both@x.io"), person("b", "both@x.io"), person("c")])
    desk.job(cohort, mapping=MAPPING)
    desk.send()
    change(desk, "remove_members", "a")
    due(desk)
    assert vendor.present == {
        ("id", "b"),
        ("email", "both@x.io"),
        ("id", "c"),
        ("email", "c@x.io"),
    }


@pytest.mark.parametrize("trouble", ["before", "after"])
def test_requests__or_answers_that_are_lost__leave_the_same_audience(
    desk: Office, vendor: Vendor, trouble: str
) -> None:
    cohort = desk.fill([person(str(one)) for one in range(7)])
    vendor.trouble = [trouble, "", trouble]
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    due(desk)
    assert vendor.ids == {str(one) for one in range(7)}
    assert vendor.audiences == ["1"]
    runs = desk.get(f"/v1/sync-jobs/{job}/runs")["runs"]
    assert sum(one["retries"] for one in runs) == 2


def test_rows__that_are_refused__are_shown_and_not_sent_again_until_they_change(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a"), person("=b"), person("c"), person("bad", "bad")])
    vendor.refuse, vendor.split_on = {"=b"}, {"c"}
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    run = desk.shown(job)["last_run"]
    assert run["state"] == "partial"
    assert run["rejected"] == {"unknown": 1, "refused": 1}
    assert run["skipped"] == {"bad_email": 1}
    csv = desk.call("GET", f"/v1/sync-jobs/{job}/runs/1/rejected.csv").text.splitlines()
    assert csv == [
        "member_id,reason,message",
        "'=b,unknown,no such person",
        "c,refused,one of these is wrong",
    ]
    vendor.rows.clear()
    vendor.refuse, vendor.split_on = set(), set()
    due(desk)
    assert vendor.rows == []
    change(desk, "add_members", person("c", "c2@x.io"))
    due(desk)
    assert vendor.rows == [("add", {"id": "c", "email": "c2@x.io"})]


def test_job__whose_credentials_fail__stops_and_one_that_is_resumed_goes_on(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    vendor.status = 401
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]["code"]) == ("stopped", "credentials")
    due(desk)
    vendor.status = 200
    desk.act(job, "resume")
    desk.send()
    assert vendor.ids == {"a"}


def test_job__whose_vendor_is_down__fails_with_growing_waits_and_recovers(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    vendor.status = 503
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["last_run"]["state"]) == ("failing", "queued")
    assert shown["error"]["code"] == shown["last_run"]["error"]["code"] == "unavailable"
    vendor.status = 200
    due(desk)
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]) == ("active", None)
    run = shown["last_run"]
    assert (run["number"], run["state"], run["error"]) == (1, "done", None)
    assert vendor.ids == {"a"}


def test_run__that_would_remove_many__waits_for_approval(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person(str(one)) for one in range(100)])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    change(desk, "remove_members", *[str(one) for one in range(51)])
    due(desk)
    shown = desk.shown(job)
    assert (shown["last_run"]["state"], shown["last_run"]["would_remove"]) == ("needs_approval", 51)
    assert len(vendor.ids) == 100
    due(desk)
    assert desk.shown(job)["last_run"]["number"] == 2
    desk.act(job, "runs/2/approve", 200)
    desk.send()
    assert len(vendor.ids) == 49
    assert desk.shown(job)["last_run"]["state"] == "done"
    desk.act(job, "runs/2/approve", 409)


def test_deletion__with_remove__takes_out_what_the_job_added_and_nothing_else(
    desk: Office, vendor: Vendor
) -> None:
    vendor.present = {("id", "other")}
    cohort = desk.fill([person("a"), person("b")])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    in_use = desk.call("DELETE", "/v1/destinations/crm")
    assert (in_use.status_code, in_use.get_json()["code"]) == (409, "in_use")
    answer = desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true")
    assert answer.status_code == 202
    desk.send()
    assert vendor.present == {("id", "other")}
    assert desk.call("GET", f"/v1/sync-jobs/{job}").status_code == 404
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204


@pytest.mark.parametrize("state", ["active", "paused", "deleted"])
def test_erased_person__is_removed_from_a_job_of_any_state(
    desk: Office, vendor: Vendor, state: str
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    job = desk.job(cohort, mapping=MAPPING, mode="add_only")
    desk.send()
    if state == "paused":
        desk.act(job, "pause")
    if state == "deleted":
        assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    desk.send()
    assert vendor.ids == {"b"}


def test_suppressed_members__are_never_sent_and_removed_where_they_were(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    hidden = desk.fill(["a"], cohort="2", session="h1")
    job = desk.job(cohort, mapping=MAPPING, suppress=[hidden])
    desk.send()
    assert vendor.ids == {"b"}
    desk.post("add_members", ["b"], cohort="2", session="h2")
    desk.apply()
    due(desk)
    assert vendor.ids == set()
    desk.call("DELETE", f"/v1/cohorts/{hidden}")
    due(desk)
    assert desk.shown(job)["error"]["code"] == "suppress_unreadable"


def test_once__when_it_is_done__leaves_room_for_another(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a")])
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "once", "mapping": MAPPING}
    job = desk.job(cohort, frequency="once", mapping=MAPPING)
    again = desk.call("POST", "/v1/sync-jobs", json=body)
    assert (again.status_code, again.get_json()["code"]) == (409, "sync_job_exists")
    assert again.get_json()["id"] == job
    desk.send()
    assert desk.shown(job)["state"] == "done"
    assert vendor.ids == {"a"}
    assert desk.call("POST", "/v1/sync-jobs", json=body).status_code == 201


def test_resync__sends_everybody_and_run_of_a_paused_job_is_refused(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    vendor.present = set()
    desk.act(job, "run")
    desk.send()
    assert vendor.ids == set()
    desk.act(job, "resync")
    desk.send()
    assert vendor.ids == {"a", "b"}
    desk.act(job, "pause")
    desk.act(job, "run", 409)
    desk.act(job, "resume")
    desk.act(job, "run")


def test_preview__of_a_job__counts_and_moves_nothing(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a", " A@x.io "), {"mixpanel_distinct_id": "b"}, person("c", "bad")])
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "live", "mapping": MAPPING}
    found = desk.call("POST", "/v1/sync-jobs/preview", json=body).get_json()
    assert (found["add"], found["remove"]) == (3, 0)
    assert found["identifiers"]["email"]["share"] == 0.3333
    assert found["matchable"] == 0.6667
    assert found["rows"][0]["before"]["email"] == " A@x.io "
    assert found["rows"][0]["after"]["email"] == "a@x.io"
    assert vendor.calls == {}
    assert desk.get("/v1/sync-jobs")["sync_jobs"] == []


def test_job__that_cannot_be__is_refused_with_every_fault(desk: Office, vendor: Vendor) -> None:
    del vendor
    cohort = desk.fill(["a"])
    wrong = {
        "cohort_id": "999999",
        "destination": "crm",
        "frequency": "7m",
        "mode": "copy",
        "mapping": {"city": "properties.city", "nick": "email", "email": "mail"},
        "suppress": ["0"],
        "options": {"x": 1},
    }
    answer = desk.call("POST", "/v1/sync-jobs", json=wrong)
    assert answer.status_code == 422
    paths = {one["path"] for one in answer.get_json()["errors"]}
    assert paths == {
        "cohort_id",
        "frequency",
        "mode",
        "mapping.nick",
        "mapping.email",
        "suppress.0",
        "options.x",
    }
    weak = {**wrong, "cohort_id": cohort, "mapping": {"city": "properties.city"}}
    told = desk.call("POST", "/v1/sync-jobs", json=weak).get_json()
    assert "mapping" in {one["path"] for one in told["errors"]}
