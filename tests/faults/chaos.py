"""A schedule of faults that follows from a seed, and who carries it out."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import redis

from gateway import errors
from tests.faults import judge
from tests.faults.installation import Installation
from tests.faults.parts import Part, signal_all
from tests.faults.points import KILL
from tests.faults.proxy import Proxy
from tests.faults.trial import Trial

T = TypeVar("T")

POINTS: Final = (
    *("web.before-insert", "web.before-commit", "web.after-commit", "web.after-ring"),
    *("worker.before-claim", "worker.mid-apply", "worker.before-commit"),
    *("worker.after-commit", "worker.pop-gap"),
)
# How often each is drawn, against the others.
WEIGHTS: Final = {
    "kill worker": 12,
    "kill web process": 8,
    "kill at point": 10,
    "kill scheduler": 4,
    "kill valkey": 4,
    "kill gunicorn": 2,
    "kill postgres": 2,
    "kill everything": 1,
    "end worker": 2,
    "end web process": 2,
    "stop postgres": 2,
    "terminate backends": 3,
    "flush valkey": 3,
    "freeze worker": 2,
    "freeze web process": 2,
    "freeze postgres": 2,
    "freeze valkey": 2,
    "reset wires": 3,
    "cut answers": 3,
    "cut commits": 3,
    "half close": 2,
    "slow wires": 1,
}
TERMINATE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'gateway-%' AND application_name <> 'gateway-faults'"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens next: after a pause, to which of several, and for how long."""

    pause_seconds: float
    name: str
    which: int
    seconds: float


def schedule(seed: str) -> Iterator[Fault]:
    """Draw faults without end; the same seed draws the same ones."""
    chance = random.Random(seed)  # noqa: S311 - a play, no secret
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    while True:
        yield Fault(
            pause_seconds=chance.uniform(0.05, 0.5),
            name=chance.choices(names, weights)[0],
            which=chance.randrange(1000),
            seconds=chance.uniform(0.2, 2.5),
        )


class Takeovers:
    """Watches how long what waited at a kill went on waiting; a thread of its own."""

    def __init__(self, trial: Trial) -> None:
        self.slowest_seconds = 0.0
        self.recovered = 0
        self._trial = trial
        self._open: list[tuple[float, dict[int, int]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Somebody was killed now."""
        with contextlib.suppress(errors.GatewayError):
            self.recovered += judge.waiting_pages(self._trial.pool)
            self._open.append((time.monotonic(), judge.pending(self._trial.pool)))

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            with contextlib.suppress(errors.GatewayError):
                self._look()

    def _look(self) -> None:
        for since, waiting in list(self._open):
            for cohort_id, through in list(waiting.items()):
                if judge.applied(self._trial.pool, cohort_id) >= through:
                    del waiting[cohort_id]
            if not waiting:
                self._open.remove((since, waiting))
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - since)


class Chaos:
    """Carries faults out on an installation under load."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.takeovers = Takeovers(trial)
        self.done: dict[str, int] = {}
        self._here: Installation = trial.installation
        self._actions: dict[str, Callable[[Fault], None]] = {
            "kill worker": lambda fault: self._kill(_one_of(self._here.workers, fault)),
            "kill web process": lambda fault: self._signal_web(fault, signal.SIGKILL),
            "kill at point": self._kill_at_point,
            "kill scheduler": lambda _: self._kill(self._here.scheduler),
            "kill valkey": lambda _: self._kill(self._here.valkey),
            "kill gunicorn": lambda _: self._kill(self._here.web),
            "kill postgres": lambda _: self._kill(self._here.postgres),
            "kill everything": self._kill_everything,
            "end worker": lambda fault: _one_of(self._here.workers, fault).send(signal.SIGTERM),
            "end web process": lambda fault: self._signal_web(fault, signal.SIGTERM),
            "stop postgres": lambda _: self._here.postgres.send(signal.SIGQUIT),
            "terminate backends": lambda _: trial.execute(TERMINATE),
            "flush valkey": lambda _: self._flush(),
            "freeze worker": lambda fault: _freeze(
                [_one_of(self._here.workers, fault).pid], fault.seconds
            ),
            "freeze web process": lambda fault: _freeze(
                self._here.web_processes()[-1:], fault.seconds
            ),
            "freeze postgres": lambda fault: _freeze(self._here.postgres.family(), fault.seconds),
            "freeze valkey": lambda fault: _freeze([self._here.valkey.pid], fault.seconds),
            "reset wires": lambda fault: _one_of(self._proxies(), fault).reset_once(),
            "cut answers": lambda fault: _one_of(self._proxies(), fault).cut_after(fault.which),
            "cut commits": lambda fault: self._proxies()[0].cut_answers_to_commit(fault.which % 9),
            "half close": lambda fault: _one_of(self._proxies(), fault).half_close(),
            "slow wires": self._slow,
        }

    def cause(self, fault: Fault) -> None:
        """Cause one fault; while Postgres is down some of them come to nothing."""
        self.trial.run_for(fault.pause_seconds)
        with contextlib.suppress(errors.GatewayError, redis.RedisError):
            self._actions[fault.name](fault)
            self.done[fault.name] = self.done.get(fault.name, 0) + 1

    def _kill(self, part: Part) -> None:
        if part.is_running():
            self.takeovers.begin()
            self.trial.row.kills += 1
            part.kill()

    def _signal_web(self, fault: Fault, number: signal.Signals) -> None:
        processes = self._here.web_processes()
        if processes:
            self.trial.row.kills += number == signal.SIGKILL
            signal_all([_one_of(processes, fault)], number)

    def _kill_at_point(self, fault: Fault) -> None:
        point = _one_of(POINTS, fault)
        self._here.points.arm(point, KILL)
        self.trial.run_for(fault.seconds / 4)
        if self._here.points.fired(point):
            self.takeovers.begin()
            self.trial.row.kills += 1

    def _kill_everything(self, _fault: Fault) -> None:
        programs = [part.pid for part in self._here.parts if part.is_running()]
        self.trial.row.kills += len(programs) + len(self._here.web_processes())
        signal_all([*programs, *self._here.web_processes()], signal.SIGKILL)

    def _flush(self) -> None:
        with contextlib.closing(redis.Redis.from_url(self._here.valkey_url)) as client:
            client.flushall()

    def _slow(self, fault: Fault) -> None:
        for proxy in self._proxies():
            proxy.delay(0.02)
        self.trial.run_for(fault.seconds)
        for proxy in self._proxies():
            proxy.delay(0.0)

    def _proxies(self) -> list[Proxy]:
        return [each for each in (self._here.to_postgres, self._here.to_valkey) if each]


def _freeze(pids: list[int], seconds: float) -> None:
    signal_all(pids, signal.SIGSTOP)
    time.sleep(seconds)
    signal_all(pids[::-1], signal.SIGCONT)


def _one_of(several: Sequence[T], fault: Fault) -> T:
    return several[fault.which % len(several)]
