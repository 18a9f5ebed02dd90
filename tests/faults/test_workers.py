"""Workers and the scheduler die, freeze, or are given what they cannot do."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis
from rq import Queue
from sqlalchemy import text

from gateway import jobs
from gateway.simulator.service import Service
from gateway.simulator.wire import Wire
from gateway.store.health import heartbeats
from tests.faults import judge
from tests.faults.installation import SCHEDULER, Installation
from tests.faults.parts import signal_all
from tests.faults.points import STOP, WORDS, WORKER
from tests.faults.report import Bound
from tests.faults.trial import Bench, Trial, lone_page
from tests.stack import API_KEY, until

DAY_SECONDS = 86400.0
# Nobody knows of a ring that was taken and not answered, until it is forgotten after 5 s.
SLOW_POINT = "worker.pop-gap"


@pytest.mark.parametrize("point", WORKER)
def test_worker__killed_on_its_way__is_taken_over(bench: Bench, point: str) -> None:
    with bench.trial(f"SIGKILL of a {WORDS[point]}") as trial:
        for _ in range(1 if point == SLOW_POINT else 2):
            fired = trial.kill_at(point)
            trial.measure(Bound.TAKEOVER, trial.measure_takeover(fired))


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("worker.mid-copy", marks=pytest.mark.long),
        pytest.param("worker.mid-apply", marks=pytest.mark.long),
        "worker.before-commit",
    ],
)
def test_worker__frozen_in_its_transaction__cannot_commit_when_revived(
    bench: Bench, point: str
) -> None:
    with bench.trial(f"SIGSTOP of a {WORDS[point]}, then SIGCONT") as trial:
        fired = trial.fire(point, STOP)
        log = bench.installation.log_of(bench.installation.part_of(fired.pid))
        before = log.read_text().count("apply.failed")
        trial.measure_takeover(fired)
        os.kill(fired.pid, signal.SIGCONT)
        until(lambda: log.read_text().count("apply.failed") > before)
        trial.note("the revived one could not commit")


def test_worker__told_to_end_under_load__ends_after_what_it_does(bench: Bench) -> None:
    with bench.trial("SIGTERM of each worker under load, one after the other") as trial:
        for worker in bench.installation.workers:
            worker.send(signal.SIGTERM)
            worker.await_dead()
        trial.mended()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_scheduler__ended__is_missed_by_nobody(bench: Bench, how: signal.Signals) -> None:
    words = "SIGKILL" if how is signal.SIGKILL else "SIGTERM"
    with bench.trial(f"{words} of the scheduler") as trial:
        trial.row.kills += how is signal.SIGKILL
        bench.installation.scheduler.send(how)
        bench.installation.scheduler.await_dead()
        trial.mended()
        trial.await_pages(20)


def test_everything__killed_at_once__goes_on(bench: Bench) -> None:
    with bench.trial("SIGKILL of everything at once, servers too") as trial:
        trial.kill_pids([pid for part in bench.installation.parts for pid in part.family()])
        trial.await_pages(20)


@pytest.mark.long
def test_everything__told_to_end_at_once__goes_on(bench: Bench) -> None:
    with bench.trial("SIGTERM of every program at once") as trial:
        starts = {part: part.starts for part in bench.installation.programs}
        for part in starts:
            part.send(signal.SIGTERM)
        for part, before in starts.items():
            part.await_running(before + 1)
        trial.mended()
        trial.await_pages(20)


@pytest.mark.parametrize("pages", [300, pytest.param(2000, marks=pytest.mark.long)])
def test_workers__all_dead_while_pages_come__catch_up(bench: Bench, pages: int) -> None:
    name = f"all workers dead while {pages:,} pages come"
    with bench.trial(name, pause_seconds=0.0, senders=6) as trial:
        here = bench.installation
        appliers = [*here.workers, here.scheduler]
        for part in appliers:
            part.hold()
        trial.kill_pids([part.pid for part in appliers])
        trial.await_pages(pages)
        for part in appliers:
            part.release()


def test_schedulers__two_at_once__do_no_harm(bench: Bench) -> None:
    with bench.trial("two schedulers") as trial:
        second = bench.installation.add("second scheduler", SCHEDULER)
        try:
            trial.await_pages(150)
        finally:
            bench.installation.remove(second)


@pytest.mark.parametrize("fault", ["another database", "a right that is missing"])
def test_workers__whose_redis_is_no_use__beat_and_are_not_missed(bench: Bench, fault: str) -> None:
    with bench.trial(f"workers live, and their Redis is no use: {fault}") as trial:
        here = bench.installation
        with unusable(here, fault):
            trial.mended()
            until(lambda: not _pulse(trial).working and _pulse(trial).alive == len(here.workers))
            began = time.monotonic()
            waiting = judge.pending(trial.pool)
            for cohort_id, through in waiting.items():
                until(lambda: judge.applied(trial.pool, cohort_id) >= through)  # noqa: B023
            seconds = time.monotonic() - began
            trial.note(
                f"it is told that they do not work; what waits is applied in {seconds:.1f} s"
            )
        until(lambda: _pulse(trial).working == len(here.workers))


@contextlib.contextmanager
def unusable(here: Installation, fault: str) -> Iterator[None]:
    """Start the workers anew with a Redis that answers and is no use to them."""
    right = here.environ["REDIS_URL"]
    client = redis.Redis.from_url(right)
    host = right.rpartition("@")[2].rpartition("/")[0] or right.rpartition("@")[2]
    client.acl_setuser(
        "lame",
        enabled=True,
        passwords=["+pw"],
        keys=["*"],
        categories=["+@all"],
        commands=["-blmove"],
    )
    wrong = f"{right.removesuffix('/0')}/7" if "database" in fault else f"redis://lame:pw@{host}/0"
    try:
        _restart(here, wrong)
        yield
        _restart(here, right)
    finally:
        here.environ["REDIS_URL"] = right
        client.acl_deluser("lame")
        client.close()


def _restart(here: Installation, redis_url: str) -> None:
    here.environ["REDIS_URL"] = redis_url
    for part in here.workers:
        starts = part.starts
        part.send(signal.SIGTERM)
        part.await_running(starts + 1)


def _pulse(trial: Trial) -> heartbeats.ProcessCount:
    with trial.pool.read() as conn:
        return heartbeats.pulse(conn, heartbeats.WORKER)


@pytest.mark.parametrize("days", [1, pytest.param(-1, marks=pytest.mark.long)])
def test_clock__of_one_worker_wrong_by_a_day__changes_nothing(bench: Bench, days: int) -> None:
    with bench.trial(f"clock of one worker jumps by {days:+} day") as trial:
        bench.installation.points.set_clock(bench.installation.workers[0].pid, days * DAY_SECONDS)
        trial.await_pages(80)


def test_queue__with_garbage_in_it__goes_on(bench: Bench) -> None:
    with bench.trial("garbage in the queue") as trial:
        client = redis.Redis.from_url(bench.installation.environ["REDIS_URL"])
        with contextlib.closing(client):
            queue: Queue = jobs.queue(client)
            for number in range(5):
                client.rpush(queue.key, f"nobody-{number}")
                queue.enqueue_call("os.nothing", args=(number,))
                queue.enqueue_call(jobs.APPLY_JOB, args=("x", "y"))
                client.hset(f"rq:job:garbage-{number}", "data", b"\x80\x04\x95")
                client.rpush(queue.key, f"garbage-{number}")
            trial.await_pages(50)
            until(lambda: client.llen(queue.key) == 0)
        trial.mended()


def test_page__that_is_poison__is_set_aside_and_tried_again_when_asked(bench: Bench) -> None:
    with bench.trial("a poison page in the middle of a cohort") as trial:
        here, cohort = bench.installation, f"poisoned-{time.monotonic_ns()}"
        appliers = [part.pid for part in (*here.workers, here.scheduler)]
        signal_all(appliers, signal.SIGSTOP)
        for number in (1, 2, 3):
            assert trial.post(lone_page(cohort, number, total=3)).status == 200
        delivery = _spoil(trial, cohort, 2)
        signal_all(appliers, signal.SIGCONT)
        until(lambda: _members(trial, cohort) == {f"{cohort}-1", f"{cohort}-3"})
        until(lambda: _blocked(trial) == 1)
        trial.await_pages(20)
        _mend(trial, delivery)
        until(lambda: _members(trial, cohort) == {f"{cohort}-{number}" for number in (1, 2, 3)})
        assert _blocked(trial) == 0
        trial.note("the others went on; tried again it was applied")


def _spoil(trial: Trial, cohort: str, page: int) -> int:
    """Damage the stored roster of a page; returns its cohort's number."""
    with trial.pool.begin() as conn:
        conn.execute(text("CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM deliveries LIMIT 0"))
        found = conn.execute(_SPOIL, {"cohort": cohort, "page": page})
        return int(found.scalar_one())


