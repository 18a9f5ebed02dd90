"""Whatever senders do, a cohort is what section 1.3 of the interface says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.exploration import explore

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = 200
STEPS = 50
# Seeds are fixed, so that a change is judged by the change alone. The first is in `make test`, the
# rest in `make test-long`.
SEEDS = [pytest.param(seed, marks=[pytest.mark.long] if seed else []) for seed in range(4)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_model__whatever_senders_do__members_counts_and_changes_are_the_oracles(
    seed: int, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    examples = EXAMPLES // len(SEEDS)
    tally = explore(database_url, seed=seed, examples=examples, steps=STEPS)
    record_property(
        "figures",
        f"sender model, seed {seed}: {tally.examples} examples of up to {STEPS} steps,"
        f" {tally.steps} steps, {tally.pages} pages",
    )
    assert tally.examples >= examples
