"""Several machines: two gateways with nothing in common but one PostgreSQL and one Valkey."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
import signal
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.local import embedded
from gateway.store.db.engine import Pool
from tests import stack as stacks
from tests.stack import PROJECT, Stack, descendants, until

pytestmark = pytest.mark.timeout(300)

COHORTS = 8
PAGES = 6
PEOPLE = 50
APPLIED = text("""
    SELECT worker, sum(value) FROM worker_meters
    WHERE meter LIKE 'apply_seconds_count%' GROUP BY worker HAVING sum(value) > 0
""")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machines:
    """Two gateways, and their database."""

    first: Stack
    second: Stack
    pool: Pool


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Start servers, and two gateways with data folders and ports of their own."""
    with contextlib.ExitStack() as started:
        postgres = started.enter_context(
            embedded.postgres(tmp_path, durability=embedded.Durability.NONE)
        )
        valkey = started.enter_context(embedded.valkey(tmp_path))
        urls = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
        both = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            stack = stacks.running(tmp_path / name, GATEWAY_WEB_PROCESSES="1", **urls)
            both.append(started.enter_context(stack))
        pool = Pool(postgres.url, name="test", size=2, limit_seconds=60)
        started.callback(pool.close)
        yield Machines(first=both[0], second=both[1], pool=pool)


def page(cohort: int, session: str, number: int, total: int) -> dict[str, object]:
    """Make a page of people that no other page of its session names."""
    people = [f"{session}-{number}-{each}" for each in range(PEOPLE)]
    return {
        "action": "members",
        "parameters": {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": str(cohort),
            "mixpanel_session_id": session,
            "page_info": {"total_pages": total, "page_count": number},
            "members": [{"mixpanel_distinct_id": one} for one in people],
        },
    }


def test_machines__pages_alternate_and_one_is_killed__apply_each_page_once(
    machines: Machines,
) -> None:
    both = (machines.first, machines.second)
    # The other machine gets each page too: a replay is one, wherever it comes.
    send("s1", range(1, PAGES + 1), both)
    send("s1", range(1, PAGES + 1), both[::-1])
    for stack in both:
        stack.settle()
    assert len(workers_at_work(machines)) == len(both)
    for stack in both:
        expect(stack, session="s1", last_seq=PEOPLE * PAGES, duplicates=PAGES)

    half = PAGES // 2
    send("s2", range(1, half + 1), both)
    kill(machines.first)
    send("s2", range(half + 1, PAGES + 1), (machines.second, machines.second))
    machines.second.settle()
    expect(machines.second, session="s2", last_seq=3 * PEOPLE * PAGES, duplicates=0)


def send(session: str, pages: range, stacks: tuple[Stack, Stack]) -> None:
    """Post some pages of a refresh of each cohort, in turns to two machines."""
    for number, cohort in itertools.product(pages, range(COHORTS)):
        answer = stacks[(number + cohort) % 2].post(page(cohort, session, number, PAGES))
        assert answer.status == HTTPStatus.OK, answer.body


def expect(stack: Stack, *, session: str, last_seq: int, duplicates: int) -> None:
    """Hold what a machine says to what was sent: every page applied, every change counted once."""
    numbers = itertools.product(range(1, PAGES + 1), range(PEOPLE))
    due = {f"{session}-{number}-{each}" for number, each in numbers}
    for cohort in map(str, range(COHORTS)):
        assert set(stack.members(cohort)) == due
        assert stack.cohort(cohort)["last_seq"] == last_seq
        sync = stack.syncs(cohort)[0]
        assert (sync["session_id"], sync["state"]) == (session, "applied")
        assert (sync["pages_received"], sync["duplicates"]) == (PAGES, duplicates)


def workers_at_work(machines: Machines) -> set[int]:
    """Tell of which machines' processes the workers are that have applied something."""

    def names() -> set[str]:
        with machines.pool.read() as conn:
            return {str(row.worker) for row in conn.execute(APPLIED)}

    owners = [set(descendants(stack.process.pid)) for stack in (machines.first, machines.second)]

    def found() -> set[int]:
        pids = {int(re.findall(r"-(\d+)-[0-9a-f]{6}", name)[-1]) for name in names()}
        return {place for place, own in enumerate(owners) if pids & own}

    until(lambda: len(found()) == len(owners), seconds=20)  # counts come with the heartbeats
    return found()


def kill(stack: Stack) -> None:
    """End a whole machine at once."""
    for pid in descendants(stack.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    stack.process.wait(10)
