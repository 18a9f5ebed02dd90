"""The oracles themselves: no loss, no doubling and no other order escapes them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from gateway.core.cohorts.page import Action
from gateway.simulator.mixpanel import Page
from tests.faults import ends
from tests.faults.ends import Change, Message
from tests.faults.judge import Verdict, judge
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


def change(seq: int, member_id: str, kind: str = "entered") -> Change:
    return Change(seq=seq, kind=kind, member_id=member_id)


def message(*changes: Change, name: str = "") -> Message:
    return Message(id=name or f"1-{changes[0].seq}", changes=changes)


HISTORY = [change(1, "a"), change(2, "b"), change(3, "a", "exited")]
FIRST, SECOND, THIRD = map(message, HISTORY)


@pytest.mark.parametrize(
    ("members", "changes", "sign", "lost", "twice"),
    [
        (["b"], HISTORY, None, 0, 0),
        ([], [*HISTORY[:1], change(2, "a", "exited")], "1 of the 1 missing", 1, 0),
        (["b", "c"], [*HISTORY, change(4, "c")], "1 too many", 0, 0),
        (["b", "b"], HISTORY, "2 members", 0, 0),
        (["b"], [HISTORY[1]], "not numbered", 0, 0),
        (["b"], [*HISTORY, change(4, "b")], "change 4: entered twice", 0, 1),
        (["b"], [*HISTORY, change(4, "a", "exited")], "change 4: exited twice", 0, 1),
        (["b"], HISTORY[:2], "do not make the members", 0, 0),
    ],
)
def test_history__that_is_spoilt__is_told_from_the_right_one(
    members: list[str], changes: list[Change], sign: str | None, *, lost: int, twice: int
) -> None:
    require(ends.history(members, changes, {"b"}), sign, lost, twice)


@pytest.mark.parametrize(
    ("stored", "sign", "lost", "twice"),
    [
        (["1", "2", "3"], None, 0, 0),
        (["1", "3"], "1 acknowledged events are not stored", 1, 0),
        (["1", "2", "2"], "1 events are stored twice", 0, 1),
        (["1", "2", "4"], "1 events are stored that nobody sent", 0, 0),
    ],
)
def test_events__that_are_spoilt__are_told_from_the_right_ones(
    stored: list[str], sign: str | None, *, lost: int, twice: int
) -> None:
    require(ends.ingested(["1", "2"], ["1", "2", "3"], stored), sign, lost, twice)


@pytest.mark.parametrize(
    ("messages", "sign", "lost", "twice"),
    [
        ([FIRST, SECOND, SECOND, THIRD], None, 0, 0),
        ([message(*HISTORY[:2]), THIRD], None, 0, 0),
        ([FIRST, THIRD], "1 missing", 1, 0),
        ([FIRST, SECOND, message(HISTORY[1], name="other"), THIRD], "1 again", 0, 1),
        ([SECOND, FIRST, THIRD], "another order", 0, 0),
        ([FIRST, SECOND, FIRST, THIRD], "1-1 came again after others", 0, 1),
        ([FIRST, message(change(1, "c"), name="1-1"), SECOND, THIRD], "other changes", 0, 0),
    ],
)
def test_messages__that_are_spoilt__are_told_from_the_right_ones(
    messages: list[Message], sign: str | None, *, lost: int, twice: int
) -> None:
    require(ends.delivered(messages, HISTORY), sign, lost, twice)


@pytest.mark.parametrize(
    ("texts", "sign", "lost", "twice"),
    [
        (["ill", "well"], None, 0, 0),
        (["ill"], "the messages were", 1, 0),
        (["ill", "ill", "well"], "the messages were", 0, 1),
        (["well", "ill"], "the messages were", 0, 0),
    ],
)
def test_notices__that_are_spoilt__are_told_from_the_right_ones(
    texts: list[str], sign: str | None, *, lost: int, twice: int
) -> None:
    require(ends.told(texts, "ill", "well"), sign, lost, twice)


def require(verdict: Verdict, sign: str | None, lost: int, twice: int) -> None:
    """See that a verdict has a sign, or none and nothing else."""
    assert (verdict.lost, verdict.twice) == (lost, twice), verdict
    assert (verdict.differences == []) == (sign is None), verdict
    assert sign is None or any(sign in one for one in verdict.differences), verdict
