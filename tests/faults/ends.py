"""What must be so at the end of lists, events, sync jobs and feeds, told from what was seen.

These are functions of plain values, so that what they find can be tried without a gateway.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence

from tests.faults.judge import Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a cohort."""

    seq: int
    kind: str
    member_id: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message:
    """A request that a receiver of webhooks took: its id, and the changes in it."""

    id: str
    changes: tuple[Change, ...]


def history(
    members: Sequence[str], changes: Sequence[Change], expected: Collection[str]
) -> Verdict:
    """Judge a cohort: its changes make its members, turn by turn, and these are the right ones."""
    verdict = Verdict(stored=len(changes))
    wanted, found = set(expected), set(members)
    verdict.lost = len(wanted - found)
    if found != wanted or len(members) != len(found):
        extra = len(found - wanted)
        verdict.differences.append(
            f"{len(members)} members, {verdict.lost} of the {len(wanted)} missing, {extra} too many"
        )
    if [one.seq for one in changes] != list(range(1, len(changes) + 1)):
        verdict.differences.append("the changes are not numbered one by one")
    made: set[str | None] = set()
    for one in changes:
        entered = one.kind == "entered"
        if entered == (one.member_id in made):
            verdict.twice += 1
            verdict.differences.append(f"change {one.seq}: {one.kind} twice in a row")
        made = made | {one.member_id} if entered else made - {one.member_id}
    if made != found:
        verdict.differences.append("the changes do not make the members")
    return verdict


def ingested(acknowledged: Iterable[str], sent: Collection[str], stored: Sequence[str]) -> Verdict:
    """Judge events by their ids: what was acknowledged is there, once, and nothing else is."""
    counted = collections.Counter(stored)
    verdict = Verdict(stored=len(stored))
    verdict.lost = len(set(acknowledged) - counted.keys())
    verdict.twice = len(stored) - len(counted)
    strangers = len(counted.keys() - set(sent))
    if verdict.lost:
        verdict.differences.append(f"{verdict.lost} acknowledged events are not stored")
    if verdict.twice:
        verdict.differences.append(f"{verdict.twice} events are stored twice")
    if strangers:
        verdict.differences.append(f"{strangers} events are stored that nobody sent")
    return verdict


def followed(seen: Sequence[Change], changes: Sequence[Change]) -> Verdict:
    """Judge a consumer: it has seen each change of a cohort once, in order."""
    verdict = Verdict(stored=len(seen))
    verdict.lost = len(set(changes) - set(seen))
    verdict.twice = len(seen) - len(set(seen))
    if list(seen) != list(changes):
        verdict.differences.append(
            f"{len(seen)} changes were seen of {len(changes)}: {verdict.lost} missing,"
            f" {verdict.twice} again, or in another order"
        )
    return verdict


def delivered(messages: Sequence[Message], changes: Sequence[Change]) -> Verdict:
    """Judge a receiver: each change came in order, and again only in the same request at once.

    What else a request tells of a member is read at each try.
    """
    first = [next(same) for _, same in itertools.groupby(messages, key=lambda one: one.id)]
    verdict = followed([change for one in first for change in one.changes], changes)
    verdict.differences += _repeated(messages, first)
    return verdict


def _repeated(messages: Sequence[Message], first: Sequence[Message]) -> Iterator[str]:
    had = {one.id: one.changes for one in first}
    for one in messages:
        if one.changes != had[one.id]:
            yield f"request {one.id} came again with other changes"
    for name, count in collections.Counter(one.id for one in first).items():
        if count > 1:
            yield f"request {name} came again after others"


def told(texts: Sequence[str], *expected: str) -> Verdict:
    """Judge messages to people: these came, each once, in this order."""
    verdict = Verdict(stored=len(texts))
    verdict.lost = len(set(expected) - set(texts))
    verdict.twice = len(texts) - len(set(texts))
    if list(texts) != list(expected):
        verdict.differences.append(f"the messages were {list(texts)}, not {list(expected)}")
    return verdict
