"""One embedded server: where it is, whether it lives, what it logged, and how it is stopped."""

import os
import pathlib
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from gateway import errors
from gateway.local.embedded import children

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.02
_TAIL_LINES = 15
_TRIES = 3
_TRY_PAUSE_SECONDS = 0.5
_MAX_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running embedded server. `url` holds its password too."""

    name: str
    url: str = field(repr=False)
    password: str = field(repr=False)
    port: int
    log_path: pathlib.Path
    process: children.Process = field(repr=False)
    stop_steps: children.StopSteps = field(repr=False)

    @property
    def pid(self) -> int:
        """Process id of the server itself."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    def stop(self, hurry: Callable[[], bool] = children.never) -> None:
        """Stop it cleanly; faster, and as safe, when that takes long or `hurry` says so."""
        children.stop([self.process], self.stop_steps, hurry)


def free_port() -> int:
    """Return a TCP port of the loopback address without a listener now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def open_log(path: pathlib.Path) -> IO[bytes]:
    """Open a server's log for appending, readable only for the owner."""
    limit_log(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def limit_log(path: pathlib.Path) -> None:
    """Move a log of more than 10 MiB to `<name>.1`, also under a server that is writing it."""
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        # Copied and emptied, not renamed: the server keeps its descriptor, and appends.
        shutil.copy(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def failure(what: str, log_path: pathlib.Path) -> errors.LocalServerFailed:
    """Make the error for `what`, with the last lines of the server's log."""
    lines = log_path.read_text("utf-8", "replace").splitlines() if log_path.exists() else []
    tail = "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])
    return errors.LocalServerFailed(f"{what} The end of {log_path}:\n{tail or '    (empty)'}")


def start_until_ready(
    launch: Callable[[], Server],
    is_ready: Callable[[Server], bool],
    *,
    seconds: float,
    give_up: Callable[[], bool],
) -> Server:
    """Launch a server, anew when it ends at once, and return it when it answers.

    Anew, because its port may have been taken in the meantime, or what a killed server left
    may need a second to go. Raises errors.LocalServerFailed, with nothing left running, when it
    keeps ending, needs more than `seconds`, or `give_up` turns true.
    """
    server = launch()
    for _ in range(_TRIES - 1):
        if _await_ready(server, is_ready, seconds=seconds, give_up=give_up):
            return server
        time.sleep(_TRY_PAUSE_SECONDS)
        server = launch()
    if _await_ready(server, is_ready, seconds=seconds, give_up=give_up):
        return server
    raise failure(f"{server.name} does not start.", server.log_path)


def _await_ready(
    server: Server,
    is_ready: Callable[[Server], bool],
    *,
    seconds: float,
    give_up: Callable[[], bool],
) -> bool:
    """Wait until the server answers; False when it ended instead."""
    deadline = time.monotonic() + seconds
    while server.is_alive():
        if is_ready(server):
            return True
        if give_up() or time.monotonic() > deadline:
            server.stop()
            reason = "was interrupted" if give_up() else f"took more than {seconds:.0f} seconds"
            raise failure(f"The start of {server.name} {reason}.", server.log_path)
        time.sleep(_POLL_SECONDS)
    return False
