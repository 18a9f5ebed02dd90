"""Corners: jobs whose cohorts are not known any more, bugs beside runs, and secrets that go."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.destinations.adapter import Batch, Target
from gateway.destinations.answers import Answer
from gateway.destinations.kinds import KINDS
from gateway.flows.syncs import executing
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import office, receiver
from tests.syncs.audience import KIND, Sample, Vendor
from tests.syncs.office import Office
from tests.syncs.test_follow import SECRET
from tests.syncs.test_keep import MAPPING, due, person


class Clumsy(Sample):
    """Has a bug where it removes."""

    def remove(self, target: Target, batch: Batch) -> Answer:
        del target, batch
        raise ZeroDivisionError


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    clumsy = dataclasses.replace(KIND, name="clumsy", connect=Clumsy)
    kinds = {**KINDS, "sample": KIND, "clumsy": clumsy}
    with office.opened(pool, database_url, clock, kinds) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        desk.destination("clumsy", {"endpoint": url}, {}, slug="clumsy")
        yield made


def lose_the_cohort(desk: Office) -> None:
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE sync_jobs SET cohort = 999999"))


def test_removal__of_a_job_without_its_cohort__needs_a_person(desk: Office, vendor: Vendor) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    lose_the_cohort(desk)
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true").status_code == 202
    desk.send()
    assert desk.shown(job)["error"]["code"] == "cohort_deleted"


def test_resync__of_a_job_without_its_cohort__stops_it(desk: Office, vendor: Vendor) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    lose_the_cohort(desk)
    desk.act(job, "resync")
    desk.send()
    assert desk.shown(job)["error"]["code"] == "cohort_deleted"


def test_suppressed_cohort__that_is_stale__stops_the_job(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a"), person("b")])
    hidden = desk.fill(["a"], cohort="2", session="h1")
    job = desk.job(cohort, mapping=MAPPING, suppress=[hidden])
    desk.clock.tick(hours=2)
    desk.send()
    assert desk.shown(job)["error"]["code"] == "suppress_unreadable"
    assert vendor.ids == set()


def test_bug__while_an_erasure_is_sent__has_it_tried_again_after_a_while(
    desk: Office, vendor: Vendor
) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), destination="clumsy", mapping=MAPPING)
    desk.send()
    desk.act(job, "pause")
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    assert desk.sender.look() == 1
    desk.sender.wait()
    assert desk.sender.look() == 0
    due(desk)
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sync_erasures")).scalar_one() == 1


def test_bug__at_a_job_that_is_not__is_noted_nowhere(desk: Office) -> None:
    with desk.pool.begin() as conn:
        executing.note_bug(conn, 999999, now=desk.clock())
        assert conn.execute(text("SELECT count(*) FROM sync_runs")).scalar_one() == 0


def test_secret__that_is_set_to_null__is_forgotten(desk: Office) -> None:
    secrets = {"secret": SECRET, "previous_secret": SECRET}
    desk.destination("webhook", {"url": "http://127.0.0.1:1/"}, secrets)
    body = {"secrets": {"previous_secret": None}}
    answer = desk.call("PATCH", "/v1/destinations/crm", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.get_json()["secrets"]
    assert shown["previous_secret"] is None
    assert shown["secret"] is not None
