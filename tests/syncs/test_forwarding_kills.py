"""Kills: whatever dies while actions are sent, each is an event once, and none is lost."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
from typing import Final

import pytest

from gateway.flows import erasure
from gateway.flows.cohorts.erase import Where
from tests.syncs import killed_forwarder
from tests.syncs.branch import Branch

# Lines of one claim with three requests, and some more, so that some end well.
MOST_LINES: Final = 600
BATCH: Final = 4
SENDERS: Final = multiprocessing.get_context("forkserver")
SENDERS.set_forkserver_preload([killed_forwarder.__name__])
TROUBLE: Final = (0, 0, 0, 0, "lost", "away", 503, 413)
REFUSED: Final = frozenset({"none", "null"})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
def test_actions__through_kills__are_events_once(
    branch: Branch, database_url: str, seed: int
) -> None:
    play(branch, database_url, seed=seed, steps=2)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 106))
def test_actions__through_many_kills__are_events_once(
    branch: Branch, database_url: str, seed: int
) -> None:
    assert play(branch, database_url, seed=seed, steps=30) > 0


def play(branch: Branch, database_url: str, *, seed: int, steps: int) -> int:
    """Record, erase, send and kill for so many steps, and judge; returns how often one died."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    deaths, recorded, erased = 0, set[str](), set[str]()
    for step in range(steps):
        names = {f"m-{step}-{number}" for number in range(chance.randrange(1, 12))}
        names |= REFUSED - recorded if chance.random() < 0.3 else set()
        branch.act(*sorted(names))
        recorded |= names
        branch.project.trouble = [one for one in chance.choices(TROUBLE, k=4) if one]
        branch.clock.tick(hours=2)  # past every wait
        deaths += send(branch, database_url, chance.randrange(1, MOST_LINES))
        waiting = recorded - branch.project.members - erased - REFUSED
        if waiting and chance.random() < 0.5:
            gone = chance.choice(sorted(waiting))
            erasure.erase(branch.pool, gone, Where(), now=branch.clock())
            erased.add(gone)
    branch.project.trouble = []
    for _ in range(2):
        branch.clock.tick(hours=2)
        assert send(branch, database_url, sys.maxsize) == 0
    assert branch.project.members == recorded - erased - REFUSED
    assert len(branch.project.events) == len(branch.project.members)
    assert {member for member, _ in branch.rejected()} == recorded & REFUSED
    assert branch.shown()["waiting"] == 0
    return deaths


def send(branch: Branch, database_url: str, line: int) -> bool:
    """Send in a process that dies at a line, if it comes to that; tells whether it did."""
    given = (database_url, branch.clock.now, line, BATCH)
    sender = SENDERS.Process(target=killed_forwarder.work, args=given)
    sender.start()
    sender.join()
    if sender.exitcode == -signal.SIGKILL:
        branch.let_leases_run_out()
        return True
    assert sender.exitcode == 0
    return False
