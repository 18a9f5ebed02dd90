"""A sender let loose on the real flows and Postgres, with the oracle beside them."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway import errors
from gateway.flows.cohorts import admin, erase
from gateway.flows.cohorts.submit import Outcome
from tests.model import book, draws, judge, sender
from tests.model.desk import Desk
from tests.model.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.engine import Pool
    from tests.model.sender import Export, Page

THREADS: Final = 4


@dataclasses.dataclass
class Tally:
    """How much was tried, over all examples of one seed."""

    seed: int
    examples: int = 0
    steps: int = 0
    pages: int = 0
    restarts: int = 0


class Machine(RuleBasedStateMachine):
    """One example: a source of its own, three cohorts, and whatever senders may do to them."""

    def __init__(self, pool: Pool, crew: ThreadPoolExecutor, tally: Tally) -> None:
        super().__init__()
        tally.examples += 1
        self.pool, self.crew, self.tally = pool, crew, tally
        self.desk = Desk(pool, slug=f"model-{tally.seed}-{tally.examples}")
        sessions = itertools.count(1)
        self.senders = {name: sender.Sender(name, sessions) for name in draws.COHORTS}
        self.project = Project(draws.COHORTS)
        self.deleted: set[str] = set()
        self.ids: dict[str, int] = {}
        self.exports: list[Export] = []
        self.history: list[Page] = []
        self.tally.steps -= 1  # the invariant is checked once before the first step

    @invariant()
    def count(self) -> None:
        """Count a step."""
        self.tally.steps += 1

    # What senders do

    @rule(
        cohort=draws.COHORT,
        action=draws.ACTION,
        members=draws.MEMBERS,
        size=draws.PAGE_SIZE,
        name=draws.NAME,
    )
    def open_export(
        self,
        cohort: str,
        action: str,
        members: tuple[sender.Member, ...],
        size: int,
        name: str | None,
    ) -> None:
        """Begin a session and send its first page."""
        one = self.senders[cohort]
        one.name = name
        export = one.export(action, members, session=one.new_session(), page_size=size)
        self._begin(export)

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE, action=draws.ACTION, members=draws.MEMBERS, size=draws.PAGE_SIZE)
    def reopen_session(
        self, choice: int, action: str, members: tuple[sender.Member, ...], size: int
    ) -> None:
        """Begin an export under a session id that was used before, also in another cohort."""
        old = self.history[choice % len(self.history)]
        cohort = draws.COHORTS[choice % len(draws.COHORTS)] if choice % 4 == 0 else old.cohort
        if old.session is not None:
            one = self.senders[cohort]
            self._begin(one.export(action, members, session=old.session, page_size=size))

    @rule(cohort=draws.COHORT, action=draws.ACTION, members=draws.MEMBERS, bare=st.booleans())
    def send_without_session(
        self, cohort: str, action: str, members: tuple[sender.Member, ...], *, bare: bool
    ) -> None:
        """Send a whole export without a session id, with or without page_info."""
        one = self.senders[cohort]
        (page,) = one.export(action, members, session=None, page_size=9).pages
        self._send(dataclasses.replace(page, number=None, total=None) if bare else page)

    @rule(cohort=draws.COHORT, action=draws.ACTION, total=st.integers(0, 1))
    def send_heartbeat(self, cohort: str, action: str, total: int) -> None:
        """Send an empty diff, or an empty refresh, with a total of 0 or 1."""
        one = self.senders[cohort]
        (page,) = one.export(action, (), session=one.new_session(), page_size=1).pages
        self._send(dataclasses.replace(page, number=total, total=total))

    @rule(cohort=draws.COHORT, members=draws.MEMBERS, size=draws.PAGE_SIZE, way=st.integers(0, 3))
    def sync_truth(
        self, cohort: str, members: tuple[sender.Member, ...], size: int, way: int
    ) -> None:
        """Change the truth and export it as Mixpanel does: all of it, or what changed."""
        one = self.senders[cohort]
        one.become(dict(members))
        if way == 0:
            exports = [one.refresh(page_size=size)]
        else:
            exports = one.diff(page_size=size, one_session=way == 1)
        for export in exports:
            self.exports.append(export)
            while (page := export.next()) is not None:
                self._send(page)

    @precondition(lambda self: bool(self.exports))
    @rule(choice=draws.CHOICE)
    def send_next(self, choice: int) -> None:
        """Send the next page of an export, of the newest ones rather than of old ones."""
        recent = self.exports[-6:]
        page = recent[choice % len(recent)].next()
        if page is not None:
            self._send(page)

    @precondition(lambda self: bool(self.exports))
    @rule(choice=draws.CHOICE)
    def send_rest_backwards(self, choice: int) -> None:
        """Send what is left of an export, its last page first."""
        export = self.exports[choice % len(self.exports)]
        for page in reversed(export.pages[export.sent :]):
            self._send(page)
        export.sent = len(export.pages)

    @precondition(lambda self: bool(self.exports))
    @rule(choice=draws.CHOICE, anew=st.booleans())
    def restart(self, choice: int, *, anew: bool) -> None:
        """Begin an export again from the top, under its session id or a new one."""
        export = self.exports[-1 - choice % min(len(self.exports), 4)]
        first = export.pages[0]
        export.restart(self.senders[first.cohort].new_session() if anew else first.session)
        self._send(export.next() or first)

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE)
    def replay(self, choice: int) -> None:
        """Send any earlier page again."""
        self._send(self.history[choice % len(self.history)])

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE, members=draws.SPOILT)
    def alter(self, choice: int, members: tuple[sender.Member, ...]) -> None:
        """Send an earlier page again with other members."""
        old = self.history[choice % len(self.history)]
        if old.total == 0:
            old = dataclasses.replace(old, number=1, total=1)
        self._send(dataclasses.replace(old, members=members))

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE, members=draws.MEMBERS.filter(bool), more=st.integers(1, 2))
    def raise_total(self, choice: int, members: tuple[sender.Member, ...], more: int) -> None:
        """Send one more page of a session, with a larger total than before."""
        old = self.history[choice % len(self.history)]
        if old.session is not None and old.number is not None and old.total is not None:
            total = old.total + more
            number = min(old.number + 1, total)
            self._send(dataclasses.replace(old, number=number, total=total, members=members))

    @precondition(lambda self: bool(self.exports))
    @rule(choices=st.lists(draws.CHOICE, min_size=2, max_size=THREADS), draining=st.booleans())
    def send_at_once(self, choices: list[int], *, draining: bool) -> None:
        """Send several pages from as many threads, perhaps while a cohort is being drained."""
        pages = []
        for choice in choices:
            export = self.exports[choice % len(self.exports)]
            pages.append(export.next() or export.pages[choice % len(export.pages)])
        drains = [self._applying(page.cohort) for page in pages[:1] if draining]
        posts = [self.crew.submit(self._post, page) for page in pages]
        others = [self.crew.submit(drain) for drain in drains]
        self._file(list(zip(pages, [post.result() for post in posts], strict=True)))
        for other in others:
            other.result()

    # What happens on the other side

    @rule(cohort=draws.COHORT, limit=st.integers(1, 3))
    def step(self, cohort: str, limit: int) -> None:
        """Apply a little."""
        if cohort in self.ids:
            self.desk.applier.step(self.ids[cohort], limit=limit)
            judge.standing(self.pool, self.ids[cohort], self.project[cohort])

    @rule(cohort=draws.COHORT)
    def drain(self, cohort: str) -> None:
        """Apply what there is."""
        if cohort in self.ids:
            self.desk.applier.drain(self.ids[cohort])
            judge.standing(self.pool, self.ids[cohort], self.project[cohort])
            judge.waiting(self.pool, self.ids[cohort], now=self.desk.clock())

    @precondition(lambda self: bool(self.ids))
    @rule(cohort=draws.COHORT)
    def drain_twice_at_once(self, cohort: str) -> None:
        """Let two workers at the same cohort."""
        for done in [self.crew.submit(self._applying(cohort)) for _ in range(2)]:
            done.result()
        if cohort in self.ids:
            judge.standing(self.pool, self.ids[cohort], self.project[cohort])

    @rule(seconds=st.sampled_from([0.5, 1.9, 2.1, 6.0]))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.clock.tick(seconds)

    # What an operator does

    @precondition(lambda self: bool(self.ids))
    @rule(member_id=draws.IDS)
    def erase(self, member_id: str) -> None:
        """Erase a person; pages that still wait for an apply have tests of their own."""
        self._drain_all()
        where = erase.Where(source=self.desk.slug)
        erase.erase(self.pool, member_id, where, now=self.desk.clock())
        self.project.erase(member_id)
        for cohort, cohort_id in self.ids.items():
            judge.standing(self.pool, cohort_id, self.project[cohort])

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE, member=st.tuples(draws.IDS, draws.EMAILS), action=draws.ACTION)
    def bring_back(self, choice: int, member: sender.Member, action: str) -> None:
        """Bring back whom an erasure takes out, and speak of them by a session from before it."""
        old, cohort = self.history[choice % len(self.history)], draws.COHORTS[choice % 3]
        self.erase(member[0])
        one = self.senders[cohort]
        back = one.export(sender.ADD, (member,), session=one.new_session(), page_size=1)
        self._begin(back)
        if old.session is not None:
            others = old.members if choice % 2 else ()
            self._begin(one.export(action, (member, *others), session=old.session, page_size=9))

    @rule(cohort=draws.COHORT, for_good=st.sampled_from([False, False, True]))
    def delete(self, cohort: str, *, for_good: bool) -> None:
        """Delete a cohort, however far it has been applied, and perhaps restore it at once."""
        if cohort in self.ids and cohort not in self.deleted:
            through = book.standing(self.pool, self.ids[cohort]).through
            admin.delete_cohort(self.pool, self.ids[cohort], now=self.desk.clock())
            self.project[cohort].delete(through=through)
            self.deleted.add(cohort)
            judge.standing(self.pool, self.ids[cohort], self.project[cohort])
        if not for_good:
            self.restore()

    @precondition(lambda self: bool(self.deleted))
    @rule()
    def restore(self) -> None:
        """Restore what was deleted."""
        for cohort in sorted(self.deleted):
            admin.restore_cohort(self.pool, self.ids[cohort], now=self.desk.clock())
        self.deleted.clear()

    def teardown(self) -> None:
        """Drain everything and compare all of it; then one more refresh tells the truth."""
        self.restore()
        self._drain_all()
        for cohort in self.ids:
            judge.standing(self.pool, self.ids[cohort], self.project[cohort])
            judge.everything(self.pool, self.ids[cohort], self.project[cohort])
        for cohort, cohort_id in list(self.ids.items())[:1]:
            one = self.senders[cohort]
            for page in one.refresh(page_size=9).pages:
                self._send(page)
            self.desk.applier.drain(cohort_id)
            assert book.standing(self.pool, cohort_id).members == one.truth

    def _drain_all(self) -> None:
        self.desk.clock.tick(10)
        for cohort_id in self.ids.values():
            self.desk.applier.drain(cohort_id)

    def _begin(self, export: Export) -> None:
        self.exports.append(export)
        self._send(export.next() or export.pages[0])

    def _send(self, page: Page) -> None:
        self._file([(page, self._post(page))])

    def _post(self, page: Page) -> Receipt | None:
        """Post a page; None if it was refused, as it must be if its cohort was deleted."""
        if page.cohort not in self.deleted:
            return self.desk.post(page)
        with pytest.raises(errors.NotFound):
            self.desk.post(page)
        return None

    def _file(self, answered: list[tuple[Page, Receipt | None]]) -> None:
        """Tell the oracle what was acknowledged, in the order in which it was stored."""
        taken = [(page, receipt) for page, receipt in answered if receipt is not None]
        for page, receipt in sorted(taken, key=lambda one: one[1].number or sys.maxsize):
            self.tally.pages += 1
            self.history.append(page)
            self.ids[page.cohort] = receipt.cohort_id
            stored = self.project.receive(page)
            assert stored == (receipt.outcome is Outcome.ACCEPTED), page
            assert receipt.number == (len(self.project[page.cohort].deliveries) if stored else None)

    def _applying(self, cohort: str) -> Callable[[], object]:
        """Say what a worker does when it is rung for a cohort that may not exist yet."""
        cohort_id = self.ids.get(cohort)
        return lambda: cohort_id is not None and self.desk.applier.drain(cohort_id)
