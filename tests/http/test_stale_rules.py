"""Cohorts that are stale are counted alike by the API, the metrics, the console and the notices."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from gateway.core.people import source
from gateway.flows.syncs import ending, work
from gateway.store.notices import troubles
from gateway.store.syncs import cohorts_seen
from tests.http import scrape
from tests.http.console import Visitor
from tests.http.people import People, event
from tests.http.test_api_live_rules import BUYERS, Live


class Told(NamedTuple):
    """How many cohorts of people are stale: by the API, the metrics, the console, a notice."""

    api: int
    metric: float | None
    console: bool
    noticed: int


@pytest.fixture
def live(people: People) -> Live:
    return Live(people)


def told(live: Live) -> Told:
    world = live.world
    page = scrape.parse(world.http.get("/metrics").text)
    said = Visitor(world).page("")
    with world.pool.read() as conn:
        noticed = troubles.stale(conn, now=world.clock.now)
    return Told(
        api=sum(one["stale"] for one in world.get("/v1/cohorts", source="people")["cohorts"]),
        metric=page.value("gateway_stale_cohorts", source=source.BUILT_IN),
        console="stale cohort" in said and "not loaded or evaluated in time" in said,
        noticed=len(noticed),
    )


FRESH = Told(api=0, metric=0, console=False, noticed=0)
STALE = Told(api=1, metric=1, console=True, noticed=1)
# A reader is told at once that nothing was evaluated; a person is not sent for so soon.
NEW = STALE._replace(noticed=0)


def test_live_rule__not_looked_at_in_time__is_stale_wherever_it_is_counted(live: Live) -> None:
    live.make(BUYERS)
    assert told(live) == NEW
    live.world.clock.tick(minutes=5, seconds=1)
    assert told(live) == STALE, "its first evaluation did not come"
    live.settle()
    assert told(live) == FRESH
    live.world.clock.tick(minutes=4)
    assert told(live) == FRESH
    live.world.clock.tick(minutes=2)
    assert told(live) == STALE
    live.settle()
    assert told(live) == FRESH


def test_live_rule__that_names_a_deleted_cohort__is_stale_until_it_is_restored(live: Live) -> None:
    live.people.people({"ada": {}})
    premium = live.world.fill(["ada"])
    live.make({"in_cohort": premium})
    live.settle()
    live.world.call("DELETE", f"/v1/cohorts/{premium}")
    live.settle(minutes=6)
    assert told(live) == STALE
    live.world.call("POST", f"/v1/cohorts/{premium}/restore")
    live.settle()
    assert told(live) == FRESH


def test_scheduled_rule__is_stale_after_three_intervals_and_not_five_minutes(live: Live) -> None:
    live.people.events(event("ada"))
    live.make(BUYERS, schedule={"every": "1h"})
    assert told(live) == NEW
    live.settle()
    assert told(live) == FRESH
    live.world.clock.tick(hours=2, minutes=50)
    assert told(live) == FRESH
    live.world.clock.tick(minutes=11)
    assert told(live) == STALE


def test_rule__of_a_cohort_that_was_deleted__is_counted_nowhere(live: Live) -> None:
    cohort_id = live.make(BUYERS)["id"]
    live.world.clock.tick(minutes=6)
    assert told(live) == STALE
    live.world.call("DELETE", f"/v1/cohorts/{cohort_id}")
    assert told(live) == FRESH


def test_suppressed_cohort__of_a_rule_that_was_not_looked_at__stops_a_job(live: Live) -> None:
    cohort_id = int(live.make(BUYERS)["id"])

    def require() -> None:
        with live.world.pool.read() as conn:
            seen = cohorts_seen.get(conn, [cohort_id])
        work.require_suppress(seen, [cohort_id], now=live.world.clock.now)

    with pytest.raises(ending.Stopped, match="is stale"):
        require()
    live.settle()
    require()
    live.world.clock.tick(minutes=6)
    with pytest.raises(ending.Stopped, match="is stale"):
        require()
