"""Taking erased people out of many kept pages: in slices, by whoever is there, across crashes."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts import member_rows
from gateway.flows.cohorts import erase, redact_pages
from gateway.store.cohorts import inbox, page_redactions
from gateway.store.db.engine import Pool
from tests.model import book, sender, traffic
from tests.model.desk import people
from tests.model.sender import ADD, REMOVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model.desk import Desk


def kept(desk: Desk) -> list[str]:
    """Write for each kept page whom it names."""
    with desk.pool.read() as conn:
        packed = conn.execute(_ROSTERS).scalars().all()
    return ["".join(member_rows.member_ids(inbox.unpack(bytes(one)))) for one in packed]


def open_scrubs(desk: Desk) -> list[tuple[int, int]]:
    """List how far each scrub has come, the oldest erasure first."""
    with desk.pool.read() as conn:
        return [(row.after_cohort, row.after_number) for row in conn.execute(_SCRUBS)]


def erase_later(desk: Desk, member_id: str, where: erase.Where | None = None) -> None:
    """Erase somebody and leave the kept pages to the scheduler."""
    everywhere = erase.Where()
    assert not erase.erase(
        desk.pool, member_id, where or everywhere, now=desk.clock(), scrub_seconds=0
    )


def send_pages(desk: Desk, *pages: str) -> int:
    """Send pages of one session, one after the other; returns the cohort."""
    receipts = [
        desk.send(ADD, "s1", members, page=(number, len(pages)))
        for number, members in enumerate(pages, start=1)
    ]
    desk.settle(receipts[0])
    return receipts[0].cohort_id


def test_erase__without_time_for_the_pages__is_done_for_every_reader(desk: Desk) -> None:
    desk.send(ADD, "s1", "ab", page=(1, 2))
    receipt = desk.send(ADD, "s1", "ac", page=(2, 2), cohort="cohort-2")
    desk.settle(receipt)
    erase_later(desk, "a")
    assert kept(desk) == ["ab", "ac"]
    assert book.standing(desk.pool, receipt.cohort_id).members == {"c": "c@example.com"}
    waited_for = desk.send(ADD, "s1", "x", page=(3, 3))
    assert desk.members(waited_for) == "bx", "a page that waited has brought them back"
    altered = desk.send(ADD, "s1", "ay", page=(1, 3))
    assert desk.members(altered) == "bxy"
    redact_pages.run(desk.pool)
    assert kept(desk) == ["b", "x", "y", "c"]
    assert open_scrubs(desk) == []


def test_erase__with_time_enough__leaves_nothing_for_later(desk: Desk) -> None:
    send_pages(desk, "ab", "ca")
    assert erase.erase(desk.pool, "a", erase.Where(), now=desk.clock())
    assert kept(desk) == ["b", "c"]
    assert open_scrubs(desk) == []


def test_erase__that_is_held_up_while_scrubbing__is_done_all_the_same(desk: Desk) -> None:
    send_pages(desk, "ab")
    with small_pool(desk, limit_seconds=60) as pool, ThreadPoolExecutor(1) as crew:
        with holding_pages(desk):
            erasing = crew.submit(erase.erase, pool, "a", erase.Where(), now=desk.clock())
            traffic.await_waiting(desk.pool)
            terminate(desk, "gateway-held")
            assert not erasing.result()
        assert kept(desk) == ["ab"]
        redact_pages.run(desk.pool)
    assert kept(desk) == ["b"]


def test_scrub__slice_by_slice__goes_on_where_it_was(desk: Desk) -> None:
    cohort_id = send_pages(desk, "a", "ab", "ac", "d", "ae")
    erase_later(desk, "a")
    redact_pages.run(desk.pool, seconds=0, slice_pages=2)
    assert kept(desk) == ["", "b", "ac", "d", "ae"]
    assert open_scrubs(desk) == [(cohort_id, 2)]
    redact_pages.run(desk.pool, seconds=0, slice_pages=2)
    assert open_scrubs(desk) == [(cohort_id, 4)]
    redact_pages.run(desk.pool, seconds=0, slice_pages=2)
    assert kept(desk) == ["", "b", "c", "d", "e"]
    assert open_scrubs(desk) == []


def test_scrub__of_large_pages__has_few_of_them_in_memory(desk: Desk) -> None:
    cohort_id = send_pages(desk, "a", "b", "c")
    with desk.pool.begin() as conn:
        conn.execute(_ENLARGE, {"roster": b"x" * (3 << 20)})
    erase_later(desk, "a")
    seen = []
    for _ in range(3):
        seen.append(open_scrubs(desk))
        redact_pages.run(desk.pool, seconds=0)
    assert seen == [[(0, 0)], [(cohort_id, 2)], []]


def test_scrub__whose_connection_dies_in_a_slice__takes_that_slice_again(desk: Desk) -> None:
    cohort_id = send_pages(desk, "a", "b", "ac", "ad")
    erase_later(desk, "a")
    redact_pages.run(desk.pool, seconds=0, slice_pages=2)
    with small_pool(desk, limit_seconds=60) as pool, ThreadPoolExecutor(1) as crew:
        with holding_pages(desk):
            scrubbing = crew.submit(redact_pages.run, pool)
            traffic.await_waiting(desk.pool)
            terminate(desk, "gateway-held")
            with pytest.raises(errors.Unavailable):
                scrubbing.result()
        assert open_scrubs(desk) == [(cohort_id, 2)]
    redact_pages.run(desk.pool)
    assert kept(desk) == ["", "b", "c", "d"]


def test_scrubs__that_begin_during_another__wait_and_then_walk_together(desk: Desk) -> None:
    cohort_id = send_pages(desk, "abc", "abc", "abc")
    erase_later(desk, "a")
    redact_pages.run(desk.pool, seconds=0, slice_pages=1)
    erase_later(desk, "b")
    erase_later(desk, "c")
    redact_pages.run(desk.pool, seconds=0, slice_pages=1)
    assert open_scrubs(desk) == [(cohort_id, 2), page_redactions.START, page_redactions.START]
    assert kept(desk) == ["bc", "bc", "abc"]
    redact_pages.run(desk.pool, seconds=0, slice_pages=5)
    assert open_scrubs(desk) == [page_redactions.START, page_redactions.START]
    redact_pages.run(desk.pool, seconds=0, slice_pages=2)
    assert open_scrubs(desk) == [(cohort_id, 2), (cohort_id, 2)]
    assert kept(desk) == ["", "", "bc"]
    redact_pages.run(desk.pool)
    assert kept(desk) == ["", "", ""]


def test_scrub__cohort_by_cohort__looks_at_all_of_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        desk.settle(desk.send(ADD, f"s{number}", "ab", cohort=f"cohort-{number}"))
    monkeypatch.setattr(redact_pages, "SLICE_COHORTS", 1)
    erase_later(desk, "a")
    redact_pages.run(desk.pool, seconds=0)
    assert kept(desk) == ["b", "ab", "ab"]
    redact_pages.run(desk.pool)
    assert kept(desk) == ["b", "b", "b"]
    assert open_scrubs(desk) == []


def test_scrub__while_a_page_is_being_accepted__waits_and_looks_anew(desk: Desk) -> None:
    send_pages(desk, "abc")
    erase_later(desk, "a")
    with ThreadPoolExecutor(1) as crew:
        with desk.pool.begin() as conn:
            conn.execute(_HOLD_INTAKE)
            scrubbing = crew.submit(redact_pages.run, desk.pool)
            traffic.await_waiting(desk.pool)
            erase_later(desk, "b")
        scrubbing.result()
    assert kept(desk) == ["c"]
    assert open_scrubs(desk) == []


def test_scrub__by_two_at_once__is_done_by_one(desk: Desk) -> None:
    send_pages(desk, "ab", "ac")
    erase_later(desk, "a")
    with desk.pool.begin() as one, desk.pool.begin() as other:
        due = page_redactions.claim(one, limit=10)
        assert due is not None
        assert page_redactions.claim(other, limit=10) is None
    redact_pages.run(desk.pool)
    assert kept(desk) == ["b", "c"]


def test_scrub__pages_of_other_places_and_later_sessions__are_left_alone(desk: Desk) -> None:
    send_pages(desk, "ab")
    other = sender.Page(
        cohort="cohort-1",
        session="s1",
        action=ADD,
        number=1,
        total=1,
        members=people("ab"),
        project="project-2",
    )
    desk.post(other)
    erase_later(desk, "a", erase.Where(source=desk.slug, project_id=sender.PROJECT))
    erase_later(desk, "b", erase.Where(source="nowhere"))
    desk.send(REMOVE, "s2", "a")
    redact_pages.run(desk.pool)
    assert kept(desk) == ["b", "a", "ab"]
    assert open_scrubs(desk) == []


def test_scrub__of_a_damaged_page__leaves_it_and_goes_on(desk: Desk) -> None:
    send_pages(desk, "ab", "ac")
    with desk.pool.begin() as conn:
        conn.execute(_DAMAGE)
    erase_later(desk, "a")
    redact_pages.run(desk.pool)
    with desk.pool.begin() as conn:
        assert b"damaged" in map(bytes, conn.execute(_ROSTERS).scalars())
        conn.execute(_DROP_DAMAGED)
    assert kept(desk) == ["c"]


@contextlib.contextmanager
def small_pool(desk: Desk, *, limit_seconds: float) -> Iterator[Pool]:
    """Lend a pool whose connections can be told from those of others."""
    url = desk.pool.engine.url.render_as_string(hide_password=False)
    pool = Pool(url, name="held", size=2, limit_seconds=limit_seconds)
    yield pool
    pool.close()


@contextlib.contextmanager
def holding_pages(desk: Desk) -> Iterator[None]:
    """Hold every kept page as somebody does who deletes it, until the end of the block."""
    with desk.pool.begin() as conn:
        conn.execute(_HOLD_PAGES)
        yield


def terminate(desk: Desk, name: str) -> None:
    """End the connections of a name."""
    with desk.pool.read() as conn:
        conn.execute(_TERMINATE, {"name": name})


_ROSTERS = text("SELECT roster FROM deliveries ORDER BY cohort_id, number")

_ENLARGE = text("UPDATE deliveries SET roster = :roster")

_SCRUBS = text("SELECT after_cohort, after_number FROM scrubs ORDER BY erased_order")

_DAMAGE = text("UPDATE deliveries SET roster = CAST('damaged' AS bytea) WHERE number = 1")

_DROP_DAMAGED = text("DELETE FROM deliveries WHERE number = 1")

_HOLD_INTAKE = text("SELECT 1 FROM intake_state FOR UPDATE")

_HOLD_PAGES = text("SELECT 1 FROM deliveries FOR UPDATE")

_TERMINATE = text("""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :name
""")
