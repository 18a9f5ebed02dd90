"""What a cohort must be: section 1.3 of the interface read once more, in plain dicts.

Every page is applied by itself, in the order of receipt, and the outcome after each is kept.
Nothing here is shared with the gateway, and nothing is clever.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from tests.model.sender import MEMBERS, REMOVE

if TYPE_CHECKING:
    from tests.model.sender import Member, Page

RECEIVING, APPLIED, SUPERSEDED = "receiving", "applied", "superseded"


@dataclasses.dataclass
class Person:
    """Somebody whom a session has touched; `email` is None for who is not a member."""

    session: int
    email: str | None


@dataclasses.dataclass(frozen=True)
class Move:
    """Somebody entered or exited; adjacent deliveries of one session and action are one `run`."""

    run: int
    kind: str
    member_id: str
    session: int


@dataclasses.dataclass
class Sync:
    """What was received of a session and action; `states` has what the interface allows."""

    pages: set[int] = dataclasses.field(default_factory=set)
    total: int = 0
    members: int = 0
    skipped: Counter[str] = dataclasses.field(default_factory=Counter)
    duplicates: int = 0
    states: frozenset[str] = frozenset({RECEIVING})

    @property
    def all_in(self) -> bool:
        """Whether as many pages as the largest total have come; only diffs have odd numbers."""
        return len(self.pages) >= self.total


class Cohort:
    """One cohort; `receive` its pages in the order of receipt."""

    def __init__(self, external_id: str) -> None:
        self.name = external_id
        self.snapshots: list[dict[str, str]] = [{}]
        self.moves: list[Move] = []
        self.syncs: dict[tuple[int, str], Sync] = {}
        self.deliveries: list[tuple[int, str]] = []
        self.session_ids: list[str | None] = []
        self._people: dict[str, Person] = {}
        self._stored: set[tuple[int, str, int, tuple[Member, ...]]] = set()
        self._contents: dict[int, dict[int, tuple[Member, ...]]] = {}
        self._floor = 0
        self._run = 0

    @property
    def members(self) -> dict[str, str]:
        """Who is a member now, with their e-mail address."""
        return self.snapshots[-1]

    @property
    def refresh(self) -> tuple[str | None, int, int] | None:
        """The refresh under way: its session id, its distinct pages, its largest total."""
        sessions = [session for session, action in self.syncs if action == MEMBERS]
        newest = max(sessions, default=0)
        if newest <= self._floor:  # one that grows after it completed is not under way again
            return None
        sync = self.syncs[newest, MEMBERS]
        return self.session_ids[newest - 1], len(sync.pages), sync.total

    def receive(self, page: Page) -> bool:
        """Take a page that was acknowledged; False if it is a replay."""
        number, total = _paging(page)
        session = self._session(page.session)
        sync = self.syncs.setdefault((session, page.action), Sync())
        identity = (session, page.action, number, page.members)
        if identity in self._stored:
            sync.duplicates += 1
            return False
        self._stored.add(identity)
        if not self.deliveries or self.deliveries[-1] != (session, page.action):
            self._run += 1
        self.deliveries.append((session, page.action))
        if session == len(self.session_ids) and page.name:
            self.name = page.name
        sync.pages.add(number)
        sync.total = max(sync.total, total)
        sync.members += len(page.members)
        sync.skipped.update("blank_id" for member_id, _ in page.members if not member_id)
        self._apply(session, page.action, number, page.members)
        now = {who: one.email for who, one in self._people.items() if one.email is not None}
        self.snapshots.append(now)
        return True

    def _session(self, session_id: str | None) -> int:
        """Rule 2: sessions are ordered by the commit of their first page."""
        if session_id is None or session_id not in self.session_ids:
            self.session_ids.append(session_id)
            return len(self.session_ids)
        return self.session_ids.index(session_id) + 1

    def _apply(self, session: int, action: str, number: int, members: tuple[Member, ...]) -> None:
        sync = self.syncs[session, action]
        if session < self._floor:  # rule 3: a completed refresh speaks for the whole cohort
            if sync.states == {RECEIVING}:
                sync.states = frozenset({SUPERSEDED})
            if APPLIED in sync.states or (sync.all_in and len(sync.pages) == 1):
                sync.states = frozenset({APPLIED, SUPERSEDED})  # the interface allows both
            return
        usable = {member_id: email for member_id, email in members if member_id}
        for member_id, email in usable.items():
            self._touch(member_id, None if action == REMOVE else email, session)
        sync.states = frozenset({APPLIED if sync.all_in else RECEIVING})
        if action == MEMBERS:
            contents = self._contents.setdefault(session, {})
            contents.pop(number, None)  # so that the newest content stands last
            contents[number] = members
            if sync.all_in:
                self._complete(session)

    def _touch(self, member_id: str, email: str | None, session: int) -> None:
        """Rule 2: a page changes a member only if its session is not older."""
        known = self._people.get(member_id)
        if known is not None and known.session > session:
            return
        was = known is not None and known.email is not None
        if was != (email is not None):
            kind = "exited" if was else "entered"
            self.moves.append(Move(self._run, kind, member_id, session))
        self._people[member_id] = Person(session, email)

    def _complete(self, session: int) -> None:
        """Rule 3: the cohort becomes exactly the people named, but for whom newer ones touched."""
        named: dict[str, str] = {}
        for members in self._contents[session].values():
            named.update((member_id, email) for member_id, email in members if member_id)
        for member_id in sorted(self._people.keys() | named.keys()):
            self._touch(member_id, named.get(member_id), session)
        self._floor = session
        for (other, _), sync in self.syncs.items():
            if other < session and sync.states == {RECEIVING}:
                sync.states = frozenset({SUPERSEDED})


def _paging(page: Page) -> tuple[int, int]:
    if page.number is None or page.total is None:
        return 1, 1
    if page.action == MEMBERS and not page.members and page.total in (0, 1):
        return 1, 1
    return page.number, page.total


def wrong_moves(expected: list[Move], found: list[tuple[str, str, int]]) -> str | None:
    """Say what is wrong with (kind, member, session) as found in order, None if nothing is.

    Pages of one run may be applied together. Who then enters and exits within a run may never have
    been seen; for such a member only the number of moves has bounds. All others are exact.
    """
    per_run = Counter((move.run, move.member_id) for move in expected)
    loose = {member_id for (_, member_id), moves in per_run.items() if moves > 1}
    for member_id in loose:
        mine = [moves for (_, other), moves in per_run.items() if other == member_id]
        seen = sum(1 for _, other, _ in found if other == member_id)
        if not sum(moves % 2 for moves in mine) <= seen <= sum(mine):
            return f"{member_id} moved {seen} times"
    rest = [move for move in found if move[1] not in loose]
    for run in sorted({move.run for move in expected}):
        due = {
            (move.kind, move.member_id, move.session)
            for move in expected
            if move.run == run and move.member_id not in loose
        }
        if set(rest[: len(due)]) != due:
            return f"run {run} should be {sorted(due)}, not {rest[: len(due)]}"
        del rest[: len(due)]
    return f"{rest} should not be there" if rest else None


def replayed(found: list[tuple[str, str, int]]) -> set[str]:
    """Replay changes from the first; raises AssertionError unless each member alternates."""
    inside: set[str] = set()
    for kind, member_id, _ in found:
        assert (member_id in inside) == (kind == "exited"), (kind, member_id)
        inside ^= {member_id}
    return inside
