"""The oracle itself: what would be a loss, a doubling or another order does not escape it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from gateway.core.cohorts.page import Action
from gateway.simulator.mixpanel import Page
from tests.faults.judge import judge
from tests.faults.senders import Sender
from tests.faults.trial import Bench


@pytest.fixture(scope="module")
def witness(bench: Bench) -> Sender:
    """Lend a sender that has seen everything it sent acknowledged, stored and applied."""
    with Bench(bench.installation, bench.pool, []).trial("nothing", senders=1) as trial:
        pass
    return trial.load.senders[0]


@pytest.fixture
def sender(witness: Sender) -> Iterator[Sender]:
    """Lend the witness, and afterwards give it its memory back."""
    sent, acknowledged = dict(witness.sent), list(witness.acknowledged)
    members = set(witness.sync.members)
    yield witness
    witness.sent, witness.acknowledged, witness.sync.members = sent, acknowledged, members


def lose_a_page(sender: Sender) -> None:
    """Remember an acknowledgement of a page that the gateway never had."""
    page = dataclasses.replace(sender.acknowledged[-1], session_id="never")
    remember(sender, page)
    sender.acknowledged.append(page)


def lose_a_member(sender: Sender) -> None:
    """Remember the newest page that adds anybody as one that named somebody more."""
    page = [one for one in sender.acknowledged if one.action != Action.REMOVE][-1]
    remember(sender, dataclasses.replace(page, member_ids=(*page.member_ids, "somebody more")))


def double_a_member(sender: Sender) -> None:
    """Remember the only page that ever named some member as one that did not."""
    named = collections.Counter(one for page in sender.sent.values() for one in page.member_ids)
    once = {one for one in sender.sync.members if named[one] == 1}
    page = next(page for page in sender.acknowledged if once.intersection(page.member_ids))
    member_id = next(one for one in page.member_ids if one in once)
    others = tuple(one for one in page.member_ids if one != member_id)
    remember(sender, dataclasses.replace(page, member_ids=others))


def store_a_stranger(sender: Sender) -> None:
    """Forget that a page was ever sent."""
    page = sender.acknowledged.pop()
    del sender.sent[page.session_id, page.action, page.number]


def swap_two_pages(sender: Sender) -> None:
    """Remember the first two acknowledgements the other way round."""
    sender.acknowledged[:2] = sender.acknowledged[1::-1]


def miss_a_member(sender: Sender) -> None:
    """Remember somebody more in the cohort than was sent."""
    sender.sync.members.add("somebody more")


@pytest.mark.parametrize(
    ("spoil", "sign", "lost", "twice"),
    [
        (lose_a_page, "1 acknowledged pages are not stored", 1, 0),
        (lose_a_member, "members, not the", 1, 0),
        (lose_a_member, ", 0 of them too many", 1, 0),
        (double_a_member, ", 1 of them too many", 0, 1),
        (store_a_stranger, "1 pages are stored that nobody sent", 0, 0),
        (swap_two_pages, "not in the order", 0, 0),
        (miss_a_member, "does not make the sender's members", 0, 0),
    ],
)
def test_verdict__of_a_spoilt_memory__says_so(
    bench: Bench,
    sender: Sender,
    spoil: Callable[[Sender], None],
    sign: str,
    *,
    lost: int,
    twice: int,
) -> None:
    spoil(sender)
    verdict = judge(bench.installation, bench.pool, [sender])
    assert any(sign in difference for difference in verdict.differences), verdict.differences
    assert (verdict.lost, verdict.twice) == (lost, twice), verdict.differences


def test_verdict__of_an_honest_memory__is_empty(bench: Bench, sender: Sender) -> None:
    verdict = judge(bench.installation, bench.pool, [sender])
    assert verdict.differences == []
    assert (verdict.lost, verdict.twice) == (0, 0)


def remember(sender: Sender, page: Page) -> None:
    """Remember a page as sent, instead of the one of its session, action and number."""
    sender.sent[page.session_id, page.action, page.number] = page