def _mend(trial: Trial, cohort_id: int) -> None:
    """Put the roster back, and ask for the page to be tried again as an operator would."""
    trial.execute(
        "UPDATE deliveries d SET roster = k.roster FROM kept k"
        " WHERE d.cohort_id = k.cohort_id AND d.number = k.number",
        "DROP TABLE kept",
    )
    wire = Wire(trial.installation.base_url)
    with contextlib.closing(wire):
        headers = {"Authorization": f"Bearer {API_KEY}"}
        listed = wire.request("GET", "/v1/deliveries?state=blocked", headers=headers).document()
        deliveries = listed["deliveries"]
        assert isinstance(deliveries, list)
        path = f"/v1/deliveries/{deliveries[0]['id']}/retry"
        assert deliveries[0]["cohort_id"] == str(cohort_id)
        assert wire.request("POST", path, headers=headers).status in {200, 202, 204}


def _members(trial: Trial, cohort: str) -> set[str]:
    wire = Wire(trial.installation.base_url)
    with contextlib.closing(wire):
        service = Service(wire, API_KEY, sleep=time.sleep)
        standing = service.standing("default", lone_page(cohort).cohort)
        assert standing is not None
        return {one.member_id for one in service.members(standing.id)}


def _blocked(trial: Trial) -> int:
    with trial.pool.read() as conn:
        return int(conn.execute(text("SELECT count(*) FROM blocked_deliveries")).scalar_one())


_SPOIL = text("""
    WITH mine AS (
        SELECT d.* FROM deliveries d JOIN cohorts c ON c.id = d.cohort_id
        WHERE c.external_id = :cohort AND d.page = :page),
    copied AS (INSERT INTO kept SELECT * FROM mine RETURNING cohort_id)
    UPDATE deliveries d SET roster = 'spoilt' FROM mine m
    WHERE d.cohort_id = m.cohort_id AND d.number = m.number
    RETURNING d.cohort_id
""")
