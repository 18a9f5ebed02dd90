"""Worker processes as they are started: they answer, beat, log and end."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import rq
from rq import command, serializers
from rq.suspension import suspend
from sqlalchemy import text

from gateway import errors, jobs
from gateway.core.health import processes
from gateway.flows.health import duty, schema
from gateway.jobs import WakeUps
from gateway.store.cohorts import backlog
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from tests.model.desk import Desk
from workers import runtime
from workers.__main__ import JOBS, main
from workers.apply import drain

ROOT = Path(__file__).resolve().parent.parent.parent

Start = Callable[..., "Process"]


class Process:
    """A worker or scheduler as its own process; each line it logs can be waited for."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "workers", *arguments],
            cwd=ROOT,
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_event(self, event: str) -> dict[str, Any]:
        """Read its log up to an event; the test's own time limit ends a wait in vain."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            logged: dict[str, Any] = json.loads(line)
            if logged["event"] == event:
                return logged
        raise AssertionError(f"it ended without {event}")

    def next_event(self) -> dict[str, Any]:
        """Read the next line of its log."""
        assert self.popen.stderr is not None
        logged: dict[str, Any] = json.loads(self.popen.stderr.readline())
        return logged

    def end(self) -> int:
        """Ask it to stop and return its exit code."""
        self.popen.terminate()
        return self.popen.wait(60)


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Start processes; whatever still runs after the test is killed."""
    started: list[Process] = []

    def start_one(*arguments: str, **more_environ: str) -> Process:
        started.append(Process(arguments, environ | more_environ))
        return started[-1]

    yield start_one
    for process in started:
        process.popen.kill()
        process.popen.communicate()


def alive(pool: Pool, kind: str) -> int:
    with pool.read() as conn:
        return heartbeats.alive(conn, kind)


def foreign_queue(client: redis.Redis, name: str) -> rq.Queue:
    return rq.Queue(name, connection=client, serializer=serializers.JSONSerializer)


def has_worked(pool: Pool, kind: str) -> bool:
    with pool.read() as conn:
        worked = text("SELECT count(worked_at) FROM workers WHERE kind = :kind")
        return bool(conn.execute(worked, {"kind": kind}).scalar_one())


def await_pulse(pool: Pool, *, working: int, trouble: str | None) -> None:
    """Wait until the one worker is so; the test's own time limit ends a wait in vain."""
    while True:
        with pool.read() as conn:
            pulse = heartbeats.pulse(conn, heartbeats.WORKER)
        says = (
            (pulse.trouble or "").startswith(trouble or "x") if pulse.trouble else trouble is None
        )
        if (pulse.alive, pulse.working) == (1, working) and says:
            return


def await_applied(desk: Desk) -> None:
    while True:
        with desk.pool.read() as conn:
            if backlog.totals(conn, now=desk.clock()).pending == 0:
                return


def test_worker__rung_for_a_cohort__applies_logs_beats_and_leaves(
    start: Start, desk: Desk, valkey_url: str
) -> None:
    worker = start()
    worker.await_event("worker.started")
    receipt = desk.send("add_members", "s1", "abc")
    assert WakeUps(valkey_url).notify(receipt.cohort_id)
    applied = worker.await_event("pages.applied")
    assert {name: applied[name] for name in ("cohort_id", "first_delivery", "last_delivery")} == {
        "cohort_id": receipt.cohort_id,
        "first_delivery": receipt.number,
        "last_delivery": receipt.number,
    }
    assert (applied["pages"], applied["entered"], applied["exited"]) == (1, 3, 0)
    assert applied["milliseconds"] > 0
    while alive(desk.pool, heartbeats.WORKER) != 1:
        pass
    assert worker.end() == 0
    assert alive(desk.pool, heartbeats.WORKER) == 0


