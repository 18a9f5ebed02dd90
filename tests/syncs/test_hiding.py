"""Receivers of changes: what they are told of members that are suppressed, and of their return."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from tests.syncs import receiver
from tests.syncs.office import Office
from tests.syncs.test_follow import Consumer, start

Change = Callable[..., None]


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def url(consumer: Consumer) -> Iterator[str]:
    with receiver.serving(consumer) as served:
        yield served


@pytest.fixture
def change(desk: Office) -> Change:
    """Change a cohort without sending anything."""

    def change(action: str, *members: str, cohort: str = "1") -> None:
        desk.clock.tick(seconds=1)
        desk.post(action, list(members), cohort=cohort, session=f"s{desk.clock.now.timestamp()}")
        desk.apply()

    return change


def rows(desk: Office) -> int:
    with desk.pool.read() as conn:
        found: int = conn.execute(text("SELECT count(*) FROM sync_ledger")).scalar_one()
    return found


@pytest.mark.parametrize("batch", [1, 10])
def test_member__suppressed_after_it_was_told__exits_once_and_comes_back_once(
    desk: Office, url: str, consumer: Consumer, change: Change, batch: int
) -> None:
    cohort = desk.fill(["a", "b", "c"])
    hidden = desk.fill(["x"], cohort="2", session="h1")
    options = {"start": "members"}
    job = start(desk, url, cohort, batch=batch, suppress=[hidden], options=options)
    desk.send()
    consumer.took.clear()
    change("add_members", "b", "c", "y", cohort="2")
    consumer.lose = 1
    desk.send()
    assert consumer.took == [("exited", 3, "b"), ("exited", 3, "c")]
    assert desk.shown(job)["last_run"]["removed"] == 2
    desk.act(job, "run")
    desk.send()
    assert len(consumer.took) == 2
    change("remove_members", "b", cohort="2")
    desk.send()
    assert consumer.took[2:] == [("entered", 3, "b")]
    # Suppressed again at the same seq: another message, which no receiver takes for the first.
    change("add_members", "b", cohort="2")
    desk.send()
    assert consumer.took[3:] == [("exited", 3, "b")]
    ids = {one.headers["webhook-id"] for one in consumer.requests}
    assert all(one.startswith(f"{cohort}-3-") for one in ids)


def test_member__suppressed_that_then_leaves__is_told_of_one_exit(
    desk: Office, url: str, consumer: Consumer, change: Change
) -> None:
    cohort = desk.fill(["a", "b"])
    hidden = desk.fill(["x"], cohort="2", session="h1")
    start(desk, url, cohort, suppress=[hidden], options={"start": "members"})
    desk.send()
    change("add_members", "b", cohort="2")
    desk.send()
    change("remove_members", "b")
    desk.send()
    assert consumer.took[2:] == [("exited", 2, "b")]
    # An exit that came before the suppression was noticed is told as the change it is.
    change("add_members", "a", cohort="2")
    change("remove_members", "a")
    desk.send()
    assert consumer.took[3:] == [("exited", 4, "a")]
    assert rows(desk) == 0


def test_member__that_enters_suppressed__is_told_when_it_is_so_no_more(
    desk: Office, url: str, consumer: Consumer, change: Change
) -> None:
    cohort = desk.fill(["a"])
    hidden = desk.fill(["b", "c"], cohort="2", session="h1")
    start(desk, url, cohort, suppress=[hidden], mapping={"email": "email"})
    desk.send()
    change("add_members", "b", "c")
    desk.send()
    assert consumer.took == []
    change("remove_members", "c")
    desk.send()
    change("remove_members", "b", "c", cohort="2")
    desk.send()
    assert consumer.took == [("entered", 4, "b")]
    assert consumer.requests[-1].json["member"] == {"member_id": "b"}
    assert rows(desk) == 0


def test_member__suppressed_while_the_receiver_is_away__is_told_by_what_it_knows(
    desk: Office, url: str, consumer: Consumer, change: Change
) -> None:
    cohort = desk.fill(["a", "b"])
    hidden = desk.fill(["x"], cohort="2", session="h1")
    start(desk, url, cohort, suppress=[hidden], options={"start": "members"})
    desk.send()
    consumer.took.clear()
    consumer.status = 422
    change("add_members", "a", cohort="2")
    change("remove_members", "a", cohort="2")
    desk.send()
    assert consumer.requests[2:] == [], "nothing has changed for the receiver"
    change("add_members", "a", cohort="2")
    desk.send()
    consumer.status = 200
    change("remove_members", "a", cohort="2")
    desk.send()
    assert consumer.took == [("entered", 2, "a")]


def test_resync__with_suppressed_members__tells_of_all_others_and_their_exit(
    desk: Office, url: str, consumer: Consumer, change: Change
) -> None:
    cohort = desk.fill(["a", "b", "c"])
    hidden = desk.fill(["c"], cohort="2", session="h1")
    job = start(desk, url, cohort, suppress=[hidden], options={"start": "members"})
    desk.send()
    assert [one[2] for one in consumer.took] == ["a", "b"]
    consumer.took.clear()
    change("remove_members", "c", cohort="2")
    change("add_members", "b", cohort="2")
    desk.act(job, "resync")
    desk.send()
    # That of `a` has the id it had: the consumer knows it.
    assert sorted(consumer.took) == [("entered", 3, "c"), ("exited", 3, "b")]


def test_erasure__of_a_suppressed_member__leaves_no_trace_and_nothing_outstanding(
    desk: Office, url: str, consumer: Consumer
) -> None:
    cohort = desk.fill(["a", "b"])
    hidden = desk.fill(["b"], cohort="2", session="h1")
    start(desk, url, cohort, suppress=[hidden])
    desk.send()
    assert rows(desk) == 1
    assert desk.call("DELETE", "/v1/members/b").status_code == 204
    desk.send()
    assert rows(desk) == 0
    assert {
        one.json["member"] and one.json["member"]["member_id"] for one in consumer.requests
    } <= {None}
    with desk.pool.read() as conn:
        assert not conn.execute(text("SELECT count(*) FROM sync_erasures")).scalar_one()


def test_feed__refused_while_it_tells_of_hidden_members__goes_on_with_the_others(
    desk: Office, url: str, consumer: Consumer, change: Change
) -> None:
    cohort = desk.fill(["a", "b"])
    hidden = desk.fill(["x"], cohort="2", session="h1")
    job = start(desk, url, cohort, batch=10, suppress=[hidden], options={"start": "members"})
    desk.send()
    consumer.took.clear()
    consumer.status = 503
    change("add_members", "a", "b", cohort="2")
    desk.clock.tick(minutes=1)
    desk.send()
    # Back before the receiver was told: it may have been, so it is told of both.
    change("remove_members", "a", cohort="2")
    consumer.status = 200
    desk.clock.tick(minutes=2)
    desk.send()
    desk.clock.tick(minutes=2)
    desk.send()
    exits, entries = consumer.took[:2], consumer.took[2:]
    assert (exits, entries) == ([("exited", 2, "a"), ("exited", 2, "b")], [("entered", 2, "a")])
    assert desk.shown(job)["state"] == "active"
