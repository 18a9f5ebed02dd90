"""Looks at live cohorts that have to be at all people, and rules that fail by themselves."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway.core.cohorts import kinds
from gateway.flows.behaviour import live as looks
from gateway.flows.behaviour import rounds
from gateway.flows.behaviour.rounds import Evaluator
from gateway.flows.people import arrivals, retention
from gateway.jobs import WakeUps
from gateway.store.behaviour import states
from tests.http.people import People, event
from tests.http.test_api_live_rules import BUYERS, Live
from tests.http.world import NO_REDIS


@pytest.fixture
def live(people: People) -> Live:
    return Live(people)


def test_calendar_window__that_begins_anew_before_a_daily_look__lets_all_exit(live: Live) -> None:
    midnight = live.world.clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
    live.world.clock.now = midnight + datetime.timedelta(days=1, hours=20)
    live.people.events(event("ada"))
    cohort_id = live.make({"did": {"event": "buy", "when": {"since": "day"}}})["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.settle(hours=3)
    assert live.members(cohort_id) == ["ada"]
    live.settle(hours=2)
    assert live.members(cohort_id) == []


def test_named_cohort__that_was_deleted_at_first__counts_once_it_is_restored_and_loaded(
    live: Live,
) -> None:
    live.people.people({"ada": {}, "bob": {}})
    premium = live.world.fill(["ada"])
    cohort_id = live.make({"in_cohort": premium})["id"]
    live.world.call("DELETE", f"/v1/cohorts/{premium}")
    live.settle()
    assert live.members(cohort_id) == []
    live.world.call("POST", f"/v1/cohorts/{premium}/restore")
    live.world.fill(["ada"], session="s2")
    live.load(cohort_id)
    live.settle()
    assert live.members(cohort_id) == ["ada"]


def test_named_cohort__of_which_changes_are_gone__is_looked_at_whole(live: Live) -> None:
    live.people.people({"ada": {}, "bob": {}, "eve": {}})
    premium = live.world.fill(["ada"])
    cohort_id = live.make({"in_cohort": premium})["id"]
    live.settle()
    assert live.members(cohort_id) == ["ada"]
    live.world.fill(["bob", "eve"], session="s2")
    with live.world.pool.begin() as conn:
        conn.execute(_PRUNE, {"id": int(premium)})
        conn.execute(_FIRST_KEPT, {"id": int(premium)})
    live.settle()
    assert live.members(cohort_id) == live.members(premium)
    assert {"bob", "eve"} <= set(live.members(cohort_id))


def test_daily_look__after_many_changes__counts_drift_all_the_same(live: Live) -> None:
    cohort_id = live.make({"trait": {"property": "plan", "op": "exists"}})["id"]
    live.people.people({"ada": {}})
    live.settle()
    with live.world.pool.begin() as conn:
        conn.execute(_MANY_PEOPLE, {"n": looks.MOST_PEOPLE, "at": live.world.clock.now})
        conn.execute(text("UPDATE people SET traits = '{\"plan\": 1}' WHERE person_id = 'ada'"))
    live.settle(hours=25)
    assert live.members(cohort_id) == ["ada"]
    with live.world.pool.read() as conn:
        assert conn.execute(text("SELECT sum(drift) FROM rule_states")).scalar_one() == 1


def test_rule__that_the_database_cannot_evaluate__fails_its_load_alone(live: Live) -> None:
    live.people.events(event("ada"), event("ada"))
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE events SET properties = '{\"n\": 9e131071}'"))
    total = {"property": "n", "op": "gt", "value": 1}
    bad = live.make({"did": {"event": "buy", "sum": total}}, external_id="bad")["id"]
    good = live.make(BUYERS, external_id="good")["id"]
    live.settle()
    assert (live.members(bad), live.members(good)) == ([], ["ada"])
    loads = live.world.get(f"/v1/cohorts/{bad}/loads")["loads"]
    assert [one["state"] for one in loads] == ["failed"], "it is not tried again and again"
    assert loads[0]["error"]["code"] == "query_invalid"


def test_cohort__deleted_as_its_turn_comes__holds_no_other_up(live: Live) -> None:
    live.people.events(event("ada"))
    gone = live.make(BUYERS, external_id="gone")["id"]
    kept = live.make(BUYERS, external_id="kept")["id"]
    live.settle()
    live.people.events(event("bob"))
    live.world.clock.tick(seconds=3)

    def now() -> datetime.datetime:
        live.world.call("DELETE", f"/v1/cohorts/{gone}")
        return live.world.clock.now

    Evaluator(live.world.pool, WakeUps(NO_REDIS), now=now).evaluate()
    live.world.apply()
    assert live.members(kept) == ["ada", "bob"]
    live.world.call("POST", f"/v1/cohorts/{gone}/restore")
    live.settle()
    assert live.members(gone) == ["ada", "bob"]


def test_cohort__that_another_process_looks_at__is_left_to_it(live: Live) -> None:
    live.people.events(event("ada"))
    cohort_id = live.make(BUYERS)["id"]
    live.read()
    live.world.apply()
    (before,) = listed(live)
    with live.world.pool.begin() as conn:
        assert states.hold(conn, before)
        live.settle()
        assert listed(live) == [before], "what was loaded is not put in force either"
    live.settle()
    live.people.events(event("bob"))
    (stale,) = listed(live)
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"]
    path = f"/v1/cohorts/{cohort_id}/changes"
    seen = live.world.get(path)
    live.world.clock.tick(hours=25)
    cut = arrivals.cut(live.world.pool, stale.source_id)
    assert not looks.look(live.world.pool, stale, cut=cut, now=live.world.clock.now)
    live.world.apply()
    assert live.world.get(path) == seen


def listed(live: Live) -> list[states.State]:
    with live.world.pool.read() as conn:
        return states.listing(conn, kinds.PEOPLE)


def drift(live: Live) -> int:
    with live.world.pool.read() as conn:
        return int(conn.execute(text("SELECT sum(drift) FROM rule_states")).scalar_one())


def test_daily_look__at_a_rule_with_a_named_cohort__counts_what_neither_has_moved(
    live: Live,
) -> None:
    live.people.people({"ada": {}, "bob": {}, "eve": {}})
    premium = live.world.fill(["ada"])
    rule = {"any": [{"in_cohort": premium}, {"trait": {"property": "plan", "op": "exists"}}]}
    cohort_id = live.make(rule)["id"]
    live.settle()
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE people SET traits = '{\"plan\": 1}' WHERE person_id = 'eve'"))
    live.world.fill(["bob"], session="s2")
    live.settle(hours=25)
    assert live.members(cohort_id) == ["ada", "bob", "eve"]
    assert drift(live) == 1, "of eve; bob came to the named cohort"


def test_daily_look__after_changes_of_a_named_cohort_are_gone__counts_nobody(live: Live) -> None:
    live.people.people({"ada": {}, "bob": {}})
    premium = live.world.fill(["ada"])
    live.make({"in_cohort": premium})
    live.settle()
    live.world.fill(["bob"], session="s2")
    with live.world.pool.begin() as conn:
        conn.execute(_PRUNE, {"id": int(premium)})
        conn.execute(_FIRST_KEPT, {"id": int(premium)})
    live.settle(hours=25)
    assert drift(live) == 0


def test_daily_look__at_a_cohort_that_was_deleted_at_the_last__counts_nobody(live: Live) -> None:
    live.people.people({"ada": {}, "bob": {}})
    premium = live.world.fill(["ada"])
    cohort_id = live.make({"in_cohort": premium})["id"]
    live.settle()
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE rule_states SET seqs = '{}'"))
    live.world.fill(["bob"], session="s2")
    live.settle()
    assert live.members(cohort_id) == ["ada", "bob"]
    assert drift(live) == 0


def test_look__at_times_in_traits__counts_only_what_time_does_not_explain(live: Live) -> None:
    at = (live.world.clock.now - datetime.timedelta(hours=23)).isoformat()
    live.people.people({"ada": {"seen": at}, "bob": {"seen": at}, "eve": {}})
    within = {"trait": {"property": "seen", "op": "within", "value": "1d"}}
    gold = {"trait": {"property": "gold", "op": "exists"}}
    cohort_id = live.make({"any": [within, gold]})["id"]
    live.settle()
    with live.world.pool.begin() as conn:
        conn.execute(text("UPDATE people SET traits = '{\"gold\": 1}' WHERE person_id = 'eve'"))
    live.settle(hours=2)
    assert live.members(cohort_id) == ["eve"]
    assert drift(live) == 1


_PRUNE = text("DELETE FROM changes WHERE cohort_id = :id")

_FIRST_KEPT = text("UPDATE apply_state SET oldest_change = last_change + 1 WHERE cohort_id = :id")

_MANY_PEOPLE = text("""
    WITH a AS MATERIALIZED (SELECT nextval('arrivals') AS arrival)
    INSERT INTO people (source_id, person_id, created_at, updated_at, changed)
    SELECT p.source_id, 'p-' || n, :at, :at, arrival
    FROM people p, a, generate_series(1, :n + 1) n WHERE p.person_id = 'ada'