def test_worker__asked_for_something_else__does_not_do_it(
    start: Start, desk: Desk, client: redis.Redis, valkey_url: str, tmp_path: Path
) -> None:
    place = tmp_path / "made"
    foreign = foreign_queue(client, jobs.QUEUES[processes.WORKER])
    foreign.enqueue_call("os.mkdir", args=(str(place),))
    worker = start()
    worker.await_event("worker.started")
    receipt = desk.send("add_members", "s1", "abc")
    assert WakeUps(valkey_url).notify(receipt.cohort_id)
    worker.await_event("pages.applied")
    assert not place.exists()


@pytest.mark.parametrize("name", ["os.mkdir", "workers.apply.apply", "workers.apply.drain.x", ""])
def test_job__of_another_name__is_not_even_imported(client: redis.Redis, name: str) -> None:
    foreign = foreign_queue(client, jobs.QUEUES[processes.WORKER])
    sent = foreign.enqueue_call(name or jobs.APPLY_JOB, args=(1,))
    for when in ("success", "failure", "stopped"):
        client.hset(sent.key, f"{when}_callback_name", "os.getpid")
    found = jobs.queue(client).fetch_job(sent.id)
    assert found is not None
    if name:
        with pytest.raises(errors.InternalError):
            assert found.func
    else:
        assert found.func is drain
    assert (found.success_callback, found.failure_callback, found.stopped_callback) == (None,) * 3


def test_worker__redis_away__stays_alive_and_ends_when_told(start: Start, pool: Pool) -> None:
    worker = start(REDIS_URL="redis://127.0.0.1:1/0")
    assert worker.await_event("worker.disconnected")["error"] == "ConnectionError"
    worker.await_event("worker.disconnected")
    assert alive(pool, heartbeats.WORKER) == 1
    assert worker.end() == 0


def test_worker__redis_that_refuses_what_rq_needs__says_so_in_its_heartbeat(
    start: Start, desk: Desk, client: redis.Redis, valkey_url: str
) -> None:
    assert client.acl_setuser(
        "lame",
        enabled=True,
        passwords=["+pw"],
        keys=["*"],
        categories=["+@all"],
        commands=["-blmove"],
    )
    host = valkey_url.rpartition("@")[2]
    worker = start(REDIS_URL=f"redis://lame:pw@{host}")
    try:
        assert worker.await_event("worker.disconnected")["error"] == "NoPermissionError"
        await_pulse(desk.pool, working=0, trouble="it cannot use Redis: NoPermissionError")
        client.acl_setuser(
            "lame", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@all"]
        )
        await_pulse(desk.pool, working=1, trouble=None)
    finally:
        client.acl_deluser("lame")


def test_worker__told_by_redis_to_end_or_to_pause__works_on(
    start: Start, desk: Desk, client: redis.Redis, valkey_url: str
) -> None:
    worker = start()
    worker.await_event("worker.started")
    while not rq.Worker.all_keys(connection=client):
        pass
    suspend(client)
    for name in [key.rpartition(":")[2] for key in rq.Worker.all_keys(connection=client)]:
        command.send_shutdown_command(client, name)
        command.send_kill_horse_command(client, name)
    receipt = desk.send("add_members", "s1", "abc")
    assert WakeUps(valkey_url).notify(receipt.cohort_id)
    worker.await_event("pages.applied")
    assert worker.popen.poll() is None


@pytest.mark.parametrize("name", jobs.JOBS)
def test_job__in_a_queue_of_another_kind__is_refused(client: redis.Redis, name: str) -> None:
    for kind, queue in jobs.QUEUES.items():
        foreign = foreign_queue(client, queue)
        sent = foreign.enqueue_call(name, args=(1,))
        found = jobs.queue(client, kind).fetch_job(sent.id)
        assert found is not None
        if kind in jobs.JOBS[name]:
            assert f"{found.func.__module__}.{found.func.__qualname__}" == name
        else:
            with pytest.raises(errors.InternalError):
                assert found.func


def test_jobs__of_the_registry__are_the_work_of_the_kinds_that_are_needed() -> None:
    assert {f"{one.__module__}.{one.__qualname__}" for one in JOBS} == set(jobs.JOBS)
    working = {kind for job, kinds in jobs.JOBS.items() if job != jobs.PROBE_JOB for kind in kinds}
    # Sync jobs are found in Postgres, without a ring.
    assert set(processes.NEEDED) == {*working, processes.SCHEDULER, processes.SENDER}
    assert jobs.QUEUES.keys() == set(processes.QUEUED) == set(processes.KINDS) - {"scheduler"}


