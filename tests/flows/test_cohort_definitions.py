"""Cohorts of a kind whose members come from a definition: it is checked when it is written."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import pytest

from gateway import errors
from gateway.errors import Fault
from gateway.flows.sources import admin, cohorts
from gateway.flows.sources.setup import Setup
from tests.model.desk import START
from tests.sources.sample_kind import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.flows.sources.cohorts import Wanted
    from gateway.store.db.engine import Pool


def faults(definition: Mapping[str, object]) -> Iterable[Fault]:
    return [] if "query" in definition else [Fault("definition.query", "is missing")]


KIND: Final = dataclasses.replace(DATABASE, definition=faults)
SETUP: Final = Setup(kinds={KIND.name: KIND})


def make(pool: Pool, wanted: Wanted) -> str:
    made = cohorts.create(pool, wanted, SETUP, max_cohorts=10, now=START)
    return str(made.id)


@pytest.fixture
def database(pool: Pool) -> Pool:
    wanted = admin.Wanted(slug="db", kind=KIND.name, config={"host": "x"})
    admin.add(pool, wanted, SETUP, now=START)
    return pool


@pytest.mark.parametrize(
    ("definition", "path"), [(None, "definition"), ({"table": "x"}, "definition.query")]
)
def test_definition__missing_or_wrong__is_a_fault(
    database: Pool, definition: Mapping[str, object] | None, path: str
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        make(database, cohorts.Wanted(source="db", name="x", definition=definition))
    assert [one.path for one in caught.value.faults] == [path]


def test_definition__changed__is_checked_and_may_be_left_out(database: Pool) -> None:
    schedule, query = {"every": "1h"}, {"query": "SELECT 1"}
    wanted = cohorts.Wanted(source="db", name="x", definition=query, schedule=schedule)
    cohort_id = int(make(database, wanted))
    with pytest.raises(errors.Invalid):
        cohorts.change(
            database, cohort_id, cohorts.Changes(definition={"table": "x"}), SETUP, now=START
        )
    changed = cohorts.change(database, cohort_id, cohorts.Changes(name="y"), SETUP, now=START)
    assert changed.name == "y"
