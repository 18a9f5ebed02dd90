"""The embedded servers after every kind of end, and what keeps them from starting."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.local import embedded
from gateway.local.embedded import Durability, Server
from tests.e2e.keeping import PATIENCE_SECONDS, ROOT, ask, recall, remember, until_gone

# Starts both servers, says so, and waits to be killed.
KEEPER = """
import pathlib, sys, time
from gateway.local import embedded
data_dir = pathlib.Path(sys.argv[1])
with embedded.hold(data_dir), embedded.postgres(data_dir) as postgres:
    with embedded.valkey(data_dir) as valkey:
        print(postgres.url, postgres.pid, valkey.url, valkey.pid, flush=True)
        time.sleep(3600)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder of mode 0700 inside another, as in a private checkout."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


@pytest.fixture
def keeper(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process of its own that keeps both servers running on the data folder."""
    command = [sys.executable, "-c", KEEPER, str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def said(keeper: subprocess.Popen[str]) -> tuple[str, int, str, int]:
    """Wait until the keeper's servers run; their URLs and process ids, Postgres first."""
    assert keeper.stdout is not None
    postgres_url, postgres_pid, valkey_url, valkey_pid = keeper.stdout.readline().split()
    return postgres_url, int(postgres_pid), valkey_url, int(valkey_pid)


def test_servers__whose_keeper_is_killed__end_too(
    data_dir: Path, keeper: subprocess.Popen[str]
) -> None:
    url, postgres_pid, _, valkey_pid = said(keeper)
    remember(url)
    keeper.kill()
    until_gone(postgres_pid, valkey_pid)
    with embedded.hold(data_dir), embedded.postgres(data_dir) as server:
        assert recall(server.url) == "here"


def test_servers__killed_with_their_keeper__start_again(
    data_dir: Path, keeper: subprocess.Popen[str]
) -> None:
    url, postgres_pid, _, valkey_pid = said(keeper)
    remember(url)
    for pid in (keeper.pid, postgres_pid, valkey_pid):
        os.kill(pid, signal.SIGKILL)
    with embedded.hold(data_dir), embedded.postgres(data_dir) as server:
        assert recall(server.url) == "here"


def test_keeper__killed_while_it_makes_the_database__leaves_nothing_in_the_way(
    data_dir: Path, keeper: subprocess.Popen[str]
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(data_dir.glob("postgres.new-*/pgdata/base")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    keeper.kill()
    with embedded.hold(data_dir), embedded.postgres(data_dir) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert list(data_dir.glob("postgres.new-*")) == []


def test_folder__held_by_another__is_refused_with_its_process(
    data_dir: Path, keeper: subprocess.Popen[str]
) -> None:
    said(keeper)
    with pytest.raises(errors.LocalServerFailed) as caught, embedded.hold(data_dir):
        pass
    assert f"in use by another gateway (process {keeper.pid})" in str(caught.value)
    assert str(data_dir) in str(caught.value)


def test_folder__held__is_not_held_by_the_servers(data_dir: Path) -> None:
    with embedded.hold(data_dir) as held, embedded.valkey(held) as server:
        open_files = [path.readlink() for path in Path(f"/proc/{server.pid}/fd").iterdir()]
    assert held / "lock" not in open_files
    with embedded.hold(data_dir):
        pass


def test_folder__that_cannot_be_made__is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.LocalServerFailed, match="GATEWAY_DATA_DIR"):
        embedded.start_valkey(tmp_path / "file" / "data")


def test_postgres__pid_file_names_a_stranger__starts(data_dir: Path) -> None:
    with embedded.postgres(data_dir) as server:
        pid_file = data_dir / "postgres" / "pgdata" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    with embedded.postgres(data_dir) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_postgres__one_still_runs_on_the_folder__takes_its_place(data_dir: Path) -> None:
    old = embedded.start_postgres(data_dir)
    remember(old.url)
    with embedded.postgres(data_dir) as server:
        assert recall(server.url) == "here"
        assert not old.is_alive()


def test_postgres__killed__starts_again_on_its_port(data_dir: Path) -> None:
    old = embedded.start_postgres(data_dir)
    os.kill(old.pid, signal.SIGKILL)
    until_gone(old.pid)
    old.stop()
    server = embedded.start_postgres(data_dir, port=old.port)
    try:
        assert server.url == old.url
        assert ask(old.url, "SELECT 1") == 1
    finally:
        server.stop()


def test_postgres__that_cannot_start__says_what_its_log_says(data_dir: Path) -> None:
    with embedded.postgres(data_dir):
        pass
    own_settings = data_dir / "postgres" / "pgdata" / "postgresql.auto.conf"
    own_settings.write_text("shared_buffers = 'a lot'\n")
    with pytest.raises(errors.LocalServerFailed, match=r'"shared_buffers": "a lot"'):
        embedded.start_postgres(data_dir)


def test_server__on_a_port_that_is_taken__is_refused(data_dir: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(errors.LocalServerFailed, match="does not start"),
    ):
        embedded.start_valkey(data_dir, port=taken.getsockname()[1])


def test_start__given_up__leaves_nothing_running(data_dir: Path) -> None:
    with embedded.postgres(data_dir, durability=Durability.NONE):
        pass
    with pytest.raises(errors.LocalServerFailed, match="interrupted"):
        embedded.start_postgres(data_dir, give_up=lambda: True)
    assert not (data_dir / "postgres" / "pgdata" / "postmaster.pid").exists()


def test_log__of_a_running_server__is_limited(data_dir: Path) -> None:
    with embedded.valkey(data_dir) as server:
        with server.log_path.open("ab") as log:
            log.write(b"x" * (10 * 1024 * 1024 + 1))
        embedded.limit_log(server.log_path)
        assert server.log_path.stat().st_size == 0
    assert server.log_path.with_name("valkey.log.1").stat().st_size > 10 * 1024 * 1024
    assert b"bye bye" in server.log_path.read_bytes()


def test_server__stopped_twice__is_stopped(data_dir: Path) -> None:
    server: Server = embedded.start_valkey(data_dir)
    server.stop()
    server.stop()
    assert not server.is_alive()
