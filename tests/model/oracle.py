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
    from collections.abc import Collection, Sequence

    from tests.model.sender import Member, Page

RECEIVING, APPLIED, SUPERSEDED = "receiving", "applied", "superseded"


@dataclasses.dataclass
class Person:
    """Somebody whom a session has touched; `email` is None for who is not a member."""

    session: int
    email: str | None


@dataclasses.dataclass(frozen=True)
class Move:
    """Somebody entered or exited; adjacent deliveries of one session and action are one `run`.

    `session` is 0 where no page did it.
    """

    run: int
    kind: str
    member_id: str
    session: int
    erased: bool = False

    @property
    def shown(self) -> str | None:
        """The member as readers see them."""
        return None if self.erased else self.member_id


# A move as it was found: kind, member, and the number or the id of the session.
Found = tuple[str, str | None, int | str | None]


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
        self._forgotten = 0
        self._moved = [0]

    @property
    def was_deleted(self) -> bool:
        """Whether sessions of it were forgotten, as a deletion does."""
        return self._forgotten > 0

    @property
    def waits(self) -> bool:
        """Whether its newest page may wait for the rest of a refresh."""
        sync = self.syncs.get(self.deliveries[-1]) if self.deliveries else None
        return sync is not None and self.deliveries[-1][1] == MEMBERS and not sync.all_in

    @property
    def members(self) -> dict[str, str]:
        """Who is a member now, with their e-mail address."""
        return self.snapshots[-1]

    @property
    def refresh(self) -> tuple[str | None, int, int] | None:
        """The refresh under way: its session id, its distinct pages, its largest total."""
        sessions = [session for session, action in self.syncs if action == MEMBERS]
        newest = max(sessions, default=0)
        if newest < self._floor or not newest:
            return None
        sync = self.syncs[newest, MEMBERS]
        if newest == self._floor and sync.all_in:  # otherwise it has grown after it completed
            return None
        return self.session_ids[newest - 1], len(sync.pages), sync.total

    def receive(self, page: Page, *, without: Collection[str] = ()) -> bool:
        """Take a page that was acknowledged; False if it is a replay.

        Who was erased after its session began is not brought in by it, but is removed, and stays in
        a refresh that names them.
        """
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
        self._apply(session, page.action, number, page.members, without)
        self._note()
        return True

    def begin_load(self, session_id: str) -> int:
        """Rule 2 for loads: the place in order is taken when the reading begins."""
        self.session_ids.append(session_id)
        return len(self.session_ids)

    def is_forgotten(self, session: int) -> bool:
        """Tell whether a session began before the cohort was deleted."""
        return session <= self._forgotten

    def receive_load(
        self, session: int, action: str, pages: Sequence[Sequence[Member]], without: Collection[str]
    ) -> None:
        """Take a load that was sealed: all of its pages at once, as one delivery."""
        members = tuple(member for page in pages for member in page)
        total = max(1, len(pages))
        sync = Sync(pages=set(range(1, total + 1)), total=total, members=len(members))
        sync.skipped.update("blank_id" for member_id, _ in members if not member_id)
        self.syncs[session, action] = sync
        self._run += 1
        self.deliveries.append((session, action))
        self._apply(session, action, 1, members, without)
        self._note()

    def erase(self, member_id: str) -> None:
        """Forget a person, once all pages have been applied."""
        self.moves = [
            dataclasses.replace(move, erased=move.erased or move.member_id == member_id)
            for move in self.moves
        ]
        for contents in self._contents.values():
            for number, members in contents.items():
                contents[number] = tuple(one for one in members if one[0] != member_id)
        self._people.pop(member_id, None)
        if member_id in self.members:
            self._exit([member_id], erased=True)
            self.snapshots[-1] = {
                who: self.members[who] for who in self.members if who != member_id
            }

    def delete(self, *, through: int) -> None:
        """Everybody exits who was in it when it had been applied up to a delivery.

        The rest of its pages are dropped and its sessions forgotten. Numbers go on.
        """
        del self.moves[self._moved[through] :]
        self._exit(sorted(self.snapshots[through]), erased=False)
        self._moved = [len(self.moves)] * len(self._moved)
        self.snapshots[-1] = {}
        self.syncs, self._people, self._stored, self._contents = {}, {}, set(), {}
        self._forgotten, self._floor = len(self.session_ids), 0

    def _exit(self, member_ids: Sequence[str], *, erased: bool) -> None:
        """Write exits that no page brought about, and that are merged with nothing."""
        self._run += 1
        self.moves += [Move(self._run, "exited", who, 0, erased) for who in member_ids]
        self._moved[-1] = len(self.moves)
        self._run += 1

    def _note(self) -> None:
        """Keep the outcome of a delivery."""
        now = {who: one.email for who, one in self._people.items() if one.email is not None}
        self.snapshots.append(now)
        self._moved.append(len(self.moves))

    def _session(self, session_id: str | None) -> int:
        """Rule 2: sessions are ordered by the commit of their first page."""
        if session_id is None or session_id not in self.session_ids[self._forgotten :]:
            self.session_ids.append(session_id)
            return len(self.session_ids)
        return self.session_ids.index(session_id, self._forgotten) + 1

    def _apply(
        self,
        session: int,
        action: str,
        number: int,
        members: tuple[Member, ...],
        without: Collection[str],
    ) -> None:
        sync = self.syncs[session, action]
        if session < self._floor:  # rule 3: a completed refresh speaks for the whole cohort
            if sync.states == {RECEIVING}:
                sync.states = frozenset({SUPERSEDED})
            if APPLIED in sync.states or (sync.all_in and len(sync.pages) == 1):
                sync.states = frozenset({APPLIED, SUPERSEDED})  # the interface allows both
            return
        usable = {member_id: email for member_id, email in members if member_id}
        for member_id, email in usable.items():
            if action == REMOVE or member_id not in without:
                self._touch(member_id, None if action == REMOVE else email, session)
        sync.states = frozenset({APPLIED if sync.all_in else RECEIVING})
        if action == MEMBERS:
            contents = self._contents.setdefault(session, {})
            contents.pop(number, None)  # so that the newest content stands last
            contents[number] = members
            if sync.all_in:
                self._complete(session, without)

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

    def _complete(self, session: int, without: Collection[str]) -> None:
        """Rule 3: the cohort becomes exactly the people named, but for whom newer ones touched."""
        named: dict[str, str] = {}
        for members in self._contents[session].values():
            named.update((member_id, email) for member_id, email in members if member_id)
        for member_id in sorted(self._people.keys() | named.keys()):
            if member_id in without and member_id in named:
                continue
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


