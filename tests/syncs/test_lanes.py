"""Lanes: a destination is asked as it wants to be, and one that hangs holds up no other."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator

import pytest

from gateway import errors
from gateway.destinations.facts import Limits
from gateway.flows.syncs import sender as senders
from gateway.flows.syncs.ending import Canceled
from gateway.flows.syncs.lanes import Lanes
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import office, receiver
from tests.syncs.audience import FACTS, KIND, Vendor
from tests.syncs.office import Office
from tests.syncs.receiver import Request
from tests.syncs.test_audiences import Lists
from tests.syncs.test_keep import MAPPING, person

SLOW = dataclasses.replace(FACTS, limits=Limits(members=1, requests=2, per_seconds=1.0))


class Busy(Lists):
    """Takes its time, and counts how many requests it has at once."""

    def __init__(self) -> None:
        super().__init__()
        self.here = self.most = 0
        self.times: list[float] = []
        self._counting = threading.Lock()

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes] | None:
        with self._counting:
            self.here += 1
            self.most = max(self.most, self.here)
            self.times.append(time.monotonic())
        time.sleep(0.05)
        try:
            return super().__call__(request)
        finally:
            with self._counting:
                self.here -= 1


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    kinds = {"sample": KIND, "slow": dataclasses.replace(KIND, name="slow", facts=SLOW)}
    with office.opened(pool, database_url, clock, kinds) as made:
        yield made


def go() -> None:
    """Go on."""


def cohorts(desk: Office, count: int) -> list[str]:
    members = [person(str(one)) for one in range(12)]
    return [
        desk.fill(members, cohort=str(one), session=f"s{one}", mixpanel_cohort_name=f"c{one}")
        for one in range(count)
    ]


def test_destination__of_several_jobs__has_as_many_requests_at_once_as_it_allows(
    desk: Office,
) -> None:
    vendor = Busy()
    with receiver.serving(vendor) as url:
        desk.destination("sample", {"endpoint": url, "concurrency": 2}, {})
        for cohort in cohorts(desk, 2):
            desk.job(cohort, mapping=MAPPING)
        assert desk.sender.look() == 2
        desk.sender.wait()
    assert vendor.most == 2
    assert vendor.calls["add"] == 8


def test_destination__with_a_rate__is_asked_no_faster(desk: Office) -> None:
    vendor = Busy()
    with receiver.serving(vendor) as url:
        desk.destination("slow", {"endpoint": url}, {})
        desk.job(desk.fill([person(one) for one in "abc"]), mapping=MAPPING)
        desk.send()
    gaps = [later - sooner for sooner, later in zip(vendor.times, vendor.times[2:], strict=False)]
    assert len(gaps) == 3
    assert min(gaps) > 0.9


def test_destination__that_hangs__holds_up_no_other(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "OF_A_DESTINATION", 2)
    ended, vendor = threading.Event(), Vendor()

    def hang(request: Request) -> None:
        del request
        ended.wait(60)

    with receiver.serving(hang) as dead, receiver.serving(vendor) as url:
        desk.destination("sample", {"endpoint": dead}, {}, slug="dead")
        desk.destination("sample", {"endpoint": url}, {})
        made = cohorts(desk, 4)
        for cohort in made:
            desk.job(cohort, destination="dead", mapping=MAPPING)
        job = desk.job(made[0], mapping=MAPPING)
        assert desk.sender.look() == 3
        office.until(lambda: desk.shown(job)["last_run"]["state"] == "done")
        assert desk.sender.look() == 0
        ended.set()
        desk.sender.wait()


def test_lane__of_a_destination_without_an_answer_in_time__is_known_to_hang() -> None:
    lanes = Lanes()
    lane = lanes.of(1, 1, Limits(members=1))
    assert not lanes.hangs(1)
    with pytest.raises(errors.OutboundTimeout), lane.turn(go):
        raise errors.OutboundTimeout("no answer in time")
    assert lanes.hangs(1)
    with lane.turn(go):
        pass
    assert not lanes.hangs(1)


def test_lane__of_a_destination_that_is_set_up_anew__is_another() -> None:
    lanes = Lanes()
    first = lanes.of(1, 1, Limits(members=1))
    assert lanes.of(1, 1, Limits(members=1)) is first
    assert lanes.of(1, 2, Limits(members=1)) is not first


def test_turn__that_is_not_waited_for_any_more__is_given_up() -> None:
    def end() -> None:
        raise Canceled("canceled", "the job was paused")

    lane = Lanes().of(1, 1, Limits(members=1, requests=1, per_seconds=60.0))
    with lane.turn(go), pytest.raises(Canceled), lane.turn(end):
        pass
    with pytest.raises(Canceled), lane.turn(end):
        pass
