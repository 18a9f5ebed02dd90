"""The commands of sync jobs, as an operator types them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.core import moments
from gateway.store.db.engine import Pool
from tests.destinations import servers
from tests.destinations.meta import graph as meta
from tests.e2e.command import Done, run
from tests.http.world import Clock
from tests.syncs import office
from tests.syncs.office import KEY, Office

Typed = Callable[..., Done]
MAPPED = ("--map", "external_id=member_id", "--map", "email=email")


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = moments.now()
    return made


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock) as made:
        yield made


@pytest.fixture
def graph(desk: Office) -> Iterator[meta.Graph]:
    vendor = meta.Graph()
    with servers.serving(vendor) as base:
        config = {"account_id": "42", "endpoint": base}
        desk.destination("meta", config, {"access_token": meta.TOKEN})
        yield vendor


@pytest.fixture
def typed(database_url: str, tmp_path: Path) -> Typed:
    here = {
        "DATABASE_URL": database_url,
        "GATEWAY_DATA_DIR": str(tmp_path),
        "GATEWAY_SECRET_KEY": KEY,
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "127.0.0.0/8",
    }
    return lambda *arguments: run(*arguments, **here)


def people(count: int) -> list[object]:
    return [
        {"mixpanel_distinct_id": f"m{one:03}", "email": f"m{one}@example.com"}
        for one in range(count)
    ]


def test_sync_job__from_its_preview_to_its_end__is_what_the_api_says(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    cohort = desk.fill(people(3))
    shares = typed("sync-job", "preview", cohort, "crm", *MAPPED).out
    assert shares.startswith("3 to add, 0 to remove\n100% of the members")
    found = typed("sync-job", "preview", cohort, "crm", *MAPPED, "--json").document()
    assert (found["add"], found["identifiers"]["email"]) == (3, {"share": 1.0})
    assert graph.asked == []
    made = typed("sync-job", "create", cohort, "crm", *MAPPED, "--frequency", "1d", "--json")
    job = made.document()["id"]
    assert made.document() == desk.shown(job)
    assert made.document()["mapping"] == {"external_id": "member_id", "email": "email"}
    again = typed("sync-job", "create", cohort, "crm", *MAPPED)
    assert (again.code, "this cohort has a sync job" in again.err) == (1, True)
    desk.send()
    (listed,) = typed("sync-job", "list", "--json").document()["sync_jobs"]
    assert listed == desk.shown(job)
    shown = typed("sync-job", "show", job, "--json").document()
    assert [one["added"] for one in shown.pop("runs")] == [3]
    assert shown == listed
    assert f"the cohort {cohort} to crm, active" in typed("sync-job", "show", job).out
    assert typed("sync-job", "list", "--state", "paused").out.count("\n") == 1
    assert "unverified" not in typed("sync-job", "list", "--destination", "crm").out


def test_sync_job__told_what_to_do__does_it(desk: Office, graph: meta.Graph, typed: Typed) -> None:
    job = desk.job(desk.fill(people(2)), mapping={"email": "email"})
    desk.send()
    assert typed("sync-job", "pause", job).code == 0
    refused = typed("sync-job", "run", job)
    assert (refused.code, "paused" in refused.err) == (1, True)
    assert typed("sync-job", "resume", job, "--json").document()["state"] == "active"
    assert typed("sync-job", "run", job).out == f"The sync job {job} runs now.\n"
    desk.send()
    assert desk.shown(job)["last_run"]["number"] == 2
    unsaid = typed("sync-job", "resync", job)
    assert (unsaid.code, "Send all 2 members" in unsaid.err) == (1, True)
    sent = typed("sync-job", "resync", job, "--yes", "--json").document()
    assert sent["last_run"]["trigger"] == "resync"
    desk.send()
    changed = typed("sync-job", "set", job, "--frequency", "15m", "--mode", "add_only")
    assert changed.code == 0, changed.err
    assert typed("sync-job", "set", job, "--map", "external_id=member_id").code == 0
    shown = desk.shown(job)
    assert (shown["frequency"], shown["mode"]) == ("15m", "add_only")
    assert shown["mapping"] == {"external_id": "member_id"}
    wrong = typed("sync-job", "set", job, "--frequency", "7m")
    assert (wrong.code, "frequency" in wrong.err) == (1, True)
    assert typed("sync-job", "set", job).code == 2
    assert typed("sync-job", "show", "none").code == 1
    assert graph.known(next(iter(graph.audiences)), "EMAIL") != set()


def test_sync_job__suppressing_cohorts__keeps_them_until_told_otherwise(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    del graph
    job = desk.job(desk.fill(people(2)), mapping={"email": "email"})
    hidden = desk.fill(people(1), cohort="2")
    typed("sync-job", "set", job, "--suppress", hidden)
    assert desk.shown(job)["suppress"] == [hidden]
    assert f"never the members of the cohorts {hidden}" in typed("sync-job", "show", job).out
    assert typed("sync-job", "set", job, "--suppress", hidden, "--no-suppress").code == 2
    typed("sync-job", "set", job, "--no-suppress", "--json")
    assert desk.shown(job)["suppress"] == []


def test_guarded_run__approved_by_command__goes_on(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    del graph
    members = people(120)
    job = desk.job(desk.fill(members), mapping={"email": "email"})
    desk.send()
    desk.clock.tick(minutes=6)
    leaving = [f"m{one:03}" for one in range(100)]
    desk.post("remove_members", leaving, session="leaving")
    desk.apply()
    desk.send()
    shown = typed("sync-job", "show", job).out
    assert f"it would remove 100 members; python -m gateway sync-job approve {job} 2" in shown
    assert typed("sync-job", "approve", job, "2").code == 0
    desk.send()
    assert desk.shown(job)["last_run"]["removed"] == 100
    assert typed("sync-job", "approve", job, "2").code == 1


def test_sync_job__deleted__says_how_many_members_it_concerns_first(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    job = desk.job(desk.fill(people(3)), mapping={"email": "email"})
    desk.send()
    asked = typed("sync-job", "delete", job, "--remove")
    assert (asked.code, "take its 3 members out there" in asked.err) == (1, True)
    assert "leave its 3 members there" in typed("sync-job", "delete", job).err
    told = typed("sync-job", "delete", job, "--remove", "--yes", "--json").document()
    assert told == {"id": job, "deleted": False, "removing": True, "sent": 3}
    desk.send()
    assert graph.known(next(iter(graph.audiences)), "EMAIL") == set()
    assert typed("sync-job", "show", job).code == 1


def test_rejected__of_a_run__is_the_csv_of_the_api(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    del graph
    job = desk.job(desk.fill(people(1)), mapping={"email": "email"})
    desk.send()
    answer = desk.call("GET", f"/v1/sync-jobs/{job}/runs/1/rejected.csv")
    assert typed("sync-job", "rejected", job, "1").out == answer.text.replace("\r\n", "\n")
    told = typed("sync-job", "rejected", job, "1", "--json").document()
    assert [list(row.values()) for row in told] == list(csv.reader(answer.text.splitlines()))[1:]
    assert typed("sync-job", "rejected", job, "9").code == 1


def test_destination__shown_and_changed__keeps_what_is_not_named(
    desk: Office, graph: meta.Graph, typed: Typed
) -> None:
    del graph
    job = desk.job(desk.fill(people(1)), mapping={"email": "email"})
    shown = typed("destination", "show", "crm", "--json").document()
    assert shown.pop("sync_jobs") == [job]
    of_api = desk.get("/v1/destinations/crm")
    timed = ("created_at", "secrets")
    assert {name: shown[name] for name in shown if name not in timed} == {
        name: of_api[name] for name in of_api if name not in timed
    }
    assert set(shown["secrets"]) == set(of_api["secrets"])
    assert typed("destination", "set", "crm", "--name", "Ads", "--set", "concurrency=2").code == 0
    after = desk.get("/v1/destinations/crm")
    assert (after["name"], after["config"]["concurrency"]) == ("Ads", 2)
    assert after["config"]["account_id"] == shown["config"]["account_id"]
    told = typed("destination", "show", "crm").out
    assert ["secrets.access_token", "set"] in [line.split()[:2] for line in told.splitlines()]
    assert meta.TOKEN not in told
    moved = typed("destination", "set", "crm", "--set", "endpoint=https://graph.example.com")
    assert (moved.code, "secret" in moved.err) == (1, True)
    assert typed("destination", "set", "crm").code == 2
    assert json.loads(typed("destination", "list", "--json").out)[0]["name"] == "Ads"