@pytest.mark.parametrize(
    ("program", "kinds"),
    [("loader", ["loader"]), ("sender", ["sender"]), ("loader,sender", ["sender", "loader"])],
)
def test_process__that_reads_or_sends__beats_answers_its_probes_and_ends(
    start: Start, desk: Desk, valkey_url: str, program: str, kinds: list[str]
) -> None:
    process = start(program)
    assert process.await_event("worker.started")["kinds"] == kinds
    bell = WakeUps(valkey_url)
    for kind in kinds:
        while alive(desk.pool, kind) != 1:
            pass
        duty.ask(desk.pool, kind, functools.partial(bell.probe, kind))
    while not all(has_worked(desk.pool, kind) for kind in kinds):
        pass
    receipt = desk.send("add_members", "s1", "abc")
    assert bell.notify(receipt.cohort_id)
    assert bell.depths() == {kind: int(kind == processes.WORKER) for kind in processes.QUEUED}
    assert process.end() == 0
    assert [alive(desk.pool, kind) for kind in kinds] == [0] * len(kinds)
    with desk.pool.read() as conn:
        assert [pulse.kind for pulse in heartbeats.pulses(conn)] == list(processes.NEEDED)


def test_process__that_reads_and_is_killed__is_missed_until_it_is_forgotten(
    start: Start, pool: Pool
) -> None:
    process = start("loader")
    while alive(pool, processes.LOADER) != 1:
        pass
    process.popen.kill()
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = beat_at - interval '60 s'"))
    with pool.read() as conn:
        pulses = {one.kind: one for one in heartbeats.pulses(conn)}
    assert [kind for kind, one in pulses.items() if one.last_beat] == [processes.LOADER]
    assert duty.standing(pulses[processes.LOADER]) == duty.Standing.SILENT
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = beat_at - interval '1 hour'"))
        heartbeats.retire(conn)
        left = {one.kind: one.last_beat for one in heartbeats.pulses(conn)}
    assert left == dict.fromkeys(processes.NEEDED)


@pytest.mark.parametrize("program", [(), ("scheduler",), ("loader,sender",)])
def test_process__on_an_unmigrated_database__says_so_once_and_begins_when_it_is(
    start: Start, empty_url: str, program: tuple[str, ...]
) -> None:
    process = start(*program, DATABASE_URL=empty_url)
    waits = process.await_event("process.waits")
    assert "python -m gateway migrate" in waits["reason"]
    time.sleep(2 * runtime.LOOK_SECONDS)
    bare = Pool(empty_url, name="test", size=2, limit_seconds=60)
    schema.migrate(bare)
    bare.close()
    assert process.next_event()["event"] in {"worker.started", "scheduler.started"}
    assert process.end() == 0


def test_scheduler__alone__applies_beats_and_leaves(start: Start, desk: Desk) -> None:
    scheduler = start("scheduler")
    scheduler.await_event("scheduler.started")
    desk.send("add_members", "s1", "abc")
    scheduler.await_event("pages.applied")
    await_applied(desk)
    assert alive(desk.pool, heartbeats.SCHEDULER) == 1
    os.kill(scheduler.popen.pid, signal.SIGINT)
    scheduler.await_event("scheduler.stopped")
    assert scheduler.popen.wait(60) == 0
    assert alive(desk.pool, heartbeats.SCHEDULER) == 0


def test_process__bad_settings__says_which_and_fails(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers"],
        cwd=ROOT,
        env={**environ, "DATABASE_URL": "mysql://x", "GATEWAY_WORKERS": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "GATEWAY_WORKERS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["schedule"], ["worker,loader"], ["loader", "sender"]])
def test_process__of_no_such_kind__says_which_there_are(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    usage = "usage: python -m workers [worker|loader|sender|loader,sender|scheduler]"
    assert usage in capsys.readouterr().err
