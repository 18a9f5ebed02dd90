"""Page numbers as odd as senders may make them: counted exactly, at a cost that does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.cohorts import backlog, cohorts, inbox, session_reports
from tests.model import book
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.cohorts.session_reports import Sync
    from tests.model.desk import Desk

BEYOND = 2001
LARGEST = text("""
    SELECT greatest(max(pg_column_size(y.pages)), max(pg_column_size(r.pages)))
    FROM syncs y JOIN sync_results r ON r.cohort_id = y.cohort_id AND r.session = y.session
""")


def report(desk: Desk, receipt: Receipt) -> Sync:
    desk.settle(receipt)
    with desk.pool.read() as conn:
        found = session_reports.listing(
            conn, receipt.cohort_id, before=session_reports.NEWEST, limit=1
        )
    assert found is not None
    return found.syncs[0]


def test_diff__with_scattered_page_numbers__is_applied_when_its_total_is_in(desk: Desk) -> None:
    seen = []
    pages = [(2001, "a"), (-2003, "b"), (2001, "c"), (7, "d"), (2001, "e"), (2005, "f")]
    for number, members in pages:
        found = report(desk, desk.send(ADD, "s", members, page=(number, 4)))
        seen.append((found.pages_received, found.state))
    expected = [(count, "receiving") for count in (1, 2, 2, 3, 3)]
    assert seen == [*expected, (4, "applied")]
    assert desk.members(desk.send(ADD, "s", "", page=(9, 4))) == "abcdef"


def test_diff__with_scattered_page_numbers_applied_at_once__counts_each_once(desk: Desk) -> None:
    pages = ((2001, "a"), (2003, "b"), (2001, "c"), (2003, "d"))
    *_, receipt = [desk.send(ADD, "s", members, page=(number, 3)) for number, members in pages]
    assert desk.states(receipt) == {"s add_members": "receiving"}
    desk.send(ADD, "s", "e", page=(2005, 3))
    assert desk.states(receipt) == {"s add_members": "applied"}


def test_diff__of_many_scattered_page_numbers__keeps_few_of_them(desk: Desk) -> None:
    sizes = []
    for turn in range(4):
        numbers = range(BEYOND + 20 * turn, BEYOND + 20 * (turn + 1), 2)
        *_, receipt = [desk.send(ADD, "s", "a", page=(number, 1000)) for number in numbers]
        assert report(desk, receipt).pages_received == 10 * (turn + 1)
        with desk.pool.read() as conn:
            sizes.append(conn.execute(LARGEST).scalar_one())
    assert sizes == sizes[:1] * 4


def test_retry__of_a_blocked_page_whose_number_came_again__counts_it_once(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a", page=(BEYOND, 2))
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'damaged'"))
    desk.settle(bad)
    desk.settle(desk.send(ADD, "s", "b", page=(BEYOND, 2)))
    assert book.blocked(desk.pool, bad.cohort_id) == [bad.number]
    with desk.pool.begin() as conn:
        repaired = {"roster": inbox.pack(b""), "number": bad.number}
        conn.execute(
            text("UPDATE deliveries SET roster = :roster WHERE number = :number"), repaired
        )
        assert backlog.request_retry(conn, bad.cohort_id, bad.number or 0, now=desk.clock())
    assert (report(desk, bad).state, report(desk, bad).pages_received) == ("receiving", 1)
    desk.send(ADD, "s", "c", page=(BEYOND + 2, 2))
    assert (report(desk, bad).state, report(desk, bad).pages_received) == ("applied", 2)


def test_refresh__of_more_pages_than_are_listed__is_under_way_until_all_are_in(desk: Desk) -> None:
    total = 1002
    desk.send(MEMBERS, "s", "ab", page=(1002, total))
    receipt = desk.send(MEMBERS, "s", "ab", page=(1001, total))
    desk.settle(receipt)
    with desk.pool.begin() as conn:  # as if most of the others had come
        conn.execute(text("UPDATE syncs SET pages = '{[2,1000]}'"))
        conn.execute(_COPY_PAGES, {"cohort_id": receipt.cohort_id})
        conn.execute(text("UPDATE intake_state SET last_delivery = 1001"))
    assert under_way(desk, receipt) == (1001, total)
    desk.send(MEMBERS, "s", "a", page=(1, total))
    assert desk.states(receipt) == {"s members": "applied"}
    assert under_way(desk, receipt) is None


def under_way(desk: Desk, receipt: Receipt) -> tuple[int, int] | None:
    with desk.pool.read() as conn:
        found = cohorts.get(conn, receipt.cohort_id, now=desk.clock())
    assert found is not None
    refresh = found.refresh
    return None if refresh is None else (refresh.pages_received, refresh.total_pages)


_COPY_PAGES = text("""
    INSERT INTO deliveries
        (cohort_id, number, session, action, page, total_pages, digest, members, roster,
         received_at)
    SELECT cohort_id, n + 1, session, action, n, total_pages, digest, members, roster, received_at
    FROM deliveries CROSS JOIN generate_series(2, 1000) n
    WHERE cohort_id = :cohort_id AND number = 1
""")
