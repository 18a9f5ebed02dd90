"""Care of jobs: what expires is prolonged, what is over is forgotten, what waits is not lost."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.destinations.adapter import Batch, Target
from gateway.destinations.answers import Answer, Done, Rejected
from gateway.destinations.facts import Replaces
from gateway.flows.syncs import upkeep
from gateway.flows.syncs.sender import Sender
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from gateway.waits import Waits
from tests.http.world import Clock
from tests.syncs import office, receiver
from tests.syncs.audience import FACTS, KIND, Sample, Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, change, due, person


class Expiring(Sample):
    """Memberships end there after some days; a member called `gone` cannot be prolonged."""

    def refresh(self, target: Target, batch: Batch) -> Answer:
        self._change("refresh", target, batch)
        gone = [place for place, one in enumerate(batch.rows) if one.sent["id"] == "gone"]
        unknown = Rejected(reason="unknown", message="no such person")
        return Done(rejected=dict.fromkeys(gone, unknown))


class Whole(Sample):
    """Takes nobody out singly: everything is replaced."""

    def replace(self, target: Target, batch: Batch) -> Answer:
        if batch.number == 1:
            self._call("clear", target, {"rows": []})
        return self._change("add", target, batch) if batch.rows else Done()


class Store(Vendor):
    """Can also be emptied."""

    def _answer(self, verb: str, body: object) -> object:
        if verb == "clear":
            self.present = set()
        return super()._answer(verb, body)


KINDS = {
    "sample": KIND,
    "expiring": dataclasses.replace(
        KIND,
        name="expiring",
        connect=Expiring,
        facts=dataclasses.replace(FACTS, refresh_days=10),
    ),
    "whole": dataclasses.replace(
        KIND,
        name="whole",
        connect=Whole,
        facts=dataclasses.replace(FACTS, replaces=Replaces.ALWAYS),
    ),
}


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, KINDS) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Store]:
    made = Store()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        for kind in ("expiring", "whole"):
            desk.destination(kind, {"endpoint": url}, {}, slug=kind)
        yield made


def count(desk: Office, table: str) -> int:
    with desk.pool.read() as conn:
        found: int = conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return found


@pytest.mark.parametrize("frequency", ["live", "1d"])
def test_membership__that_would_expire__is_prolonged_in_time(
    desk: Office, vendor: Store, frequency: str
) -> None:
    cohort = desk.fill([person("a"), person("b"), person("gone")])
    job = desk.job(cohort, destination="expiring", mapping=MAPPING, frequency=frequency)
    desk.send()
    desk.clock.tick(days=9)
    desk.send()
    assert vendor.calls["refresh"] == 0
    desk.clock.tick(days=2)
    desk.send()
    run = desk.shown(job)["last_run"]
    assert (vendor.calls["refresh"], run["added"], run["rejected"]) == (1, 0, {"unknown": 1})
    desk.clock.tick(days=2)
    desk.send()
    assert vendor.calls["refresh"] == 1


@pytest.mark.parametrize("state", ["active", "deleted"])
def test_erased_person__where_everything_is_replaced__is_left_out(
    desk: Office, vendor: Store, state: str
) -> None:
    cohort = desk.fill([person("a"), person("b"), person("c")])
    job = desk.job(cohort, destination="whole", mapping=MAPPING)
    desk.send()
    desk.send()
    if state == "deleted":
        assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    vendor.trouble = ["", "before"]
    desk.send()
    assert vendor.ids == {"b", "c"}
    assert count(desk, "sync_erasures") == 0
    with desk.pool.read() as conn:
        left = conn.execute(text("SELECT member_id FROM sync_ledger ORDER BY 1")).scalars().all()
    assert left == ["b", "c"]


def test_deletion__where_everything_is_replaced__empties_it(desk: Office, vendor: Store) -> None:
    job = desk.job(desk.fill([person("a")]), destination="whole", mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}?remove=true").status_code == 202
    desk.send()
    assert (vendor.ids, count(desk, "sync_ledger")) == (set(), 0)


def test_erasure__that_the_vendor_does_not_take__waits_longer_and_longer(
    desk: Office, vendor: Store
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    desk.act(job, "pause")
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    vendor.status = 401
    for seconds in (0, 11, 12):
        desk.clock.tick(seconds=seconds)
        assert desk.sender.look() == 1
        desk.sender.wait()
    desk.clock.tick(seconds=20)
    assert desk.sender.look() == 0
    desk.clock.tick(minutes=1)
    vendor.status = 200
    desk.send()
    assert (vendor.ids, count(desk, "sync_erasures")) == (set(), 0)


def test_erasure__at_a_job_that_fails__is_not_the_reason_of_another_run(
    desk: Office, vendor: Store
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    vendor.status = 401
    change(desk, "add_members", person("b"))
    due(desk)
    assert desk.shown(job)["state"] == "stopped"
    vendor.status = 200
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    desk.send()
    assert (vendor.ids, desk.shown(job)["last_run"]["number"]) == (set(), 2)


def test_removal_of_a_destination__ends_its_erasures_and_forgets_its_ledgers(
    desk: Office, vendor: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    del vendor
    monkeypatch.setattr(upkeep, "ROWS_AT_ONCE", 2)
    job = desk.job(desk.fill([person(one) for one in "abcde"]), mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.call("DELETE", "/v1/members/a").status_code == 204
    upkeep.tend(desk.pool, now=desk.clock())
    assert (count(desk, "sync_ledger"), count(desk, "sync_erasures")) == (5, 1)
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    upkeep.tend(desk.pool, now=desk.clock())
    assert (count(desk, "sync_ledger"), count(desk, "sync_erasures")) == (0, 0)
    assert not upkeep.clear(desk.pool, now=desk.clock())


def test_runs__and_rows_that_were_refused__are_kept_for_some_time(
    desk: Office, vendor: Store
) -> None:
    vendor.refuse = {"a"}
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    due(desk)
    kept = [(2, 1)]
    for days in (29, 2, 61):
        _age(desk, days)
        upkeep.prune(desk.pool, every_seconds=0)
        runs = len(desk.get(f"/v1/sync-jobs/{job}/runs")["runs"])
        kept.append((runs, count(desk, "sync_rejections")))
    assert kept == [(2, 1), (2, 1), (2, 0), (1, 0)]
    assert not upkeep.prune(desk.pool)


def _age(desk: Office, days: int) -> None:
    """Make runs older: retention goes by the clock of the database."""
    with desk.pool.begin() as conn:
        conn.execute(
            text("UPDATE sync_runs SET finished_at = finished_at - :age"),
            {"age": datetime.timedelta(days=days)},
        )


def test_destination__shows_when_a_run_ended_well_and_the_newest_error(
    desk: Office, vendor: Store
) -> None:
    assert desk.get("/v1/destinations/crm")["last_ok_at"] is None
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    shown = desk.get("/v1/destinations/crm")
    assert shown["last_ok_at"] == desk.shown(job)["last_ok_at"]
    assert shown["last_error"] is None
    vendor.status = 401
    change(desk, "add_members", person("b"))
    due(desk)
    assert desk.get("/v1/destinations/crm")["last_error"] == desk.shown(job)["error"]
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert desk.get("/v1/destinations/crm")["last_error"] is None


def test_cohort_that_is_suppressed_everywhere__counts_in_previews_and_starts_live_jobs(
    desk: Office, vendor: Store
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    hidden = desk.fill(["a"], cohort="2", session="h1")
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    settings = dataclasses.replace(given.settings, suppress=(int(hidden),))
    desk.app.extensions[deps.EXTENSION] = dataclasses.replace(given, settings=settings)
    body = {"cohort_id": cohort, "destination": "crm", "frequency": "live", "mapping": MAPPING}
    found = desk.call("POST", "/v1/sync-jobs/preview", json=body).get_json()
    assert (found["add"], [one["member_id"] for one in found["rows"]]) == (1, ["b"])
    sender = Sender(desk.pool, desk.pool, desk.setup, holder="one", suppress=[int(hidden)])
    desk.sender.close()
    desk.sender = sender
    desk.job(cohort, frequency="live", mapping=MAPPING)
    desk.send()
    assert vendor.ids == {"b"}
    assert desk.sender.look() == 0
    desk.post("add_members", ["b"], cohort="2", session="h2")
    desk.apply()
    desk.send()
    assert vendor.ids == set()
    assert desk.call("DELETE", f"/v1/cohorts/{hidden}").status_code == 204
    refused = desk.call("POST", "/v1/sync-jobs/preview", json=body)
    assert [one["path"] for one in refused.get_json()["errors"]] == ["suppress"]


@pytest.mark.parametrize("path", ["/v1/destinations/crm/test", "/v1/sync-jobs/preview"])
def test_call_that_waits__beyond_what_may__is_told_to_come_again(
    desk: Office, vendor: Store, path: str
) -> None:
    del vendor
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    waits = Waits(1)
    desk.app.extensions[deps.EXTENSION] = dataclasses.replace(given, waits=waits)
    body = {
        "cohort_id": desk.fill([person("a")]),
        "destination": "crm",
        "frequency": "live",
        "mapping": MAPPING,
    }
    sent = None if path.endswith("test") else body
    with waits.place():
        answer = desk.call("POST", path, json=sent)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert desk.call("POST", path, json=sent).status_code == 200


def test_run__of_a_process_that_died_before_the_job_was_paused__is_canceled(
    desk: Office, vendor: Store
) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE sync_runs SET state = 'running'"))
        conn.execute(
            text("INSERT INTO leases (kind, key, due_at) VALUES ('sync', :job, now())"),
            {"job": job},
        )
    desk.act(job, "pause")
    desk.send()
    assert desk.shown(job)["last_run"]["state"] == "canceled"


def test_run__whose_vendor_is_down_for_an_hour__fails_and_another_takes_its_place(
    desk: Office, vendor: Store
) -> None:
    cohort = desk.fill([person("a")])
    vendor.status = 503
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    desk.clock.tick(minutes=59)
    desk.send()
    assert desk.shown(job)["last_run"]["state"] == "queued"
    desk.clock.tick(minutes=59)
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["last_run"]["state"]) == ("failing", "failed")
    vendor.status = 200
    desk.clock.tick(minutes=61)
    desk.send()
    run = desk.shown(job)["last_run"]
    assert (run["number"], run["state"]) == (2, "done")


def test_run__between_two_planned_times__does_not_shift_the_plan(
    desk: Office, vendor: Store
) -> None:
    del vendor
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING, frequency="1h")
    desk.send()
    planned = desk.shown(job)["next_run_at"]
    desk.clock.tick(minutes=7)
    desk.act(job, "run")
    desk.send()
    shown = desk.shown(job)
    assert (shown["last_run"]["number"], shown["next_run_at"]) == (2, planned)
