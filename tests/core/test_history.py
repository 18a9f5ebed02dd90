"""What kept changes tell of an earlier moment, against a history that is played whole."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cohorts.history import Kept, Step, was_member

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def at(minute: int) -> datetime.datetime:
    return START + datetime.timedelta(minutes=minute)


@given(changed=st.sets(st.integers(1, 20)), asked=st.integers(0, 21), pruned=st.integers(0, 21))
def test_member__at_any_moment__is_what_was_played_or_not_known(
    changed: set[int], asked: int, pruned: int
) -> None:
    played, inside = [], False
    truth = False
    for minute in sorted(changed):
        inside = not inside
        played.append(Step(entered=inside, at=at(minute)))
        if minute <= asked:
            truth = inside
    kept = [one for one in played if one.at >= at(pruned)]
    found = was_member(kept[::-1], at(asked), is_member=inside, reaches=asked >= pruned)
    assert found == (truth if asked >= pruned else None)


@pytest.mark.parametrize(
    ("oldest", "since", "asked", "reaches"),
    [
        (1, None, 0, True),
        (1, 5, 0, True),
        (7, 5, 4, False),
        (7, 5, 5, True),
        (7, None, 9, False),
        (7, None, 10, True),
    ],
)
def test_changes__kept_from_some_moment__reach_back_to_it(
    oldest: int, since: int | None, asked: int, *, reaches: bool
) -> None:
    kept = Kept(oldest_seq=oldest, last_seq=9, since=None if since is None else at(since))
    assert kept.reaches(at(asked), pruned_before=at(10)) is reaches