""")


def test_month_of_events__that_is_dropped__moves_people_at_the_next_look_and_is_no_drift(
    live: Live,
) -> None:
    old = (live.world.clock.now - datetime.timedelta(days=40)).isoformat()
    live.people.events(event("ada", time=old), event("bob"), event("eve", time=old))
    once = live.make({"did": {"event": "buy"}}, external_id="once")["id"]
    never = live.make({"not": {"did": {"event": "buy"}}}, external_id="never")["id"]
    live.settle()
    assert (live.members(once), live.members(never)) == (["ada", "bob", "eve"], [])
    kept = retention.Kept(event_days=1, event_id_days=1)
    retention.prune(live.world.pool, kept, live.world.clock.now, note_drop=rounds.look_at_all)
    live.settle()
    assert (live.members(once), live.members(never)) == (["bob"], ["ada", "eve"])
    live.settle(hours=25)
    assert drift(live) == 0


def test_month_of_events__dropped_while_a_daily_look_is_on__is_no_drift(live: Live) -> None:
    cohort_id = live.make({"trait": {"property": "plan", "op": "exists"}})["id"]
    live.people.people({"ada": {}})
    live.settle()
    with live.world.pool.begin() as conn:
        (before,) = states.listing(conn, kinds.PEOPLE)
        conn.execute(text("UPDATE people SET traits = '{\"plan\": 1}'"))
        rounds.look_at_all(conn)
    now = live.world.clock.now + datetime.timedelta(hours=25)
    assert looks.look(live.world.pool, before, cut=before.arrival, now=now)
    live.world.apply()
    assert live.members(cohort_id) == ["ada"]
    assert drift(live) == 0