def wrong_moves(
    expected: list[Move], found: Sequence[Found], *, session_ids: Sequence[str | None] | None = None
) -> str | None:
    """Say what is wrong with moves as found in order, None if nothing is.

    What was found names sessions by number, or by id if `session_ids` of all numbers are given.

    Pages of one run may be applied together. Who then enters and exits within a run may never have
    been seen; for such a member only the number of moves has bounds, and for all who were erased if
    one of them is such a member. All others are exact.
    """
    per_run = Counter((move.run, move.member_id, move.shown) for move in expected)
    loose = {shown for (_, _, shown), moves in per_run.items() if moves > 1}
    for who in loose:
        mine = [moves for (_, _, shown), moves in per_run.items() if shown == who]
        seen = sum(1 for _, other, _ in found if other == who)
        if not sum(moves % 2 for moves in mine) <= seen <= sum(mine):
            return f"{who} moved {seen} times"
    names = None if session_ids is None else [None, *session_ids]
    rest = [move for move in found if move[1] not in loose]
    for run in sorted({move.run for move in expected}):
        due = Counter(
            (
                move.kind,
                move.shown,
                (move.session or None) if names is None else names[move.session],
            )
            for move in expected
            if move.run == run and move.shown not in loose
        )
        size = due.total()
        if Counter(rest[:size]) != due:
            return f"run {run} should be {list(due.elements())}, not {rest[:size]}"
        del rest[:size]
    return f"{rest} should not be there" if rest else None


def replayed(found: Sequence[Found]) -> set[str]:
    """Replay changes from the first; raises AssertionError unless each member alternates.

    Of who was erased nothing is known but that they are not inside.
    """
    inside: set[str] = set()
    for kind, member_id, _ in found:
        if member_id is not None:
            assert (member_id in inside) == (kind == "exited"), (kind, member_id)
            inside ^= {member_id}
    return inside
