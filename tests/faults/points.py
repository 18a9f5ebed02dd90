"""Points of the product's way where a test may kill, stop or delay the process that comes by.

A point is armed by a file of its name. Of all the processes that come by, the first takes the file
away, says that it did, and does what the file says: to itself, so nobody has to be quick enough.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from pathlib import Path
from typing import Final

FOLDER_NAME: Final = "FAULTS_POINTS"
# What a file is called that has the line of a program at which its processes end.
_LINE: Final = "line-{}"

KILL: Final = "kill"
STOP: Final = "stop"
_DONE: Final = ".done"

# Every point there is, and what the report calls it.
WORDS: Final = {
    "web.before-lock": "gunicorn process before it locks the cohort's counters",
    "web.before-commit": "gunicorn process with that lock, before insert and commit",
    "web.after-commit": "gunicorn process after the commit, before the answer",
    "web.after-ring": "gunicorn process after the wake-up",
    "worker.before-claim": "worker before claiming",
    "worker.mid-copy": "worker in the middle of a COPY",
    "worker.mid-apply": "worker in mid-apply",
    "worker.before-commit": "worker between apply and commit",
    "worker.after-commit": "worker after the commit, before RQ's bookkeeping",
    "worker.pop-gap": "worker in RQ's pop gap",
    "loader.begins": "loader before it begins to read",
    "loader.mid-read": "loader in the middle of reading",
    "loader.has-read": "loader when it has read, before it notes what would change",
    "loader.seals": "loader before it makes what was read visible",
    "loader.before-commit": "loader that has submitted, before the commit",
    "loader.after-commit": "loader after that commit, before the wake-up",
    "web.spools": "gunicorn process that stores a file",
    "scheduler.before-commit": "scheduler that has looked at a live rule, before the commit",
    "scheduler.after-commit": "scheduler after that commit, before the wake-up",
    "sender.begins": "sender before it notes what it is about to send",
    "sender.before-request": "sender that has noted that, before the request",
    "sender.after-request": "sender that was answered, before it notes that",
    "sender.before-commit": "sender before it notes the end of a run",
    "sender.after-commit": "sender after it has noted the end of a run",
    "notices.before-post": "sender of notices before it posts one",
    "notices.after-post": "sender of notices that has posted one, before it notes that",
}
SPOOLS: Final = "web.spools"
WEB: Final = tuple(name for name in WORDS if name.startswith("web.") and name != SPOOLS)
WORKER: Final = tuple(name for name in WORDS if name.startswith("worker."))
LOADER: Final = tuple(name for name in WORDS if name.startswith("loader."))
SCHEDULER: Final = tuple(name for name in WORDS if name.startswith("scheduler."))
SENDER: Final = tuple(name for name in WORDS if name.startswith("sender."))
# Those that pages of the webhook come by.
OF_PAGES: Final = (*WEB, *WORKER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fired:
    """Who came by an armed point, and when by the clock that all processes share."""

    pid: int
    at: float
    cohort_id: int | None


class Points:
    """The points of one installation, as its processes and the test see them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arm(self, name: str, action: str = KILL) -> None:
        """Have the next process that comes by do something; `sleep 0.5` is an action too."""
        (self.folder / f"{name}{_DONE}").unlink(missing_ok=True)
        fresh = self.folder / f"{name}.new"
        fresh.write_text(action)
        fresh.rename(self.folder / name)

    def disarm(self) -> None:
        """Take back what nobody came by, and set every clock right."""
        for path in self.folder.iterdir():
            if path.suffix != _DONE:
                path.unlink(missing_ok=True)

    def fired(self, name: str) -> Fired | None:
        """Tell who came by a point since it was armed; None as long as nobody has."""
        path = self.folder / f"{name}{_DONE}"
        return Fired(**json.loads(path.read_text())) if path.exists() else None

    def pass_by(self, name: str, cohort_id: int | None = None) -> None:
        """Come by a point; mostly nothing happens."""
        taken = self.folder / f"{name}.{os.getpid()}"
        try:
            (self.folder / name).rename(taken)
        except FileNotFoundError:
            return
        action = taken.read_text()
        fired = Fired(pid=os.getpid(), at=time.monotonic(), cohort_id=cohort_id)
        taken.write_text(json.dumps(dataclasses.asdict(fired)))
        taken.rename(self.folder / f"{name}{_DONE}")
        if action == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            time.sleep(float(action.removeprefix("sleep ")))

    def arm_line(self, program: str, line: int) -> None:
        """Have each process of a program that starts from now on end at the so-manieth line."""
        (self.folder / _LINE.format(program)).write_text(str(line))

    def line(self, program: str) -> int | None:
        """Tell at which line a process of a program is to end, None if at none."""
        path = self.folder / _LINE.format(program)
        return int(path.read_text()) if path.exists() else None

    def set_clock(self, pid: int, seconds: float) -> None:
        """Put the clock of one process forward, or back."""
        (self.folder / f"clock-{pid}").write_text(str(seconds))

    def clock_seconds(self) -> float:
        """By how much the clock of this process is wrong."""
        path = self.folder / f"clock-{os.getpid()}"
        return float(path.read_text()) if path.exists() else 0.0


def of_environ() -> Points:
    """Return the points of the installation that this process belongs to."""
    return Points(Path(os.environ[FOLDER_NAME]))
