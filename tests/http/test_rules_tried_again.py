"""The first evaluation of a live rule is tried again by itself, within bounds."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from sqlalchemy import text

from gateway.core.cohorts import kinds
from gateway.flows.behaviour import rule_reading
from gateway.flows.cohorts import planned
from gateway.flows.cohorts.load_reader import Reader
from gateway.jobs import WakeUps
from tests.http.people import People, event
from tests.http.test_api_live_rules import BUYERS, Live
from tests.http.world import NO_REDIS

PROS = {"trait": {"property": "plan", "op": "eq", "value": "pro"}}
HOURLY = {"every": "1h"}


@pytest.fixture
def live(people: People) -> Live:
    return Live(people)


def tick(live: Live, **later: float) -> int:
    """Let time pass, and queue what is due."""
    live.world.clock.tick(**later)
    return planned.tick(live.world.pool, WakeUps(NO_REDIS), now=live.world.clock.now)


def fail(live: Live) -> None:
    """Have the next load take too long."""
    pool = live.world.pool
    impatient = functools.partial(rule_reading.read, limit_seconds=0.2)
    reader = Reader(
        pool,
        pool,
        WakeUps(NO_REDIS),
        name="impatient",
        at_most=2,
        now=live.world.clock,
        definitions={kinds.PEOPLE: impatient},
    )
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE people, events"))
        assert reader.read_next()


def codes(live: Live, cohort_id: str) -> list[str | None]:
    """List what the loads of a cohort failed with, the newest first."""
    return [(one["error"] or {}).get("code") for one in live.loads(cohort_id)]


def test_first_evaluation__that_took_too_long__is_tried_again_and_puts_the_rule_in_force(
    live: Live,
) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    fail(live)
    assert live.cohort(cohort_id)["next_load_at"] is None, "it has no schedule"
    assert (tick(live, seconds=59), tick(live, seconds=1), tick(live)) == (0, 1, 0)
    again = live.loads(cohort_id)[0]
    assert (again["state"], again["trigger"], again["requested_by"]) == (
        "queued",
        "definition",
        None,
    )
    live.settle()
    assert (live.members(cohort_id), codes(live, cohort_id)) == (["ada"], [None, "timed_out"])
    live.people.events(event("bob"))
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"], "it is live"
    assert tick(live, days=2) == 0


def test_first_evaluation__that_keeps_failing__is_tried_four_times_and_then_once_a_day(
    live: Live,
) -> None:
    cohort_id = live.make(BUYERS)["id"]
    for minutes in (1, 2, 5, 15):
        fail(live)
        assert (tick(live, minutes=minutes - 0.1), tick(live, minutes=0.1)) == (0, 1)
    for _ in range(2):
        fail(live)
        assert (tick(live, hours=23), tick(live, hours=1)) == (0, 1)
    assert codes(live, cohort_id) == [None, *["timed_out"] * 6]


def test_first_evaluation__that_cannot_pass_soon__is_tried_the_next_day(live: Live) -> None:
    live.people.events(event("ada"), event("ada"))
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE events SET properties = '{\"n\": 9e131071}'"))
    total = {"property": "n", "op": "gt", "value": 1}
    cohort_id = live.make({"did": {"event": "buy", "sum": total}})["id"]
    live.settle()
    assert codes(live, cohort_id) == ["query_invalid"]
    assert (tick(live, hours=23), len(live.loads(cohort_id))) == (0, 1)
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE events SET properties = '{\"n\": 1}'"))
    assert tick(live, hours=1) == 1
    live.settle()
    assert live.members(cohort_id) == ["ada"]


def test_rule__that_names_a_deleted_cohort_at_first__is_tried_when_it_is_restored(
    live: Live,
) -> None:
    live.people.people({"ada": {}, "bob": {}})
    premium, other = live.world.fill(["ada"]), live.world.fill(["bob"], cohort="2")
    cohort_id = live.make({"in_cohort": premium})["id"]
    live.world.call("DELETE", f"/v1/cohorts/{premium}")
    live.world.call("DELETE", f"/v1/cohorts/{other}")
    live.settle()
    assert tick(live, minutes=1) == 1
    live.read()
    assert codes(live, cohort_id) == ["cohort_deleted", "cohort_deleted"]
    live.world.call("POST", f"/v1/cohorts/{other}/restore")
    assert tick(live) == 1
    live.read()
    assert codes(live, cohort_id)[0] == "cohort_deleted", "another was restored"
    live.world.call("POST", f"/v1/cohorts/{premium}/restore")
    live.world.fill(["ada"], session="s2")
    assert tick(live) == 1
    live.settle()
    assert live.members(cohort_id) == ["ada"]


def test_rule__that_is_changed__is_not_tried_as_it_was(live: Live) -> None:
    live.people.people({"ada": {"plan": "pro"}})
    cohort_id = live.make(BUYERS)["id"]
    fail(live)
    live.change(cohort_id, PROS)
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    assert tick(live, days=2) == 0


def test_loads__that_are_asked_for__neither_end_the_tries_nor_begin_any(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    fail(live)
    live.load(cohort_id)
    assert tick(live, minutes=1) == 0, "another load runs"
    fail(live)
    assert tick(live) == 1
    fail(live)
    live.load(cohort_id, mode="add")
    live.settle()
    assert tick(live, minutes=2) == 1, "what was added put no rule in force"
    live.settle()
    live.load(cohort_id)
    fail(live)
    assert tick(live, days=2) == 0, "the rule in force is looked at"


def test_load__that_is_asked_for_and_applied__ends_the_tries(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    fail(live)
    live.load(cohort_id)
    live.settle()
    assert (live.members(cohort_id), tick(live, days=2)) == (["ada"], 0)


@pytest.mark.parametrize("change", [{"schedule": None}, {"schedule": None, "name": "Buyers"}])
def test_schedule__taken_away_before_a_load_was_applied__leaves_a_rule_that_is_tried(
    live: Live, change: Mapping[str, object]
) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS, schedule=HOURLY)["id"]
    fail(live)
    path = f"/v1/cohorts/{cohort_id}"
    assert live.world.call("PATCH", path, json=change).status_code == 200
    assert tick(live) == 1
    live.settle()
    assert (live.members(cohort_id), tick(live, days=2)) == (["ada"], 0)
