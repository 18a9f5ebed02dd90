"""What changes while a run goes on: members that left are not sent, and no new row is taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway.flows.syncs.numbers import Numbers
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_batches import NOW
from tests.syncs.test_keep import MAPPING, change, due, person


class Busy(Vendor):
    """Has something done in the middle of the first addition."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def _answer(self, verb: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        if verb == "add" and self.meanwhile is not None:
            self.meanwhile()
            self.meanwhile = None
        return super()._answer(verb, body)


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, {"sample": audience.KIND}) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Busy]:
    made = Busy()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url, "concurrency": 1}, {})
        yield made


def run_sql(desk: Office, sql: str, **bound: object) -> Callable[[], None]:
    def run() -> None:
        with desk.pool.begin() as conn:
            conn.execute(text(sql), bound)

    return run


@pytest.mark.parametrize(("gone", "requests"), [("de", 2), ("def", 1)])
def test_members__that_leave_before_their_request__are_not_sent(
    desk: Office, vendor: Busy, gone: str, requests: int
) -> None:
    sql = "DELETE FROM memberships WHERE member_id = ANY(:gone)"
    vendor.meanwhile = run_sql(desk, sql, gone=list(gone))
    job = desk.job(desk.fill([person(one) for one in "abcdef"]), mapping=MAPPING)
    desk.send()
    assert vendor.ids == set("abcdef") - set(gone)
    assert vendor.calls["add"] == requests
    assert desk.shown(job)["last_run"]["added"] == 6 - len(gone)
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sync_batches")).scalar_one() == 0


def test_member__that_changes_while_sent__stays_until_the_next_run_tells_of_that(
    desk: Office, vendor: Busy
) -> None:
    desk.job(desk.fill([person(one) for one in "abc"]), mapping=MAPPING)
    desk.send()
    change(desk, "add_members", person("d"))
    change(desk, "remove_members", "a")
    sql = "UPDATE memberships SET email = 'new@x.io' WHERE member_id = 'd'"
    vendor.meanwhile = run_sql(desk, sql)
    due(desk)
    assert (vendor.ids, ("email", "d@x.io") in vendor.present) == (set("bcd"), True)
    due(desk)
    assert ("email", "d@x.io") not in vendor.present
    assert ("email", "new@x.io") in vendor.present
    assert vendor.ids == set("bcd")


def test_numbers__after_those_of_a_clock_that_is_ahead__are_larger() -> None:
    made = Numbers(lambda: NOW)
    ahead = Numbers(lambda: NOW.replace(year=2027)).following()
    made.begin_beyond(ahead)
    assert [made.following() - ahead for _ in range(3)] == [1, 2, 3]
