"""A smaller sender model that posts to a running gateway and asks its API, and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model import draws, judge, sender
from tests.model.machine import Tally
from tests.model.project import Project
from tests.model.remote import Remote, numbered

if TYPE_CHECKING:
    from tests.model.oracle import Cohort
    from tests.model.sender import Export, Page
    from tests.stack import Answer

_ENDS: Final = st.sampled_from([signal.SIGKILL, signal.SIGTERM])


class RemoteMachine(RuleBasedStateMachine):
    """One example: a project of its own, three cohorts, senders, readers and an operator."""

    def __init__(
        self, remote: Callable[[str], Remote], crew: ThreadPoolExecutor, tally: Tally
    ) -> None:
        super().__init__()
        tally.examples += 1
        tally.steps -= 1  # the invariant is checked once before the first step
        self.tally, self.crew = tally, crew
        name = f"model-{tally.seed}-{tally.examples}"
        self.remote = remote(name)
        sessions = itertools.count(1)
        self.senders = {
            cohort: sender.Sender(cohort, sessions, project=name) for cohort in draws.COHORTS
        }
        self.project = Project(draws.COHORTS)
        self.settled: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.exports: list[Export] = []
        self.history: list[Page] = []
        self.restarted = False

    @invariant()
    def count(self) -> None:
        """Count a step."""
        self.tally.steps += 1

    # What senders do

    @initialize(members=draws.MEMBERS)
    def begin(self, members: tuple[sender.Member, ...]) -> None:
        """Begin with a cohort that is known."""
        self.sync_truth(draws.COHORTS[0], members, 2, 0)

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
        self.exports.append(export)
        self._send(export.next() or export.pages[0])

    @rule(cohort=draws.COHORT, members=draws.MEMBERS, size=draws.PAGE_SIZE, way=st.integers(0, 3))
    def sync_truth(
        self, cohort: str, members: tuple[sender.Member, ...], size: int, way: int
    ) -> None:
        """Change the truth and export it as Mixpanel does: all of it, or what changed."""
        one = self.senders[cohort]
        one.become(dict(members))
        exports = one.diff(page_size=size, one_session=way == 1)
        for export in exports if way else [one.refresh(page_size=size)]:
            self.exports.append(export)
            while (page := export.next()) is not None:
                self._send(page)

    @precondition(lambda self: bool(self.exports))
    @rule(choice=draws.CHOICE)
    def send_next(self, choice: int) -> None:
        """Send the next page of one of the newest exports, which so are interleaved."""
        recent = self.exports[-4:]
        page = recent[choice % len(recent)].next()
        if page is not None:
            self._send(page)

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
        """Send any earlier page again, however late."""
        self._send(self.history[choice % len(self.history)])

    @precondition(lambda self: bool(self.history))
    @rule(choice=draws.CHOICE, members=draws.SPOILT)
    def alter(self, choice: int, members: tuple[sender.Member, ...]) -> None:
        """Send an earlier page again with other members, however late."""
        old = self.history[choice % len(self.history)]
        self._send(dataclasses.replace(old, members=members))

    @precondition(lambda self: bool(self.exports))
    @rule(choices=st.lists(draws.CHOICE, min_size=2, max_size=4), same=st.booleans())
    def send_at_once(self, choices: list[int], *, same: bool) -> None:
        """Send several pages from as many threads, or one of them from all."""
        pages = []
        for choice in choices:
            export = self.exports[choice % len(self.exports)]
            pages.append(export.next() or export.pages[choice % len(export.pages)])
        if same:
            pages = [pages[0]] * len(pages)
        for cohort in sorted({page.cohort for page in pages} & self.settled.keys()):
            if len(self.project.possible(cohort)) > 1:
                self.look(cohort)
        posts = [self.crew.submit(self._post, page) for page in pages]
        taken = [page for page, post in zip(pages, posts, strict=True) if post.result()]
        for cohort in sorted({page.cohort for page in taken}):
            mine = [page for page in taken if page.cohort == cohort]
            self.project.receive_unordered(mine)
            self._note(mine)

    # What readers see

    @rule(cohort=draws.COHORT)
    def peek(self, cohort: str) -> None:
        """Whenever readers look, they see the members as of some page."""
        if cohort in self.settled and cohort not in self.deleted:
            found = self.remote.members(cohort)
            since = self.settled[cohort]
            assert any(found in one.snapshots[since:] for one in self.project.possible(cohort))

    @rule(cohort=draws.COHORT)
    def look(self, cohort: str) -> None:
        """Once all is applied, everything is as one of the possible orders makes it."""
        if cohort not in self.settled or cohort in self.deleted:
            return
        if any(one.waits for one in self.project.possible(cohort)):
            self._send_heartbeat(cohort)
        self.remote.settle(cohort)
        seen = self.remote.see(cohort)
        wrongs: list[AssertionError] = []
        right = [one for one in self.project.possible(cohort) if not _is_wrong(seen, one, wrongs)]
        if not right:
            raise wrongs[0]
        self.project.keep(cohort, right)
        self.settled[cohort] = len(right[0].deliveries)

    # What an operator does

    @rule(member_id=draws.IDS)
    def erase(self, member_id: str) -> None:
        """Erase a person; nobody who asks afterwards finds them."""
        self._look_everywhere()
        assert self.remote.erase(member_id).status == 204
        self.project.erase(member_id)
        assert self.remote.joined(member_id) == set()
        self._look_everywhere()

    @rule(cohort=draws.COHORT, for_good=st.sampled_from([False, False, True]))
    def delete(self, cohort: str, *, for_good: bool) -> None:
        """Delete a cohort, and perhaps restore it at once."""
        if cohort in self.settled and cohort not in self.deleted:
            self.look(cohort)
            assert self.remote.delete(cohort).status == 204
            for one in self.project.possible(cohort):
                one.delete(through=len(one.deliveries))
            assert not self.remote.knows(cohort)
            self.deleted.add(cohort)
        if not for_good:
            self.restore()

    @precondition(lambda self: bool(self.deleted))
    @rule()
    def restore(self) -> None:
        """Restore what was deleted."""
        for cohort in sorted(self.deleted):
            assert self.remote.restore(cohort).status == 204
        self.deleted.clear()

    @precondition(lambda self: bool(self.exports) and not self.restarted)
    @rule(choice=st.integers(0, 4), number=_ENDS)
    def end_worker(self, choice: int, number: signal.Signals) -> None:
        """Send the rest of an export and end the worker that applies it, once an example."""
        export = self.exports[-1]
        while (page := export.next()) is not None:
            self._send(page)
        if choice == 0:  # a new one takes a second to start
            self.restarted = True
            self.tally.restarts += 1
            self.remote.end_workers(number)

    def teardown(self) -> None:
        """Compare everything; then one more refresh tells the truth."""
        self.restore()
        self._look_everywhere()
        for cohort in sorted(self.settled)[:1]:
            one = self.senders[cohort]
            one.become({"a": "new@example.com", "z": "z@example.com"})
            for page in one.refresh(page_size=1).pages:
                self._send(page)
            self.look(cohort)
            assert self.remote.members(cohort) == one.truth

    def _look_everywhere(self) -> None:
        for cohort in sorted(self.settled):
            self.look(cohort)

    def _send_heartbeat(self, cohort: str) -> None:
        """Send an empty diff, so that no page waits for the rest of its refresh."""
        one = self.senders[cohort]
        (page,) = one.export(sender.ADD, (), session=one.new_session(), page_size=1).pages
        self._send(page)

    def _send(self, page: Page) -> None:
        if self._post(page):
            self.project.receive(page)
            self._note([page])

    def _post(self, page: Page) -> bool:
        """Post a page; False if it was refused, as it must be if its cohort was deleted."""
        answer = self.remote.post(page, packed=len(page.members) % 2 == 1)
        _hold(answer, page, status=404 if page.cohort in self.deleted else 200)
        return answer.status == 200

    def _note(self, pages: list[Page]) -> None:
        self.tally.pages += len(pages)
        self.history += pages
        if pages[0].cohort not in self.settled:
            assert self.remote.knows(pages[0].cohort)
            self.settled[pages[0].cohort] = 0


def _hold(answer: Answer, page: Page, *, status: int) -> None:
    assert answer.status == status, answer.body
    assert answer.json["action"] == page.action
    assert answer.json["status"] == ("success" if status == 200 else "failure")


def _is_wrong(seen: judge.Seen, expected: Cohort, wrongs: list[AssertionError]) -> bool:
    """Tell whether an oracle says something else than what was seen, and note what."""
    try:
        judge.compare(numbered(seen, expected), expected, session_ids=expected.session_ids)
    except AssertionError as error:
        wrongs.append(error)
        return True
    return False
