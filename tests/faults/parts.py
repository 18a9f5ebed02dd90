"""A process of the installation, and a thread that starts it again as a platform would."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway import errors
from gateway.local.embedded import children

RESTART_SECONDS = 0.2
PATIENCE_SECONDS = 60.0


class Part:
    """One process at a time. Its starts all come from one thread, with which they would die."""

    def __init__(self, name: str, launch: Callable[[], children.Process]) -> None:
        self.name = name
        self.starts = 0
        self._launch = launch
        self._process: children.Process | None = None
        self._changed = threading.Condition()
        self._held = False
        self._ended = False
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start it for the first time, and wait until it is."""
        self._thread.start()
        self.await_running()

    @property
    def pid(self) -> int:
        """Process id of the newest one, also if it is dead."""
        assert self._process is not None, self.name
        return self._process.pid

    def family(self) -> list[int]:
        """Process ids of it and of its children, while they live."""
        return [self.pid, *children_of(self.pid)] if self.is_running() else []

    def is_running(self) -> bool:
        """Whether it lives now."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself; nothing happens if it is dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send(signal.SIGKILL)

    def hold(self) -> None:
        """Do not start it again until `release`."""
        with self._changed:
            self._held = True

    def release(self) -> None:
        """Start it again if it is dead."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def await_running(self, starts: int = 1) -> None:
        """Wait until it has been started so many times and lives."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.starts < starts or not self.is_running():
            assert self.starts or self._trouble is None, (self.name, self._trouble)
            assert time.monotonic() < end, f"{self.name} does not start: {self._trouble}"
            time.sleep(0.01)

    def await_dead(self) -> None:
        """Wait until the process is dead, or is another one."""
        starts, end = self.starts, time.monotonic() + PATIENCE_SECONDS
        while self.is_running() and self.starts == starts:
            assert time.monotonic() < end, f"{self.name} does not end"
            time.sleep(0.01)

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """End it for good, by each signal in turn, and after so many seconds the next."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._process is not None:
            self.send(signal.SIGCONT)
            children.stop([self._process], steps)
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while self._may_start():
            try:
                self._process = self._launch()
            except (errors.LocalServerFailed, OSError) as error:
                self._trouble = error
                if not self.starts:
                    return
                continue
            self._trouble = None
            self.starts += 1
            self._process.wait()
            # What it left behind may still hold its port.
            children.end_group(self._process)

    def _may_start(self) -> bool:
        with self._changed:
            if self.starts:
                self._changed.wait_for(lambda: self._ended, RESTART_SECONDS)
            self._changed.wait_for(lambda: self._ended or not self._held)
            return not self._ended


def children_of(pid: int) -> list[int]:
    """List the processes that another one has started and that still live."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each that still lives."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def owned_by(folder: Path) -> list[int]:
    """List the processes that have a folder in their environment or command, found from outside."""
    mark = os.fsencode(folder)
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
            if mark in words and int(place.name) != os.getpid():
                found.append(int(place.name))
    return found
