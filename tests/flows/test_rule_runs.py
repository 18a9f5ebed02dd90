"""Runs of rules that have to wait: too long is told apart from what passes."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.behaviour import run
from gateway.flows.behaviour.run import Runner
from gateway.flows.people import lookup
from gateway.store.db.engine import Pool
from gateway.waits import Waits
from tests.flows.behaving import Behaving
from tests.model.rules import Facts

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


@pytest.fixture
def people(pool: Pool) -> Behaving:
    """Fill a source with one person."""
    return Behaving(pool, Facts(people={"ada": {}}, events=[], cohorts={}, as_of=NOW))


@pytest.mark.parametrize(("seconds", "timed_out"), [(0.2, True), (run.RUN_SECONDS, False)])
def test_run__of_people_that_are_locked__tells_whether_its_time_is_over(
    people: Behaving, pool: Pool, seconds: float, *, timed_out: bool
) -> None:
    runner, wanted = Runner(pool, Waits(1), seconds=seconds), people.wanted({"all": []})
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE people IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(errors.Unavailable) as raised:
            runner.run(wanted, with_nodes=False, compare=None, now=NOW)
    assert isinstance(raised.value, run.TimedOut) == timed_out
    assert runner.run(wanted, with_nodes=False, compare=None, now=NOW).found.count == 1


def test_events__of_nobody__are_not_found(people: Behaving, pool: Pool) -> None:
    found = lookup.events(pool, "people", "ada", lookup.Between(), position=None, limit=5)
    assert (list(found.items), people.members({"all": []})) == ([], {"ada"})
    with pytest.raises(errors.NotFound, match="no such person"):
        lookup.events(pool, "people", "eve", lookup.Between(), position=None, limit=5)
