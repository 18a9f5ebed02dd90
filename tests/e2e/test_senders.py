"""Whatever senders do to a running gateway, its API shows what interface 1.3 says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import stack as stacks
from tests.model.exploration import explore_remotely
from tests.model.remote import Remote
from tests.stack import Stack

SEED, EXAMPLES, STEPS = 0, 12, 30

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a gateway whose workers may be killed."""
    with stacks.running(tmp_path_factory.mktemp("senders")) as running:
        yield running


@pytest.mark.timeout(300)
def test_model__over_http__members_counts_and_changes_are_the_oracles(
    own_stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    tally = explore_remotely(
        lambda project: Remote(own_stack, project), seed=SEED, examples=EXAMPLES, steps=STEPS
    )
    record_property(
        "figures",
        f"sender model over HTTP, seed {SEED}: {tally.examples} examples of up to {STEPS} steps,"
        f" {tally.steps} steps, {tally.pages} pages, {tally.restarts} workers ended",
    )
    assert tally.examples >= EXAMPLES


class Lying(Remote):
    """An API that leaves somebody out of a list now and then."""

    def members(self, cohort: str) -> dict[str, str | None]:
        """List all members but one."""
        return dict(list(super().members(cohort).items())[1:])


@pytest.mark.timeout(300)
def test_model__over_http_with_a_member_left_out__is_noticed(own_stack: Stack) -> None:
    with pytest.raises(AssertionError, match="members"):
        explore_remotely(
            lambda project: Lying(own_stack, project), seed=SEED + 1000, examples=5, steps=STEPS
        )
