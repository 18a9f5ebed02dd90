"""Refreshes: when their pages wait, and what a sync is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cohorts import refresh
from gateway.core.cohorts.refresh import State, Step

AGES = st.floats(-1e9, 1e9)
QUIET = refresh.QUIET_SECONDS


@given(all_received=st.booleans(), interrupted=st.booleans(), age=AGES)
def test_next_step__with_every_page_at_hand__completes(
    *, all_received: bool, interrupted: bool, age: float
) -> None:
    step = refresh.next_step(
        complete=True, all_received=all_received, interrupted=interrupted, age_seconds=age
    )
    assert step is Step.COMPLETE


@pytest.mark.parametrize("age", [0.0, 0.5, QUIET / 2, -0.5])
def test_next_step__while_pages_keep_coming__waits(age: float) -> None:
    step = refresh.next_step(complete=False, all_received=False, interrupted=False, age_seconds=age)
    assert step is Step.WAIT


@pytest.mark.parametrize("age", [QUIET, 60.0, -QUIET, -3600.0])
def test_next_step__when_none_came_for_a_while__adds(age: float) -> None:
    step = refresh.next_step(complete=False, all_received=False, interrupted=False, age_seconds=age)
    assert step is Step.ADD


@pytest.mark.parametrize(
    ("all_received", "interrupted"), [(True, False), (False, True), (True, True)]
)
def test_next_step__interrupted_or_with_pages_out_of_reach__adds(
    *, all_received: bool, interrupted: bool
) -> None:
    step = refresh.next_step(
        complete=False, all_received=all_received, interrupted=interrupted, age_seconds=0.0
    )
    assert step is Step.ADD


def test_quiet_seconds__and_one_visit_of_the_sweeper__are_within_the_contract() -> None:
    assert QUIET + 2.0 < 5.0


@pytest.mark.parametrize(
    ("blocked", "complete", "superseded", "state"),
    [
        (False, False, False, State.RECEIVING),
        (False, True, False, State.APPLIED),
        (False, False, True, State.SUPERSEDED),
        (False, True, True, State.SUPERSEDED),
        (True, False, False, State.BLOCKED),
        (True, True, True, State.BLOCKED),
    ],
)
def test_sync_state__of_each_case__is_what_the_report_shows(
    *, blocked: bool, complete: bool, superseded: bool, state: State
) -> None:
    found = refresh.sync_state(blocked=blocked, complete=complete, superseded=superseded)
    assert found is state


@pytest.mark.parametrize(
    ("again", "interrupted", "age_seconds", "waits"),
    [
        (True, False, 0.0, True),
        (False, False, 0.0, False),
        (True, True, 0.0, False),
        (True, False, refresh.QUIET_SECONDS, False),
        (True, False, -refresh.QUIET_SECONDS, False),
    ],
)
def test_waits_for_more__after_it_completed__until_it_is_quiet_or_passed(
    *, again: bool, interrupted: bool, age_seconds: float, waits: bool
) -> None:
    assert waits is refresh.waits_for_more(
        again=again, interrupted=interrupted, age_seconds=age_seconds
    )
