"""Compares what a gateway shows of a cohort with what it must have made of the pages sent."""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway.simulator import mixpanel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from gateway.simulator.ledger import ExpectedState
    from gateway.simulator.mixpanel import Cohort, Sync
    from gateway.simulator.service import Change, Service

POLL_SECONDS: Final = 0.05
# Adds may wait 5 s for the rest of their refresh; without progress for this long nothing is at it.
PATIENCE_SECONDS: Final = 30.0
_SHOWN: Final = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was compared, and each difference as a sentence; none is what there should be."""

    members: int
    changes: int
    differences: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Before:
    """How a cohort stood when the play began: its last seq and its members."""

    last_seq: int = 0
    members: frozenset[str] = frozenset()


def before(service: Service, source: str, cohort: Cohort) -> Before:
    """Read how a cohort stands; empty if there is none yet."""
    standing = service.standing(source, cohort)
    if standing is None:
        return Before()
    members = frozenset(one.member_id for one in service.members(standing.id))
    return Before(last_seq=standing.last_seq, members=members)


def settle(
    service: Service,
    source: str,
    cohort: Cohort,
    *,
    last_seq: int,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until a cohort has come to a seq, or has not moved for a while."""
    seen, moved_at = -1, time.monotonic()
    while time.monotonic() - moved_at < PATIENCE_SECONDS:
        standing = service.standing(source, cohort)
        if standing is not None:
            if standing.last_seq >= last_seq:
                return
            if standing.last_seq != seen:
                seen, moved_at = standing.last_seq, time.monotonic()
        sleep(POLL_SECONDS)


def judge(
    service: Service, source: str, sync: Sync, *, ledger: ExpectedState, began: Before
) -> Verdict:
    """Compare a settled cohort: members with those of the sync, history with the ledger."""
    cohort, members = sync.cohort, sync.members
    standing = service.standing(source, cohort)
    if standing is None:
        missing = f"the gateway does not know the cohort {cohort.cohort_id}"
        return Verdict(members=0, changes=0, differences=(missing,))
    listed = list(service.members(standing.id))
    changes = list(service.changes(standing.id, after=began.last_seq))
    ids = collections.Counter(one.member_id for one in listed)
    spoiled = [one.member_id for one in listed if one.profile != _profile(one.member_id)]
    differences = [
        *_people("are members but are not listed", members - ids.keys()),
        *_people("are listed but are no members", ids.keys() - members),
        *_people("are listed twice", [one for one, times in ids.items() if times > 1]),
        *_people("have another profile than was sent", spoiled),
        *_count(standing.member_count, len(listed)),
        *_history(changes, ledger=ledger, began=began),
    ]
    return Verdict(members=len(listed), changes=len(changes), differences=tuple(differences))


def _history(changes: Collection[Change], *, ledger: ExpectedState, began: Before) -> Iterator[str]:
    expected_seq, inside = began.last_seq, set(began.members)
    entered: collections.Counter[str] = collections.Counter()
    exited: collections.Counter[str] = collections.Counter()
    gaps, senseless = 0, []
    for change in changes:
        expected_seq += 1
        gaps += change.seq != expected_seq
        if change.member_id is None or (change.member_id in inside) == change.entered:
            senseless.append(str(change.member_id))
            continue
        (entered if change.entered else exited)[change.member_id] += 1
        (inside.add if change.entered else inside.discard)(change.member_id)
    if gaps:
        yield f"{gaps} changes do not have the seq that follows"
    yield from _people("entered while they were members, or exited while not", senseless)
    yield from _people("entered more often than once per arrival", entered - ledger.entered)
    yield from _people("arrived without an entered change", ledger.entered - entered)
    yield from _people("exited more often than once per departure", exited - ledger.exited)
    yield from _people("left without an exited change", ledger.exited - exited)


def _people(what: str, member_ids: Collection[str]) -> Iterator[str]:
    if member_ids:
        shown = ", ".join(sorted(member_ids)[:_SHOWN])
        more = ", …" if len(member_ids) > _SHOWN else ""
        yield f"{len(member_ids)} people {what}: {shown}{more}"


def _count(said: int, listed: int) -> Iterator[str]:
    if said != listed:
        yield f"member_count is {said} while {listed} members are listed"


def _profile(member_id: str) -> tuple[str, str, str, str]:
    sent = mixpanel.profile(member_id)
    return sent["email"], sent["first_name"], sent["last_name"], sent["phone_number"]
