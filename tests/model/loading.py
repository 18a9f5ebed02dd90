"""Loads as tests make them: begun, staged, sealed and applied by one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.flows.cohorts import load
from gateway.store.cohorts import session_reports
from tests.model import rows

if TYPE_CHECKING:
    from gateway.core.cohorts.load import Load, Mode, State
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.cohorts.session_reports import Sync
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def begun(desk: Desk, cohort: Receipt, mode: Mode, *pages: str) -> Load:
    """Begin a load and stage its pages, one member for each letter."""
    one = load.begin(desk.pool, cohort.cohort_id, mode, now=desk.clock())
    stage(desk, one, *pages)
    return one


def stage(desk: Desk, one: Load, *pages: str) -> None:
    """Stage the pages of a load, one member for each letter."""
    for number, letters in enumerate(pages, start=1):
        load.add(desk.pool, one, number, rows.of_letters(letters), now=desk.clock())


def seal(desk: Desk, one: Load) -> bool:
    """Seal a load."""
    return load.seal(desk.pool, one, wake_ups=desk.bell, now=desk.clock())


def loaded(desk: Desk, cohort: Receipt, mode: Mode, *pages: str) -> Load:
    """Load pages, and apply them."""
    one = begun(desk, cohort, mode, *pages)
    assert seal(desk, one)
    desk.settle(cohort)
    return one


def state(desk: Desk, one: Load) -> State | None:
    """Read the state of a load, None if there is no such load."""
    found = load.find(desk.pool, one.cohort_id, one.number)
    return None if found is None else found.state


def staged(pool: Pool) -> int:
    """Count the staged pages of all loads."""
    with pool.read() as conn:
        return int(
            conn.execute(text("SELECT count(*) FROM deliveries WHERE number < 0")).scalar_one()
        )


def report(desk: Desk, one: Load) -> Sync | None:
    """Read what is reported of the session of a load, None if nothing is."""
    with desk.pool.read() as conn:
        found = session_reports.listing(
            conn, one.cohort_id, before=session_reports.NEWEST, limit=1000
        )
    assert found is not None
    mine = [sync for sync in found.syncs if sync.session == one.session]
    return mine[0] if mine else None
