"""Whatever senders do, a cohort is what section 1.3 of the interface says it is."""

from __future__ import annotations

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.model.exploration import explore

if TYPE_CHECKING:
    from gateway.store.engine import Pool

EXAMPLES = 200
STEPS = 50
# Each has a process of its own. They are fixed, so that a change is judged by the change alone.
SEEDS = (1, 2)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.xdist_group(f"seed {seed}")) for seed in SEEDS]
)
def test_model__whatever_senders_do__members_counts_and_changes_are_the_oracles(
    seed: int, pool: Pool, record_property: Callable[[str, object], None]
) -> None:
    tally = explore(pool, seed)
    record_property(
        "figures",
        f"sender model, seed {seed}:"
        f" {tally.examples} examples, {tally.steps} steps, {tally.pages} pages",
    )
    assert tally.examples >= EXAMPLES // len(SEEDS)
