"""Batches: what was under way when a process died is sent again, or removed, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.flows.syncs import numbers
from gateway.flows.syncs.numbers import Numbers
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, change, due, person

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock, {"sample": audience.KIND}) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made


def reopen(desk: Office, member_id: str) -> None:
    """Have the answer to the batch of a member lost with the process that waited for it."""
    with desk.pool.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO sync_batches (job_id, batch)
                SELECT job_id, batch FROM sync_ledger WHERE member_id = :member_id
            """),
            {"member_id": member_id},
        )


def test_batch__without_an_answer__is_sent_again_and_no_other(desk: Office, vendor: Vendor) -> None:
    desk.job(desk.fill([person(one) for one in "abcdef"]), mapping=MAPPING)
    desk.send()
    vendor.rows.clear()
    reopen(desk, "a")
    due(desk)
    assert [(verb, one["id"]) for verb, one in vendor.rows] == [("add", one) for one in "abc"]
    vendor.rows.clear()
    due(desk)
    assert vendor.rows == []


def test_batch__without_an_answer_of_members_who_left__is_removed(
    desk: Office, vendor: Vendor
) -> None:
    desk.job(desk.fill([person(one) for one in "abc"]), mapping=MAPPING)
    desk.send()
    reopen(desk, "a")
    change(desk, "remove_members", "a", "b")
    due(desk)
    assert vendor.ids == {"c"}


def test_batch__that_is_sent_in_halves__is_over_with_both(desk: Office, vendor: Vendor) -> None:
    vendor.split_on = {"b"}
    desk.job(desk.fill([person(one) for one in "abc"]), mapping=MAPPING)
    desk.send()
    assert vendor.ids == {"a", "c"}
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sync_batches")).scalar_one() == 0
        batches = conn.execute(text("SELECT count(DISTINCT batch) FROM sync_ledger"))
        assert batches.scalar_one() == 3


def test_numbers__of_batches__differ_and_have_the_time_in_them() -> None:
    made = Numbers(lambda: NOW)
    found = [made.following() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(
        numbers.until(NOW) <= one < numbers.until(NOW + datetime.timedelta(seconds=1))
        for one in found
    )
