"""`make run`, from a private checkout: what it starts, says, keeps, survives and leaves behind."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import embedded
from gateway.embedded import Durability
from tests.e2e.running import PATIENCE_SECONDS, Running, perform

ROOT = Path(__file__).resolve().parent.parent.parent

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the code in a folder of mode 0700."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("gateway", "workers", "deploy"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    place.chmod(0o700)
    return place


@pytest.fixture
def start(checkout: Path, tmp_path: Path) -> Iterator[Start]:
    """Start gateways; whatever still runs after the test is killed."""
    started: list[Running] = []

    def start_one(
        data: str = "data", environ: dict[str, str] | None = None, port: int = 0
    ) -> Running:
        folder = tmp_path / f"start-{len(started)}"
        folder.mkdir()
        running = Running(
            checkout=checkout, data_dir=tmp_path / data, environ=environ or {}, port=port
        )
        started.append(running.start(folder))
        return running

    yield start_one
    for running in started:
        running.kill_everything()


def send_first_page(running: Running) -> None:
    """Do what the greeting's first command does."""
    assert perform(running.curls()[0]) == (200, {"action": "add_members", "status": "success"})


def cohort_names(running: Running) -> list[str]:
    """Do what the greeting's second command does, until it shows a cohort."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, answer = perform(running.curls()[1])
        assert status == 200
        assert isinstance(answer, dict)
        if names := [cohort["name"] for cohort in answer["cohorts"]]:
            return names
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_run__interrupted_and_started_again__keeps_data_and_credentials(start: Start) -> None:
    first = start().await_greeting()
    send_first_page(first)
    assert cohort_names(first) == ["First cohort"]
    assert first.interrupt() == 0
    assert first.pids() == []

    second = start(port=first.port).await_greeting()
    assert second.curls() == first.curls()
    assert cohort_names(second) == ["First cohort"]
    assert second.interrupt() == 0
    kept = second.data_dir / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_run__killed_whole__starts_again_with_what_it_acknowledged(start: Start) -> None:
    first = start().await_greeting()
    send_first_page(first)
    first.kill_everything()
    second = start(port=first.port).await_greeting()
    assert cohort_names(second) == ["First cohort"]


def test_run__supervisor_killed__leaves_nothing_running(start: Start) -> None:
    running = start().await_greeting()
    running.process.kill()
    running.process.wait(PATIENCE_SECONDS)
    running.await_nothing_left()
    assert start(port=running.port).await_greeting().interrupt() == 0


def test_run__part_killed__starts_that_part_again(start: Start) -> None:
    running = start().await_greeting()
    for words in (("workers",), ("workers", "scheduler"), ("gateway.wsgi:app",)):
        pid = running.pid_of(*words)
        os.kill(pid, signal.SIGKILL)
        await_other(running, words, pid)
    postgres = running.pid_of(str(running.data_dir / "postgres" / "pgdata"))
    os.kill(postgres, signal.SIGKILL)
    await_other(running, (str(running.data_dir / "postgres" / "pgdata"),), postgres)
    running.await_ready()
    send_first_page(running)
    assert cohort_names(running) == ["First cohort"]
    assert "starting it in" in running.stderr()


def await_other(running: Running, words: tuple[str, ...], pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if running.pid_of(*words) != pid:
                return
        except AssertionError:
            assert time.monotonic() < deadline, words
        time.sleep(0.05)


def test_run__folder_in_use__is_refused(start: Start) -> None:
    first = start().await_greeting()
    second = start()
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"in use by another gateway (process {first.process.pid})" in second.stderr()
    assert first.interrupt() == 0


def test_run__port_in_use__is_refused_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = start(port=port)
        assert running.process.wait(PATIENCE_SECONDS) == 1
    assert f"Port {port} of 127.0.0.1 is in use" in running.stderr()
    assert not (running.data_dir / "postgres").exists()


def test_run__two_folders__run_side_by_side(start: Start) -> None:
    one, two = start("one"), start("two")
    send_first_page(one.await_greeting())
    assert cohort_names(one) == ["First cohort"]
    status, answer = perform(two.await_greeting().curls()[1])
    assert (status, answer) == (200, {"member_id": "ada", "cohorts": []})
    assert one.curls() != two.curls()


def test_run__servers_given__starts_none_and_keeps_no_secret_given(
    start: Start, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    with (
        embedded.postgres(own, durability=Durability.NONE) as postgres,
        embedded.valkey(own) as valkey,
    ):
        (tmp_path / "key").write_text("a-key-of-ours\n")
        running = start(
            environ={
                "DATABASE_URL": postgres.url.replace("postgresql+psycopg2", "postgres"),
                "REDIS_URL": valkey.url,
                "GATEWAY_WEBHOOK_USERNAME": "sender",
                "GATEWAY_WEBHOOK_PASSWORD": "a password of ours",
                "GATEWAY_API_KEY_FILE": str(tmp_path / "key"),
            }
        ).await_greeting()
        post, get = running.curls()
        assert "sender:a password of ours" in post
        assert "Authorization: Bearer a-key-of-ours" in get
        send_first_page(running)
        assert cohort_names(running) == ["First cohort"]
        assert running.interrupt() == 0
    assert sorted(path.name for path in running.data_dir.iterdir()) == [
        "credentials.json",
        "lock",
        "metrics",
    ]
    assert "of-ours" not in (running.data_dir / "credentials.json").read_text()
    assert "of ours" not in (running.data_dir / "credentials.json").read_text()


def test_run__asked_to_end_while_it_starts__leaves_nothing_running(start: Start) -> None:
    running = start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (running.data_dir / "postgres.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.process.terminate()
    assert running.process.wait(PATIENCE_SECONDS) == 0
    assert running.pids() == []
    assert start(port=running.port).await_greeting().interrupt() == 0


def test_run__bad_settings__are_all_named(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "up"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "PORT": "x", "GATEWAY_WORKERS": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PORT: a whole number from 1 to 65535" in done.stderr
    assert "GATEWAY_WORKERS: a whole number from 1 to 64" in done.stderr
    assert not (checkout / ".data").exists()
