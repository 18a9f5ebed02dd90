"""Edits among loads and erasures, against what a naive reading of the rules makes of them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.cohorts.load import Mode
from gateway.flows.cohorts import erase, load
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.edit import Editor
from gateway.flows.sources import built_in, cohorts
from gateway.sources.lists import entries
from gateway.store.cohorts import changes, memberships
from gateway.waits import Waits
from tests.model import rows
from tests.model.desk import START, Bell

if TYPE_CHECKING:
    from gateway.core.cohorts.load import Load
    from gateway.store.db.engine import Pool

LETTERS: Final = "abcd"
EMAILS: Final = st.sampled_from(["", "x", "y"])
SOME: Final = st.lists(st.tuples(st.sampled_from(LETTERS), EMAILS), max_size=3)
# An edit adds ids alone (no e-mail) or members; a load has members; an erasure is of one letter.
STEP: Final = st.one_of(
    st.tuples(st.just("edit"), SOME, st.sets(st.sampled_from(LETTERS), max_size=2)),
    st.tuples(st.just("begin"), st.sampled_from(list(Mode)), SOME),
    st.tuples(st.just("seal"), st.integers(0, 3)),
    st.tuples(st.just("erase"), st.sampled_from(LETTERS)),
)
NUMBERS: Final = itertools.count()


@dataclasses.dataclass
class Begun:
    """A load with its place among the sessions, and those erased since it began."""

    load: Load
    session: int
    mode: Mode
    members: list[tuple[str, str]]
    erased: set[str] = dataclasses.field(default_factory=set)


class Oracle:
    """Which session touched each letter last, and the e-mail of those that are members."""

    def __init__(self) -> None:
        self.sessions = 0
        self.floor = 0
        self.touched: dict[str, int] = {}
        self.members: dict[str, str | None] = {}
        self.moves: list[tuple[str, str]] = []

    def put(self, letter: str, email: str | None, session: int, *, bare: bool = False) -> None:
        """Add a member, unless a newer session has spoken."""
        if session < max(self.touched.get(letter, 0), self.floor):
            return
        self.touched[letter] = session
        if letter not in self.members:
            self.moves.append(("entered", letter))
            self.members[letter] = None if bare else email
        elif not bare:
            self.members[letter] = email

    def take(self, letter: str, session: int) -> None:
        """Remove a member, unless a newer session has spoken."""
        if session < max(self.touched.get(letter, 0), self.floor):
            return
        self.touched[letter] = session
        self.leave(letter)

    def leave(self, letter: str) -> None:
        if letter in self.members:
            del self.members[letter]
            self.moves.append(("exited", letter))

    def replace(self, begun: Begun) -> None:
        """Make the cohort what a load names, but for what newer sessions have touched."""
        if begun.session < self.floor:
            return
        named = {letter for letter, _ in begun.members}
        for letter in [*self.members]:
            if letter not in named and self.touched[letter] <= begun.session:
                self.leave(letter)
        for letter, email in begun.members:
            if letter not in begun.erased:
                self.put(letter, email or None, begun.session)
        self.floor = begun.session


class Run:
    """One list, with the oracle beside it."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.oracle, self.begun = pool, Oracle(), list[Begun]()
        self.prefix = f"{next(NUMBERS)}-"
        wanted = cohorts.Wanted(source="lists", name="x")
        self.id = cohorts.create(pool, wanted, max_cohorts=10_000, now=START).id
        self.bell = Bell()
        self.applier = Applier(pool, now=lambda: START)
        self.editor = Editor(
            pool=pool,
            applier=self.applier,
            wake_ups=self.bell,
            waits=Waits(1),
            at_once=1,
        )

    def edit(self, add: list[tuple[str, str]], remove: set[str]) -> None:
        remove = remove - {letter for letter, _ in add}
        sent = [self._entry(letter, email) for letter, email in add]
        made, faults = entries.read(sent, [self.prefix + one for one in sorted(remove)])
        assert faults == []
        before = len(self.oracle.moves)
        self.oracle.sessions += 1
        session = self.oracle.sessions
        for letter, email in dict(add).items():
            self.oracle.put(letter, email, session, bare=not email)
        for letter in sorted(remove):
            self.oracle.take(letter, session)
        found = self.editor.edit(self.id, made, now=START, request_id="r")
        assert found.is_applied
        moved = [kind for kind, _ in self.oracle.moves[before:]]
        assert (found.entered, found.exited) == (moved.count("entered"), moved.count("exited"))
        assert found.unchanged == len(dict(add)) + len(remove) - len(moved)
        assert found.last_seq == len(self.oracle.moves)

    def begin(self, mode: Mode, members: list[tuple[str, str]]) -> None:
        one = load.begin(self.pool, self.id, mode, now=START)
        self.oracle.sessions += 1
        members = [*dict(members).items()]
        named = tuple((self.prefix + letter, email) for letter, email in members)
        load.add(self.pool, one, 1, rows.of(named), now=START)
        self.begun.append(Begun(one, self.oracle.sessions, mode, members))

    def seal(self, choice: int) -> None:
        if not self.begun:
            return
        one = self.begun.pop(choice % len(self.begun))
        load.seal(self.pool, one.load, wake_ups=self.bell, now=START)
        self.applier.drain(self.id)
        if one.mode is Mode.REPLACE:
            self.oracle.replace(one)
        for letter, email in one.members:
            if one.mode is Mode.REMOVE:
                self.oracle.take(letter, one.session)
            elif one.mode is Mode.ADD and letter not in one.erased:
                self.oracle.put(letter, email or None, one.session)

    def erase(self, letter: str) -> None:
        where = erase.Where(source=None, project_id=None)
        erase.erase(self.pool, self.prefix + letter, where, now=START)
        self.oracle.leave(letter)
        for one in self.begun:
            one.erased.add(letter)

    def check(self) -> None:
        """Compare members with their e-mail addresses, and the number of transitions."""
        with self.pool.read() as conn:
            found = memberships.listing(conn, self.id, after="", limit=100, max_bytes=1 << 20)
            told = changes.listing(conn, self.id, after=0, limit=1000)
        assert found is not None
        assert told is not None
        shown = [json.loads(one.document) for one in found.members]
        emails = {one["member_id"].removeprefix(self.prefix): one["email"] or None for one in shown}
        assert emails == self.oracle.members
        kinds = [kind for kind, _ in self.oracle.moves]
        assert sorted(one.change for one in told.changes) == sorted(kinds)

    def _entry(self, letter: str, email: str) -> object:
        member_id = self.prefix + letter
        return {"member_id": member_id, "email": email} if email else member_id


def test_edits__among_loads_and_erasures__do_what_the_rules_say(pool: Pool) -> None:
    built_in.make(pool, now=START)

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(STEP, min_size=2, max_size=12))
    def play(steps: list[tuple[object, ...]]) -> None:
        run = Run(pool)
        for name, *arguments in steps:
            getattr(run, str(name))(*arguments)
            run.check()
        while run.begun:
            run.seal(0)
            run.check()

    play()
