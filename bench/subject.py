"""What is measured: a gateway as `make run` starts it, with the names its own parts go by."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bench import wire
from bench.payload import Sync
from bench.wire import Served
from gateway.store.cohorts import inbox
from gateway.store.db.engine import Pool
from tests import stack
from tests.stack import Stack

CONNECTIONS: Final = 4
_POLL_SECONDS: Final = 0.01
LOOK_SECONDS: Final = 0.001
_PATIENCE_SECONDS: Final = 900.0
# What the command lines of its processes end with.
_KINDS: Final = {
    "web process": "gateway.wsgi:app",
    "worker": "-m workers",
    "loader": "-m workers loader",
}
_LOGIN: Final = f"{stack.USERNAME}:{stack.PASSWORD}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """A running gateway and a connection to its database for what only that can tell."""

    stack: Stack
    pool: Pool

    def post(self, bodies: Iterable[bytes]) -> Served:
        """Post pages as Mixpanel does, on four connections that are kept."""
        requests = [wire.post(stack.DEFAULT, body, login=_LOGIN) for body in bodies]
        return wire.serve(self.stack.port, requests, connections=CONNECTIONS)

    def settle(self) -> None:
        """Wait until nothing that was accepted is left to apply.

        The database is asked, because each answer of the gateway would cost it milliseconds.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._pending():
            if time.monotonic() > end:
                message = f"pages still wait after {_PATIENCE_SECONDS} s"
                raise RuntimeError(message)
            time.sleep(_POLL_SECONDS)

    def _pending(self) -> int:
        with self.pool.read() as conn:
            return inbox.pending_pages(conn)

    def members(self, cohort: str) -> int:
        """Return the member count of a cohort, by its id at Mixpanel."""
        count: int = self.stack.cohort(cohort)["member_count"]
        return count

    @contextlib.contextmanager
    def resting_workers(self) -> Iterator[None]:
        """Freeze the workers: what is posted meanwhile waits."""
        pids = self.pids("-m workers")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def pids(self, words: str) -> list[int]:
        """Process ids of the parts whose command line ends with these words."""
        found = []
        for pid in stack.descendants(self.stack.process.pid):
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                if command.rstrip().endswith(words):
                    found.append(pid)
        return found

    def peaks(self) -> dict[str, float]:
        """Return the largest peak of each kind of process so far, in MiB."""
        return {
            kind: max(peak_mebibytes(pid) for pid in self.pids(words))
            for kind, words in _KINDS.items()
        }


def peak_mebibytes(pid: int | str = "self") -> float:
    """Return the peak memory of a process."""
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) / 1024


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Subject]:
    """Start a gateway on a new data folder, with two web processes and two workers."""
    settings = {"GATEWAY_WORKERS": "2", "GATEWAY_LOG_FORMAT": "json", **settings}
    with (
        stack.running(folder, **settings) as started,
        started.pool(limit_seconds=_PATIENCE_SECONDS) as pool,
    ):
        yield Subject(stack=started, pool=pool)


def sync(cohort: str, session: str, action: str) -> Sync:
    """Name a sync of a cohort."""
    return Sync(cohort=cohort, session=session, action=action)
