"""Pages: the words of the contract, and the key that tells sessions apart."""

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.cohorts import page
from gateway.core.cohorts.page import Action, Page

IDENTITIES = st.tuples(
    st.integers(0, 20),
    st.text("0:1a", max_size=4),
    st.text("0:1a", max_size=4),
)


def test_action__values__are_mixpanels_words() -> None:
    assert {action.value for action in Action} == {"members", "add_members", "remove_members"}


@example((1, "1", "2"), (1, "", "12"))
@example((1, "1:", "2"), (11, ":", "2"))
@given(IDENTITIES, IDENTITIES)
def test_session_key__of_two_identities__is_equal_only_if_they_are(
    one: tuple[int, str, str], other: tuple[int, str, str]
) -> None:
    assert (page.session_key(*one) == page.session_key(*other)) == (one == other)


def test_session_key__of_long_ids__has_32_bytes() -> None:
    assert len(page.session_key(2**62, "p" * 100_000, "\U0001f600" * 100_000)) == 32


def test_page__once_made__cannot_be_changed() -> None:
    made = Page(
        project_id="1",
        external_id="2",
        name=None,
        description=None,
        session_id=None,
        action=Action.REPLACE,
        number=1,
        total=1,
        digest=b"",
        roster=b"",
        received=0,
        usable=0,
        skipped={},
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.number = 2  # type: ignore[misc]
