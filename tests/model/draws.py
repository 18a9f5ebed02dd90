"""What the sender models draw: few people, so that sessions meet on them, and few cohorts."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from tests.model import sender

COHORTS: Final = ("cohort-1", "cohort-2", "cohort-3")

IDS: Final = st.sampled_from(["a", "b", "c", "d", "e"])
EMAILS: Final = st.sampled_from(["old@example.com", "new@example.com"])
MEMBERS: Final = st.lists(st.tuples(IDS, EMAILS), max_size=4).map(tuple)
# The one without an id is skipped.
SPOILT: Final = st.tuples(MEMBERS.filter(bool), st.booleans()).map(
    lambda drawn: (*drawn[0], ("", "nobody@example.com")) if drawn[1] else drawn[0]
)
COHORT: Final = st.sampled_from([COHORTS[0], COHORTS[0], *COHORTS])
# Refreshes are the rarer ones: each that completes ends whatever older sessions could still do.
ACTION: Final = st.sampled_from(
    [sender.ADD, sender.REMOVE, sender.ADD, sender.REMOVE, sender.MEMBERS]
)
PAGE_SIZE: Final = st.integers(1, 3)
NAME: Final = st.sampled_from(["Name A", "Name B", None])
CHOICE: Final = st.integers(0, 1_000_000)
