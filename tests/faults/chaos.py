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
from gateway.store.db.engine import Pool
from tests.faults import judge
from tests.faults.installation import Installation
from tests.faults.parts import Part, signal_all
from tests.faults.points import KILL, OF_PAGES
from tests.faults.proxy import Proxy
from tests.faults.trial import Trial
from tests.stack import until

T = TypeVar("T")

# How often each is drawn, against the others.
WEIGHTS: Final = {
    "kill worker": 12,
    "kill web process": 8,
    "kill at point": 10,
    "kill scheduler": 4,
    "kill valkey": 4,
    "kill gunicorn": 2,
    "kill postgres": 2,
    "kill backend": 1,
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

    def __init__(self, pool: Pool) -> None:
        self.slowest_seconds = 0.0
        self.recovered = 0
        self._pool = pool
        self._counted: dict[int, int] = {}
        self._open: list[tuple[float, dict[int, int]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Somebody is killed now; each page that waits is counted once, however often."""
        since = time.monotonic()
        with contextlib.suppress(errors.GatewayError):
            waiting = [one for one in judge.progress(self._pool).values() if one.waits]
            for one in waiting:
                counted = max(one.applied, self._counted.get(one.cohort_id, 0))
                self.recovered += max(0, one.received - counted)
                self._counted[one.cohort_id] = max(one.received, counted)
            self._open.append((since, {one.cohort_id: one.received for one in waiting}))

    def end(self) -> None:
        """Wait until all that waited is applied, and watch no longer."""
        until(lambda: not self._open)
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            with contextlib.suppress(errors.GatewayError):
                self._look()

    def _look(self) -> None:
        now = judge.progress(self._pool)
        for opened in list(self._open):
            since, waiting = opened
            if all(now[cohort_id].applied >= through for cohort_id, through in waiting.items()):
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - since)
                self._open.remove(opened)


class Chaos:
    """Carries faults out on an installation under load."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.takeovers = Takeovers(trial.pool)
        self.done: dict[str, int] = {}
        self._here: Installation = trial.installation
        self._actions: dict[str, Callable[[Fault], None]] = {
            "kill worker": lambda fault: self._kill(_one_of(self._here.workers, fault)),
            "kill web process": self._kill_web_process,
            "kill at point": self._kill_at_point,
            "kill scheduler": lambda _: self._kill(self._here.scheduler),
            "kill valkey": lambda _: self._kill(self._here.valkey),
            "kill gunicorn": lambda _: self._kill(self._here.web),
            "kill postgres": lambda _: self._kill(self._here.postgres),
            "kill backend": self._kill_backend,
            "kill everything": self._kill_everything,
            "end worker": lambda fault: _one_of(self._here.workers, fault).send(signal.SIGTERM),
            "end web process": self._end_web_process,
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
        self._kill_pids([part.pid] if part.is_running() else [])

    def _kill_pids(self, pids: list[int]) -> None:
        if pids:
            self.takeovers.begin()
            self.trial.row.kills += len(pids)
            signal_all(pids, signal.SIGKILL)

    def _kill_web_process(self, fault: Fault) -> None:
        processes = self._here.web_processes()
        self._kill_pids([_one_of(processes, fault)] if processes else [])

    def _end_web_process(self, fault: Fault) -> None:
        processes = self._here.web_processes()
        signal_all([_one_of(processes, fault)] if processes else [], signal.SIGTERM)

    def _kill_backend(self, fault: Fault) -> None:
        """Kill one of Postgres' own processes; it then restarts all of them."""
        backends = self._here.postgres.family()[1:]
        self._kill_pids([_one_of(backends, fault)] if backends else [])

    def _kill_at_point(self, fault: Fault) -> None:
        point = _one_of(OF_PAGES, fault)
        self._here.points.arm(point, KILL)
        self.trial.run_for(fault.seconds / 4)
        if self._here.points.fired(point):
            self.takeovers.begin()
            self.trial.row.kills += 1

    def _kill_everything(self, _fault: Fault) -> None:
        programs = [part.pid for part in self._here.parts if part.is_running()]
        self._kill_pids([*programs, *self._here.web_processes()])

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
