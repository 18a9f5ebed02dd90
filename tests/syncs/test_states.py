"""States: what a job may be asked for in each, and how it meets what is gone or broken."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.destinations.kinds import KINDS
from gateway.flows.syncs.sender import Sender
from gateway.handlers.http import deps
from gateway.store.db import leases
from gateway.store.db.engine import Pool
from gateway.store.db.leases import MOST_DEATHS
from gateway.vault import Vault
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_follow import SECRET
from tests.syncs.test_keep import MAPPING, change, due, person


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    kinds = {**KINDS, "sample": audience.KIND}
    with office.opened(pool, database_url, clock, kinds) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made


def code(desk: Office, job: str) -> str:
    return str(desk.shown(job)["error"]["code"])


def again(desk: Office, **rest: object) -> None:
    """Let another process work, with another setup, and answer by it."""
    setup = dataclasses.replace(desk.setup, **rest)  # type: ignore[arg-type]
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    desk.app.extensions[deps.EXTENSION] = dataclasses.replace(given, sending=setup)
    desk.sender.close()
    desk.sender = Sender(
        desk.pool, desk.pool, setup, holder="there", at_once=4, patience_seconds=4.0
    )


def offer(desk: Office, job: str) -> None:
    with desk.pool.begin() as conn:
        leases.offer(conn, "sync", job)


def offered(desk: Office) -> list[str]:
    with desk.pool.read() as conn:
        found = conn.execute(text("SELECT key FROM leases WHERE kind = 'sync' ORDER BY key"))
        return list(found.scalars())


def test_change__of_a_mapping__is_sent_with_the_next_run(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a")])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    body = {"mapping": {"id": "member_id"}, "mode": "mirror", "frequency": "1h", "suppress": []}
    answer = desk.call("PATCH", f"/v1/sync-jobs/{job}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["frequency"] == "1h"
    desk.send()
    assert vendor.present == {("id", "a")}


def test_cohort__suppressed_by_several_names_of_it__is_kept_once(
    desk: Office, vendor: Vendor
) -> None:
    del vendor
    hidden = desk.fill([person("z")], cohort="2", session="h1")
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING, suppress=[hidden, int(hidden)])
    assert desk.shown(job)["suppress"] == [hidden]
    body = {"suppress": [int(hidden), hidden]}
    answer = desk.call("PATCH", f"/v1/sync-jobs/{job}", json=body)
    assert answer.get_json()["suppress"] == [hidden]


def test_change__that_changes_nothing_there__sends_nothing(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a", "a@x.io", mail="a@x.io")])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    vendor.rows.clear()
    body = {"mapping": {"id": "member_id", "email": "properties.mail"}}
    assert desk.call("PATCH", f"/v1/sync-jobs/{job}", json=body).status_code == 200
    due(desk)
    assert desk.shown(job)["last_run"]["state"] == "done"
    assert vendor.rows == []


def test_change__that_cannot_be__is_refused_with_every_fault(desk: Office, vendor: Vendor) -> None:
    del vendor
    job = desk.job(desk.fill(["a"]), mapping=MAPPING)
    body = {"suppress": ["999999"], "frequency": "7m", "mode": "copy"}
    answer = desk.call("PATCH", f"/v1/sync-jobs/{job}", json=body)
    assert answer.status_code == 422, answer.text
    paths = {one["path"] for one in answer.get_json()["errors"]}
    assert paths == {"suppress.0", "frequency", "mode"}
    assert desk.shown(job)["frequency"] == "5m"


def test_kind__that_this_version_does_not_have__stops_its_jobs(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    job = desk.job(cohort, mapping=MAPPING)
    again(desk, kinds={})
    desk.send()
    assert code(desk, job) == "kind_unavailable"
    assert vendor.calls == {}
    assert desk.get("/v1/destinations/crm")["secrets"] == {}
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "5m", "mapping": MAPPING}
    told = desk.call("POST", "/v1/sync-jobs", json=body).get_json()
    assert {one["path"] for one in told["errors"]} == {"destination"}
    answer = desk.call("PATCH", f"/v1/sync-jobs/{job}", json={"frequency": "1h"})
    assert answer.get_json()["frequency"] == "1h"


def test_secret__that_no_key_reads__stops_the_job_and_keeps_its_preview_from_being(
    desk: Office,
) -> None:
    desk.destination("webhook", {"url": "http://127.0.0.1:1/"}, {"secret": SECRET})
    cohort = desk.fill(["a"])
    job = desk.job(cohort, frequency="live", mapping={})
    again(desk, vault=Vault(["another key of thirty-two letters"]))
    desk.send()
    assert code(desk, job) == "secret_unreadable"
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "live", "mapping": {}}
    answer = desk.call("POST", "/v1/sync-jobs/preview", json=body)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.get_json()["errors"]] == ["destination"]


def test_preview__of_a_webhook__shows_what_a_change_would_say(desk: Office) -> None:
    desk.destination("webhook", {"url": "http://127.0.0.1:1/"}, {"secret": SECRET})
    cohort = desk.fill([person("a")])
    body = {
        "cohort_id": cohort,
        "destination": "crm",
        "frequency": "live",
        "mapping": {"mail": "email"},
    }
    found = desk.call("POST", "/v1/sync-jobs/preview", json=body).get_json()
    assert found["rows"][0]["after"] == {"member_id": "a", "mail": "a@x.io"}
    assert found["matchable"] == 1


def test_paused_job__can_be_paused_and_resumed_and_nothing_else(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.act(job, "resume")
    desk.act(job, "pause")
    desk.act(job, "pause")
    assert desk.act(job, "resync", 409)["code"] == "wrong_state"
    offer(desk, job)
    desk.send()
    assert (desk.shown(job)["state"], vendor.calls, offered(desk)) == ("paused", {}, [])


def test_done_job__is_started_by_a_resync_unless_another_has_its_place(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    job = desk.job(cohort, frequency="once", mapping=MAPPING)
    desk.send()
    assert desk.act(job, "pause", 409)["code"] == "wrong_state"
    assert desk.act(job, "resume", 409)["code"] == "wrong_state"
    vendor.present = set()
    desk.act(job, "resync")
    desk.send()
    assert (desk.shown(job)["state"], vendor.ids) == ("done", {"a"})
    other = desk.job(cohort, mapping=MAPPING)
    refused = desk.act(job, "resync", 409)
    assert (refused["code"], refused["id"]) == ("sync_job_exists", other)


def test_run__that_is_not__is_neither_shown_nor_approved(desk: Office, vendor: Vendor) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.act(job, "runs/9/approve", 404)
    assert desk.call("GET", f"/v1/sync-jobs/{job}/runs/9").status_code == 404


def test_run__that_waits_for_approval__does_not_hold_up_an_erasure(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person(str(one)) for one in range(100)]), mapping=MAPPING)
    desk.send()
    change(desk, "remove_members", *[str(one) for one in range(51)])
    due(desk)
    assert desk.call("DELETE", "/v1/members/99").status_code == 204
    desk.send()
    assert vendor.ids == {str(one) for one in range(99)}
    assert desk.shown(job)["last_run"]["state"] == "needs_approval"


def test_offer__of_a_job_that_is_not__goes_away(desk: Office) -> None:
    offer(desk, "999999")
    desk.send()
    assert offered(desk) == []


def test_job__at_which_processes_die__fails_and_is_tried_later(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    offer(desk, job)
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE leases SET deaths = :deaths"), {"deaths": MOST_DEATHS})
    desk.send()
    assert (desk.shown(job)["state"], code(desk, job)) == ("failing", "sender_died")
    due(desk)
    assert (desk.shown(job)["state"], vendor.ids) == ("active", {"a"})


def test_webhook__that_is_deleted_with_remove__sends_nothing_and_is_gone(desk: Office) -> None:
    desk.destination("webhook", {"url": "http://127.0.0.1:1/"}, {"secret": SECRET})
    job = desk.job(desk.fill(["a"]), frequency="live", mapping={})
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true").status_code == 202
    desk.send()
    assert desk.call("GET", f"/v1/sync-jobs/{job}").status_code == 404


def test_erasure__at_a_destination_that_is_removed_meanwhile__is_not_sent(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    offer(desk, job)
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    desk.send()
    assert vendor.calls["remove"] == 0
    assert offered(desk) == []


def test_pause__while_a_run_waits_for_its_vendor__ends_the_run(
    desk: Office, vendor: Vendor
) -> None:
    vendor.status = 503
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    assert desk.sender.look() == 1
    office.until(lambda: desk.shown(job)["last_run"]["state"] == "running")
    desk.act(job, "pause")
    desk.sender.wait()
    shown = desk.shown(job)
    assert (shown["state"], shown["last_run"]["state"]) == ("paused", "canceled")


def test_sender__that_closes_during_a_run__leaves_the_run_to_another(
    desk: Office, vendor: Vendor
) -> None:
    vendor.status = 503
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    assert desk.sender.look() == 1
    office.until(lambda: desk.shown(job)["last_run"]["state"] == "running")
    desk.sender.close()
    assert desk.shown(job)["last_run"]["state"] == "running"
    assert offered(desk) == [job]
