"""Starts and stops child processes that die with this one and share no terminal with it."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from gateway.local.embedded import launch

Process = subprocess.Popen[bytes]
StopSteps = tuple[tuple[signal.Signals, float], ...]

_LAUNCHER = pathlib.Path(launch.__file__).resolve()
_POLL_SECONDS = 0.02


def never() -> bool:
    return False


def start(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    death_signal: signal.Signals,
    identity: str = launch.SAME,
    cwd: pathlib.Path | None = None,
    output: IO[bytes] | None = None,
    stdin: IO[bytes] | None = None,
) -> Process:
    """Start `argv` (an absolute path first) in a session of its own and return the process.

    It gets `death_signal` when the calling *thread* ends, so call this from the main thread. It
    starts with default signals and an empty mask, and inherits no descriptor except `stdin`
    (default: nothing) and `output` (default: ours). Linux; elsewhere it does not die with us.
    """
    head = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
    return subprocess.Popen(  # noqa: S603  every program is named by our own code
        [*head, str(int(death_signal)), identity, *argv],
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def wait(process: Process, seconds: float, hurry: Callable[[], bool] = never) -> bool:
    """Wait for the end of `process`; False if it still runs after `seconds` or we must hurry."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline or hurry():
            return False
        time.sleep(_POLL_SECONDS)
    return True


def stop(
    processes: Sequence[Process],
    steps: StopSteps,
    hurry: Callable[[], bool] = never,
) -> None:
    """Send each signal to those that still run and wait its seconds for all; at last SIGKILL.

    `hurry` cuts short the waiting for all signals but the last, which should be one that works at
    once. Whatever a process left in its group is killed too.
    """
    running = [process for process in processes if process.poll() is None]
    for step, (number, seconds) in enumerate(steps, start=1):
        deadline = time.monotonic() + seconds
        for process in running:
            process.send_signal(number)
        for process in running:
            cut_short = hurry if step < len(steps) else never
            wait(process, deadline - time.monotonic(), cut_short)
    for process in running:
        end_group(process)
        process.wait()


def end_group(process: Process) -> None:
    """Kill what is left of the group `process` leads, itself included.

    Only while its end is unnoticed or was noticed just now: later its number may be another's.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
