"""Ingest: syncs from the first byte sent to the last member visible, and their two halves alone."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Final

from bench import payload, subject, wal
from bench.subject import Subject, sync
from bench.wire import Served
from tests import stack

ONE_PAGE_TRIES: Final = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crowds:
    """The people of the syncs, as pages: some, those with 1 % exchanged, and quite others."""

    members: int
    some: Sequence[bytes]
    shifted: Sequence[bytes]
    others: Sequence[bytes]

    @classmethod
    def of(cls, members: int) -> Crowds:
        """Make them up."""
        shift = max(1, members // 100)
        return cls(
            members=members,
            some=payload.crowd(range(members)),
            shifted=payload.crowd(range(shift, members + shift)),
            others=payload.crowd(range(2 * members, 3 * members)),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A sync to measure: who is sent to which cohort, and how many members it has then."""

    name: str
    cohorts: tuple[str, ...]
    session: str
    action: str
    crowd: str
    leaves: bool = False

    def bodies(self, crowds: Crowds, mark: str) -> list[bytes]:
        """Write its pages; several cohorts get equal parts, in turn."""
        pages: Sequence[bytes] = getattr(crowds, self.crowd)
        count = len(self.cohorts)
        parts = [
            payload.bodies(sync(f"{cohort}{mark}", self.session, self.action), pages[n::count])
            for n, cohort in enumerate(self.cohorts)
        ]
        return [body for together in zip(*parts, strict=True) for body in together]


ADD: Final = "`add_members`, a new cohort"
REPLAY: Final = "the same pages once more (replay)"
TWICE_REFRESHED: Final = "`members`, the same people again"

# In this order: each leaves what the next one needs.
CASES: Final = (
    Case(name=ADD, cohorts=("a",), session="1", action="add_members", crowd="some"),
    Case(name=REPLAY, cohorts=("a",), session="1", action="add_members", crowd="some"),
    Case(
        name="`remove_members`, everybody",
        cohorts=("a",),
        session="2",
        action="remove_members",
        crowd="some",
        leaves=True,
    ),
    Case(
        name="`add_members`, two new cohorts at once",
        cohorts=("b", "c"),
        session="1",
        action="add_members",
        crowd="some",
    ),
    Case(
        name="`members`, into an empty cohort",
        cohorts=("d",),
        session="1",
        action="members",
        crowd="some",
    ),
    Case(name=TWICE_REFRESHED, cohorts=("d",), session="2", action="members", crowd="some"),
    Case(
        name="`members`, 1 % others",
        cohorts=("d",),
        session="3",
        action="members",
        crowd="shifted",
    ),
    Case(
        name="`members`, all others", cohorts=("d",), session="4", action="members", crowd="others"
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """One sync: members a second from end to end, and of accepting and applying alone."""

    whole: float
    posted: Served
    accepting: Served
    applying: float


def measure(one: Subject, crowds: Crowds, turn: int) -> Iterator[tuple[str, Measured]]:
    """Measure each case once."""
    for case in CASES:
        whole, posted = _together(one, case, crowds, mark=f"-{turn}")
        accepting, applying = _apart(one, case, crowds, mark=f"-{turn}-apart")
        yield (
            case.name,
            Measured(
                whole=crowds.members / whole,
                posted=posted,
                accepting=accepting,
                applying=crowds.members / applying,
            ),
        )


def _together(one: Subject, case: Case, crowds: Crowds, mark: str) -> tuple[float, Served]:
    bodies = case.bodies(crowds, mark)
    began = time.perf_counter()
    posted = one.post(bodies)
    one.settle()
    seconds = time.perf_counter() - began
    _check(one, case, crowds, mark)
    return seconds, posted


def _apart(one: Subject, case: Case, crowds: Crowds, mark: str) -> tuple[Served, float]:
    """Post while the workers rest, then let them."""
    bodies = case.bodies(crowds, mark)
    with one.resting_workers():
        accepting = one.post(bodies)
    began = time.perf_counter()
    one.settle()
    seconds = time.perf_counter() - began
    _check(one, case, crowds, mark)
    return accepting, seconds


def _check(one: Subject, case: Case, crowds: Crowds, mark: str) -> None:
    """A figure of something that went wrong would be worth nothing."""
    counts = sum(one.members(f"{cohort}{mark}") for cohort in case.cohorts)
    expected = 0 if case.leaves else crowds.members
    if counts != expected:
        message = f"{case.name}: {counts} members instead of {expected}"
        raise RuntimeError(message)


def settled_wal_bytes(one: Subject, crowds: Crowds, turn: int) -> int:
    """Bytes logged of the memberships by a refresh that names who is there already, twice over."""
    mark = f"-{turn}"
    _together(one, dataclasses.replace(CASES[-1], session="5"), crowds, mark)
    with wal.of_memberships(one) as count:
        _together(one, dataclasses.replace(CASES[-1], session="6"), crowds, mark)
        return count()


def one_page_seconds(one: Subject, turn: int) -> float:
    """Median seconds from posting a page on an idle gateway to seeing the last of its members."""
    with posting(one, f"single-{turn}") as page_seconds:
        return statistics.median(page_seconds() for _ in range(ONE_PAGE_TRIES))


@contextlib.contextmanager
def posting(one: Subject, cohort: str) -> Iterator[Callable[[], float]]:
    """Lend what posts another page, and returns the seconds until its last member is seen."""
    one.post(payload.bodies(sync(cohort, "first", "add_members"), payload.crowd(range(1))))
    one.settle()
    place = f"/v1/cohorts/{one.stack.cohort(cohort)['id']}/members"
    numbers = itertools.count()

    def page_seconds() -> float:
        number = next(numbers)
        first = 10**9 + number * payload.PAGE_MEMBERS
        people = range(first, first + payload.PAGE_MEMBERS)
        pages = payload.crowd(people)
        bodies = list(payload.bodies(sync(cohort, str(number), "add_members"), pages))
        began = time.perf_counter()
        one.post(bodies)
        await_member(line, f"{place}/{payload.member_id(people[-1])}")
        return time.perf_counter() - began

    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one.stack.port)) as line:
        yield page_seconds


def await_member(line: http.client.HTTPConnection, path: str) -> None:
    """Look for a member until it is there, on a connection that is kept."""
    while not _is_there(line, path):
        time.sleep(subject.LOOK_SECONDS)


def _is_there(line: http.client.HTTPConnection, path: str) -> bool:
    line.request("GET", path, headers={"Authorization": f"Bearer {stack.API_KEY}"})
    answer = line.getresponse()
    answer.read()
    return answer.status == HTTPStatus.OK
