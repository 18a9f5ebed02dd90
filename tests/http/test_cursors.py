"""Cursors: read back by the list they were written for, and by no other."""

from __future__ import annotations

import dataclasses

import hypothesis
import pytest
from hypothesis import strategies

from gateway import errors
from gateway.handlers.http import cursors

MEMBERS = cursors.MEMBERS.of(7)
START = ("",)


@hypothesis.given(member_id=strategies.text(strategies.characters(exclude_categories=["Cs"])))
@hypothesis.settings(derandomize=True, database=None)
def test_cursor__written__is_read_back(member_id: str) -> None:
    hypothesis.assume("\x00" not in member_id)
    token = MEMBERS.write((member_id,))
    assert token is not None
    assert MEMBERS.read(token, start=START) == (member_id,)


def test_cursor__at_the_end_and_at_the_beginning__is_none() -> None:
    assert MEMBERS.write(None) is None
    assert MEMBERS.read(None, start=START) == START
    assert MEMBERS.read("", start=START) == START


@hypothesis.given(token=strategies.text(min_size=1))
@hypothesis.settings(derandomize=True, database=None)
def test_cursor__made_up__is_malformed(token: str) -> None:
    with pytest.raises(errors.Malformed):
        MEMBERS.read(token, start=START)


@pytest.mark.parametrize(
    ("types", "position"),
    [
        ((int,), (1,)),
        ((str, str), ("a", "b")),
        ((), ()),
        ((str,), ("\x00",)),
    ],
)
def test_cursor__forged_with_a_right_tag__is_malformed(
    types: tuple[type, ...], position: tuple[int | str, ...]
) -> None:
    token = dataclasses.replace(MEMBERS, types=types).write(position)
    with pytest.raises(errors.Malformed):
        MEMBERS.read(token, start=START)


@pytest.mark.parametrize("number", [-1, 2**63, 2**64 - 1])
def test_cursor__with_a_number_that_no_id_is__is_malformed(number: int) -> None:
    cohorts = cursors.COHORTS.of()
    token = cohorts.write((number,))
    with pytest.raises(errors.Malformed):
        cohorts.read(token, start=(0,))
