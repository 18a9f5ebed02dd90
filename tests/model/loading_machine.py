"""Loads among all that senders and operators do: begun early or late, read anew, or dropped."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from gateway import errors
from gateway.core.cohorts.load import Mode
from gateway.flows.cohorts import load
from tests.model import draws, rows, sender
from tests.model.machine import Machine

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from gateway.core.cohorts.load import Load
    from gateway.store.db.engine import Pool
    from tests.model.machine import Tally
    from tests.model.oracle import Cohort
    from tests.model.sender import Member

MODES = st.sampled_from(list(Mode))
_ACTIONS = {"add": sender.ADD, "remove": sender.REMOVE, "refresh": sender.MEMBERS}
PAGES = st.lists(draws.SPOILT, max_size=2)


@dataclasses.dataclass
class Underway:
    """A load that is neither sealed nor dropped; `begun` is its place among the erasures."""

    cohort: str
    load: Load
    session: int
    begun: int
    pages: list[tuple[Member, ...]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Turn:
    """A load of a member, and what happens to the same one before it begins or while it is read."""

    mode: Mode
    member: Member
    others: tuple[Member, ...]
    amid: str
    happens_first: bool


TURNS = st.builds(
    Turn,
    mode=MODES,
    member=st.tuples(draws.IDS, draws.EMAILS),
    others=draws.SPOILT,
    amid=st.sampled_from(["opposite"] * 3 + ["add", "remove", "refresh", "erase", "load"]),
    happens_first=st.sampled_from([False, False, True]),
)


@dataclasses.dataclass
class Loads:
    """How many loads were tried, over all examples of one seed."""

    begun: int = 0
    sealed: int = 0
    dropped: int = 0


class LoadingMachine(Machine):
    """One example with loads in it."""

    loads = Loads()

    # What the sender model tries without loads: here there would be few loads among it.
    send_without_session = send_heartbeat = sync_truth = None  # type: ignore[assignment]
    restart = replay = alter = raise_total = None  # type: ignore[assignment]
    send_at_once = send_rest_backwards = bring_back = None  # type: ignore[assignment]

    def __init__(self, pool: Pool, crew: ThreadPoolExecutor, tally: Tally) -> None:
        super().__init__(pool, crew, tally)
        self.underway: list[Underway] = []

    @initialize(member=st.tuples(draws.IDS, draws.EMAILS))
    def make_cohorts(self, member: Member) -> None:
        """Let there be cohorts."""
        for cohort in draws.COHORTS[:2]:
            self.edit(cohort, member, remove=False)

    @rule(cohort=draws.COHORT, mode=MODES, pages=PAGES)
    def begin_load(self, cohort: str, mode: Mode, pages: list[tuple[Member, ...]]) -> None:
        """Begin a load, with some of its pages."""
        if cohort in self.ids and cohort not in self.deleted:
            self.underway.append(self._begin_load(cohort, mode, pages))

    @rule(cohort=draws.COHORT, turns=st.lists(TURNS, min_size=1, max_size=4))
    def load_amid(self, cohort: str, turns: list[Turn]) -> None:
        """Load a member, before or after which something else happens to the same one."""
        if cohort in self.ids and cohort not in self.deleted:
            for turn in turns:
                self._take(cohort, turn)

    def _take(self, cohort: str, turn: Turn) -> None:
        amid = turn.amid
        if amid == "opposite":
            amid = "add" if turn.mode is Mode.REMOVE else "remove"
        if turn.happens_first:
            self._happen(cohort, turn.member, amid)
        one = self._begin_load(cohort, turn.mode, [turn.others, (turn.member,)])
        if not turn.happens_first:
            self._happen(cohort, turn.member, amid)
        self._seal(one, times=1)

    def _happen(self, cohort: str, member: Member, amid: str) -> None:
        if amid == "erase":
            self.erase(member[0])
        elif amid == "load":
            self._seal(self._begin_load(cohort, Mode.ADD, [(member,)]), times=1)
        else:
            one, action = self.senders[cohort], _ACTIONS[amid]
            self._begin(one.export(action, (member,), session=one.new_session(), page_size=1))

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE, members=draws.SPOILT)
    def add_page(self, choice: int, members: tuple[Member, ...]) -> None:
        """Stage another page of a load."""
        self._stage(self.underway[choice % len(self.underway)], [members])

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE, twice=st.booleans())
    def seal(self, choice: int, *, twice: bool) -> None:
        """Seal a load, perhaps twice."""
        self._seal(self.underway.pop(choice % len(self.underway)), times=1 + twice)

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE)
    def seal_while_draining(self, choice: int) -> None:
        """Seal a load while its cohort is being applied."""
        one = self.underway.pop(choice % len(self.underway))
        draining = self.crew.submit(self._applying(one.cohort))
        self._seal(one, times=1)
        draining.result()

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE)
    def drop(self, choice: int) -> None:
        """Drop a load."""
        one = self.underway.pop(choice % len(self.underway))
        dropped = load.drop(self.pool, one.load, now=self.desk.clock())
        assert dropped != self._is_forgotten(one)
        self.loads.dropped += 1

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE, anew=st.booleans(), pages=PAGES)
    def die(self, choice: int, *, anew: bool, pages: list[tuple[Member, ...]]) -> None:
        """Let a reader die; another one takes over, in the old place or in a new one."""
        old = self.underway.pop(choice % len(self.underway))
        if self._is_forgotten(old):
            return
        if anew:
            begun = load.read_anew(self.pool, old.load, now=self.desk.clock())
            one = self._placed(old.cohort, begun)
        else:
            one = dataclasses.replace(old, load=load.read_again(self.pool, old.load), pages=[])
        self.underway.append(one)
        with pytest.raises(errors.Conflict):
            load.add(self.pool, old.load, 1, rows.of_letters("z"), now=self.desk.clock())
        self._stage(one, pages)

    @precondition(lambda self: bool(self.underway))
    @rule(choice=draws.CHOICE)
    def compare(self, choice: int) -> None:
        """Compare a load with its cohort once all that is pending was applied."""
        one = self.underway[choice % len(self.underway)]
        if self._is_forgotten(one):
            return
        self._drain_all()
        found = load.compare(self.pool, one.load)
        after = copy.deepcopy(self.project[one.cohort])
        before = after.members
        self._receive(one, after)
        assert found.would_enter == len(after.members.keys() - before)
        assert found.would_exit == len(before.keys() - after.members)

    @rule(cohort=draws.COHORT, member=st.tuples(draws.IDS, draws.EMAILS), remove=st.booleans())
    def edit(self, cohort: str, member: Member, *, remove: bool) -> None:
        """Add or remove one member by hand: a session of one page."""
        one = self.senders[cohort]
        action = sender.REMOVE if remove else sender.ADD
        (page,) = one.export(action, (member,), session=None, page_size=1).pages
        self._send(page)

    def teardown(self) -> None:
        """Seal what is left of the loads, and compare everything."""
        for one in self.underway:
            self._seal(one, times=1)
        super().teardown()

    def _begin_load(self, cohort: str, mode: Mode, pages: list[tuple[Member, ...]]) -> Underway:
        begun = load.begin(self.pool, self.ids[cohort], mode, now=self.desk.clock())
        one = self._placed(cohort, begun)
        self.loads.begun += 1
        self._stage(one, pages)
        return one

    def _placed(self, cohort: str, begun: Load) -> Underway:
        session_id = f"load-{begun.cohort_id}-{begun.number}"
        session = self.project[cohort].begin_load(session_id)
        return Underway(cohort, begun, session, self.project.happen())

    def _stage(self, one: Underway, pages: list[tuple[Member, ...]]) -> None:
        for members in pages:
            number, found = len(one.pages) + 1, rows.of(members)
            if self._is_forgotten(one):
                with pytest.raises(errors.Conflict):
                    load.add(self.pool, one.load, number, found, now=self.desk.clock())
            else:
                load.add(self.pool, one.load, number, found, now=self.desk.clock())
                one.pages.append(members)

    def _seal(self, one: Underway, *, times: int) -> None:
        for _ in range(times):
            sealed = load.seal(self.pool, one.load, wake_ups=self.desk.bell, now=self.desk.clock())
            assert sealed != self._is_forgotten(one)
        if not self._is_forgotten(one):
            self._receive(one, self.project[one.cohort])
            self.loads.sealed += 1

    def _receive(self, one: Underway, cohort: Cohort) -> None:
        action = one.load.mode.action.value
        without = self.project.erased_since(one.begun)
        cohort.receive_load(one.session, action, one.pages, without)

    def _is_forgotten(self, one: Underway) -> bool:
        return self.project[one.cohort].is_forgotten(one.session)
