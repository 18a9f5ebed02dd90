"""What operators see and do: the status, the backlog, and another try."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

import gateway
from gateway.core.access.scopes import Scope
from gateway.store.health import heartbeats
from tests.http.world import World

FIELDS = {
    "id",
    "cohort_id",
    "session_id",
    "action",
    "page",
    "total_pages",
    "members",
    "state",
    "received_at",
    "attempts",
    "code",
    "reason",
}


def block(world: World, session: str = "bad") -> str:
    """Have a page blocked: what is kept of it cannot be read any more."""
    world.post("add_members", ["x"], session=session)
    with world.pool.begin() as conn:
        conn.execute(_DAMAGE, {"session": session})
    world.apply()
    (blocked,) = world.get("/v1/deliveries", state="blocked")["deliveries"]
    return str(blocked["id"])


_DAMAGE = text("""
    UPDATE deliveries SET roster = 'damaged'
    WHERE (cohort_id, session) IN (
        SELECT cohort_id, number FROM sessions WHERE session_id = :session)
""")


def test_status__of_an_idle_gateway__counts_nothing(world: World) -> None:
    assert world.get("/v1/status") == {
        "status": "degraded",
        "version": gateway.__version__,
        "pending_deliveries": 0,
        "oldest_pending_seconds": None,
        "blocked_deliveries": 0,
        "workers_alive": 0,
        "workers_working": 0,
        "workers_trouble": None,
        "scheduler_alive": False,
        "scheduler_trouble": None,
        "processes": {
            kind: {"alive": 0, "working": 0, "trouble": None}
            for kind in ("worker", "scheduler", "loader", "sender")
        },
        "redis": "down",
    }


def test_status__with_pages_waiting__says_how_many_and_how_long(world: World) -> None:
    world.fill(["a"], cohort="1")
    world.post("add_members", ["b"], cohort="1", session="s2")
    world.clock.tick(seconds=90)
    world.post("add_members", ["c"], cohort="1", session="s3")
    world.post("add_members", ["a"], cohort="2")
    found = world.get("/v1/status")
    assert found["pending_deliveries"] == 3
    assert found["oldest_pending_seconds"] == 90
    world.apply()
    assert world.get("/v1/status")["pending_deliveries"] == 0


def test_status__of_processes__is_by_their_heartbeats(world: World) -> None:
    with world.pool.begin() as conn:
        heartbeats.join(conn, "w1", heartbeats.WORKER)
        heartbeats.join(conn, "w2", heartbeats.WORKER)
        heartbeats.join(conn, "s1", heartbeats.SCHEDULER)
        conn.execute(text("UPDATE workers SET beat_at = now() - interval '11 s' WHERE name = 'w1'"))
    found = world.get("/v1/status")
    assert (found["workers_alive"], found["scheduler_alive"]) == (1, True)


def test_deliveries__that_wait__are_listed_in_order(world: World) -> None:
    world.post("members", ["a", "b"], session="s1", page=(1, 3))
    world.post("add_members", ["c"], cohort="2", session=None)
    first, second = world.get("/v1/deliveries")["deliveries"]
    assert first.keys() == FIELDS
    assert first == {
        "id": f"{world.cohort_id('1')}-1",
        "cohort_id": world.cohort_id("1"),
        "session_id": "s1",
        "action": "members",
        "page": 1,
        "total_pages": 3,
        "members": 2,
        "state": "pending",
        "received_at": first["received_at"],
        "attempts": 0,
        "code": None,
        "reason": None,
    }
    assert datetime.datetime.fromisoformat(first["received_at"]) == world.clock.now
    assert second["session_id"] is None
    assert world.get("/v1/deliveries", state="pending")["deliveries"] == [first, second]
    assert world.get("/v1/deliveries", state="blocked")["deliveries"] == []


def test_deliveries__by_pages__are_each_listed_once(world: World) -> None:
    for number in range(4):
        for cohort in ("1", "2"):
            world.post("add_members", ["a"], cohort=cohort, session=f"s{number}")
    seen = [one["id"] for page in world.pages("/v1/deliveries") for one in page]
    ids = [world.cohort_id("1"), world.cohort_id("2")]
    assert seen == [f"{one}-{number}" for one in ids for number in range(1, 5)]


def test_retry__of_a_blocked_delivery__puts_it_back_into_the_queue(world: World) -> None:
    delivery_id = block(world)
    (blocked,) = world.get("/v1/deliveries")["deliveries"]
    assert blocked["state"] == "blocked"
    assert blocked["attempts"] == 3
    assert blocked["code"] is not None
    assert blocked["reason"] is not None
    status = world.get("/v1/status")
    assert (status["pending_deliveries"], status["blocked_deliveries"]) == (0, 1)
    answer = world.call("POST", f"/v1/deliveries/{delivery_id}/retry")
    assert answer.status_code == 202
    assert answer.get_json() == blocked | {"state": "pending"}
    status = world.get("/v1/status")
    assert (status["pending_deliveries"], status["blocked_deliveries"]) == (1, 0)
    assert status["oldest_pending_seconds"] == 0
    again = world.call("POST", f"/v1/deliveries/{delivery_id}/retry")
    assert (again.status_code, again.get_json()["code"]) == (409, "conflict")


def test_retry__of_a_delivery_that_is_whole_again__applies_it(world: World) -> None:
    delivery_id = block(world)
    cohort_id, number = delivery_id.split("-")
    world.post("add_members", ["x"], session="good")
    with world.pool.begin() as conn:
        conn.execute(
            text("""
                UPDATE deliveries SET roster = (SELECT roster FROM deliveries
                    WHERE cohort_id = :cohort_id AND number = :number + 1)
                WHERE cohort_id = :cohort_id AND number = :number
            """),
            {"cohort_id": int(cohort_id), "number": int(number)},
        )
    assert world.call("POST", f"/v1/deliveries/{delivery_id}/retry").status_code == 202
    world.apply()
    assert world.members(cohort_id) == ["x"]
    assert world.get("/v1/deliveries")["deliveries"] == []
    assert world.call("POST", f"/v1/deliveries/{delivery_id}/retry").status_code == 404


@pytest.mark.parametrize(
    "delivery_id", ["1", "1-", "-1", "1-1", "x-y", "1-2-3", "0-1", f"{2**63}-1", "1-01", "1 - 1"]
)
def test_retry__of_no_delivery__is_404(world: World, delivery_id: str) -> None:
    answer = world.call("POST", f"/v1/deliveries/{delivery_id}/retry")
    assert answer.status_code == 404


def test_retry__of_a_delivery_that_waits__is_409(world: World) -> None:
    world.post("add_members", ["a"])
    answer = world.call("POST", f"/v1/deliveries/{world.cohort_id()}-1/retry")
    assert answer.status_code == 409
    assert world.call("GET", "/v1/status", scope=Scope.READ).status_code == 200
