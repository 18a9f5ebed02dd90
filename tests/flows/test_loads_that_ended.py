"""Loads whose cohort, file or turn is gone by the time that something is to be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.core.cohorts.edit import Edit
from gateway.core.cohorts.load import Mode, Trigger
from gateway.flows.cohorts import (
    admin,
    definition_reading,
    file_reading,
    increment,
    load_queue,
    planned,
    stored_file,
    uploads,
)
from gateway.flows.cohorts.definition_reading import Asked, Reading
from gateway.flows.cohorts.load_queue import Wanted
from gateway.store.cohorts import plans
from gateway.store.db.engine import Pool
from tests.model import loading
from tests.model.sender import MEMBERS

if TYPE_CHECKING:
    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk

ASKED = Asked(
    trigger=Trigger.REQUEST, review=False, upload=None, options={}, file=None, requested_by=None
)


@pytest.fixture
def cohort(desk: Desk) -> Receipt:
    """Lend a cohort of three members."""
    cohort = desk.send(MEMBERS, "s", "abc")
    desk.settle(cohort)
    return cohort


def begun(desk: Desk, cohort: Receipt, letters: str) -> Load:
    return loading.begun(desk, cohort, Mode.REPLACE, letters)


def test_columns__of_a_load_that_was_canceled__are_not_noted(desk: Desk, cohort: Receipt) -> None:
    one = begun(desk, cohort, "xyz")
    reading = Reading(desk.pool, one)
    load_queue.cancel(desk.pool, cohort.cohort_id, one.number, now=desk.clock())
    with pytest.raises(errors.Conflict):
        reading.note_columns(["id"])


def test_definition__of_a_deleted_cohort__ends_the_reading(desk: Desk, cohort: Receipt) -> None:
    one = begun(desk, cohort, "xyz")
    admin.delete_cohort(desk.pool, cohort.cohort_id, now=desk.clock())
    with pytest.raises(errors.Conflict):
        definition_reading.of_load(desk.pool, one, ASKED)


def test_load__while_no_database_answers__still_is_to_be_read(desk: Desk, cohort: Receipt) -> None:
    one = begun(desk, cohort, "xyz")
    away = Pool("postgresql+psycopg2://127.0.0.1:1/none", name="away", size=1, limit_seconds=1)
    assert definition_reading.is_being_read(away, one)
    away.close()
    load_queue.cancel(desk.pool, cohort.cohort_id, one.number, now=desk.clock())
    assert not definition_reading.is_being_read(desk.pool, one)


def test_file__of_a_load_without_one__is_a_fault_of_the_gateway(
    desk: Desk, cohort: Receipt
) -> None:
    one = begun(desk, cohort, "xyz")
    with pytest.raises(errors.InternalError):
        file_reading.read(desk.pool, one, ASKED, check=lambda: None, now=desk.clock)


def test_file__discarded_while_it_is_read__is_not_there(desk: Desk) -> None:
    upload_id = uploads.put_whole(desk.pool, b"a\nb\n", name=None, now=desk.clock())
    file, _ = stored_file.open_upload(desk.pool, upload_id, check=lambda: None)
    uploads.discard(desk.pool, upload_id)
    with pytest.raises(errors.NotFound):
        file.read(1)


def test_increment__of_a_deleted_cohort__is_not_stored(desk: Desk, cohort: Receipt) -> None:
    admin.delete_cohort(desk.pool, cohort.cohort_id, now=desk.clock())
    with pytest.raises(errors.NotFound), desk.pool.begin() as conn:
        increment.store(conn, cohort.cohort_id, Edit(), now=desk.clock())


def test_load__of_a_cohort_deleted_meanwhile__is_not_started(desk: Desk, cohort: Receipt) -> None:
    with desk.pool.read() as conn:
        plan = plans.get(conn, cohort.cohort_id)
    assert plan is not None
    admin.delete_cohort(desk.pool, cohort.cohort_id, now=desk.clock())
    with pytest.raises(errors.NotFound), desk.pool.begin() as conn:
        planned.start(conn, plan, Trigger.SCHEDULE, Wanted(), by=None, now=desk.clock())
    with pytest.raises(errors.NotFound):
        planned.request(desk.pool, cohort.cohort_id, Wanted(), wake_ups=desk.bell, now=desk.clock())


def test_receipt__that_is_not_there__is_not_found() -> None:
    with pytest.raises(errors.NotFound, match="no such load"):
        load_queue.shown(None)
