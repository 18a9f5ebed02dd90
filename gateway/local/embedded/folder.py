"""The data folder: made private, held by one process at a time, secrets kept only for the owner."""

import fcntl
import importlib.util
import os
import pathlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway import errors

_LOCK_NAME = "lock"
# A process that was just killed holds its lock until the system has cleared it away.
_LOCK_PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.05


def prepare(data_dir: pathlib.Path) -> pathlib.Path:
    """Make the folder if it is missing (mode 0700) and return its absolute path.

    Raises errors.LocalServerFailed when it cannot be made or written.
    """
    path = data_dir.resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _unusable(path, "Permission denied")
    return path


def _unusable(path: pathlib.Path, reason: str) -> errors.LocalServerFailed:
    return errors.LocalServerFailed(
        f"The data folder {path} cannot be used: {reason}. Make it yours, or set GATEWAY_DATA_DIR"
        " to a folder you can write.",
    )


@contextmanager
def hold(data_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """Hold the folder for this process, and yield its absolute path.

    The lock goes with the process, however it ends: it is an flock on a descriptor that no child
    inherits. Raises errors.LocalServerFailed when another process holds it.
    """
    path = prepare(data_dir)
    try:
        descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path, f"its file {_LOCK_NAME}: {error.strerror}") from error
    try:
        _lock(descriptor, path)
        yield path
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: pathlib.Path) -> None:
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise errors.LocalServerFailed(
                f"The data folder {path} is in use by another gateway (process"
                f" {holder or 'unknown'}). Stop that one first, or set GATEWAY_DATA_DIR to another"
                " folder.",
            )
        time.sleep(_POLL_SECONDS)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: pathlib.Path, text: str) -> None:
    """Replace the file at once with `text`, readable only for the owner and safe on the disk."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    sync(path.parent)


def sync(path: pathlib.Path) -> None:
    """Make the names in the folder safe on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def package(name: str) -> pathlib.Path | None:
    """Find the folder of an installed package without importing it; None when it is missing."""
    spec = importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else pathlib.Path(spec.origin).parent
