"""Deletion with `remove`: refused where it could never end, and kept until it is done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from gateway.core.syncs.job import Mode
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, person

ADD_ONLY = dataclasses.replace(
    audience.KIND,
    name="list",
    facts=dataclasses.replace(audience.FACTS, modes=(Mode.ADD_ONLY,)),
)


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    kinds = {"sample": audience.KIND, "list": ADD_ONLY}
    with office.opened(pool, database_url, clock, kinds) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        desk.destination("list", {"endpoint": url}, {}, slug="list")
        yield made


def refused(desk: Office, job: str) -> str:
    answer = desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true")
    assert answer.status_code == 409, answer.text
    return str(answer.get_json()["code"])


def test_deletion__with_remove_where_nothing_can_be_removed__is_refused_and_changes_nothing(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    job = desk.job(cohort, destination="list", mode="add_only", mapping=MAPPING)
    desk.send()
    before = desk.shown(job)
    assert refused(desk, job) == "cannot_remove"
    desk.send()
    assert (desk.shown(job), vendor.ids) == (before, {"a"})
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204


def test_deletion__with_remove_of_a_done_job_whose_destination_is_gone__is_refused(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), frequency="once", mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    assert refused(desk, job) == "destination_removed"
    assert vendor.ids == {"a"}


def test_run_or_resync__of_a_job_that_is_being_deleted__does_not_keep_it(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true").status_code == 202
    for verb in ("run", "resync"):
        assert desk.act(job, verb, 409)["code"] == "wrong_state"
    desk.send()
    assert desk.call("GET", f"/v1/sync-jobs/{job}").status_code == 404
    assert vendor.ids == set()


def test_run__that_is_asked_for_after_a_resync__sends_everything(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    vendor.rows.clear()
    desk.act(job, "resync")
    desk.act(job, "run")
    desk.send()
    assert [(verb, one["id"]) for verb, one in vendor.rows] == [("add", "a")]
