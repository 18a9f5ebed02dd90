"""What monitors are told of sync jobs, and of erasures that are not confirmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.store.db.engine import Pool
from tests.http import scrape
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, person


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, {"sample": audience.KIND}) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made


def test_metrics__of_jobs_and_erasures__tell_what_waits_and_for_how_long(
    desk: Office, vendor: Vendor
) -> None:
    job = desk.job(desk.fill([person("a"), person("b")]), mapping=MAPPING)
    page = scrape.parse(desk.http.get("/metrics").text)
    assert page.value("gateway_sync_jobs", state="active") == 1
    assert page.value("gateway_erasures_outstanding") == 0
    desk.send()
    vendor.status = 401
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    desk.clock.tick(minutes=20)
    page = scrape.parse(desk.http.get("/metrics").text)
    assert page.value("gateway_oldest_sync_seconds") == 15 * 60
    assert page.value("gateway_erasures_outstanding") == 1
    assert page.value("gateway_oldest_erasure_seconds") == 20 * 60
    desk.send()
    page = scrape.parse(desk.http.get("/metrics").text)
    assert page.value("gateway_sync_jobs", state="stopped") == 1
    assert page.value("gateway_oldest_sync_seconds") == 0
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    page = scrape.parse(desk.http.get("/metrics").text)
    assert page.value("gateway_sync_jobs", state="stopped") == 0
    assert page.value("gateway_erasures_outstanding") == 0
