"""Answers: a vendor that limits, accepts, refuses or breaks, and one that replaces everything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence

import orjson
import pytest
from sqlalchemy import text

from gateway import errors
from gateway.destinations.adapter import Batch, Target
from gateway.destinations.answers import Accepted, Answer, Done, Later, Skipped, Split
from gateway.destinations.facts import Replaces
from gateway.destinations.kinds import KINDS
from gateway.flows.syncs import batches, overview, trial
from gateway.flows.syncs.sender import Sender
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import office, receiver
from tests.syncs.audience import FACTS, KIND, Sample, Vendor
from tests.syncs.office import Office
from tests.syncs.receiver import Request
from tests.syncs.test_follow import Consumer, start
from tests.syncs.test_keep import MAPPING, change, due, person


class Queued(Sample):
    """Accepts each addition, and never tells how it went."""

    def add(self, target: Target, batch: Batch) -> Answer:
        super().add(target, batch)
        return Accepted(ticket="t1", after_seconds=0.0)

    def settle(self, target: Target, ticket: str) -> Answer:
        del target
        return Accepted(ticket=ticket, after_seconds=0.01)


class Limited(Sample):
    """Limits the account at its first addition."""

    limits = 1

    def add(self, target: Target, batch: Batch) -> Answer:
        if self.limits:
            self.limits -= 1
            return Later(message="too many", after_seconds=1.0, for_all=True)
        time.sleep(0.1)
        return super().add(target, batch)


class Broken(Sample):
    """Has a bug."""

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Mapping[str, object] | Skipped:
        del target, raw
        raise ZeroDivisionError


class Cut(Sample):
    """Meets a database that is away."""

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Mapping[str, object] | Skipped:
        del target, raw
        raise errors.GatewayError("the database is away")


class Whole(Sample):
    """Replaces all; refuses a part that has `bad`."""

    def replace(self, target: Target, batch: Batch) -> Answer:
        rows = [dict(one.sent) for one in batch.rows]
        if any(one.get("id") == "bad" for one in rows):
            return Split(message="one of these is wrong")
        if batch.number == 1:
            self._call("clear", target, {"rows": []})
        return self._change("add", target, batch) if rows else Done()


WHOLE = dataclasses.replace(FACTS, replaces=Replaces.ALWAYS)
KINDS_HERE = {
    **KINDS,
    "sample": KIND,
    **{
        made.__name__.lower(): dataclasses.replace(KIND, name=made.__name__.lower(), connect=made)
        for made in (Queued, Limited, Broken, Cut)
    },
    "whole": dataclasses.replace(KIND, name="whole", connect=Whole, facts=WHOLE),
    "missing": dataclasses.replace(KIND, name="missing", package="no_such_package"),
}


class Store(Vendor):
    """Can also be emptied; is at an address."""

    url: str

    def _answer(self, verb: str, body: object) -> object:
        if verb == "clear":
            self.present = set()
        return super()._answer(verb, body)


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, KINDS_HERE) as made:
        yield made


@pytest.fixture
def vendor() -> Iterator[Store]:
    made = Store()
    with receiver.serving(made) as made.url:
        yield made


def job_to(desk: Office, vendor: Store, kind: str, *members: object, **rest: object) -> str:
    desk.destination(kind, {"endpoint": vendor.url}, {})
    cohort = desk.fill(list(members) or [person("z")])
    return desk.job(cohort, **{"mapping": MAPPING, **rest})


def test_batch__that_is_never_settled__is_unconfirmed(
    desk: Office, vendor: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SETTLE_SECONDS", 0.05)
    job = job_to(desk, vendor, "queued", *(person(str(one)) for one in range(5)))
    desk.send()
    run = desk.shown(job)["last_run"]
    assert (run["state"], run["added"], run["unconfirmed"]) == ("done", 5, 5)
    assert {"unsure": "t1"} in run["receipts"]


def test_vendor__that_limits_the_account__holds_every_request_back(
    desk: Office, vendor: Store
) -> None:
    job = job_to(desk, vendor, "limited", *(person(str(one)) for one in range(7)))
    began = time.monotonic()
    desk.send()
    assert time.monotonic() - began >= 1.0
    assert desk.shown(job)["last_run"]["retries"] == 1
    assert vendor.ids == {str(one) for one in range(7)}


def test_endpoint__that_may_not_be_reached__stops_the_job(desk: Office) -> None:
    desk.destination("sample", {"endpoint": "https://10.1.1.1/"}, {})
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]["code"]) == ("stopped", "configuration")


def test_bug__in_an_adapter__fails_the_run_and_is_tried_again(desk: Office, vendor: Store) -> None:
    job = job_to(desk, vendor, "broken")
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]["code"]) == ("failing", "broken")
    assert shown["last_run"]["state"] == "failed"


def test_run__that_is_interrupted__is_left_to_the_next_claim(desk: Office, vendor: Store) -> None:
    job = job_to(desk, vendor, "cut")
    desk.sender.look()
    desk.sender.wait()
    shown = desk.shown(job)
    assert (shown["state"], shown["last_run"]["state"]) == ("active", "running")


def test_sender__that_is_busy__claims_no_more(desk: Office, vendor: Store) -> None:
    vendor.status = 503
    job = job_to(desk, vendor, "sample")
    busy = Sender(desk.pool, desk.pool, desk.setup, holder="one", at_once=1, patience_seconds=1.0)
    assert busy.look() == 1
    assert busy.look() == 0
    busy.wait()
    assert desk.shown(job)["state"] == "failing"
    busy.close()


def test_removal__that_is_refused__is_told_and_tried_again(desk: Office, vendor: Store) -> None:
    job = job_to(desk, vendor, "sample", person("a"), person("b"))
    desk.send()
    vendor.refuse = {"a"}
    change(desk, "remove_members", "a")
    due(desk)
    run = desk.shown(job)["last_run"]
    assert (run["state"], run["removed"], run["rejected"]) == ("partial", 0, {"unknown": 1})
    assert vendor.ids == {"a", "b"}
    vendor.refuse = set()
    due(desk)
    assert vendor.ids == {"b"}


def test_member__all_of_whose_identifiers_another_has__leaves_without_a_request(
    desk: Office, vendor: Store
) -> None:
    both = [person("a", "both@x.io"), person("b", "both@x.io")]
    nobody = {"mixpanel_distinct_id": "c"}
    job = job_to(desk, vendor, "sample", *both, nobody, mapping={"email": "email"})
    desk.send()
    assert desk.shown(job)["last_run"]["skipped"] == {"no_identifier": 1}
    change(desk, "remove_members", "a")
    due(desk)
    assert vendor.present == {("email", "both@x.io")}
    assert (vendor.calls["remove"], desk.shown(job)["last_run"]["removed"]) == (0, 1)


def test_cohort__that_is_empty__asks_nothing_of_the_vendor(desk: Office, vendor: Store) -> None:
    desk.destination("sample", {"endpoint": vendor.url}, {})
    cohort = desk.fill([person("a")])
    change(desk, "remove_members", "a")
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    assert desk.shown(job)["last_run"]["state"] == "done"
    assert vendor.calls == {}


def test_replacement__through_changes__has_exactly_the_cohort(desk: Office, vendor: Store) -> None:
    vendor.present = {("id", "stranger")}
    job = job_to(desk, vendor, "whole", *(person(one) for one in "abcd"))
    desk.send()
    assert vendor.ids == set("abcd")
    change(desk, "remove_members", *"abcd")
    due(desk)
    assert (vendor.ids, desk.shown(job)["state"]) == (set(), "active")


def test_replacement__that_is_refused__stops_the_job(desk: Office, vendor: Store) -> None:
    job = job_to(desk, vendor, "whole", person("bad"))
    desk.send()
    shown = desk.shown(job)
    assert (shown["state"], shown["error"]["code"]) == ("stopped", "refused")
    assert "one of these is wrong" in shown["error"]["message"]


def test_rejected_rows__over_several_parts__are_each_told_once(
    desk: Office, vendor: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_PART", 2)
    vendor.refuse = {"a", "b", "c"}
    job = job_to(desk, vendor, "sample", *(person(one) for one in "abcd"))
    desk.send()
    csv = desk.call("GET", f"/v1/sync-jobs/{job}/runs/1/rejected.csv").text.splitlines()
    (told, *_) = desk.get("/v1/activity")["activity"]
    assert (told["action"], told["thing"], told["via"], told["by"]) == (
        "sync_run.rejected_rows_read",
        job,
        "api",
        "admin",
    )
    assert [one.split(",")[0] for one in csv] == ["member_id", "a", "b", "c"]


def test_destination__of_a_kind_without_its_package__is_refused(desk: Office) -> None:
    body = {"slug": "crm", "kind": "missing", "config": {}, "secrets": {}}
    answer = desk.call("POST", "/v1/destinations", json=body)
    assert answer.status_code == 422
    assert "no_such_package" in answer.text


def test_trial__that_takes_too_long__ends(desk: Office, vendor: Store) -> None:
    desk.destination("sample", {"endpoint": vendor.url}, {})
    ticks = iter(range(0, 1000, 20))
    found = trial.run(
        desk.pool, desk.setup, "crm", now=desk.clock(), clock=lambda: float(next(ticks))
    )
    assert (found.ok, [one.step for one in found.steps][-1]) == (False, "time")


def receiving(most: int) -> tuple[list[Sequence[int]], receiver.Respond]:
    """Make a receiver that finds more messages than `most` too many."""
    took: list[Sequence[int]] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        told = orjson.loads(request.body)
        seqs = [one["seq"] for one in told.get("messages", [told])]
        if len(seqs) > most:
            return 413, {}, b"too large"
        took.append(seqs)
        return 200, {}, b""

    return took, respond


@pytest.mark.parametrize("most", [1, 2])
def test_webhook__that_finds_messages_too_many__gets_them_in_halves(
    desk: Office, most: int
) -> None:
    took, respond = receiving(most)
    cohort = desk.fill(["z"])
    with receiver.serving(respond) as url:
        job = start(desk, url, cohort, batch=10)
        change(desk, "add_members", "a", "b", "c")
        desk.send()
    assert [one for seqs in took for one in seqs] == [2, 3, 4]
    assert desk.shown(job)["state"] == "active"


def test_webhook__whose_next_changes_are_not_kept__stops(desk: Office) -> None:
    consumer = Consumer()
    cohort = desk.fill(["z"])
    with receiver.serving(consumer) as url:
        job = start(desk, url, cohort)
        change(desk, "add_members", "a")
        change(desk, "add_members", "b")
        with desk.pool.begin() as conn:
            conn.execute(text("DELETE FROM changes WHERE last_seq < 3"))
            conn.execute(text("UPDATE apply_state SET oldest_change = 3"))
        desk.send()
    assert consumer.took == []
    assert desk.shown(job)["error"]["code"] == "history_lost"


def test_cohort__that_is_deleted_between_two_messages__stops_after_the_first(
    desk: Office,
) -> None:
    cohort = desk.fill(["z"])
    took: list[int] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        took.append(orjson.loads(request.body)["seq"])
        assert desk.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204
        return 200, {}, b""

    with receiver.serving(respond) as url:
        job = start(desk, url, cohort)
        change(desk, "add_members", "a", "b")
        desk.send()
    assert took == [2]
    assert desk.shown(job)["error"]["code"] == "cohort_deleted"
