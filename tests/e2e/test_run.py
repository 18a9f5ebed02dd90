"""`make run`, from a private checkout: what it starts, says, keeps, survives and leaves behind."""

import http
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

from gateway.local import embedded
from gateway.local.embedded import Durability
from tests.e2e.running import PATIENCE_SECONDS, Running, perform

ROOT = Path(__file__).resolve().parent.parent.parent

Start = Callable[..., Running]
End = Callable[[Running], None]

# Whole starts and stops, on machines that may do much else.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the code in a folder of mode 0700."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("gateway", "workers", "deploy"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    place.chmod(0o700)
    return place


@pytest.fixture(scope="module")
def shared(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a gateway that runs and has taken the first page; a test leaves it as it found it."""
    running = Running(checkout=checkout, data_dir=tmp_path_factory.mktemp("shared") / "data")
    try:
        send_first_page(running.start().await_greeting())
        yield running
    finally:
        running.kill_everything()
        running.await_nothing_left()


@pytest.fixture
def start(checkout: Path, tmp_path: Path) -> Iterator[Start]:
    """Start gateways on folders of their own; whatever still runs after the test is killed."""
    started: list[Running] = []

    def start_one(**fields: object) -> Running:
        fields = {"checkout": checkout, "data_dir": tmp_path / "data", **fields}
        running = Running(**fields)  # type: ignore[arg-type]
        started.append(running)
        return running.start()

    yield start_one
    for running in started:
        running.kill_everything()
        running.await_nothing_left()


def send_first_page(running: Running) -> None:
    """Do what the greeting's first command does."""
    assert perform(running.curls()[0]) == (200, {"action": "add_members", "status": "success"})


def cohort_names(running: Running) -> list[str]:
    """Do what the greeting's second command does, until it shows a cohort."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, answer = perform(running.curls()[1])
        assert isinstance(answer, dict)
        if names := [cohort["name"] for cohort in answer.get("cohorts", ())]:
            return names
        # A database that was away a moment ago is a reason to ask again.
        assert status in {http.HTTPStatus.OK, http.HTTPStatus.SERVICE_UNAVAILABLE}
        assert time.monotonic() < deadline
        time.sleep(0.05)


def interrupt(running: Running) -> None:
    assert running.interrupt() == 0
    assert running.pids() == []


def kill_supervisor(running: Running) -> None:
    running.kill_supervisor()
    running.await_nothing_left()


@pytest.mark.parametrize(
    "end",
    [interrupt, kill_supervisor, Running.kill_everything],
    ids=lambda end: end.__name__,
)
def test_run__ended_and_started_again__keeps_data_and_credentials(
    shared: Running, end: End
) -> None:
    commands = shared.curls()
    end(shared)
    shared.start().await_greeting()
    assert shared.curls() == commands
    assert cohort_names(shared) == ["First cohort"]


def test_run__credentials_made__are_readable_only_for_the_owner(shared: Running) -> None:
    kept = shared.data_dir / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "command",
    ["-m workers $", "-m workers scheduler $", "gateway.wsgi:app $", "/postgres -D "],
    ids=["worker", "scheduler", "web", "postgres"],
)
def test_run__part_killed__starts_that_part_again(shared: Running, command: str) -> None:
    pid = shared.pid_of(command)
    os.kill(pid, signal.SIGKILL)
    shared.await_another(pid, command)
    shared.await_ready()
    assert cohort_names(shared) == ["First cohort"]
    assert "starting it in" in shared.stderr()


def test_run__folder_in_use__is_refused(shared: Running, start: Start) -> None:
    second = start(checkout=shared.checkout, environ={"GATEWAY_DATA_DIR": str(shared.data_dir)})
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"in use by another gateway (process {shared.process.pid})" in second.stderr()


def test_run__port_in_use__is_refused_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = start(port=port)
        assert running.process.wait(PATIENCE_SECONDS) == 1
    assert f"Port {port} of 127.0.0.1 is in use" in running.stderr()
    assert not (running.data_dir / "postgres").exists()


def test_run__two_folders__run_side_by_side(shared: Running, start: Start) -> None:
    other = start().await_greeting()
    assert perform(other.curls()[1]) == (200, {"member_id": "ada", "cohorts": []})
    assert cohort_names(shared) == ["First cohort"]
    assert shared.curls() != other.curls()


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
    said = running.stdout() + running.stderr()
    assert "of ours" not in said
    assert "of-ours" not in said
    assert said.count("      from the environment\n") == 2
    assert sorted(path.name for path in running.data_dir.iterdir()) == [
        "credentials.json",
        "lock",
        "metrics",
        "secret-key",
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
