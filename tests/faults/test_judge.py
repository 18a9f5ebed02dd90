"""The oracle itself: what would be a loss, a doubling or another order does not escape it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.faults.judge import Verdict, judge
from tests.faults.senders import Sender
from tests.faults.trial import Bench


def lose_a_page(sender: Sender) -> None:
    """Remember an acknowledgement of a page that the gateway never had."""
    page = dataclasses.replace(sender.acknowledged[-1], session_id="never")
    sender.sent[page.session_id, page.action, page.number] = page
    sender.acknowledged.append(page)


def lose_a_member(sender: Sender) -> None:
    """Remember a page of the very first sync as one that named somebody more."""
    page = sender.acknowledged[0]
    more = dataclasses.replace(page, member_ids=(*page.member_ids, "somebody more"))
    sender.sent[page.session_id, page.action, page.number] = more


def double_a_member(sender: Sender) -> None:
    """Remember a page of the very first sync as one that named somebody less."""
    page = sender.acknowledged[0]
    less = dataclasses.replace(page, member_ids=page.member_ids[1:])
    sender.sent[page.session_id, page.action, page.number] = less


def swap_two_pages(sender: Sender) -> None:
    """Remember the first two acknowledgements the other way round."""
    sender.acknowledged[:2] = sender.acknowledged[1::-1]


def miss_a_member(sender: Sender) -> None:
    """Remember somebody more in the cohort than was sent."""
    sender.sync.members.add("somebody more")


@pytest.mark.parametrize(
    ("spoil", "sign"),
    [
        (lose_a_page, "1 acknowledged pages are not stored"),
        (lose_a_member, "transitions, not"),
        (double_a_member, "of them too many"),
        (swap_two_pages, "not in the order"),
        (miss_a_member, "does not make the sender's members"),
    ],
)
def test_verdict__of_a_spoilt_memory__says_so(
    bench: Bench, spoil: Callable[[Sender], None], sign: str
) -> None:
    with Bench(bench.installation, bench.pool, []).trial(f"spoilt {spoil.__name__}") as trial:
        pass
    spoil(trial.load.senders[0])
    verdict: Verdict = judge(bench.installation, bench.pool, trial.load.senders)
    assert any(sign in difference for difference in verdict.differences), verdict.differences
    assert verdict.lost == (spoil is lose_a_page) or spoil is lose_a_member
