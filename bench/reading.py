"""Reading: look-ups, checks and streams, on an idle gateway and while a sync comes in."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from bench import payload, wire, yardsticks
from bench.subject import Subject, sync
from bench.wire import Served
from tests import stack

if TYPE_CHECKING:
    from multiprocessing import Queue
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

CONNECTIONS: Final = 32
SECONDS: Final = 3.0
MANY_COHORTS: Final = 100
CHECKED_COHORTS: Final = 10
_ASKED: Final = 5000
_CHUNK_BYTES: Final = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Where there is something to read: a large cohort by its id, and a hundred small ones."""

    large: str
    members: int
    small: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """What was read in a second: requests of each kind, and members checked and streamed."""

    static: Served
    point: Served
    cohorts: Served
    check: Served
    streamed: float


def prepare(one: Subject, members: int) -> Places:
    """Fill a large cohort, and a hundred with the same thousand people."""
    one.post(payload.bodies(sync("large", "1", "add_members"), payload.crowd(range(members))))
    thousand = payload.crowd(range(payload.PAGE_MEMBERS))
    names = [f"small-{number}" for number in range(MANY_COHORTS)]
    one.post(
        body for name in names for body in payload.bodies(sync(name, "1", "members"), thousand)
    )
    one.settle()
    small = [one.stack.cohort(name)["id"] for name in names]
    return Places(large=one.stack.cohort("large")["id"], members=members, small=small)


def measure(one: Subject, places: Places) -> Read:
    """Measure each kind once."""
    people = [payload.member_id(number % places.members) for number in range(0, 7 * _ASKED, 7)]
    point = [f"/v1/cohorts/{places.large}/members/{person}" for person in people]
    known = [payload.member_id(number) for number in range(payload.PAGE_MEMBERS)]
    question = {"cohort_ids": places.small[:CHECKED_COHORTS], "member_ids": known}
    check = wire.ask("/v1/membership/check", json.dumps(question).encode(), key=stack.API_KEY)
    return Read(
        static=yardsticks.static_route(one, seconds=SECONDS, connections=CONNECTIONS),
        point=_serve(one, [wire.get(path, key=stack.API_KEY) for path in point]),
        cohorts=_serve(
            one, [wire.get(f"/v1/members/{name}/cohorts", key=stack.API_KEY) for name in known]
        ),
        check=_serve(one, [check], connections=4),
        streamed=_stream(one, places),
    )


def _serve(one: Subject, requests: list[bytes], *, connections: int = CONNECTIONS) -> Served:
    asked = wire.repeated(requests, seconds=SECONDS)
    return wire.serve(one.stack.port, asked, connections=connections)


def _stream(one: Subject, places: Places) -> float:
    """Members a second of a whole cohort as NDJSON."""
    connection = http.client.HTTPConnection("127.0.0.1", one.stack.port)
    accept = {"Accept": "application/x-ndjson", "Authorization": f"Bearer {stack.API_KEY}"}
    began, lines = time.perf_counter(), 0
    connection.request("GET", f"/v1/cohorts/{places.large}/members", headers=accept)
    answer = connection.getresponse()
    while chunk := answer.read(_CHUNK_BYTES):
        lines += chunk.count(b"\n")
    connection.close()
    if lines != places.members:
        message = f"a stream of {lines} members instead of {places.members}"
        raise RuntimeError(message)
    return lines / (time.perf_counter() - began)


@contextlib.contextmanager
def ingest_running(one: Subject) -> Iterator[Callable[[], float]]:
    """Post new people all the while; gives what tells how many members a second came in."""
    ended = multiprocessing.Event()
    posted = multiprocessing.Value("q", 0)
    arguments = (one.stack, ended, posted)
    sender = multiprocessing.get_context("fork").Process(target=_post_until, args=arguments)
    began = time.perf_counter()
    sender.start()
    try:
        yield lambda: posted.value / (time.perf_counter() - began)
    finally:
        ended.set()
        sender.join()
        one.settle()


def _post_until(gateway: stack.Stack, ended: Event, posted: Synchronized[int]) -> None:
    login = f"{stack.USERNAME}:{stack.PASSWORD}"
    pages = payload.crowd(range(10**8, 10**8 + 50 * payload.PAGE_MEMBERS))

    def requests() -> Iterator[bytes]:
        for session, action in enumerate(itertools.cycle(("add_members", "remove_members"))):
            for body in payload.bodies(sync("busy", str(session), action), pages):
                if ended.is_set():
                    return
                yield wire.post(stack.DEFAULT, body, login=login)
                posted.value += payload.PAGE_MEMBERS

    wire.serve(gateway.port, requests(), connections=2)


@contextlib.contextmanager
def looking(one: Subject) -> Iterator[list[float]]:
    """Look somebody up a hundred times a second, in a process that does nothing else."""
    taken: list[float] = []
    forking = multiprocessing.get_context("fork")
    ended, told = forking.Event(), forking.Queue()
    process = forking.Process(target=_look, args=(one.stack, ended, told))
    process.start()
    try:
        yield taken
    finally:
        ended.set()
        taken += told.get()
        process.join()


def _look(gateway: stack.Stack, ended: Event, told: Queue[list[float]]) -> None:
    taken: list[float] = []
    while not ended.wait(0.01):
        for path in ("/v1/cohorts", "/v1/members/nobody/cohorts"):
            began = time.perf_counter()
            gateway.api(path)
            taken.append(time.perf_counter() - began)
    told.put(taken)
