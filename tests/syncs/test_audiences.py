"""Audiences: each cohort has its own, whatever it is called, and what two jobs share stays."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, change, due, person


class Lists(Vendor):
    """Keeps several audiences, by their names; ids are names with `id-` before them."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = collections.defaultdict[str, set[str]](set)

    def _answer(self, verb: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        self.calls[verb] += 1
        if verb in ("find", "create"):
            if verb == "create":
                self.audiences.append(body["name"])
            return {"id": f"id-{body['name']}" if body["name"] in self.audiences else ""}
        ids = {one["id"] for one in body["rows"] if "id" in one}
        there = self.lists[body["audience"].removeprefix("id-")]
        if verb == "add":
            there |= ids
        else:
            there -= ids
        return {"rejected": {}}


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, {"sample": audience.KIND}) as made:
        yield made


@pytest.fixture
def lists(desk: Office) -> Iterator[Lists]:
    made = Lists()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made


def test_cohorts__of_one_name__have_an_audience_each(desk: Office, lists: Lists) -> None:
    named = {"mixpanel_cohort_name": "VIP"}
    first = desk.fill([person("a"), person("b")], **named)
    second = desk.fill([person("b"), person("c")], cohort="2", session="s2", **named)
    desk.job(first, mapping=MAPPING)
    desk.send()
    job = desk.job(second, mapping=MAPPING)
    desk.send()
    apart = f"VIP ({second})"
    assert lists.lists == {"VIP": {"a", "b"}, apart: {"b", "c"}}
    assert desk.shown(job)["audience"] == {"id": f"id-{apart}", "name": apart}
    change(desk, "remove_members", "b")
    due(desk)
    assert lists.lists == {"VIP": {"a"}, apart: {"b", "c"}}


def test_cohort__whose_second_name_is_taken_too__stops_its_job(
    desk: Office, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    del lists
    monkeypatch.setattr("gateway.flows.syncs.work.named_apart", lambda target: target)
    named = {"mixpanel_cohort_name": "VIP"}
    desk.job(desk.fill([person("a")], **named), mapping=MAPPING)
    desk.send()
    cohort = desk.fill([person("b")], cohort="2", session="s2", **named)
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    assert desk.shown(job)["error"]["code"] == "audience_taken"


def test_deletion__of_a_job_that_is_done__leaves_what_the_next_one_has_there(
    desk: Office, lists: Lists
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    done = desk.job(cohort, frequency="once", mapping=MAPPING)
    desk.send()
    change(desk, "remove_members", "b")
    following = desk.job(cohort, mapping=MAPPING)
    desk.send()
    assert lists.lists == {"1": {"a", "b"}}
    assert desk.call("DELETE", f"/v1/sync-jobs/{done}?remove=true").status_code == 202
    desk.send()
    assert desk.call("GET", f"/v1/sync-jobs/{done}").status_code == 404
    assert lists.lists == {"1": {"a"}}
    assert desk.shown(following)["state"] == "active"


def test_resync__of_a_job_whose_audience_was_deleted__makes_another(
    desk: Office, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    lists.audiences.clear()
    lists.lists.clear()
    monkeypatch.setattr(audience.Sample, "add", lambda *_: audience.DELETED)
    change(desk, "add_members", person("b"))
    due(desk)
    assert desk.shown(job)["error"]["code"] == "audience_deleted"
    monkeypatch.undo()
    desk.act(job, "resync")
    desk.send()
    assert (lists.audiences, lists.lists) == (["1"], {"1": {"a", "b"}})


def test_resync__of_a_done_job_whose_destination_is_removed__is_refused(
    desk: Office, lists: Lists
) -> None:
    del lists
    job = desk.job(desk.fill([person("a")]), frequency="once", mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    assert desk.act(job, "resync", 409)["code"] == "destination_removed"
