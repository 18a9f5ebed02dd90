"""Senders send recorded actions, while they run and not beyond."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.core import moments
from gateway.core.health import processes
from gateway.core.syncs.action import Action
from gateway.flows.sources import admin
from gateway.flows.sources.setup import Setup
from gateway.flows.syncs import actions
from gateway.store.db.engine import Pool
from gateway.store.syncs import action_imports
from tests.syncs import project, receiver
from tests.syncs.branch import ENVIRON
from tests.syncs.project import Project
from workers import forward, runtime
from workers.runtime import Runtime


@pytest.fixture
def made(environ: dict[str, str]) -> Iterator[Runtime]:
    """Lend what a sender is made of that may send to this machine."""
    run = runtime.make({**environ, **ENVIRON})
    yield run
    for pool in (run.pool, run.beating, run.chores, run.rules):
        pool.close()


def record(made: Runtime, pool: Pool, url: str) -> None:
    """Make a source that forwards its actions, and record one."""
    now = datetime.datetime.now(datetime.UTC)
    config = {
        "import": {
            "project_id": project.PROJECT,
            "service_account": project.ACCOUNT,
            "endpoint": url,
        }
    }
    wanted = admin.Wanted(slug="shop", config=config, secrets={"import_secret": project.SECRET})
    admin.add(pool, wanted, Setup.of(made.settings), now=now)
    sent = Action(
        member_id="ada",
        cohort_id=None,
        source="shop",
        action="mail.sent",
        key="",
        claim=None,
        at=now,
        properties="{}",
    )
    actions.record(pool, [sent], now=now)


def waiting(pool: Pool) -> int:
    with pool.read() as conn:
        (one,) = action_imports.standings(conn)
    return one.waiting


def test_sender__while_it_runs__sends_what_waits(made: Runtime, pool: Pool) -> None:
    taken = Project(moments.now)
    with receiver.serving(taken) as url:
        record(made, pool, url)
        with forward.looking(made, [processes.SENDER, processes.LOADER]):
            for _ in range(400):
                if not waiting(pool):
                    break
                time.sleep(0.05)
    assert waiting(pool) == 0
    assert taken.members == {"ada"}


def test_worker__of_another_kind__sends_nothing(made: Runtime) -> None:
    before = threading.active_count()
    with forward.looking(made, [processes.WORKER]):
        assert threading.active_count() == before
